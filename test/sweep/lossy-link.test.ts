/** Links that lose packets, and several connections over one: against arithmetic by hand, and each other. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { simulatedNetwork } from "../../ts/migrate/sim-link.ts";
import { flowBytesPerSec } from "../../ts/migrate/tcp-flow.ts";
import { scenarioAt } from "../../ts/sweep/expand.ts";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import type { GuestScenarioRunner, Scenario } from "../../ts/sweep/scenario.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();

/** 40 ms there and back, one packet of a thousand lost: 1460 / 0.04 * sqrt(1.5 / 0.001) bytes a second. */
const LOSSY = { latencyNs: 20e6, lossRatio: 0.001 };
const FLOW = 1_413_639;

test("a connection that loses packets moves what Mathis' rule says, and never more than the link", () => {
  expect(flowBytesPerSec({ bytesPerSec: 125e6, ...LOSSY })).toBeCloseTo(FLOW, -1);
  // A quarter of the loss, or half of the round trip: twice as fast.
  expect(flowBytesPerSec({ bytesPerSec: 125e6, ...LOSSY, lossRatio: 0.00025 })).toBeCloseTo(
    2 * FLOW,
    -1,
  );
  expect(flowBytesPerSec({ bytesPerSec: 125e6, ...LOSSY, latencyNs: 10e6 })).toBeCloseTo(
    2 * FLOW,
    -1,
  );
  expect(flowBytesPerSec({ bytesPerSec: 1e6, ...LOSSY })).toBe(1e6);
  expect(flowBytesPerSec({ bytesPerSec: 125e6, latencyNs: 20e6, lossRatio: 0 })).toBe(125e6);
});

describe("connections over one simulated link", () => {
  /** Seconds until each of `count` connections has sent `bytes`. */
  function seconds(count: number, bytes: number, bytesPerSec: number): number {
    const clock = new VirtualClock();
    const network = simulatedNetwork({ clock, bytesPerSec, ...LOSSY });
    let left = count;
    for (let i = 0; i < count; i++) {
      const sent = network.open()[0].send(new Uint8Array(0), bytes) as PromiseLike<void> & {
        observe(done: () => void): void;
      };
      sent.observe(() => left--);
    }
    clock.run(() => left === 0);
    return clock.nowNs() / 1e9;
  }

  test("are as fast together as all of them, until the link is full", () => {
    expect(seconds(1, FLOW, 125e6)).toBeCloseTo(1, 3);
    expect(seconds(4, FLOW, 125e6)).toBeCloseTo(1, 3);
    // A link of two connections' worth: four of them need twice the time.
    expect(seconds(4, FLOW, 2 * FLOW)).toBeCloseTo(2, 3);
  });

  test("a loss that is none is refused", () => {
    const clock = new VirtualClock();
    expect(() => simulatedNetwork({ clock, bytesPerSec: 1, lossRatio: 1.5 })).toThrow(RangeError);
  });
});

const scenario: Scenario = {
  ...BASE,
  memoryBytes: 256 * MIB,
  usedBytes: 256 * MIB,
  workingSetBytes: 32 * MIB,
  dirtyRate: 1000,
  latencyNs: 2e6,
};

/** Of ten seeds: one of them may need a round more than another. */
function meanOf(its: Scenario): Record<"totalNs" | "normalPages" | "transferredBytes", number> {
  const mean = { totalNs: 0, normalPages: 0, transferredBytes: 0 };
  for (let seed = 0; seed < 10; seed++) {
    const { stats } = simulatePages({ ...its, seed }, kernel);
    mean.totalNs += stats.totalNs / 10;
    mean.normalPages += stats.normalPages / 10;
    mean.transferredBytes += stats.transferredBytes / 10;
  }
  return mean;
}

