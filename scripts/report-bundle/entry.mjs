// The plotting code that reports carry inside them, as one script without eval. It runs in the
// report's page (`start`) and, for the SVG files beside it, in Node (`svg`).
import * as vega from "vega";
import embed from "vega-embed";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";
import { startPage } from "../../ts/sweep/report/page.ts";

const FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

// The page's style sheet overrides these colours where it is dark.
const config = {
  background: "transparent",
  font: FONT,
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 500,
    titlePadding: 8,
    titleColor: "#3d4451",
    labelColor: "#5b6472",
    gridColor: "#e6e9ee",
    domainColor: "#9aa3b0",
    tickColor: "#9aa3b0",
  },
  header: { labelFontSize: 12, titleFontSize: 12, labelColor: "#1f2733", titleColor: "#5b6472" },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 500,
    titleColor: "#3d4451",
    labelColor: "#3d4451",
    labelLimit: 240,
    titleLimit: 320,
  },
  title: {
    fontSize: 14,
    fontWeight: 600,
    color: "#1f2733",
    subtitleColor: "#5b6472",
    anchor: "start",
    frame: "group",
    offset: 8,
  },
  view: { stroke: "#d5dae1" },
};

/** Draws a Vega-Lite spec into an element. */
function draw(element, spec) {
  return embed(element, spec, {
    ast: true,
    expr: expressionInterpreter,
    config,
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
  });
}

/** Fills the page of a report. */
export function start(data) {
  startPage(data, draw);
}

/** A Vega-Lite spec as SVG text. */
export function svg(spec) {
  const { spec: compiled } = compile(spec, { config: { ...config, background: "white" } });
  return new vega.View(vega.parse(compiled), { renderer: "none" }).toSVG();
}
