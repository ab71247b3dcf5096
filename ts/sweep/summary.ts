/** From rows to what people look at: points (one for all repetitions), totals for each strategy. */
import type { Fidelity, ResultRow } from "./scenario.ts";

/** Points kept for tables and plots; further ones are counted only. */
export const POINTS_MAX = 200_000;

/** One combination of axis values: mean, smallest and largest over its repetitions. */
export interface Point {
  /** Of its first scenario. */
  readonly index: number;
  readonly part: string;
  readonly fidelity: Fidelity;
  readonly strategy: string;
  readonly memory_bytes: number;
  readonly used_bytes: number;
  readonly working_set_bytes: number;
  readonly working_set_offset_bytes: number;
  readonly distribution: string;
  readonly bandwidth_bytes_per_s: number;
  readonly latency_ms: number;
  readonly bandwidth_cap_bytes_per_s: number;
  readonly downtime_limit_ms: number;
  readonly policy: string;
  readonly slowdown: string;
  readonly rounds_max: number;
  readonly pre_copy_rounds: number;
  readonly background_pages: number;
  readonly xbzrle_cache_bytes: number;
  readonly dirty_rate_pages_per_s: number;
  readonly runs: number;
  readonly completed: number;
  /** Over completed runs; `null` if there are none. */
  readonly total_time_ms: number | null;
  readonly total_time_ms_min: number | null;
  readonly total_time_ms_max: number | null;
  readonly downtime_ms: number | null;
  readonly downtime_ms_min: number | null;
  readonly downtime_ms_max: number | null;
  /** Over all runs. */
  readonly transferred_bytes: number;
  readonly dirty_sync_count: number;
}

const KEYS = [
  "part",
  "strategy",
  "memory_bytes",
  "used_bytes",
  "working_set_bytes",
  "working_set_offset_bytes",
  "distribution",
  "bandwidth_bytes_per_s",
  "latency_ms",
  "bandwidth_cap_bytes_per_s",
  "downtime_limit_ms",
  "policy",
  "slowdown",
  "rounds_max",
  "pre_copy_rounds",
  "background_pages",
  "xbzrle_cache_bytes",
  "dirty_rate_pages_per_s",
] as const;

class Spread {
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  count = 0;

  add(value: number): void {
    this.sum += value;
    this.count++;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
  }

  /** Three decimals are a microsecond; more are noise that only makes files differ. */
  values(): readonly [number | null, number | null, number | null] {
    if (this.count === 0) return [null, null, null];
    return [Number((this.sum / this.count).toFixed(3)), this.min, this.max];
  }
}

class Group {
  readonly row: ResultRow;
  readonly total = new Spread();
  readonly downtime = new Spread();
  readonly transferred = new Spread();
  readonly syncs = new Spread();

  constructor(row: ResultRow) {
    this.row = row;
  }

  add(row: ResultRow): void {
    this.transferred.add(row.transferred_bytes);
    this.syncs.add(row.dirty_sync_count);
    if (row.state !== "completed") return;
    this.total.add(row.total_time_ms);
    this.downtime.add(row.downtime_ms);
  }

  point(): Point {
    const { row } = this;
    const [total, totalMin, totalMax] = this.total.values();
    const [downtime, downtimeMin, downtimeMax] = this.downtime.values();
    const { fidelity } = row;
    const axes = Object.fromEntries(KEYS.map((key) => [key, row[key]]));
    return {
      index: row.index,
      ...(axes as Pick<ResultRow, (typeof KEYS)[number]>),
      fidelity,
      runs: this.transferred.count,
      completed: this.total.count,
      total_time_ms: total,
      total_time_ms_min: totalMin,
      total_time_ms_max: totalMax,
      downtime_ms: downtime,
      downtime_ms_min: downtimeMin,
      downtime_ms_max: downtimeMax,
      transferred_bytes: Math.round(this.transferred.values()[0] ?? 0),
      dirty_sync_count: this.syncs.values()[0] ?? 0,
    };
  }
}

