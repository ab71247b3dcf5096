/**
 * Guest level against the same migration between real processes: the same program, cap, strategy and policy, on
 * the virtual clock and between two daemons on loopback, on the clock of the wall. Bytes and pages depend little on
 * how busy the machine is, as long as the cap is less than it moves (a late look at the dirty log is one small round
 * more); times do.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Strategy } from "../../ts/migrate/options.ts";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import type { GuestScenarioRunner, Measurement, Scenario } from "../../ts/sweep/scenario.ts";
import { type DaemonProcess, printed, ROOT, startDaemon } from "../host/daemon-process.ts";
import { BASE, MIB } from "./scenarios.ts";

const FILL_MIB = 40;
const WS_MIB = 16;
const CAP_MIB = 16;
/** A guest that has just begun is left alone for so long in both worlds. */
const SETTLE_MS = 300;

interface Case {
  readonly strategy: Strategy;
  readonly pattern: "uniform" | "hotcold" | "sequential";
  readonly rate: number;
}

const CASES: readonly Case[] = [
  { strategy: "stop-and-copy", pattern: "uniform", rate: 1_000 },
  { strategy: "pre-copy", pattern: "uniform", rate: 0 },
  { strategy: "pre-copy", pattern: "uniform", rate: 1_000 },
  { strategy: "pre-copy", pattern: "uniform", rate: 3_000 },
  { strategy: "pre-copy", pattern: "hotcold", rate: 4_000 },
  { strategy: "pre-copy", pattern: "sequential", rate: 1_000 },
  { strategy: "post-copy", pattern: "uniform", rate: 1_000 },
  { strategy: "hybrid", pattern: "hotcold", rate: 4_000 },
];

const DISTRIBUTIONS = {
  uniform: { kind: "uniform" },
  hotcold: { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
  sequential: { kind: "sequential" },
} as const;

/** What a daemon does that is told nothing more. */
const scenarioOf = ({ pattern, rate, strategy }: Case): Scenario => ({
  ...BASE,
  fidelity: "guest",
  memoryBytes: 64 * MIB,
  usedBytes: FILL_MIB * MIB,
  workingSetBytes: WS_MIB * MIB,
  dirtyRate: rate,
  distribution: DISTRIBUTIONS[pattern],
  bandwidthBytesPerSec: 500 * MIB,
  bandwidthCapBytesPerSec: CAP_MIB * MIB,
  latencyNs: 50_000,
  downtimeLimitNs: 300e6,
  timeoutNs: 60e9,
  strategy,
  policy: "settle",
  hotPages: "skip",
  settleNs: SETTLE_MS * 1e6,
});

let hosts: readonly [DaemonProcess, DaemonProcess];
let runner: GuestScenarioRunner;

beforeAll(async () => {
  hosts = await Promise.all([startDaemon("192MiB"), startDaemon("192MiB")]);
  runner = await createGuestScenarioRunner();
});
afterAll(async () => {
  for (const host of hosts) await host.kill("SIGKILL");
  await runner.close?.();
});

async function between({ pattern, rate, strategy }: Case) {
  const [source, target] = hosts;
  await source.client.create({
    name: "g",
    kernel: join(ROOT, "guests/bin/dirtier.elf"),
    memory: "64MiB",
    append: `fill=${FILL_MIB}MiB ws=${WS_MIB}MiB rate=${rate} pattern=${pattern} seed=1 idle=sleep heartbeat=10`,
  });
  await source.client.act("g", "start");
  await printed(source.client, "g", { pattern: /ready/ });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const move = { target: target.address, strategy, bandwidth: `${CAP_MIB}MiB/s`, timeout: "60s" };
  const { state, stats } = await source.client.migrate("g", { ...move, onLimit: "fail" });
  await target.client.destroy("g");
  return { state, stats };
}

describe("a guest is moved on the virtual clock as between processes", () => {
  test.each(CASES)("$strategy, $pattern $rate writes/s", async (one) => {
    const virtual: Measurement = await runner.run(scenarioOf(one));
    const { state, stats } = await between(one);
    expect([virtual.state, state]).toEqual(["completed", "completed"]);
    const { normal, transferred } = stats.ram;
    const what = JSON.stringify({ virtual, ram: stats.ram, totalMs: stats["total-time"] });
    expect(Math.abs(virtual.transferred_bytes / transferred - 1), what).toBeLessThan(0.06);
    expect(Math.abs(virtual.normal_pages / normal - 1), what).toBeLessThan(0.06);
    const rounds = stats.ram["dirty-sync-count"];
    expect(Math.abs(virtual.dirty_sync_count - rounds), what).toBeLessThanOrEqual(4);
    // Not faster than the cap lets it go; how much slower is the machine's, and nothing here.
    expect(stats["total-time"], what).toBeGreaterThan(0.95 * virtual.total_time_ms);
    expect(stats["total-time"], what).toBeLessThan(3 * virtual.total_time_ms + 5000);
  });
});
