/** Guests that time several pieces of work in one boot: the same in each machine, boots in turn. */
import { type BenchRow, geometricMean, rowOf } from "./harness.ts";
import {
  type Command,
  type ConsoleLine,
  figureOf,
  runMachine,
  type Timed,
  type TimeSource,
  timedIn,
} from "./machine-run.ts";
import type { BenchOptions } from "./machines.ts";

export interface TimedGuest {
  /** Of the machine: "ours", or a peer. */
  readonly name: string;
  readonly command: Command;
  /** One entry for each boot. */
  readonly runs: { readonly timed: readonly Timed[]; readonly lines: readonly ConsoleLine[] }[];
}

export const timedGuest = (name: string, command: Command): TimedGuest => ({
  name,
  command,
  runs: [],
});

export interface InTurnBoots {
  readonly suite: string;
  /** The word that begins a line with a time. */
  readonly tag: string;
  readonly runs: number;
}

/** Boots each machine, and again, `runs` times. The guest's last line is "end". */
export async function bootInTurn(
  machines: readonly TimedGuest[],
  { suite, tag, runs }: InTurnBoots,
  { timeoutSec, log }: BenchOptions,
): Promise<void> {
  for (let run = 1; run <= runs; run++) {
    for (const { name, command, runs: done } of machines) {
      const lines = await runMachine(command, { until: /^end\b/, timeoutSec });
      done.push({ lines, timed: timedIn(lines, tag) });
      log(
        `${suite}: run ${run} of ${runs}, ${name}: ${((lines.at(-1)?.wallMs ?? 0) / 1000).toFixed(1)} s`,
      );
    }
  }
}

/** The figures of one piece of work, one for each boot. */
const figuresOf = ({ runs }: TimedGuest, name: string, time: TimeSource): number[] =>
  runs.flatMap(({ timed }) =>
    timed.flatMap((one) => (one.name === name ? figureOf(one, time) : [])),
  );

/** A row for each piece of work, and the geometric mean of them all. */
export function rowsAgainst(
  peer: TimedGuest | undefined,
  ours: TimedGuest,
  { suite, time }: { readonly suite: string; readonly time: TimeSource },
): BenchRow[] {
  const row = (name: string, figures: (machine: TimedGuest) => number[]): BenchRow =>
    rowOf({
      bench: `${suite}/${name}`,
      unit: "ms",
      better: "lower",
      ours: figures(ours),
      peer: peer && { name: peer.name, values: figures(peer) },
    });
  const names = (ours.runs[0]?.timed ?? []).map(({ name }) => name);
  const rows = names.map((name) => row(name, (machine) => figuresOf(machine, name, time)));
  if (peer === undefined || rows.length < 2) return rows;
  const mean = row("geomean", ({ runs }) =>
    runs.map(({ timed }) => geometricMean(timed.map((one) => figureOf(one, time)))),
  );
  return [...rows, { ...mean, ratio: geometricMean(rows.flatMap(({ ratio }) => ratio ?? [])) }];
}
