/**
 * What the figures of a part begin with, over all of its points where the page has a sample of them: each point
 * is looked at once and let go. Menus and filters beyond that show the sample.
 */
import { Histogram } from "../statistics.ts";
import type { Point } from "../summary.ts";
import { type Axis, type AxisKey, axesOf, type Filters, firstFilters } from "./axes.ts";
import { type CurveRow, CurveRows, type CurveView, curveAxes } from "./curves.ts";
import { type FrontierRow, FrontierRows } from "./frontier.ts";
import { type Cell, HeatCells, type HeatMeasure, heatAxes } from "./heat-map.ts";
import { paretoFront } from "./pareto.ts";
import { MEASURES, type Measure } from "./series.ts";
import { curveViews, frontierStart, heatStart } from "./views.ts";

const HEAT_MEASURES: readonly HeatMeasure[] = ["converged", ...MEASURES.map(({ key }) => key)];

export interface WholeFigures {
  /** Points of the part. */
  readonly points: number;
  /** By `curveKey`. */
  readonly curves: Readonly<Record<string, readonly CurveRow[]>>;
  readonly heat: Readonly<Record<string, readonly Cell[]>>;
  readonly frontier: readonly FrontierRow[] | null;
  /** What nothing beats in downtime and bytes. */
  readonly front: readonly Point[];
}

export const curveKey = (measure: Measure, { split, x }: Pick<CurveView, "x" | "split">): string =>
  [measure, x.key, split?.key ?? ""].join("/");

/** A frontier of more values or rates than these is drawn from the sample. */
const FRONTIER_MAX = { values: 64, rates: 5_000 };
const FRONT_CANDIDATES = 4_096;

interface Figured {
  readonly own: readonly AxisKey[];
  readonly add: (point: Point) => void;
}

export class WholePart {
  readonly #filters: readonly (readonly [AxisKey, unknown])[];
  readonly #figures: Figured[] = [];
  readonly #curves = new Map<string, CurveRows>();
  readonly #heat = new Map<HeatMeasure, HeatCells>();
  #frontier: FrontierRows | undefined;
  #front: readonly Point[] = [];
  #candidates: Point[] = [];
  #points = 0;

  /** `planned`: the points of the sample; their axes are all that is looked at. */
  constructor(planned: readonly Point[]) {
    const axes = axesOf(planned);
    this.#filters = Object.entries(firstFilters(planned, axes)) as [AxisKey, unknown][];
    for (const view of curveViews(planned, axes))
      for (const { key: measure } of MEASURES) {
        const rows = new CurveRows({ ...view, measure }, () => new Histogram());
        this.#curves.set(curveKey(measure, view), rows);
        this.#figures.push({
          own: curveAxes({ ...view, measure, width: 0 }),
          add: (point) => rows.add(point),
        });
      }
    this.#addHeat(planned, axes);
    this.#addFrontier(axes);
    this.#figures.push({ own: [], add: (point) => this.#addToFront(point) });
  }

  #addHeat(planned: readonly Point[], axes: readonly Axis[]): void {
    const view = heatStart(planned, axes);
    if (!view) return;
    for (const measure of HEAT_MEASURES) {
      const cells = new HeatCells({ ...view, measure }, () => new Histogram());
      this.#heat.set(measure, cells);
      this.#figures.push({
        own: heatAxes({ ...view, width: 0 }),
        add: (point) => cells.add(point),
      });
    }
  }

  #addFrontier(axes: readonly Axis[]): void {
    const x = frontierStart(axes);
    const rates = axes.find(({ key }) => key === "dirty_rate_pages_per_s")?.values.length ?? 0;
    if (!x || x.values.length > FRONTIER_MAX.values || rates > FRONTIER_MAX.rates) return;
    const rows = new FrontierRows(x);
    this.#frontier = rows;
    this.#figures.push({
      own: [x.key, "dirty_rate_pages_per_s"],
      add: (point) => rows.add(point),
    });
  }

  #addToFront(point: Point): void {
    if (point.downtime_ms === null) return;
    this.#candidates.push(point);
    if (this.#candidates.length >= FRONT_CANDIDATES) this.#prune();
  }

  #prune(): void {
    this.#front = paretoFront([...this.#front, ...this.#candidates]);
    this.#candidates = [];
  }

  add(point: Point): void {
    this.#points++;
    const other = this.#filters.filter(([key, value]) => point[key] !== value);
    for (const { add, own } of this.#figures)
      if (other.every(([key]) => own.includes(key))) add(point);
  }

  figures(): WholeFigures {
    this.#prune();
    const curves = [...this.#curves].map(([key, rows]) => [key, rows.rows()]);
    const heat = [...this.#heat].map(([measure, cells]) => [measure, cells.cells()]);
    return {
      points: this.#points,
      curves: Object.fromEntries(curves),
      heat: Object.fromEntries(heat),
      frontier: this.#frontier?.rows() ?? null,
      front: this.#front,
    };
  }
}

/** Does a figure with these axes of its own show what it began with, so that what is known of all points is right? */
export function isStart(
  filters: Filters,
  start: Filters,
  own: readonly (AxisKey | null)[],
): boolean {
  const held = new Set([...Object.keys(filters), ...Object.keys(start)] as AxisKey[]);
  return [...held].every((key) => own.includes(key) || filters[key] === start[key]);
}
