/** Rows as columns: what Parquet wants, and what takes a tenth of the memory. */
import type { ResultRow } from "../scenario.ts";

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
  dirty_sync_count: "number",
  postcopy_requests: "number",
  remaining_bytes: "number",
  dirty_pages_rate: "number",
  mbps: "number",
} as const satisfies { readonly [name in ColumnName]: ColumnKind };

export const COLUMN_NAMES = Object.keys(COLUMN_KINDS) as readonly ColumnName[];

export type Column = Int32Array | Float64Array | string[];

export class RowBuffer {
  readonly #capacity: number;
  readonly #columns: readonly Column[];
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#columns = COLUMN_NAMES.map((name) => {
      const kind = COLUMN_KINDS[name];
      if (kind === "text") return new Array<string>(capacity).fill("");
      return kind === "count" ? new Int32Array(capacity) : new Float64Array(capacity);
    });
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

  /** All rows have their keys in the order of the columns, as `resultRow` makes them. */
  add(row: ResultRow): void {
    const i = this.#length++;
    const columns = this.#columns;
    let c = 0;
    for (const name in row) {
      (columns[c] as (string | number)[])[i] = row[name as ColumnName];
      c++;
    }
  }

  /** The values of column number `c`. */
  column(c: number): Column {
    const column = this.#columns[c] as Column;
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
