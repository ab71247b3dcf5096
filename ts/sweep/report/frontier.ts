/**
 * The convergence frontier: how fast a guest may write and still be moved, against another axis. Between the fastest
 * writer below which everything converged and the slowest one above which nothing did lies the band; the
 * line is where half of the runs converged.
 */
import type { Point } from "../summary.ts";
import { type Axis, type AxisValue, formatValue } from "./axes.ts";
import { axisStyle, horizontal, wholeScale } from "./scales.ts";
import { SCHEMA, type Spec, strategiesOf, strategyColour } from "./series.ts";

export interface FrontierRow {
  readonly x: AxisValue;
  readonly at: string;
  readonly strategy: string;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  /** `open`: even the fastest writer of the plan converged. */
  readonly end: "found" | "open";
}

/** Runs that converged, and all, for each rate. */
type Counts = Map<number, [done: number, runs: number]>;

/** The share that converged for each rate, the slowest writer first. */
function shares(counts: Counts): readonly (readonly [number, number])[] {
  return [...counts]
    .map(([rate, [done, runs]]) => [rate, done / runs] as const)
    .sort((a, b) => a[0] - b[0]);
}

/** Where the share falls below a half; undefined: nothing converged at all. */
function frontierOf(counts: Counts) {
  const all = shares(counts);
  const last = all.at(-1);
  const firstFailed = all.findIndex(([, share]) => share < 1);
  if (!last || (all[0] as readonly [number, number])[1] < 0.5) return undefined;
  if (firstFailed === -1)
    return { rate: last[0], low: last[0], high: last[0], end: "open" as const };
  const low = all[Math.max(0, firstFailed - 1)]?.[0] as number;
  const lastDone = all.findLastIndex(([, share]) => share > 0);
  const high = all[Math.min(all.length - 1, lastDone + 1)]?.[0] as number;
  const half = all.findIndex(([, share]) => share < 0.5);
  if (half === -1) return { rate: last[0], low, high, end: "open" as const };
  const [a, b] = [all[half - 1], all[half]] as [
    readonly [number, number],
    readonly [number, number],
  ];
  // On a log scale between the two rates around it.
  const at = a[1] === b[1] ? 0.5 : (a[1] - 0.5) / (a[1] - b[1]);
  const rate = a[0] > 0 ? a[0] * (b[0] / a[0]) ** at : b[0] * at;
  return { rate: Math.round(rate), low, high, end: "found" as const };
}

/** The frontier of points that come one after the other. */
export class FrontierRows {
  readonly #x: Axis;
  readonly #groups = new Map<
    string,
    { readonly at: AxisValue; readonly strategy: string; readonly counts: Counts }
  >();

  constructor(x: Axis) {
    this.#x = x;
  }

  add(point: Point): void {
    if (!canFail(point)) return;
    const { completed, dirty_rate_pages_per_s: rate, runs, strategy } = point;
    const at = point[this.#x.key];
    const key = `${at}\n${strategy}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = { at, strategy, counts: new Map() };
      this.#groups.set(key, group);
    }
    const [done, all] = group.counts.get(rate) ?? [0, 0];
    group.counts.set(rate, [done + completed, all + runs]);
  }

  rows(): readonly FrontierRow[] {
    return [...this.#groups.values()].flatMap(({ at, counts, strategy }) => {
      const found = frontierOf(counts);
      return found ? [{ x: at, at: formatValue(this.#x.kind, at), strategy, ...found }] : [];
    });
  }
}

function frontierRows(points: readonly Point[], x: Axis): readonly FrontierRow[] {
  const all = new FrontierRows(x);
  for (const point of points) all.add(point);
  return all.rows();
}

/** Undefined: there is none. `rows`: of more than these points. */
export function frontierFigure(
  points: readonly Point[],
  x: Axis,
  width: number,
  rows = frontierRows(points, x),
): Spec | undefined {
  if (rows.length === 0) return undefined;
  const each = Math.max(160, width - 90);
  const rates = rows.flatMap((row) => [row.low, row.high, row.rate]);
  const y = {
    type: "quantitative",
    title: "page writes per second",
    scale: wholeScale(rates),
    axis: axisStyle("count", rates, 6),
  };
  const isWord = x.kind === "word";
  return {
    $schema: SCHEMA,
    width: each,
    height: Math.min(340, Math.max(220, Math.round(each * 0.45))),
    data: { values: rows },
    encoding: {
      x: horizontal(x, rows, { width: each, scaleOf: wholeScale }),
      color: strategyColour(strategiesOf(points.filter(canFail)), width),
      ...(isWord ? { xOffset: { field: "strategy", type: "nominal" } } : {}),
    },
    layer: layers(y, isWord),
  };
}

const canFail = ({ strategy }: Point): boolean => strategy !== "stop-and-copy";

function layers(y: Spec, isWord: boolean): readonly Spec[] {
  const tooltip = [
    { field: "strategy" },
    { field: "at", title: "at" },
    { field: "rate", title: "half converged at, writes/s", format: ",.0f" },
    { field: "low", title: "all below", format: ",.0f" },
    { field: "high", title: "none above", format: ",.0f" },
    { field: "end", title: "the frontier is" },
  ];
  const mid = { ...y, field: "rate" };
  const band = { y: { ...y, field: "low" }, y2: { field: "high" } };
  return [
    {
      mark: isWord
        ? { type: "rule", strokeWidth: 5, opacity: 0.3 }
        : { type: "area", opacity: 0.16 },
      encoding: band,
    },
    ...(isWord ? [] : [{ mark: { type: "line", strokeWidth: 2 }, encoding: { y: mid } }]),
    {
      transform: [{ filter: "datum.end == 'found'" }],
      mark: { type: "point", filled: true, size: 46, opacity: 1 },
      encoding: { y: mid, tooltip },
    },
    {
      // Beyond what was tried.
      transform: [{ filter: "datum.end == 'open'" }],
      mark: { type: "point", shape: "triangle-up", filled: false, size: 70, strokeWidth: 2 },
      encoding: { y: mid, tooltip },
    },
  ];
}
