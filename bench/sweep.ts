/**
 * Scenarios a second on one thread: 1 GiB, 10,000 page writes a second, 1 Gbit/s. Page level and fluid alone,
 * a fluid sweep from the plan to the file of results, and real guests that are forked from a warm one.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB, BASE as TESTED } from "../test/sweep/scenarios.ts";
import { FluidMemory } from "../ts/sweep/fluid/memory.ts";
import { simulateFluid } from "../ts/sweep/fluid/migration.ts";
import { loadPageKernel } from "../ts/sweep/page-kernel.ts";
import { simulatePages } from "../ts/sweep/page-model.ts";
import { parsePlan } from "../ts/sweep/plan.ts";
import { runSweep } from "../ts/sweep/run-sweep.ts";
import type { Distribution, GuestScenarioRunner, Scenario } from "../ts/sweep/scenario.ts";
import { type BenchRow, inTurn, microSuite } from "./harness.ts";

/** A quarter of the tests' guest is written to, and nothing but its pages takes time. */
const BASE: Scenario = {
  ...TESTED,
  workingSetBytes: TESTED.memoryBytes / 4,
  latencyNs: 0,
  settleNs: 0,
};

const WRITERS: Readonly<Record<string, Distribution>> = {
  uniform: { kind: "uniform" },
  "hot-cold": { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
  zipf: { kind: "zipf", exponent: 1 },
};

/** Around the same point: 1,000 rates, 100 downtimes, two writers; no two scenarios are alike. */
const PLAN = `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: bench
parts:
  - name: fluid
    fidelity: fluid
    axes:
      memory: 1GiB
      workingSet: 256MiB
      distribution: [uniform, hot-cold]
      bandwidth: 1Gbit
      downtimeLimit: { from: 50ms, to: 1s, steps: 100, scale: log }
      dirtyRate: { from: 5000, to: 15000, steps: 1000 }
`;

/** Scenarios a second from the plan to a file of Parquet, on this thread. */
async function sweepToParquet(): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  try {
    const options = { out, engine: "inline", format: "parquet", report: "none" } as const;
    const { scenarios } = await runSweep(parsePlan(PLAN), options);
    // All of it counts: reading the plan and writing the end of the file, too.
    const began = performance.now();
    await runSweep(parsePlan(PLAN), options);
    return (scenarios * 1000) / (performance.now() - began);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** A dirtier of 64 MiB, forked from one that has filled its memory, moved over a link of 1 Gbit/s. */
const GUEST: Scenario = {
  ...TESTED,
  fidelity: "guest",
  memoryBytes: 80 * MIB,
  usedBytes: 64 * MIB,
  workingSetBytes: 16 * MIB,
  dirtyRate: 4_000,
};
const GUESTS = 5;

/** Scenarios a second with real guests, without the boot of the one that all are forked from. */
async function guestsPerSec(runner: GuestScenarioRunner): Promise<number> {
  await runner.run(GUEST);
  const began = performance.now();
  for (let seed = 0; seed < GUESTS; seed++) {
    const { error, state } = await runner.run({ ...GUEST, seed });
    if (state !== "completed") throw new Error(`guest: ${error}`);
  }
  return (GUESTS * 1000) / (performance.now() - began);
}

export async function benchSweep(root: string, rounds: number): Promise<BenchRow[]> {
  const kernel = loadPageKernel(new Uint8Array(readFileSync(join(root, "build/model.wasm"))));
  const buffers = FluidMemory.buffers();
  let seed = 0;
  const scenario = (change: Partial<Scenario>): Scenario => ({ ...BASE, ...change, seed: seed++ });
  const writers = Object.entries(WRITERS);
  const rows = await microSuite({
    suite: "sweep",
    rounds,
    maxTimeSec: 1,
    cases: [
      ...writers.map(([name, distribution]) => ({
        name: `page-level ${name}`,
        run: () => simulatePages(scenario({ distribution }), kernel),
      })),
      {
        name: "page-level post-copy",
        run: () => simulatePages(scenario({ strategy: "post-copy" }), kernel),
      },
      {
        name: "page-level stop-and-copy",
        run: () => simulatePages(scenario({ strategy: "stop-and-copy" }), kernel),
      },
      ...writers.map(([name, distribution]) => ({
        name: `fluid ${name}`,
        run: () => simulateFluid(scenario({ distribution }), buffers),
      })),
    ],
  });
  const whole = await inTurn({
    bench: "sweep/fluid to Parquet",
    unit: "scenarios/s",
    better: "higher",
    runs: rounds,
    ours: sweepToParquet,
  });
  // The built one: the core and the guests lie beside it.
  const path = join(root, "dist/ts/sweep/guest-runner.js");
  const { createGuestScenarioRunner } = (await import(
    path
  )) as typeof import("../ts/sweep/guest-runner.ts");
  const runner = await createGuestScenarioRunner();
  const guests = await inTurn({
    bench: "sweep/guest of 64 MiB, forked",
    unit: "scenarios/s",
    better: "higher",
    runs: rounds,
    ours: () => guestsPerSec(runner),
  });
  await runner.close?.();
  return [...rows, whole, guests];
}
