/** A measure against an axis: the median of the points as a line, nine tenths of them as a band. */
import type { Point } from "../summary.ts";
import { type Axis, type AxisKey, type AxisValue, valueLabel } from "./axes.ts";
import { axisStyle, binsOf, horizontal, quantile, scaleOf } from "./scales.ts";
import {
  type Measure,
  measureOf,
  panels,
  SCHEMA,
  type Spec,
  strategiesOf,
  strategyColour,
} from "./series.ts";

export interface CurveView {
  readonly x: Axis;
  readonly measure: Measure;
  /** A panel for each value. */
  readonly split: Axis | null;
  readonly width: number;
}

interface CurveRow {
  readonly x: number | string;
  readonly panel: string;
  readonly strategy: string;
  readonly mid: number;
  readonly low: number;
  readonly high: number;
  readonly points: number;
  readonly converged: number;
  readonly at: string;
}

/** An axis with more values is cut into bins. */
const BINS = 40;
const SPREAD = 0.05;

interface Gathered {
  readonly mid: number[];
  readonly low: number[];
  readonly high: number[];
  points: number;
  runs: number;
  completed: number;
  readonly x: AxisValue;
  readonly panel: string;
  readonly strategy: string;
}

/** Smallest, mean and largest of a point's runs. */
export function spreadOf(point: Point, measure: Measure): readonly [number, number, number] | null {
  const mid = point[measure];
  if (mid === null || point.completed === 0) return null;
  if (measure === "transferred_bytes") return [mid, mid, mid];
  return [point[`${measure}_min`] as number, mid, point[`${measure}_max`] as number];
}

function gather(points: readonly Point[], view: CurveView): readonly Gathered[] {
  const { measure, split, x } = view;
  const bins = x.kind === "word" ? undefined : binsOf(x, BINS);
  const groups = new Map<string, Gathered>();
  for (const point of points) {
    const at = bins ? bins.of(point[x.key] as number) : point[x.key];
    const panel = split ? valueLabel(split, point[split.key]) : "";
    const key = `${at}\n${panel}\n${point.strategy}`;
    let group = groups.get(key);
    if (!group) {
      const { strategy } = point;
      group = {
        ...{ mid: [], low: [], high: [], points: 0, runs: 0, completed: 0 },
        ...{ x: at, panel, strategy },
      };
      groups.set(key, group);
    }
    group.points++;
    group.runs += point.runs;
    group.completed += point.completed;
    const spread = spreadOf(point, measure);
    if (!spread) continue;
    group.low.push(spread[0]);
    group.mid.push(spread[1]);
    group.high.push(spread[2]);
  }
  return [...groups.values()];
}

function curveRows(points: readonly Point[], view: CurveView): readonly CurveRow[] {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  return gather(points, view)
    .filter((group) => group.mid.length > 0)
    .map((group) => ({
      x: group.x,
      at: valueLabel(view.x, group.x),
      panel: group.panel,
      strategy: group.strategy,
      mid: quantile(sorted(group.mid), 0.5),
      low: quantile(sorted(group.low), SPREAD),
      high: quantile(sorted(group.high), 1 - SPREAD),
      points: group.points,
      converged: group.completed / group.runs,
    }));
}

/** The panels that a figure is split into, in order. */
export function panelLabels(split: Axis | null): readonly string[] {
  return split ? split.values.map((value) => valueLabel(split, value)) : [];
}

/** Facets of a figure, or the figure alone. */
export function inPanels(spec: Spec, split: Axis | null, columns: number): Spec {
  if (!split) return spec;
  const own = columns === 1 ? { resolve: { axis: { x: "independent", y: "independent" } } } : {};
  return {
    columns,
    facet: {
      field: "panel",
      type: "nominal",
      sort: panelLabels(split),
      header: { title: split.label, titleFontWeight: 400, labelFontWeight: 600 },
    },
    spec,
    spacing: columns === 1 ? 18 : 22,
    ...own,
  };
}

/** Why there is nothing to see; undefined: there is. */
export function curveFigure(points: readonly Point[], view: CurveView): Spec | undefined {
  const { measure, split, width, x } = view;
  const rows = curveRows(points, view);
  if (rows.length === 0) return undefined;
  const info = measureOf(measure);
  const { columns, width: each } = panels(split ? split.values.length : 1, width);
  const values = rows.flatMap((row) => [row.low, row.high]);
  const height = columns > 1 && split ? 190 : Math.min(300, Math.max(200, Math.round(each * 0.55)));
  const y = {
    type: "quantitative",
    title: info.label,
    scale: scaleOf(values),
    axis: axisStyle(info.kind, values, 5),
  };
  const one = {
    width: each,
    height,
    encoding: {
      x: horizontal(x, rows, { width: each, scaleOf }),
      color: strategyColour(strategiesOf(points), width),
      ...(x.kind === "word" ? { xOffset: { field: "strategy", type: "nominal" } } : {}),
    },
    layer: x.kind === "word" ? bars(y, info.label) : lines(y, info.label),
  };
  return { $schema: SCHEMA, data: { values: rows }, ...inPanels(one, split, columns) };
}

function tooltip(label: string): readonly Spec[] {
  return [
    { field: "strategy" },
    { field: "at", title: "at" },
    { field: "mid", title: `median ${label}`, format: ",.1f" },
    { field: "low", title: "from", format: ",.1f" },
    { field: "high", title: "to", format: ",.1f" },
    { field: "converged", title: "converged", format: ".0%" },
    { field: "points", title: "points" },
  ];
}

function lines(y: Spec, label: string): readonly Spec[] {
  return [
    {
      mark: { type: "area", opacity: 0.16 },
      encoding: { y: { ...y, field: "low" }, y2: { field: "high" } },
    },
    {
      mark: { type: "line", strokeWidth: 2, point: { size: 26, filled: true } },
      encoding: { y: { ...y, field: "mid" }, tooltip: tooltip(label) },
    },
  ];
}

function bars(y: Spec, label: string): readonly Spec[] {
  return [
    {
      mark: { type: "rule", strokeWidth: 5, opacity: 0.3 },
      encoding: { y: { ...y, field: "low" }, y2: { field: "high" } },
    },
    {
      mark: { type: "point", size: 60, filled: true, opacity: 1 },
      encoding: { y: { ...y, field: "mid" }, tooltip: tooltip(label) },
    },
  ];
}

/** What a figure is about, beside its strategies: not held by filters. */
export const curveAxes = ({ split, x }: CurveView): readonly AxisKey[] =>
  split ? [x.key, split.key] : [x.key];
