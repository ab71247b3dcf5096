/** Page level against real guests on the virtual clock: the same engine, a model instead of a machine. */
import { describe, expect, test } from "vitest";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { measurementOf, simulatePages } from "../../ts/sweep/page-model.ts";
import type { Distribution, Scenario } from "../../ts/sweep/scenario.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();
const FILL_BYTES = 56 * MIB;
const SEEDS = { "pre-copy": 20, "stop-and-copy": 1, hybrid: 3, "post-copy": 1 } as const;

/** A guest of 64 MiB, and the same as a model: what it never touched is not sent at all. */
const guest: Scenario = {
  ...BASE,
  fidelity: "guest",
  memoryBytes: 64 * MIB,
  usedBytes: FILL_BYTES,
  workingSetBytes: 24 * MIB,
  dirtyRate: 4_000,
  bandwidthBytesPerSec: 25e6,
  downtimeLimitNs: 100e6,
  timeoutNs: 30e9,
};
const model: Scenario = {
  ...guest,
  fidelity: "page",
  memoryBytes: FILL_BYTES + 32 * 4096,
  usedBytes: FILL_BYTES + 32 * 4096,
  workingSetOffsetBytes: 32 * 4096,
};

const DISTRIBUTIONS: readonly Distribution[] = [
  { kind: "uniform" },
  { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
  { kind: "sequential" },
];

describe.each(DISTRIBUTIONS)("a guest that writes as %j", (distribution) => {
  test.each(Object.keys(SEEDS) as (keyof typeof SEEDS)[])(
    "is moved by %s as its model is, within 1 %% in time and pages",
    async (strategy) => {
      const runner = await createGuestScenarioRunner();
      const mean = { total: 0, pages: 0, guestTotal: 0, guestPages: 0 };
      for (let seed = 1; seed <= SEEDS[strategy]; seed++) {
        const { stats, ...rest } = simulatePages(
          { ...model, distribution, strategy, seed },
          kernel,
        );
        expect(rest.state).toBe("completed");
        const told = measurementOf({ ...rest, stats } as never, model.memoryBytes / 4096);
        mean.total += told.total_time_ms / SEEDS[strategy];
        mean.pages += told.normal_pages / SEEDS[strategy];
      }
      for (const seed of [1, 2]) {
        const real = await runner.run({ ...guest, distribution, strategy, seed });
        expect([real.state, real.error]).toEqual(["completed", ""]);
        mean.guestTotal += real.total_time_ms / 2;
        mean.guestPages += real.normal_pages / 2;
      }
      await runner.close?.();
      const what = JSON.stringify(mean);
      expect(Math.abs(mean.total / mean.guestTotal - 1), what).toBeLessThan(0.01);
      expect(Math.abs(mean.pages / mean.guestPages - 1), what).toBeLessThan(0.01);
    },
    60_000,
  );
});
