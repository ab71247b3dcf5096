/** A real guest in post-copy and hybrid, on the virtual clock: what its user sees. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import type { GuestScenarioRunner, Scenario } from "../../ts/sweep/scenario.ts";
import { CAPPED, MIB } from "./scenarios.ts";

let runner: GuestScenarioRunner;
beforeAll(async () => {
  runner = await createGuestScenarioRunner();
});
afterAll(() => runner.close?.());

/** A quarter of the guest that QEMU was measured with, and the same working set. */
const base: Scenario = {
  ...CAPPED,
  fidelity: "guest",
  memoryBytes: 160 * MIB,
  usedBytes: 96 * MIB,
  backgroundPages: 0,
  strategy: "post-copy",
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
    // The dirtier only stores, and a store to a page that has not arrived waits for nothing.
    expect(row.postcopy_requests).toBeLessThan(100);
  });
});
