/** From rows to what people look at: points (one for all repetitions), totals for each strategy. */
import type { Fidelity, ResultRow } from "./scenario.ts";
import { Histogram } from "./statistics.ts";

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
  readonly loss_ratio: number;
  readonly channels: number;
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
    return {
      index: row.index,
      part: row.part,
      strategy: row.strategy,
      memory_bytes: row.memory_bytes,
      used_bytes: row.used_bytes,
      working_set_bytes: row.working_set_bytes,
      working_set_offset_bytes: row.working_set_offset_bytes,
      distribution: row.distribution,
      bandwidth_bytes_per_s: row.bandwidth_bytes_per_s,
      latency_ms: row.latency_ms,
      loss_ratio: row.loss_ratio,
      channels: row.channels,
      bandwidth_cap_bytes_per_s: row.bandwidth_cap_bytes_per_s,
      downtime_limit_ms: row.downtime_limit_ms,
      policy: row.policy,
      slowdown: row.slowdown,
      rounds_max: row.rounds_max,
      pre_copy_rounds: row.pre_copy_rounds,
      background_pages: row.background_pages,
      xbzrle_cache_bytes: row.xbzrle_cache_bytes,
      dirty_rate_pages_per_s: row.dirty_rate_pages_per_s,
      fidelity: row.fidelity,
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

/** What `row` is a repetition of, before anything was measured. */
export const pointOf = (row: ResultRow): Point => new Group(row).point();

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
  readonly #total = new Histogram();
  readonly #downtime = new Histogram();

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

/** Takes rows in order; gives each point when its last repetition was there, and totals. */
export class Summarizer {
  readonly #onPoint: (point: Point) => void;
  readonly #strategies = new Map<string, StrategyTotals>();
  #group: Group | undefined;
  rows = 0;
  points = 0;
  /** Rows that were near a threshold and come from page level. */
  rerun = 0;

  constructor(onPoint: (point: Point) => void = () => undefined) {
    this.#onPoint = onPoint;
  }

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
    // Repetitions follow each other.
    if (!this.#group || row.repetition === 0 || this.#group.row.part !== row.part) {
      this.end();
      this.#group = new Group(row);
    }
    this.#group.add(row);
  }

  /** All rows were added. */
  end(): void {
    if (!this.#group) return;
    this.points++;
    this.#onPoint(this.#group.point());
    this.#group = undefined;
  }

  strategies(): StrategySummary[] {
    return [...this.#strategies.values()].map((totals) => totals.summary());
  }
}

const POINT_COLUMNS = [
  "index,part,strategy,memory_bytes,used_bytes,working_set_bytes,working_set_offset_bytes,distribution",
  "bandwidth_bytes_per_s,latency_ms,loss_ratio,channels,bandwidth_cap_bytes_per_s,downtime_limit_ms,policy,slowdown",
  "rounds_max,pre_copy_rounds,background_pages,xbzrle_cache_bytes,dirty_rate_pages_per_s,fidelity,runs,completed",
  "total_time_ms,total_time_ms_min,total_time_ms_max,downtime_ms,downtime_ms_min,downtime_ms_max",
  "transferred_bytes,dirty_sync_count",
].flatMap((line) => line.split(",")) as readonly (keyof Point)[];

/** The line above all points. */
export const POINTS_CSV_HEADER = `${POINT_COLUMNS.join(",")}\n`;

/** A point as a line of CSV. */
export function pointLine(point: Point): string {
  const cell = (value: string | number | null): string => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${POINT_COLUMNS.map((name) => cell(point[name])).join(",")}\n`;
}