/** One line of the table that ends a sweep. */
export interface StrategySummary {
  readonly part: string;
  readonly fidelity: Fidelity;
  readonly strategy: string;
  readonly runs: number;
  readonly completed: number;
  /** Did not converge in time. */
  readonly failed: number;
  /** Could not be run at all. */
  readonly errors: number;
  /** Median and 95th percentile over completed runs; `null` if there are none. */
  readonly total_time_ms: { readonly p50: number | null; readonly p95: number | null };
  readonly downtime_ms: { readonly p50: number | null; readonly p95: number | null };
}

class StrategyTotals {
  readonly row: ResultRow;
  readonly counts = { completed: 0, failed: 0, error: 0 };
  readonly #total = new Quantiles();
  readonly #downtime = new Quantiles();

  constructor(row: ResultRow) {
    this.row = row;
  }

  add(row: ResultRow): void {
    this.counts[row.state]++;
    if (row.state !== "completed") return;
    this.#total.add(row.total_time_ms);
    this.#downtime.add(row.downtime_ms);
  }

  summary(): StrategySummary {
    const { completed, failed, error } = this.counts;
    const { part, fidelity, strategy } = this.row;
    return {
      part,
      fidelity,
      strategy,
      runs: completed + failed + error,
      completed,
      failed,
      errors: error,
      total_time_ms: { p50: this.#total.at(0.5), p95: this.#total.at(0.95) },
      downtime_ms: { p50: this.#downtime.at(0.5), p95: this.#downtime.at(0.95) },
    };
  }
}

/** Quantiles from a histogram with bins 1 % wide: right to 0.5 %, whatever the number of values. */
class Quantiles {
  readonly #bins = new Map<number, number>();
  #count = 0;

  add(value: number): void {
    const bin = value <= 0.001 ? -700 : Math.round(Math.log(value) / Math.log(1.01));
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1);
    this.#count++;
  }

  at(quantile: number): number | null {
    let left = Math.max(1, Math.ceil(quantile * this.#count));
    for (const bin of [...this.#bins.keys()].sort((a, b) => a - b)) {
      left -= this.#bins.get(bin) ?? 0;
      if (left <= 0) return bin === -700 ? 0 : Number((1.01 ** bin).toPrecision(3));
    }
    return null;
  }
}

/** Takes rows in order; gives points and totals. */
export class Summarizer {
  readonly #groups = new Map<string, Group>();
  readonly #strategies = new Map<string, StrategyTotals>();
  /** The point that the last row belongs to: repetitions follow each other. */
  #last: Group | undefined;
  rows = 0;
  /** Rows that were near a threshold and come from page level. */
  rerun = 0;
  droppedPoints = 0;

  add(row: ResultRow): void {
    this.rows++;
    const strategyKey = `${row.part}\n${row.strategy}`;
    let totals = this.#strategies.get(strategyKey);
    if (!totals) {
      totals = new StrategyTotals(row);
      this.#strategies.set(strategyKey, totals);
    }
    totals.add(row);
    if (row.near !== "" && row.fidelity === "page") this.rerun++;
    const last = this.#last;
    if (last && KEYS.every((name) => last.row[name] === row[name])) last.add(row);
    else this.#addTo(row);
  }

  #addTo(row: ResultRow): void {
    const key = KEYS.map((name) => row[name]).join("\n");
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= POINTS_MAX) {
        this.droppedPoints++;
        return;
      }
      group = new Group(row);
      this.#groups.set(key, group);
    }
    this.#last = group;
    group.add(row);
  }

  points(): Point[] {
    return [...this.#groups.values()].map((group) => group.point());
  }

  strategies(): StrategySummary[] {
    return [...this.#strategies.values()].map((totals) => totals.summary());
  }
}

/** Points as CSV with a header line. */
export function pointsCsv(points: readonly Point[]): string {
  const [first] = points;
  if (!first) return "";
  const columns = Object.keys(first) as (keyof Point)[];
  const cell = (value: string | number | null): string => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = points.map((point) => columns.map((name) => cell(point[name])).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}
