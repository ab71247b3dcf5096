/**
 * Three fidelities, one result: fluid against page level (the mean of 100 seeds), page level against
 * the engine with a real guest, and page level against what QEMU was measured to do.
 */
import { describe, expect, test } from "vitest";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Distribution, Scenario } from "../../ts/sweep/scenario.ts";
import { QEMU_ROWS, type QemuRow, qemuScenario } from "./qemu-measured.ts";
import { BASE, CAPPED, MIB, QEMU } from "./scenarios.ts";

const kernel = loadPageKernel();

const DISTRIBUTIONS: readonly Distribution[] = [
  { kind: "uniform" },
  { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
  { kind: "zipf", exponent: 1 },
  { kind: "zipf", exponent: 0.6 },
  { kind: "sequential" },
];

interface Mean {
  totalNs: number;
  normalPages: number;
  bytes: number;
  completed: number;
}

/** The mean of `seeds` page-level runs. */
function meanOf(scenario: Scenario, seeds: number): Mean {
  const mean: Mean = { totalNs: 0, normalPages: 0, bytes: 0, completed: 0 };
  for (let seed = 0; seed < seeds; seed++) {
    const { state, stats } = simulatePages({ ...scenario, seed }, kernel);
    mean.totalNs += stats.totalNs / seeds;
    mean.normalPages += stats.normalPages / seeds;
    mean.bytes += stats.transferredBytes / seeds;
    mean.completed += state === "completed" ? 1 / seeds : 0;
  }
  return mean;
}

/** Expects what fluid says to be within `share` of the mean of page level. */
function expectAgreement(scenario: Scenario, seeds: number, share = 0.01): void {
  const fluid = simulateFluid(scenario);
  const mean = meanOf(scenario, seeds);
  const what = `fluid ${fluid.totalNs / 1e6} ms, ${fluid.normalPages} pages, near "${fluid.near}"; page ${JSON.stringify(mean)}`;
  expect(Math.abs(fluid.totalNs / mean.totalNs - 1), what).toBeLessThan(share);
  expect(Math.abs(fluid.normalPages / mean.normalPages - 1), what).toBeLessThan(share);
  expect(Math.abs(fluid.transferredBytes / mean.bytes - 1), what).toBeLessThan(share);
  expect(fluid.isCompleted, what).toBe(mean.completed > 0.5);
}

describe.each(DISTRIBUTIONS)("fluid and page level agree within 1 %: %j", (distribution) => {
  test.each([1_000, 8_000, 20_000])("pre-copy over 1 Gbit/s, %i writes/s", (dirtyRate) => {
    expectAgreement({ ...BASE, distribution, dirtyRate, workingSetBytes: 256 * MIB }, 100);
  });

  test.each([0, 2_000, 32_000])("pre-copy under QEMU's cap, %i writes/s", (dirtyRate) => {
    const scenario = { ...QEMU, distribution, dirtyRate };
    expectAgreement({ ...scenario, bandwidthCapBytesPerSec: 128 * MIB }, 100);
    expectAgreement({ ...scenario, bandwidthCapBytesPerSec: 32 * MIB }, 100);
  });

  test("stop-and-copy, and a working set that lies elsewhere", () => {
    const scenario = { ...BASE, distribution, workingSetBytes: 64 * MIB };
    expectAgreement({ ...scenario, strategy: "stop-and-copy" }, 2);
    expectAgreement({ ...scenario, workingSetOffsetBytes: 900 * MIB }, 100);
  });

  test.each(["post-copy", "hybrid"] as const)("%s", (strategy) => {
    expectAgreement({ ...CAPPED, distribution, strategy }, 20);
    expectAgreement({ ...BASE, distribution, strategy, workingSetBytes: 256 * MIB }, 20);
  });
});

describe("fluid and page level agree within 1 %", () => {
  test.each(["post-copy", "hybrid"] as const)(
    "in %s of a guest that waits for pages",
    (strategy) => {
      // Each wait is an event: such a run takes a second; its seeds hardly differ.
      expectAgreement({ ...CAPPED, strategy, missingStores: "wait" }, 2);
    },
  );

  const workingSet = { workingSetBytes: 64 * MIB, workingSetOffsetBytes: 0 };
  const busy = { ...workingSet, dirtyRate: 20_000, distribution: { kind: "uniform" } } as const;
  const round = { ...busy, workingSetOffsetBytes: 128 * MIB, distribution: { kind: "sequential" } };
  const phases = [
    { ...busy, durationNs: 700e6 },
    { ...busy, durationNs: 400e6, dirtyRate: 0 },
    { ...round, durationNs: 300e6 } as const,
  ] as Scenario["phases"];

  test("with a writer that does one thing after another", () => {
    expectAgreement({ ...BASE, phases }, 100);
    expectAgreement({ ...CAPPED, phases, timeoutNs: 20e9 }, 100);
  });

  test("with XBZRLE, and a cache that is large enough or is not", () => {
    const sparse: Scenario = { ...CAPPED, dirtyRate: 32_000 };
    expectAgreement({ ...sparse, xbzrleCacheBytes: 512 * MIB }, 100);
    expectAgreement({ ...sparse, dirtyRate: 4_000, xbzrleCacheBytes: 128 * MIB }, 100);
  });

  test.each(["auto-converge", "stun", "dirty-limit"] as const)("with %s", (slowdown) => {
    const hard: Scenario = { ...CAPPED, dirtyRate: 32_000, slowdown, dirtyLimitPagesPerSec: 3_000 };
    expectAgreement(hard, 20);
  });

  test.each(["xen", "lxd", "p-haul", "dirty-to-sent", "kubevirt", "cloud-hypervisor"] as const)(
    "with the policy %s",
    (policy) => {
      const scenario: Scenario = { ...BASE, policy, workingSetBytes: 256 * MIB, onLimit: "stop" };
      expectAgreement(scenario, 100);
    },
  );
});

/** Total time, bytes and rounds of a row: the median of five seeds, or the fluid's. */
function predict(row: QemuRow, fidelity: "page" | "fluid") {
  const scenario = qemuScenario(row);
  if (fidelity === "fluid") {
    const { dirtySyncCount, isCompleted, totalNs, transferredBytes } = simulateFluid(scenario);
    return { isCompleted, totalNs, bytes: transferredBytes, rounds: dirtySyncCount };
  }
  const runs = [1, 2, 3, 4, 5].map((seed) => simulatePages({ ...scenario, seed }, kernel));
  runs.sort((a, b) => a.stats.totalNs - b.stats.totalNs);
  const { state, stats } = runs[2] as (typeof runs)[number];
  const { dirtySyncCount: rounds, totalNs, transferredBytes: bytes } = stats;
  return { isCompleted: state === "completed", totalNs, bytes, rounds };
}

describe.each(["page", "fluid"] as const)("what QEMU does, at %s level", (fidelity) => {
  test("is told: time within 3 % (p90) and 6 % (all), bytes 1.5 %, rounds +-2, every verdict", () => {
    const errors: number[] = [];
    for (const row of QEMU_ROWS) {
      const { bytes, isCompleted, rounds, totalNs } = predict(row, fidelity);
      const what = `${JSON.stringify(row)}: ${totalNs / 1e6} ms, ${bytes / MIB} MiB, ${rounds} rounds`;
      expect(isCompleted, what).toBe(row.totalMs !== undefined);
      if (row.totalMs === undefined) continue;
      errors.push(Math.abs(totalNs / 1e6 / row.totalMs - 1));
      expect(errors.at(-1), what).toBeLessThan(0.06);
      expect(Math.abs(bytes / MIB / row.mib - 1), what).toBeLessThan(0.015);
      expect(Math.abs(rounds - row.rounds), what).toBeLessThanOrEqual(2);
    }
    errors.sort((a, b) => a - b);
    expect(errors[Math.ceil(0.9 * errors.length) - 1]).toBeLessThan(0.03);
  });
});

test("a guest that writes nothing gets its pages in post-copy, too", () => {
  const { state, stats } = simulatePages(
    { ...CAPPED, dirtyRate: 0, strategy: "post-copy" },
    kernel,
  );
  expect([state, stats.normalPages, stats.postcopyRequests]).toEqual(["completed", 92_110, 0]);
});
