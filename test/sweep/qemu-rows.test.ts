/**
 * What QEMU 7.2 needed for one Debian guest with one dirtier, and what this engine, told what a user's
 * migration is told by default, needs for the same pages on the virtual clock: no row is worse. What makes the
 * difference: pages that are hot wait for the next round, passes go on while each halves what remains, and
 * who is held back is held back from dirtying memory.
 */
import { describe, expect, test } from "vitest";
import type { MigrationStats } from "../../ts/migrate/stats.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { MEASURED } from "./qemu-measured.ts";
import { MIB, QEMU } from "./scenarios.ts";

const kernel = loadPageKernel();

/** What QEMU was measured at, and a row's own settings. */
interface Row {
  readonly name: string;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly pages: number;
  readonly scenario: Partial<Scenario>;
}

const capped = (
  mib: number,
  dirtyRate: number,
  more: Partial<Scenario> = {},
): Partial<Scenario> => ({
  dirtyRate,
  bandwidthCapBytesPerSec: mib * MIB,
  ...more,
});
// As in QEMU, whoever stores to a page that has not arrived waits for it.
const WAITS = { missingStores: "wait" } as const;
const POST_COPY = { ...WAITS, strategy: "post-copy" } as const;
const HYBRID = { ...WAITS, strategy: "hybrid" } as const;
const AUTO_CONVERGE = { slowdown: "auto-converge" } as const;

const rows: readonly Row[] = [
  ...MEASURED.map(({ capMibPerSec, downtimeMs, normalPages, rate, totalMs }) => ({
    name: `${rate}, ${capMibPerSec}`,
    totalMs,
    downtimeMs,
    pages: normalPages,
    scenario: capped(capMibPerSec, rate),
  })),
  {
    name: "auto-converge 8,000, 32",
    totalMs: 17_265,
    downtimeMs: 4,
    pages: 143_363,
    scenario: capped(32, 8_000, AUTO_CONVERGE),
  },
  {
    name: "post-copy 8,000, 32",
    totalMs: 11_022,
    downtimeMs: 1,
    pages: 92_049,
    scenario: capped(32, 8_000, POST_COPY),
  },
  {
    name: "post-copy 32,000, 32",
    totalMs: 11_056,
    downtimeMs: 11,
    pages: 92_051,
    scenario: capped(32, 32_000, POST_COPY),
  },
  {
    name: "hybrid 32,000, 32",
    totalMs: 12_937,
    downtimeMs: 4,
    pages: 108_572,
    scenario: capped(32, 32_000, HYBRID),
  },
  {
    name: "hybrid 32,000, 128",
    totalMs: 3_044,
    downtimeMs: 1,
    pages: 108_921,
    scenario: capped(128, 32_000, HYBRID),
  },
];

function move(change: Partial<Scenario>): { state: string; stats: MigrationStats } {
  // A page of ours has a checksum, and a zero page no address of its block: 8 and 4 bytes beside the data.
  const wire = { ...QEMU.wire, normalPageBytes: 4104, zeroPageBytes: 4 };
  const ours = { hotPages: "skip", policy: "settle", wire } as const;
  return simulatePages({ ...QEMU, ...ours, ...change }, kernel);
}

describe("QEMU's rows", () => {
  test.each(rows)("$name MiB/s", ({ totalMs, downtimeMs, pages, scenario }) => {
    const { state, stats } = move(scenario);
    expect(state).toBe("completed");
    expect(stats.totalNs / 1e6).toBeLessThanOrEqual(totalMs);
    // Which of the kernel's own 40 pages were dirtied once more is chance: 80 here, 8 to 16 in QEMU's idle runs.
    expect(stats.normalPages).toBeLessThanOrEqual(pages + 80);
    expect(stats.downtimeNs / 1e6).toBeLessThanOrEqual(Math.max(downtimeMs, 1));
  });

  test("32,000, 32: QEMU's auto-converge took the guest to 1 % of its vCPU and did not end in 120 s", () => {
    expect(move(capped(32, 32_000)).state).toBe("failed");
    const { state, stats } = move(capped(32, 32_000, AUTO_CONVERGE));
    expect(state).toBe("completed");
    expect(stats.totalNs).toBeLessThan(30e9);
    // The arithmetic: a round of x pages takes x / L, or 50 ms, and may leave D L of them; so D L^2 / x a second.
    const L = (32 * MIB) / 4104;
    for (const [i, round] of stats.rounds.entries()) {
      if (round.dirtyLimitPagesPerSec === Number.POSITIVE_INFINITY) continue;
      const x = Math.max(0.05 * L, stats.rounds[i - 1]?.remainingPages ?? 0);
      expect(round.dirtyLimitPagesPerSec).toBeGreaterThan((0.9 * 0.3 * L * L) / x);
    }
    expect(stats.throttledNs).toBeLessThan((1.1 * 16_384 * 1e9) / L);
  });
});
