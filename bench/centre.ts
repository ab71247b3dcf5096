/**
 * Migrations in a data centre against SimGrid's live-migration plugin, in processor seconds of either: one after another
 * (at fluid and page level), a thousand and four thousand at once over a fat tree, and ours on links of their own at once
 * against one after another. Both are told the same guests and links, so what they simulate is a row, too.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Centre } from "../ts/centre/model.ts";
import { FluidMemory } from "../ts/sweep/fluid/memory.ts";
import { simulateFluid } from "../ts/sweep/fluid/migration.ts";
import { loadPageKernel } from "../ts/sweep/page-kernel.ts";
import { simulatePages } from "../ts/sweep/page-model.ts";
import {
  centreOf,
  fatTreeMoves,
  pairMoves,
  runAtOnce,
  runInTurn,
  scenariosOf,
  serialMoves,
} from "./centre-moves.ts";
import { type BenchRow, inTurn, rowOf } from "./harness.ts";
import type { BenchOptions } from "./machines.ts";
import { type Move, SimGrid } from "./simgrid/peer.ts";

const PEER = "SimGrid";
const RUNS = 5;

interface AtOnce {
  readonly name: string;
  readonly hosts: number;
  readonly count: number;
  readonly dirtyMax: number;
}

const AT_ONCE: readonly AtOnce[] = [
  { name: "100 at once, dirty 5 %", hosts: 128, count: 100, dirtyMax: 0.05 },
  { name: "1000 at once, dirty 0 %", hosts: 1024, count: 1000, dirtyMax: 0 },
  { name: "1000 at once, dirty 5 %", hosts: 1024, count: 1000, dirtyMax: 0.05 },
  { name: "1000 at once, dirty 20 %", hosts: 1024, count: 1000, dirtyMax: 0.2 },
  { name: "4000 at once, dirty 5 %", hosts: 1024, count: 4000, dirtyMax: 0.05 },
];

/** Processor seconds of all threads of this process: what the collector does counts. */
function cpuSec(run: () => void): number {
  const began = process.cpuUsage();
  run();
  const { system, user } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

export async function benchCentre(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, root, size } = options;
  const isQuick = size === "quick";
  const runs = options.runs ?? RUNS;
  using peer = SimGrid.compile(root, log);
  const wants = (name: string): boolean => only.length === 0 || only.includes(name);
  const rows: BenchRow[] = [];
  for (const level of ["fluid", "page"] as const)
    if (wants(`serial ${level}`))
      rows.push(await serial({ level, count: isQuick ? 50 : 2000, runs, root, peer }));
  for (const one of AT_ONCE)
    if (wants(one.name) && (!isQuick || one.count <= 100))
      rows.push(...(await atOnce(one, one.count > 1000 ? Math.min(3, runs) : runs, peer)));
  if (wants("disjoint")) rows.push(await disjoint(isQuick ? 50 : 1000, runs));
  return rows;
}

interface Serial {
  readonly level: "fluid" | "page";
  readonly count: number;
  readonly runs: number;
  readonly root: string;
  readonly peer: SimGrid | undefined;
}

/** Migrations a processor second. */
function serial({ count, level, peer, root, runs }: Serial): Promise<BenchRow> {
  const moves = serialMoves(count, 1);
  const scenarios = scenariosOf(moves);
  const buffers = FluidMemory.buffers();
  const kernel = loadPageKernel(new Uint8Array(readFileSync(join(root, "build/model.wasm"))));
  const run = (): void => {
    for (const scenario of scenarios)
      if (level === "fluid") simulateFluid(scenario, buffers);
      else simulatePages(scenario, kernel);
  };
  if (level === "fluid") run();
  const times = level === "fluid" ? 20 : 1;
  return inTurn({
    bench: `centre/serial ${level}`,
    unit: "migrations/s",
    better: "higher",
    runs,
    ours: () => (times * count) / cpuSec(() => repeat(times, run)),
    peer: peer && {
      name: PEER,
      run: () => count / peer.run("serial", 2, moves).cpuSec,
    },
  });
}

function repeat(times: number, run: () => void): void {
  for (let i = 0; i < times; i++) run();
}

/** Processor seconds, and what was simulated. */
async function atOnce(one: AtOnce, runs: number, peer: SimGrid | undefined): Promise<BenchRow[]> {
  const { count, dirtyMax, hosts, name } = one;
  const moves = fatTreeMoves(hosts, count, dirtyMax);
  const centre = centreOf(moves, hosts, true);
  const ours: number[] = [];
  const theirs: number[] = [];
  // The compiler's time is not the simulator's: as for the other rows, code is warm.
  for (let i = 0; i < 3; i++) runAtOnce(centre, moves);
  const row = await inTurn({
    bench: `centre/${name}`,
    unit: "CPU s",
    better: "lower",
    runs,
    ours: () => timed(centre, moves, ours),
    peer: peer && {
      name: PEER,
      run: () => {
        const { cpuSec: sec, simulatedSec } = peer.run("at-once", hosts, moves);
        theirs.push(simulatedSec);
        return sec;
      },
    },
  });
  const makespan = rowOf({
    bench: `centre/${name}, makespan`,
    unit: "simulated s",
    better: "lower",
    ours,
    peer: peer && { name: PEER, values: theirs },
  });
  return [row, makespan];
}

function timed(centre: Centre, moves: readonly Move[], makespans: number[]): number {
  return cpuSec(() => {
    makespans.push(runAtOnce(centre, moves));
  });
}

/** At once against one after another: what others on links of their own cost a migration. */
function disjoint(pairs: number, runs: number): Promise<BenchRow> {
  const moves = pairMoves(pairs);
  const centre = centreOf(moves, 2 * pairs, false);
  runAtOnce(centre, moves);
  runInTurn(centre, moves);
  return inTurn({
    bench: "centre/disjoint",
    unit: "CPU s",
    better: "lower",
    runs,
    ours: () => cpuSec(() => repeat(10, () => runAtOnce(centre, moves))) / 10,
    peer: {
      name: "one after another",
      run: () => cpuSec(() => repeat(10, () => runInTurn(centre, moves))) / 10,
    },
  });
}
