/**
 * What a sweep leaves for people: `report.html` (self-contained, opens from a file, runs nothing
 * but its own script), `points.csv`, and each figure as SVG and as a Vega-Lite spec.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../plan-schema.ts";
import { writeWhole } from "../store.ts";
import { pointsCsv, type Summarizer } from "../summary.ts";
import { bundleText, renderSvg } from "./bundle.ts";
import { type Figure, figuresOf } from "./figures.ts";
import { reportHtml } from "./html.ts";
import { sampleOf } from "./sample.ts";

/** Points in the page; more make it slow. */
const PAGE_POINTS_MAX = 20_000;

export interface ReportFiles {
  readonly report: string;
  readonly points: string;
  readonly figures: readonly string[];
}

export interface FigureFolders {
  /** Folders for each figure as SVG and PNG, beside those of the report. */
  readonly svg?: string | undefined;
  readonly png?: string | undefined;
  /** A TrueType font for the words in PNG files; default: one of the system's. */
  readonly font?: string | undefined;
}

export interface ReportInput extends FigureFolders {
  readonly out: string;
  readonly plan: Plan;
  readonly seed: number;
  readonly summarizer: Summarizer;
}

/** Writes all of it. The bytes depend on the rows alone. */
export async function writeReport(input: ReportInput): Promise<ReportFiles> {
  const { out, plan, seed, summarizer } = input;
  const all = summarizer.points();
  const pointsFile = join(out, "points.csv");
  writeWhole(pointsFile, pointsCsv(all));
  const points = sampleOf(all, PAGE_POINTS_MAX);
  const html = reportHtml({
    plan,
    seed,
    script: bundleText(),
    points,
    pointCount: all.length + summarizer.droppedPoints,
    scenarios: summarizer.rows,
    strategies: summarizer.strategies(),
  });
  const report = join(out, "report.html");
  writeWhole(report, html);
  const figures = plan.parts.flatMap(({ name }) => {
    const own = points.filter((point) => point.part === name);
    return figuresOf(name, own, { plan, seed });
  });
  return { report, points: pointsFile, figures: await writeFigures(figures, input) };
}

async function writeFigures(figures: readonly Figure[], input: ReportInput): Promise<string[]> {
  const { font, png, svg } = input;
  const own = join(input.out, "figures");
  rmSync(own, { recursive: true, force: true });
  for (const folder of [own, svg, png]) if (folder) mkdirSync(folder, { recursive: true });
  const rasterize = png ? await (await import("./png.ts")).rasterizer(font) : undefined;
  const files: string[] = [];
  const write = (folder: string, name: string, content: string | Uint8Array): void => {
    const file = join(folder, name);
    writeWhole(file, content);
    files.push(file);
  };
  for (const { id, spec } of figures) {
    const text = await renderSvg(spec);
    write(own, `${id}.svg`, text);
    write(own, `${id}.vl.json`, `${JSON.stringify(spec)}\n`);
    if (svg) write(svg, `${id}.svg`, text);
    if (png && rasterize) write(png, `${id}.png`, rasterize(text));
  }
  return files;
}
