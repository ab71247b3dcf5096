/**
 * npm run bench -- [NAME...] [--json FILE] [--runs N] [--time wall|cpu] [--size whole|quick]
 *   [--timeout SEC] [--run-options "..."] [--peers run|leave]
 *
 * NAME is a suite (centre, disk, disk-moves, kernels, linux-boot, linux-programs, userland, memory, migration-blind,
 * migration-guest, migration-loopback, migration-qemu, migration-silence, micro, nbd, network, network-moves, sweep, sweep-queue, sweep-scaling, switch, tunnels)
 * or one row of it (kernels/crc); without a name everything runs. --time cpu takes the processor time of the machine's process where the default takes
 * the guest's clock, for a host that is busy.
 * --size quick does a small part of the work, to see that it runs. --peers leave measures our half alone where a row
 * has one of QEMU's. --run-options goes to `wasmvisor run`. The tables go to stdout, progress to stderr (benny's own line to stdout); the rows
 * go as JSON to FILE (build/bench.json unless named) after every suite.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchCentre } from "./centre.ts";
import { benchDisk } from "./disk.ts";
import { benchDiskMoves } from "./disk-moves.ts";
import { type BenchRow, tableOf } from "./harness.ts";
import { benchKernels } from "./kernels.ts";
import { benchLinuxBoot } from "./linux-boot.ts";
import { benchLinuxPrograms } from "./linux-programs.ts";
import type { BenchOptions } from "./machines.ts";
import { benchMemory } from "./memory.ts";
import { benchMicro } from "./micro.ts";
import { benchMigrationBlind } from "./migration-blind.ts";
import { benchMigrationGuest } from "./migration-guest.ts";
import { benchMigrationLoopback } from "./migration-loopback.ts";
import { benchMigrationQemu } from "./migration-qemu.ts";
import { benchMigrationSilence } from "./migration-silence.ts";
import { benchNbd } from "./nbd.ts";
import { benchNetwork } from "./network.ts";
import { benchNetworkMoves } from "./network-moves.ts";
import { benchSweep } from "./sweep.ts";
import { benchQueue } from "./sweep-queue.ts";
import { benchScaling } from "./sweep-scaling.ts";
import { benchSwitch } from "./switch.ts";
import { targetsOf } from "./targets.ts";
import { benchTunnels } from "./tunnels.ts";
import { benchUserland } from "./userland.ts";

const root = join(import.meta.dirname, "../../..");
const MICRO_ROUNDS = 5;

const suites: Readonly<Record<string, (options: BenchOptions) => Promise<BenchRow[]>>> = {
  centre: benchCentre,
  disk: benchDisk,
  "disk-moves": benchDiskMoves,
  kernels: benchKernels,
  "linux-boot": benchLinuxBoot,
  "linux-programs": benchLinuxPrograms,
  userland: benchUserland,
  memory: ({ runs }) => benchMemory(root, runs ?? MICRO_ROUNDS, log),
  "migration-blind": benchMigrationBlind,
  "migration-guest": benchMigrationGuest,
  "migration-loopback": benchMigrationLoopback,
  "migration-qemu": benchMigrationQemu,
  "migration-silence": benchMigrationSilence,
  micro: ({ runs }) => benchMicro(root, runs ?? MICRO_ROUNDS),
  nbd: benchNbd,
  network: benchNetwork,
  "network-moves": benchNetworkMoves,
  sweep: ({ runs }) => benchSweep(root, runs ?? MICRO_ROUNDS),
  "sweep-queue": ({ runs }) => benchQueue(root, runs ?? MICRO_ROUNDS),
  "sweep-scaling": ({ runs }) => benchScaling(root, runs ?? MICRO_ROUNDS),
  switch: ({ runs }) => benchSwitch(runs ?? MICRO_ROUNDS, log),
  tunnels: ({ runs }) => benchTunnels(runs ?? MICRO_ROUNDS),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string", default: join(root, "build/bench.json") },
    runs: { type: "string" },
    time: { type: "string", default: "wall" },
    size: { type: "string", default: "whole" },
    timeout: { type: "string", default: "600" },
    "run-options": { type: "string", default: "" },
    peers: { type: "string", default: "run" },
  },
});

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name}: got "${text}"`);
  return value;
};

const oneOf = <T extends string>(name: string, text: string, allowed: readonly T[]): T => {
  const value = allowed.find((one) => one === text);
  if (value === undefined)
    throw new RangeError(`--${name}: expected ${allowed.join(" or ")}, got "${text}"`);
  return value;
};

const log = (line: string): void => console.error(line);

/** Suites, each with the rows that were asked for; no rows mean all. */
function wanted(): Map<string, string[]> {
  const names = positionals.length > 0 ? positionals : Object.keys(suites);
  const only = new Map<string, string[]>();
  for (const [suite = "", ...row] of names.map((name) => name.split("/"))) {
    if (suites[suite] === undefined) throw new RangeError(`no suite is called ${suite}`);
    const rows = only.get(suite) ?? [];
    // The row's own name is the last part: linux-programs/qemu/sieve is the program sieve.
    only.set(suite, row.length > 0 ? [...rows, row.at(-1) ?? ""] : rows);
  }
  return only;
}

async function main(): Promise<void> {
  const options = {
    root,
    runs: values.runs === undefined ? undefined : positive("runs", values.runs),
    runOptions: values["run-options"].split(" ").filter((word) => word !== ""),
    timeoutSec: positive("timeout", values.timeout),
    time: oneOf("time", values.time, ["wall", "cpu"]),
    size: oneOf("size", values.size, ["whole", "quick"]),
    peers: oneOf("peers", values.peers, ["run", "leave"]),
    log,
  };
  const rows: BenchRow[] = [];
  for (const [suite, only] of wanted()) {
    try {
      rows.push(...((await suites[suite]?.({ ...options, only })) ?? []));
    } catch (error) {
      // The other suites are still worth their figures.
      log(`${suite}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  console.log(tableOf(rows));
  const targets = targetsOf(rows);
  if (targets !== "") console.log(`\n${targets}`);
}

try {
  await main();
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof RangeError ? 2 : 1;
}
