/** A pre-copy that gets nowhere comes to an end, and says why. */
import { describe, expect, test } from "vitest";
import { engineOptions } from "../../ts/host/migrations/options.ts";
import { settle } from "../../ts/migrate/policy/convergence.ts";
import { progressOf, stallOf } from "../../ts/migrate/policy/stall.ts";
import type { RoundStats } from "../../ts/migrate/stats.ts";
import { checkOneRuns, Scene } from "./scene.ts";

/** Rounds of a second each that leave so many pages. */
const roundsOf = (...left: number[]): RoundStats[] =>
  left.map((remainingPages, i) => ({
    round: i + 1,
    startNs: i * 1e9,
    durationNs: 1e9,
    normalPages: 100,
    zeroPages: 0,
    bytes: 1 << 20,
    dirtiedPages: 512,
    remainingPages,
    dirtyLimitPagesPerSec: Number.POSITIVE_INFINITY,
  }));

const none = Number.POSITIVE_INFINITY;
const limits = {
  bandwidthCapBytesPerSec: none,
  downtimeLimitNs: 1,
  roundsMax: none,
  timeoutNs: none,
  onLimit: "fail",
  policySettings: { rounds: 5, pages: 50, growth: 1, goal: 1, ratio: 1, ramp: 1, stall: 10 },
} as const;
const decide = (rounds: RoundStats[], elapsedNs: number, change: object = {}) =>
  settle(
    {
      round: rounds.length + 1,
      isSynced: true,
      remainingBytes: 1e9,
      bytesPerSec: 1e6,
      elapsedNs,
      memoryBytes: 4e9,
      rounds,
    },
    { ...limits, ...change },
  );

describe("progress", () => {
  test("is a round that leaves clearly less than any before", () => {
    const { progressNs, stalls, stallsInRow } = progressOf(roundsOf(900, 800, 790, 700, 690, 699));
    expect([progressNs, stalls, stallsInRow]).toEqual([4e9, 3, 2]);
  });
  test("that is not made has its reason in rates, from the third round on", () => {
    expect(stallOf(roundsOf(900, 900, 900))).toBeUndefined();
    expect(stallOf(roundsOf(900, 900, 900, 900))).toEqual({
      dirtyBytesPerSec: 2 << 20,
      sentBytesPerSec: 1 << 20,
    });
    expect(stallOf([])).toBeUndefined();
  });
});

describe("settle", () => {
  const stuck = roundsOf(900, 900, 900, 900, 900);
  test("gives up when there was none for as long as it is told", () => {
    expect(decide(stuck, 10.9e9)).toBe("send");
    expect(decide(stuck, 11e9)).toBe("fail");
    expect(decide(stuck, 11e9, { onLimit: "stop" })).toBe("stop");
    // Long rounds are no stall.
    expect(decide(roundsOf(900, 900), 1000e9)).toBe("send");
    expect(decide(roundsOf(900, 900, 900, 900, 600), 11e9)).toBe("send");
  });
  test("goes on for whoever set a limit, until that", () => {
    expect(decide(stuck, 500e9, { timeoutNs: 600e9 })).toBe("send");
    expect(decide(stuck, 600e9, { timeoutNs: 600e9 })).toBe("fail");
    expect(decide(stuck, 500e9, { roundsMax: 99 })).toBe("send");
  });
  test("leaves the guest where it is, unless somebody said that it may be stopped", () => {
    expect(engineOptions({}).onLimit).toBe("fail");
    expect(engineOptions({ timeout: "9s" }).onLimit).toBe("stop");
    expect(engineOptions({ roundsMax: 9 }).onLimit).toBe("stop");
    expect(engineOptions({ onLimit: "stop" }).onLimit).toBe("stop");
  });
  test("ends a migration over a starved link, with the reason", () => {
    const scene = new Scene({
      pages: 64,
      writesPerMs: 100,
      source: {
        policy: "settle",
        policySettings: { stall: 0.5 },
        bandwidthCapBytesPerSec: 1e6,
        downtimeLimitNs: 1e6,
      },
    });
    const result = scene.run();
    expect(result.state).toBe("failed");
    expect(String("error" in result && result.error)).toMatch(
      /did not converge: \d+ pages left in round \d+: the guest dirties [\d.]+ MiB\/s, the link moves [\d.]+ MiB\/s/,
    );
    checkOneRuns(scene, "starved");
  });
});
