/** The shapes of what Clark et al. and Hines and Gopalan measured, with the engine on the virtual clock. */
import { describe, expect, test } from "vitest";
import type { MigrationStats } from "../../ts/migrate/stats.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { CLARK, HINES, HINES_FAULTS, HINES_RATES, type Published } from "./published.ts";
import { MIB } from "./scenarios.ts";

const kernel = loadPageKernel();

function move(scenario: Scenario): MigrationStats {
  const { state, stats } = simulatePages(scenario, kernel);
  expect(state).toBe("completed");
  return stats;
}

const FIGURES: Readonly<Record<Published["what"], (stats: MigrationStats) => number>> = {
  "total, s": ({ totalNs }) => totalNs / 1e9,
  "first round, s": ({ rounds }) => (rounds[0]?.durationNs ?? 0) / 1e9,
  "sent, MB": ({ transferredBytes }) => transferredBytes / 1e6,
  "stopped, ms": ({ downtimeNs }) => downtimeNs / 1e6,
};

describe("Clark et al., NSDI'05", () => {
  describe.each(CLARK)("$name", ({ scenario, figures }) => {
    const stats = move(scenario);
    test.each(figures)("$what: $value ($status), give or take $tolerance", (figure) => {
      const ours = FIGURES[figure.what](stats);
      if (figure.tolerance === "at most") expect(ours).toBeLessThanOrEqual(figure.value);
      else expect(Math.abs(ours / figure.value - 1)).toBeLessThanOrEqual(figure.tolerance);
    });
  });

  const of = (name: string): MigrationStats => {
    const guest = CLARK.find((one) => one.name === name);
    return move((guest as (typeof CLARK)[0]).scenario);
  };
  /** Bytes a second of each round. */
  const rates = ({ rounds }: MigrationStats): number[] =>
    rounds
      .filter(({ bytes }) => bytes > 0)
      .map(({ bytes, durationNs }) => (bytes * 1e9) / durationNs);

  test("SPECweb99: the first round is long and slow, those that follow are shorter and faster", () => {
    const stats = of("SPECweb99");
    const iterative = stats.rounds.slice(0, -1);
    const [first, ...later] = iterative;
    expect(first?.durationNs).toBeGreaterThan(0.6 * stats.totalNs);
    expect(later.length).toBeGreaterThanOrEqual(4);
    for (const [i, round] of later.entries())
      expect(round.durationNs).toBeLessThan((iterative[i] as typeof round).durationNs);
    const seen = rates({ ...stats, rounds: iterative });
    expect(seen[0]).toBeLessThan(13e6);
    expect(Math.max(...seen)).toBeGreaterThan(30e6);
    // Hot pages are left out of the first round: a tenth of memory and more.
    expect(first?.normalPages).toBeLessThan(0.9 * 800 * (MIB / 4096));
  });

  test("MMuncher: as soon as it is seen to write faster than the network moves, it is stopped", () => {
    const stats = of("MMuncher");
    // The second round, the look when it stands still, and what is left.
    expect(stats.rounds.length).toBeLessThanOrEqual(4);
    // What it writes to moves only when it stands still.
    expect(stats.rounds.at(-1)?.normalPages).toBeGreaterThan(0.9 * 256 * (MIB / 4096));
    expect(stats.transferredBytes).toBeLessThan(1.1 * 512 * MIB);
  });

  test("MMuncher is unavailable for seconds, SPECweb99 for tenths, the others for less", () => {
    const [specweb, web, quake, muncher] = CLARK.map(({ scenario }) => move(scenario).downtimeNs);
    expect(muncher).toBeGreaterThan(10 * (specweb as number));
    expect(specweb).toBeGreaterThan(10 * (web as number));
    const stopped = {
      ...(CLARK[2] as (typeof CLARK)[0]).scenario,
      strategy: "stop-and-copy",
    } as const;
    expect(move(stopped).downtimeNs).toBeGreaterThan(10 * (quake as number));
  });
});

describe("Hines and Gopalan, VEE'09", () => {
  const pages = ({ normalPages }: MigrationStats): number => normalPages;
  const runs = HINES_RATES.map((dirtyRate) => ({
    dirtyRate,
    pre: move({ ...HINES, dirtyRate }),
    post: move({ ...HINES, dirtyRate, strategy: "post-copy" }),
  }));
  const used = HINES.usedBytes / 4096;

  test("post-copy sends each page once, pre-copy more of them the more the guest writes", () => {
    for (const { post } of runs) expect(pages(post)).toBe(used);
    const sent = runs.map(({ pre }) => pages(pre));
    expect(sent).toEqual([...sent].sort((a, b) => a - b));
    expect(sent.at(-1)).toBeGreaterThan(1.5 * used);
  });

  test("post-copy takes as long as moving memory once, pre-copy longer and longer", () => {
    const onceNs = (used * 4104 * 1e9) / HINES.bandwidthBytesPerSec;
    for (const { post } of runs) expect(post.totalNs / onceNs).toBeLessThan(1.1);
    for (const { pre, post } of runs) expect(pre.totalNs).toBeGreaterThan(post.totalNs);
    expect((runs.at(-1) as (typeof runs)[0]).pre.totalNs).toBeGreaterThan(1.5 * onceNs);
  });

  test("the downtime of pre-copy grows with the writes, that of post-copy does not", () => {
    const downtimes = runs.map(({ pre }) => pre.downtimeNs);
    expect(downtimes).toEqual([...downtimes].sort((a, b) => a - b));
    expect(downtimes.at(-1)).toBeGreaterThan(20 * (downtimes[0] as number));
    const post = runs.map((run) => run.post.downtimeNs);
    expect(Math.max(...post)).toBeLessThan(1.1 * Math.min(...post));
  });

  test("free memory is as good as not moved, in both", () => {
    for (const strategy of ["pre-copy", "post-copy"] as const) {
      const full = move({ ...HINES, strategy, usedBytes: HINES.memoryBytes, dirtyRate: 500 });
      const half = move({ ...HINES, strategy, dirtyRate: 500 });
      expect(half.totalNs / full.totalNs).toBeCloseTo(384 / 512, 1);
    }
  });

  test.each([
    ["sequential", { kind: "sequential" }],
    ["hot-cold", { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 }],
    ["uniform", { kind: "uniform" }],
  ] as const)(
    "faults over the network stay below 21 %% of the working set: %s",
    (_, distribution) => {
      const workingSet = HINES.workingSetBytes / 4096;
      const post = { ...HINES, strategy: "post-copy", distribution } as const;
      for (const dirtyRate of HINES_RATES) {
        const { faults } = move({ ...post, dirtyRate });
        expect(faults / workingSet, `${dirtyRate}/s`).toBeLessThanOrEqual(HINES_FAULTS);
      }
    },
  );
});
