/**
 * What a sweep leaves for people: `report.html` (self-contained, opens from a file, runs nothing
 * but its own script), `points.csv`, and each figure as SVG and as a Vega-Lite spec.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../plan-schema.ts";
import { writeWhole } from "../store.ts";
import { type Point, pointsCsv, type Summarizer } from "../summary.ts";
import { bundleText, renderSvg } from "./bundle.ts";
import { type Figure, figurePoints, figuresOf, plotRow } from "./figures.ts";
import { reportHtml } from "./html.ts";

/** Points in figures; more make a page slow and a plot unreadable. */
const PLOTTED_MAX = 20_000;

export interface ReportFiles {
  readonly report: string;
  readonly points: string;
  readonly figures: readonly string[];
}

export interface ReportInput {
  readonly out: string;
  readonly plan: Plan;
  readonly seed: number;
  readonly summarizer: Summarizer;
}

/** Writes all of it. The bytes depend on the rows alone. */
export async function writeReport(input: ReportInput): Promise<ReportFiles> {
  const { out, plan, summarizer } = input;
  const points = summarizer.points();
  const pointsFile = join(out, "points.csv");
  writeWhole(pointsFile, pointsCsv(points));
  const plotted = points.slice(0, PLOTTED_MAX);
  const figures = plan.parts.flatMap((part) =>
    figuresOf(
      part.name,
      plotted.filter((point) => point.part === part.name),
    ),
  );
  const folder = join(out, "figures");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  for (const figure of figures) files.push(...(await writeFigure(folder, figure, plotted)));
  const html = reportHtml({
    plan,
    seed: input.seed,
    script: bundleText(),
    figures,
    plotted,
    points: points.length + summarizer.droppedPoints,
    scenarios: summarizer.rows,
    strategies: summarizer.strategies(),
  });
  const report = join(out, "report.html");
  writeWhole(report, html);
  return { report, points: pointsFile, figures: files };
}

async function writeFigure(folder: string, figure: Figure, plotted: readonly Point[]) {
  const values = figurePoints(figure, plotted).map(plotRow);
  const spec = { ...figure.spec, data: { name: "points", values } };
  const specFile = join(folder, `${figure.id}.vl.json`);
  writeWhole(specFile, `${JSON.stringify(spec)}\n`);
  const svgFile = join(folder, `${figure.id}.svg`);
  writeWhole(svgFile, await renderSvg(spec));
  return [svgFile, specFile];
}
