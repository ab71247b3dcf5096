/**
 * What a user feels of a migration that does not converge: the longest silence of the guest's
 * heartbeat, at page level on the virtual clock, in the scenarios that QEMU was measured in.
 */
import { describe, expect, test } from "vitest";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { CAPPED, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();

/** Whoever stores to a page that has not arrived waits for it. */
const qemu: Scenario = { ...CAPPED, strategy: "post-copy", missingStores: "wait" };

/** Rate of the dirtier, longest silence that is allowed, and what QEMU needed: total time, pages sent. */
const rows = [
  { strategy: "post-copy", dirtyRate: 8_000, silenceMs: 100, totalMs: 11_022, pages: 92_110 },
  { strategy: "post-copy", dirtyRate: 32_000, silenceMs: 250, totalMs: 11_056, pages: 92_110 },
  { strategy: "hybrid", dirtyRate: 8_000, silenceMs: 100, totalMs: 12_937, pages: 108_572 },
  { strategy: "hybrid", dirtyRate: 32_000, silenceMs: 250, totalMs: 12_937, pages: 108_572 },
] as const;

describe.each(rows)("$strategy at $dirtyRate writes/s", (row) => {
  const { strategy, dirtyRate, silenceMs, totalMs, pages } = row;
  const run = (seed: number, bandwidthBytesPerSec: number) => {
    const scenario = { ...qemu, strategy, dirtyRate, bandwidthBytesPerSec, seed };
    const { state, stats } = simulatePages(scenario, kernel);
    expect(state).toBe("completed");
    return {
      stats,
      what: `gap ${stats.gapNs / 1e6} ms, total ${stats.totalNs / 1e6} ms, ${stats.normalPages} pages`,
    };
  };

  test.each([1, 2, 3])("under a cap of 32 MiB/s on a fast link, seed %i", (seed) => {
    const { stats, what } = run(seed, 1200 * MIB);
    // A heartbeat comes every 10 ms as it is.
    expect(stats.gapNs / 1e6, what).toBeLessThanOrEqual(50);
    expect(stats.gapNs / 1e6, what).toBeGreaterThan(10);
    // QEMU's totals are no worse than ours, and it sends as much.
    expect(stats.totalNs / 1e6, what).toBeLessThanOrEqual(totalMs);
    expect(stats.normalPages, what).toBeLessThanOrEqual(pages * 1.001);
  });

  test.each([1, 2, 3])("over a link of 32 MiB/s, seed %i", (seed) => {
    const { stats, what } = run(seed, 32 * MIB);
    expect(stats.gapNs / 1e6, what).toBeLessThanOrEqual(silenceMs);
    // Nobody moves these bytes faster; what is lost is the link left free for requests.
    expect(stats.totalNs / stats.transferredBytes / (1e9 / (32 * MIB)), what).toBeLessThan(1.08);
    expect(stats.postcopyRequests, what).toBeGreaterThan(1_000);
  });
});

test("faults that follow each other get more and more pages at once", () => {
  const requests = (kind: "uniform" | "sequential"): number =>
    simulatePages({ ...qemu, dirtyRate: 32_000, distribution: { kind } }, kernel).stats
      .postcopyRequests;
  expect(requests("sequential") * 5).toBeLessThan(requests("uniform"));
});

test("post-copy is a function of the scenario, too", () => {
  const run = (seed: number): string =>
    JSON.stringify(simulatePages({ ...qemu, dirtyRate: 32_000, seed }, kernel));
  expect(run(1)).toBe(run(1));
  expect(run(1)).not.toBe(run(2));
});

test("who waits for nothing has his heartbeat, asks for no page, and has all of them as soon as the link moves them", () => {
  for (const dirtyRate of [0, 8_000, 32_000]) {
    const scenario: Scenario = { ...CAPPED, strategy: "post-copy", dirtyRate };
    const { state, stats } = simulatePages(scenario, kernel);
    expect(state).toBe("completed");
    expect([stats.normalPages, stats.postcopyRequests]).toEqual([92_110, 0]);
    // A heartbeat comes every 10 ms as it is, and once as much later as it stood still.
    expect(stats.gapNs).toBeGreaterThan(10e6);
    expect(stats.gapNs).toBeLessThanOrEqual(10e6 + stats.downtimeNs);
    // By hand: a page is 4,104 bytes, and a frame of the push 28 more.
    expect(stats.totalNs / 1e9 / ((92_110 * 4_104) / (32 * MIB))).toBeCloseTo(1, 2);
  }
});
