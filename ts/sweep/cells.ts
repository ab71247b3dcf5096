/**
 * The statistics of each cell of a sweep: of all repetitions of one combination of axis values. Repetitions
 * follow each other in the results, so one cell is in hand at a time, however many there are.
 */
import { COLUMN_NAMES } from "./results/row-buffer.ts";
import type { ResultRow } from "./scenario.ts";
import { Sample, type Statistics } from "./statistics.ts";

/** Cells that a summary shows; `cells.csv` has all of them. */
export const CELLS_SHOWN_MAX = 1_000;

type Axis = keyof ResultRow;

const AXIS_COLUMNS: readonly Axis[] = COLUMN_NAMES.slice(
  COLUMN_NAMES.indexOf("memory_bytes"),
  COLUMN_NAMES.indexOf("repetition"),
);

export interface Cell {
  readonly part: string;
  readonly strategy: string;
  /** What differs between the cells of the sweep, under the names of the results. */
  readonly axes: Readonly<Record<string, string | number>>;
  readonly runs: number;
  readonly completed: number;
  /** Over completed runs; null: there are none. */
  readonly total_time_ms: Statistics | null;
  readonly downtime_ms: Statistics | null;
  /** Over all runs. */
  readonly transferred_bytes: Statistics | null;
}

/** Of one cell, in the order of the results. */
type Finished = Omit<Cell, "axes"> & { readonly row: ResultRow };

const MEASURES = ["total_time_ms", "downtime_ms", "transferred_bytes"] as const;
const STATISTICS = ["mean", "sd", "ci95", "min", "p5", "p50", "p95", "p99", "max"] as const;

/** The line above all cells. */
export const CELLS_CSV_HEADER = `${[
  "part",
  "strategy",
  ...AXIS_COLUMNS.filter((name) => name !== "strategy"),
  "runs",
  "completed",
  ...MEASURES.flatMap((measure) => STATISTICS.map((name) => `${measure}_${name}`)),
].join(",")}\n`;

function csvLine(cell: Finished): string {
  const { completed, part, row, runs, strategy } = cell;
  const axes = AXIS_COLUMNS.filter((name) => name !== "strategy").map((name) => row[name]);
  const values = MEASURES.flatMap((measure) =>
    STATISTICS.map((name) => cell[measure]?.[name] ?? ""),
  );
  return `${[part, strategy, ...axes, runs, completed, ...values].join(",")}\n`;
}

export class Cells {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #kept: Finished[] = [];
  readonly #total = new Sample();
  readonly #downtime = new Sample();
  readonly #transferred = new Sample();
  #first: ResultRow | undefined;
  #runs = 0;
  #completed = 0;
  /** All of them, kept or not. */
  count = 0;

  /** `onLine` gets each cell as a line of CSV. */
  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(row: ResultRow): void {
    const first = this.#first;
    const isNext = row.repetition === 0 || first === undefined || first.part !== row.part;
    if (isNext) this.#begin(row);
    this.#runs++;
    this.#transferred.add(row.transferred_bytes);
    if (row.state !== "completed") return;
    this.#completed++;
    this.#total.add(row.total_time_ms);
    this.#downtime.add(row.downtime_ms);
  }

  #begin(row: ResultRow): void {
    this.#finish();
    this.#first = row;
    this.count++;
    this.#runs = 0;
    this.#completed = 0;
    for (const sample of [this.#total, this.#downtime, this.#transferred]) sample.clear();
  }

  #finish(): void {
    const row = this.#first;
    this.#first = undefined;
    if (row === undefined) return;
    const isShown = this.#kept.length < CELLS_SHOWN_MAX;
    if (!isShown && !this.#onLine) return; // Nobody would see it.
    const cell = {
      row,
      part: row.part,
      strategy: row.strategy,
      runs: this.#runs,
      completed: this.#completed,
      total_time_ms: this.#total.statistics() ?? null,
      downtime_ms: this.#downtime.statistics() ?? null,
      transferred_bytes: this.#transferred.statistics() ?? null,
    };
    this.#onLine?.(csvLine(cell));
    if (isShown) this.#kept.push(cell);
  }

  /** All rows were added. */
  end(): void {
    this.#finish();
  }

  /** The first of them, in order. */
  shown(): Cell[] {
    const differ = AXIS_COLUMNS.filter(
      (name) => new Set(this.#kept.map(({ row }) => row[name])).size > 1,
    );
    return this.#kept.map(({ row, ...cell }) => ({
      ...cell,
      axes: Object.fromEntries(differ.map((name) => [name, row[name]])),
    }));
  }
}
