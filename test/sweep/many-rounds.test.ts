/** Guests that are looked at very often: what a round costs does not grow with the rounds before it. */
import { expect, test } from "vitest";
import { FluidMemory } from "../../ts/sweep/fluid/memory.ts";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { BASE, MIB } from "./scenarios.ts";

test("100,000 rounds under a policy that never stops end by the timeout, and in time", () => {
  const scenario = {
    ...BASE,
    memoryBytes: 32 * MIB,
    usedBytes: 16 * MIB,
    workingSetBytes: MIB,
    dirtyRate: 20_000,
    bandwidthBytesPerSec: 256 * MIB,
    policy: "round-limit",
    backgroundPages: 50,
    onLimit: "stop",
  } as const;
  const result = simulateFluid(scenario, FluidMemory.buffers());
  expect(result.isCompleted).toBe(true);
  expect(result.totalNs).toBeGreaterThanOrEqual(60e9);
  expect(result.totalNs).toBeLessThan(60.1e9);
  expect(result.dirtySyncCount).toBeGreaterThan(50_000);
}, 20_000);
