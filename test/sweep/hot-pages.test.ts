/** Pages that are written again before it is their turn: sent twice, or left to the next round. */
import { expect, test } from "vitest";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import { CAPPED, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();

const run = (hotPages: "skip" | "send", dirtyRate: number) => {
  // As a guest that has booted: what it writes to lies behind what it has loaded.
  const scenario = { ...CAPPED, dirtyRate, hotPages, workingSetOffsetBytes: 250 * MIB };
  return simulatePages(scenario, kernel);
};

test.each([2_000, 8_000])("at %i writes/s skipping them saves time and pages", (dirtyRate) => {
  const [skip, send] = [run("skip", dirtyRate), run("send", dirtyRate)];
  for (const { state } of [skip, send]) expect(state).toBe("completed");
  expect(skip.stats.normalPages).toBeLessThan(0.9 * send.stats.normalPages);
  expect(skip.stats.totalNs).toBeLessThan(0.9 * send.stats.totalNs);
  expect(skip.stats.downtimeNs).toBeLessThan(300e6);
});

test("a guest that holds still has none, and one that writes faster than the link does not converge", () => {
  expect(run("skip", 0).stats.normalPages).toBe(run("send", 0).stats.normalPages);
  expect(run("skip", 32_000).state).toBe("failed");
});

test("a round ends after one pass, however much is left of it", () => {
  // By hand: W pages written to at rate r, x of them to send at L pages a second. A page is sent unless it
  // was written before its turn, so a pass takes (W / r) ln(1 + r x / (L W)); later ones end early, at the limit.
  const { rounds } = run("skip", 8_000).stats;
  const [W, r, L] = [16_384, 8_000, (32 * MIB) / 4104];
  for (const [i, round] of rounds.slice(1, 3).entries()) {
    const x = rounds[i]?.remainingPages ?? 0;
    const seconds = (W / r) * Math.log(1 + (r * x) / (L * W));
    expect(round.durationNs / 1e9 / seconds, `round ${i + 2}`).toBeCloseTo(1, 0.9);
  }
});