describe.each([1, 2, 8, 16])("%i channels", (channels) => {
  test.each([0, 0.0001, 0.001])(
    "stop-and-copy takes what they move, at a loss of %d",
    (lossRatio) => {
      const flow = lossRatio === 0 ? 125e6 : (1460 / 0.004) * Math.sqrt(1.5 / lossRatio);
      const setupSec = 0.004 * (channels + 1);
      const seconds = (65_536 * 4104) / Math.min(125e6, channels * flow) + setupSec;
      const change = { ...scenario, channels, lossRatio, strategy: "stop-and-copy" } as const;
      const { state, stats } = simulatePages(change, kernel);
      expect([state, stats.channels]).toEqual(["completed", channels]);
      expect(Math.abs(stats.totalNs / 1e9 / seconds - 1)).toBeLessThan(0.01);
      expect(Math.abs(simulateFluid(change).totalNs / 1e9 / seconds - 1)).toBeLessThan(0.01);
    },
  );

  test.each(["pre-copy", "post-copy", "hybrid"] as const)(
    "fluid and page level agree within 1 %% in %s",
    (strategy) => {
      for (const lossRatio of [0, 0.0001, 0.001]) {
        const change: Scenario = { ...scenario, channels, lossRatio, strategy };
        const fluid = simulateFluid(change);
        const stats = meanOf(change);
        const what = `${lossRatio}: ${fluid.totalNs / 1e6} ms, page ${stats.totalNs / 1e6} ms`;
        expect(Math.abs(fluid.totalNs / stats.totalNs - 1), what).toBeLessThan(0.01);
        expect(Math.abs(fluid.normalPages / stats.normalPages - 1), what).toBeLessThan(0.01);
        expect(Math.abs(fluid.transferredBytes / stats.transferredBytes - 1), what).toBeLessThan(
          0.01,
        );
      }
    },
  );
});

describe("a real guest", () => {
  let runner: GuestScenarioRunner;
  beforeAll(async () => {
    runner = await createGuestScenarioRunner();
  });
  afterAll(() => runner.close?.());

  test("needs as long over a link that loses packets as its model, with one connection and with four", async () => {
    const guest: Scenario = {
      ...scenario,
      fidelity: "guest",
      memoryBytes: 32 * MIB,
      usedBytes: 24 * MIB,
      workingSetBytes: 4 * MIB,
      dirtyRate: 500,
      lossRatio: 0.0001,
      downtimeLimitNs: 50e6,
    };
    const times: number[] = [];
    for (const channels of [1, 4]) {
      const row = await runner.run({ ...guest, channels });
      expect([row.state, row.error]).toEqual(["completed", ""]);
      const memoryBytes = 24 * MIB + 32 * 4096;
      const model = { ...guest, channels, memoryBytes, usedBytes: memoryBytes };
      const { stats } = simulatePages(model, kernel);
      const what = `guest ${row.total_time_ms} ms, model ${stats.totalNs / 1e6} ms`;
      expect(Math.abs(row.total_time_ms / (stats.totalNs / 1e6) - 1), what).toBeLessThan(0.05);
      times.push(row.total_time_ms);
    }
    expect((times[0] as number) / (times[1] as number)).toBeGreaterThan(2);
  }, 60_000);
});

test("a plan has loss and channels as axes, and refuses what no link does", () => {
  const plan = (loss: string, channels: string): string => `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: lossy
parts:
  - name: fluid
    fidelity: fluid
    axes: { memory: 64MiB, bandwidth: 1Gbit, loss: ${loss}, channels: ${channels}, dirtyRate: 10 }
`;
  const parsed = parsePlan(plan("[0, 0.1%, 0.01]", "[1, 4]"));
  const seen = [0, 1, 2, 3, 4, 5].map((i) => scenarioAt(parsed, i, 1));
  expect(seen.map(({ lossRatio }) => lossRatio)).toEqual([0, 0, 0.001, 0.001, 0.01, 0.01]);
  expect(seen.map(({ channels }) => channels)).toEqual([1, 4, 1, 4, 1, 4]);
  for (const bad of [plan("60%", "1"), plan("-1", "1"), plan("0", "17"), plan("0", "0")])
    expect(() => parsePlan(bad)).toThrowError(expect.objectContaining({ code: "WV_BAD_PLAN" }));
});
