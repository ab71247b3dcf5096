/**
 * Two ways to measure, one kind of row. `microSuite` times short functions with benny; `inTurn`
 * times whole runs, ours and the peer's alternately (A B A B), so that whatever else the machine
 * does meanwhile hits both. Ratios are above 1 where ours is better.
 */
import { add, configure, suite } from "benny";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface BenchRow {
  readonly bench: string;
  readonly unit: string;
  readonly ours: Spread & { readonly runs: number };
  readonly peer?: Spread & { readonly name: string };
  readonly ratio?: number;
}

/** Which way is better. */
export type Better = "higher" | "lower";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("median of no values");
  return (low + high) / 2;
}

export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("geometric mean of no values");
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

export interface Measured {
  readonly bench: string;
  readonly unit: string;
  readonly better: Better;
  readonly ours: readonly number[];
  readonly peer?: { readonly name: string; readonly values: readonly number[] } | undefined;
}

/** A row from the figures of all runs. */
export function rowOf({ bench, unit, better, ours, peer }: Measured): BenchRow {
  const row = { bench, unit, ours: { ...spreadOf(ours), runs: ours.length } };
  if (peer === undefined) return row;
  const theirs = spreadOf(peer.values);
  const ratio =
    better === "higher" ? row.ours.median / theirs.median : theirs.median / row.ours.median;
  return { ...row, peer: { name: peer.name, ...theirs }, ratio };
}

export interface InTurnOptions {
  readonly bench: string;
  readonly unit: string;
  readonly better: Better;
  readonly runs: number;
  /** One run; resolves to its figure. */
  readonly ours: () => number | Promise<number>;
  readonly peer?:
    | { readonly name: string; readonly run: () => number | Promise<number> }
    | undefined;
}

/** Runs ours, the peer, ours, the peer, ... and says what came out. */
export async function inTurn(options: InTurnOptions): Promise<BenchRow> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < options.runs; run++) {
    ours.push(await options.ours());
    if (options.peer !== undefined) theirs.push(await options.peer.run());
  }
  const { bench, unit, better, peer } = options;
  return rowOf({
    bench,
    unit,
    better,
    ours,
    peer: peer === undefined ? undefined : { name: peer.name, values: theirs },
  });
}

export interface MicroCase {
  readonly name: string;
  readonly run: () => unknown;
  readonly peer?: { readonly name: string; readonly run: () => unknown } | undefined;
}

export interface MicroOptions {
  readonly suite: string;
  readonly cases: readonly MicroCase[];
  /** How often ours and the peer alternate. */
  readonly rounds: number;
  /** Seconds that one round of one function takes at most. */
  readonly maxTimeSec: number;
}

/** Operations per second of one function, by benny: the median of its samples. */
async function opsPerSec(name: string, run: () => unknown, maxTimeSec: number): Promise<number> {
  // benny takes a returned function for the body, so the body is wrapped once.
  const summary = await suite(
    name,
    add(name, () => () => {
      run();
    }),
    configure({ cases: { maxTime: maxTimeSec, minSamples: 5 } }),
  );
  const details = summary.results[0]?.details;
  if (details === undefined || !(details.median > 0)) throw new Error(`${name}: no samples`);
  return 1 / details.median;
}

export async function microSuite(options: MicroOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const { name, run, peer } of options.cases) {
    const bench = `${options.suite}/${name}`;
    rows.push(
      await inTurn({
        bench,
        unit: "ops/s",
        better: "higher",
        runs: options.rounds,
        ours: () => opsPerSec(bench, run, options.maxTimeSec),
        peer: peer && {
          name: peer.name,
          run: () => opsPerSec(`${bench} (${peer.name})`, peer.run, options.maxTimeSec),
        },
      }),
    );
  }
  return rows;
}

const figure = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(4);

const spreadText = ({ median, min, max }: Spread): string =>
  `${figure(median)} (${figure(min)}-${figure(max)})`;

/** The rows as a text table: median, and smallest to largest in brackets. */
export function tableOf(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [
    row.bench,
    row.unit,
    spreadText(row.ours),
    row.peer === undefined ? "-" : `${row.peer.name} ${spreadText(row.peer)}`,
    row.ratio === undefined ? "-" : row.ratio.toFixed(2),
  ]);
  const all = [["bench", "unit", "ours", "peer", "ratio"], ...lines];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...all.map((line) => (line[column] ?? "").length)),
  );
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
