/** Rows as columns: what Parquet wants, and what takes a tenth of the memory. */
import { distributionName, type Measurement, type ResultRow, type Scenario } from "../scenario.ts";

export type ColumnName = keyof ResultRow;
/** `count`: a whole number below 2^31. */
export type ColumnKind = "count" | "number" | "text";

/** All columns of a result, in their order. */
export const COLUMN_KINDS = {
  index: "count",
  part: "text",
  fidelity: "text",
  strategy: "text",
  memory_bytes: "number",
  used_bytes: "number",
  working_set_bytes: "number",
  working_set_offset_bytes: "number",
  dirty_rate_pages_per_s: "number",
  distribution: "text",
  bandwidth_bytes_per_s: "number",
  latency_ms: "number",
  loss_ratio: "number",
  channels: "count",
  bandwidth_cap_bytes_per_s: "number",
  downtime_limit_ms: "number",
  policy: "text",
  slowdown: "text",
  rounds_max: "number",
  pre_copy_rounds: "number",
  background_pages: "number",
  xbzrle_cache_bytes: "number",
  repetition: "number",
  seed: "number",
  state: "text",
  error: "text",
  near: "text",
  total_time_ms: "number",
  downtime_ms: "number",
  gap_ms: "number",
  setup_time_ms: "number",
  transferred_bytes: "number",
  normal_pages: "number",
  duplicate_pages: "number",
  delta_pages: "number",
  dirty_sync_count: "count",
  postcopy_requests: "number",
  remaining_bytes: "number",
  dirty_pages_rate: "number",
  mbps: "number",
} as const satisfies { readonly [name in ColumnName]: ColumnKind };

export const COLUMN_NAMES = Object.keys(COLUMN_KINDS) as readonly ColumnName[];

export type Column = Int32Array | Float64Array | string[];

type NamedColumns = {
  readonly [name in ColumnName]: (typeof COLUMN_KINDS)[name] extends "text"
    ? string[]
    : (typeof COLUMN_KINDS)[name] extends "count"
      ? Int32Array
      : Float64Array;
};

export class RowBuffer {
  readonly #capacity: number;
  readonly #columns: readonly Column[];
  /** The same columns by name: what a row is written to without looking at what it is made of. */
  readonly #named: NamedColumns;
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#columns = COLUMN_NAMES.map((name) => {
      const kind = COLUMN_KINDS[name];
      if (kind === "text") return new Array<string>(capacity).fill("");
      return kind === "count" ? new Int32Array(capacity) : new Float64Array(capacity);
    });
    const entries = COLUMN_NAMES.map((name, c) => [name, this.#columns[c]]);
    this.#named = Object.fromEntries(entries) as NamedColumns;
  }

  get length(): number {
    return this.#length;
  }

  /** Is there room for so many rows, if it is emptied? */
  holds(rows: number): boolean {
    return rows <= this.#capacity;
  }

  clear(): void {
    this.#length = 0;
  }

  /** One row more: a scenario, and what came of it. */
  add(scenario: Scenario, measured: Measurement): void {
    const i = this.#length++;
    this.#addScenario(i, scenario);
    this.#addMeasurement(i, measured);
  }

  #addScenario(i: number, scenario: Scenario): void {
    const to = this.#named;
    to.index[i] = scenario.index;
    to.part[i] = scenario.part;
    to.fidelity[i] = scenario.fidelity;
    to.strategy[i] = scenario.strategy;
    to.memory_bytes[i] = scenario.memoryBytes;
    to.used_bytes[i] = scenario.usedBytes;
    to.working_set_bytes[i] = scenario.workingSetBytes;
    to.working_set_offset_bytes[i] = scenario.workingSetOffsetBytes;
    to.dirty_rate_pages_per_s[i] = scenario.dirtyRate;
    to.distribution[i] = distributionName(scenario.distribution);
    to.bandwidth_bytes_per_s[i] = scenario.bandwidthBytesPerSec;
    to.latency_ms[i] = scenario.latencyNs / 1e6;
    to.loss_ratio[i] = scenario.lossRatio ?? 0;
    to.channels[i] = scenario.channels ?? 1;
    to.bandwidth_cap_bytes_per_s[i] = scenario.bandwidthCapBytesPerSec ?? 0;
    to.downtime_limit_ms[i] = scenario.downtimeLimitNs / 1e6;
    to.policy[i] = scenario.policy;
    to.slowdown[i] = scenario.slowdown;
    to.rounds_max[i] = scenario.roundsMax ?? 0;
    to.pre_copy_rounds[i] = scenario.preCopyRounds;
    to.background_pages[i] = scenario.backgroundPages;
    to.xbzrle_cache_bytes[i] = scenario.xbzrleCacheBytes;
    to.repetition[i] = scenario.repetition;
    to.seed[i] = scenario.seed;
  }

  #addMeasurement(i: number, measured: Measurement): void {
    const to = this.#named;
    to.state[i] = measured.state;
    to.error[i] = measured.error;
    to.near[i] = measured.near;
    to.total_time_ms[i] = measured.total_time_ms;
    to.downtime_ms[i] = measured.downtime_ms;
    to.gap_ms[i] = measured.gap_ms;
    to.setup_time_ms[i] = measured.setup_time_ms;
    to.transferred_bytes[i] = measured.transferred_bytes;
    to.normal_pages[i] = measured.normal_pages;
    to.duplicate_pages[i] = measured.duplicate_pages;
    to.delta_pages[i] = measured.delta_pages;
    to.dirty_sync_count[i] = measured.dirty_sync_count;
    to.postcopy_requests[i] = measured.postcopy_requests;
    to.remaining_bytes[i] = measured.remaining_bytes;
    to.dirty_pages_rate[i] = measured.dirty_pages_rate;
    to.mbps[i] = measured.mbps;
  }

  /** The values of column number `c`, good until the next row. */
  column(c: number): Column {
    const column = this.#columns[c] as Column;
    if (this.#length === this.#capacity) return column;
    if (Array.isArray(column)) return column.slice(0, this.#length);
    return column.subarray(0, this.#length);
  }

  value(c: number, i: number): string | number {
    return (this.#columns[c] as Column)[i] as string | number;
  }

  row(i: number): ResultRow {
    const entries = COLUMN_NAMES.map((name, c) => [name, this.value(c, i)]);
    return Object.fromEntries(entries) as unknown as ResultRow;
  }
}
