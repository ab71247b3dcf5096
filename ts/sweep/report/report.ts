/**
 * What a sweep leaves for people: `report.html` (self-contained, opens from a file, runs nothing
 * but its own script), `points.csv`, and each figure as SVG and as a Vega-Lite spec.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../plan-schema.ts";
import { LineFile, makeFolder, writeWhole } from "../store.ts";
import { POINTS_CSV_HEADER, type Point, pointLine, Summarizer } from "../summary.ts";
import { bundleText, renderSvg } from "./bundle.ts";
import { type Figure, figuresOf } from "./figures.ts";
import { reportHtml } from "./html.ts";
import { Chooser, plannedPoints, samplePlan } from "./sample.ts";
import { type WholeFigures, WholePart } from "./whole.ts";

/** Points in the page, and in `points.csv`; more make both slow. */
export const PAGE_POINTS = 20_000;
export const FILE_POINTS = 200_000;

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
}

/** What is seen of a sweep: points as they come by, at most as many as a page and a file can take, and totals. */
export class ReportPoints {
  readonly #summarizer: Summarizer;
  readonly #kept: Point[] = [];
  readonly #whole = new Map<string, WholePart>();
  readonly #file: LineFile;
  readonly path: string;

  constructor({ out, plan, seed }: ReportInput) {
    this.path = join(out, "points.csv");
    this.#file = new LineFile(this.path, POINTS_CSV_HEADER);
    const samples = samplePlan(plan, seed, PAGE_POINTS);
    const forPage = new Chooser(samples);
    const forFile = new Chooser(samplePlan(plan, seed, FILE_POINTS));
    for (const sample of samples)
      if (sample.chosen.length < sample.points)
        this.#whole.set(sample.part, new WholePart(plannedPoints(plan, seed, sample)));
    this.#summarizer = new Summarizer((point) => {
      this.#whole.get(point.part)?.add(point);
      if (forFile.takes(point.index)) this.#file.add(pointLine(point));
      if (forPage.takes(point.index)) this.#kept.push(point);
    });
  }

  get summary(): Summarizer {
    return this.#summarizer;
  }

  get page(): readonly Point[] {
    return this.#kept;
  }

  whole(): ReadonlyMap<string, WholeFigures> {
    return new Map([...this.#whole].map(([part, its]) => [part, its.figures()]));
  }

  /** All rows were added. */
  end(): void {
    this.#summarizer.end();
    this.#file.finish();
  }

  close(): void {
    this.#file.close();
  }
}

/** Writes all of it. The bytes depend on the rows alone. */
export async function writeReport(input: ReportInput, points: ReportPoints): Promise<ReportFiles> {
  const { out, plan, seed } = input;
  const { page, summary } = points;
  const whole = points.whole();
  const html = reportHtml({
    ...{ plan, seed, script: bundleText(), points: page, whole },
    pointCount: summary.points,
    scenarios: summary.rows,
    strategies: summary.strategies(),
  });
  const report = join(out, "report.html");
  writeWhole(report, html);
  const figures = plan.parts.flatMap(({ name }) => {
    const own = page.filter((point) => point.part === name);
    return figuresOf(name, own, { plan, seed }, whole.get(name));
  });
  return { report, points: points.path, figures: await writeFigures(figures, input) };
}

async function writeFigures(figures: readonly Figure[], input: ReportInput): Promise<string[]> {
  const { font, png, svg } = input;
  const own = join(input.out, "figures");
  rmSync(own, { recursive: true, force: true });
  for (const folder of [own, svg, png]) if (folder) makeFolder(folder);
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
