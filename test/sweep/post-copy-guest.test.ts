/** A real guest in post-copy and hybrid, on the virtual clock: what its user sees. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import type { GuestScenarioRunner, Scenario } from "../../ts/sweep/scenario.ts";

const MIB = 2 ** 20;
let runner: GuestScenarioRunner;
beforeAll(async () => {
  runner = await createGuestScenarioRunner();
});
afterAll(() => runner.close?.());

/** A quarter of the guest that QEMU was measured with, and the same working set. */
const base: Scenario = {
  index: 0,
  part: "guest",
  fidelity: "guest",
  repetition: 0,
  seed: 1,
  memoryBytes: 160 * MIB,
  usedBytes: 96 * MIB,
  workingSetBytes: 64 * MIB,
  dirtyRate: 8_000,
  distribution: { kind: "uniform" },
  backgroundPages: 0,
  bandwidthBytesPerSec: 1200 * MIB,
  latencyNs: 20_000,
  bandwidthCapBytesPerSec: 32 * MIB,
  downtimeLimitNs: 300e6,
  strategy: "post-copy",
  roundsMax: null,
  preCopyRounds: 1,
  policy: "qemu",
  xbzrleCacheBytes: 0,
  slowdown: "none",
  dirtyLimitPagesPerSec: null,
  timeoutNs: 60e9,
  onLimit: "fail",
  wire: { normalPageBytes: 4104, zeroPageBytes: 9 },
};

describe.each([
  { strategy: "post-copy", dirtyRate: 8_000, silenceMs: 100 },
  { strategy: "post-copy", dirtyRate: 32_000, silenceMs: 250 },
  { strategy: "hybrid", dirtyRate: 32_000, silenceMs: 250 },
] as const)("$strategy at $dirtyRate writes/s", ({ strategy, dirtyRate, silenceMs }) => {
  test.each([1200, 32])("over a link of %i MiB/s, capped at 32", async (mib) => {
    const row = await runner.run({
      ...base,
      strategy,
      dirtyRate,
      bandwidthBytesPerSec: mib * MIB,
    });
    expect(row.error).toBe("");
    expect(row.state).toBe("completed");
    expect(row.gap_ms).toBeLessThanOrEqual(silenceMs);
    expect(row.gap_ms).toBeGreaterThanOrEqual(10);
    expect(row.postcopy_requests).toBeGreaterThan(1000);
  });
});
