/** Does the downtime keep its limit? Two hundred dirtiers, each with its own rate, pattern, link and limit. */
import { expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { MIB, QEMU } from "./scenarios.ts";

const RUNS = 200;
const PATTERNS = [
  { kind: "uniform" },
  { kind: "sequential" },
  { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
] as const;

test("of 200 dirtiers 99 % and more are stopped for no longer than asked for", () => {
  const kernel = loadPageKernel();
  const random = new Random(4);
  const late: string[] = [];
  let completed = 0;
  for (let run = 0; run < RUNS; run++) {
    const scenario: Scenario = {
      ...QEMU,
      memoryBytes: 96 * MIB,
      usedBytes: 64 * MIB,
      workingSetBytes: 16 * MIB,
      seed: run,
      policy: "settle",
      hotPages: "skip",
      slowdown: run % 2 === 0 ? "auto-converge" : "none",
      dirtyRate: 500 * 2 ** random.below(7),
      distribution: PATTERNS[run % PATTERNS.length] as (typeof PATTERNS)[number],
      bandwidthBytesPerSec: (32 + random.below(400)) * MIB,
      bandwidthCapBytesPerSec: run % 3 === 0 ? null : 32 * MIB,
      downtimeLimitNs: [300e6, 100e6, 30e6][random.below(3)] as number,
    };
    const { state, stats } = simulatePages(scenario, kernel);
    if (state !== "completed") continue;
    completed++;
    expect(stats.downtimeNs).toBeLessThanOrEqual(stats.totalNs);
    if (stats.downtimeNs > scenario.downtimeLimitNs)
      late.push(`${run}: ${stats.downtimeNs / 1e6} of ${scenario.downtimeLimitNs / 1e6} ms`);
  }
  // The others write faster than their links move, and nobody holds them back.
  expect(completed).toBeGreaterThan(0.75 * RUNS);
  expect(late.length, late.join(", ")).toBeLessThanOrEqual(0.01 * completed);
});
