/** Page level against real guests on the virtual clock: the same engine, a model instead of a machine. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Strategy } from "../../ts/migrate/options.ts";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Distribution, GuestScenarioRunner, Scenario } from "../../ts/sweep/scenario.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();
let runner: GuestScenarioRunner;

beforeAll(async () => {
  runner = await createGuestScenarioRunner();
});
afterAll(() => runner.close?.());

const FILL_BYTES = 56 * MIB;

/** A guest of 64 MiB, and the same as a model: what it never touched is not sent at all. */
const guest: Scenario = {
  ...BASE,
  fidelity: "guest",
  memoryBytes: 64 * MIB,
  usedBytes: FILL_BYTES,
  workingSetBytes: 24 * MIB,
  dirtyRate: 4_000,
  bandwidthBytesPerSec: 25e6,
  downtimeLimitNs: 100e6,
  timeoutNs: 30e9,
};
const model: Scenario = {
  ...guest,
  fidelity: "page",
  memoryBytes: FILL_BYTES + 32 * 4096,
  usedBytes: FILL_BYTES + 32 * 4096,
  workingSetOffsetBytes: 32 * 4096,
};

const uniform: Distribution = { kind: "uniform" };
const hotCold: Distribution = { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 };
const sequential: Distribution = { kind: "sequential" };

interface Case {
  readonly strategy: Strategy;
  readonly distribution: Distribution;
  /** Of the model; the guest is run once. */
  readonly seeds: number;
  /** Instead of 4,000: at two thirds of the link's rate, ten rounds multiply what a batch's rounding takes. */
  readonly dirtyRate?: number;
}

const CASES: readonly Case[] = [
  { strategy: "pre-copy", distribution: uniform, seeds: 20 },
  { strategy: "pre-copy", distribution: hotCold, seeds: 20 },
  { strategy: "pre-copy", distribution: sequential, seeds: 1, dirtyRate: 2_000 },
  { strategy: "stop-and-copy", distribution: uniform, seeds: 1 },
  { strategy: "hybrid", distribution: uniform, seeds: 2 },
  { strategy: "post-copy", distribution: hotCold, seeds: 1 },
];

test.each(CASES)(
  "a guest is moved as its model is, within 1 % in time and pages: $strategy, $distribution.kind",
  async ({ dirtyRate = 4_000, distribution, seeds, strategy }) => {
    const change = { dirtyRate, distribution, strategy };
    const mean = { totalMs: 0, pages: 0 };
    for (let seed = 1; seed <= seeds; seed++) {
      const { state, stats } = simulatePages({ ...model, ...change, seed }, kernel);
      expect(state).toBe("completed");
      mean.totalMs += stats.totalNs / 1e6 / seeds;
      mean.pages += stats.normalPages / seeds;
    }
    const real = await runner.run({ ...guest, ...change });
    expect([real.state, real.error]).toEqual(["completed", ""]);
    const what = JSON.stringify({ mean, real });
    expect(Math.abs(mean.totalMs / real.total_time_ms - 1), what).toBeLessThan(0.01);
    expect(Math.abs(mean.pages / real.normal_pages - 1), what).toBeLessThan(0.01);
  },
  60_000,
);
