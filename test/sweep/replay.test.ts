/** A recorded trace as a writer: a migration of it is a migration of the guest that it was taken from. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DirtyTrace, encodeTrace, pagesOfBitmap } from "../../ts/migrate/trace/trace.ts";
import { createGuestScenarioRunner } from "../../ts/sweep/guest-runner.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { readRows } from "../../ts/sweep/results/read.ts";
import { runSweep } from "../../ts/sweep/run-sweep.ts";
import type { Distribution, Scenario } from "../../ts/sweep/scenario.ts";
import { prepareReplay, sha256Of, type TraceDistribution } from "../../ts/sweep/trace/replay.ts";
import { recordGuest } from "../../ts/sweep/trace/traced-guest.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();
const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-replay-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const KINDS: Readonly<Record<string, number>> = {
  uniform: 0,
  "hot-cold": 1,
  sequential: 2,
  zipf: 3,
};
const PAGES = 16_384;
const WS = 8_192;

/** What the page-level writer leaves in a dirty log in each 25 ms of 10 s. */
function traceOf(distribution: Distribution, rate: number): DirtyTrace {
  kernel.modelCreate(PAGES, 7, 7);
  kernel.modelWriter(KINDS[distribution.kind] as number, 0, WS);
  if (distribution.kind === "hot-cold")
    kernel.modelHot(Math.round(WS * distribution.hotPages), distribution.hotWrites);
  if (distribution.kind === "zipf") kernel.modelZipf(distribution.exponent);
  const log = () => new Uint8Array(kernel.memory.buffer, kernel.modelLog(), PAGES / 8);
  const intervals = Array.from({ length: 400 }, () => {
    log().fill(0);
    kernel.modelWrite(rate / 40);
    return pagesOfBitmap(log());
  });
  return { pageCount: PAGES, usedPages: PAGES, intervalNs: 25e6, intervals };
}

function written(name: string, trace: DirtyTrace): TraceDistribution {
  const file = join(scratch, name);
  writeFileSync(file, encodeTrace(trace));
  const { pagesPerSec } = prepareReplay(trace, 0);
  return { kind: "trace", file, sha256: sha256Of(file), pagesPerSec, start: "beginning" };
}

const guest: Scenario = {
  ...BASE,
  memoryBytes: PAGES * 4096,
  usedBytes: PAGES * 4096,
  workingSetBytes: WS * 4096,
  bandwidthBytesPerSec: 40e6,
  downtimeLimitNs: 100e6,
  timeoutNs: 30e9,
};

describe.each<Distribution>([
  { kind: "uniform" },
  { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
  { kind: "zipf", exponent: 1 },
  { kind: "sequential" },
])("a replayed trace of %j", (distribution) => {
  const rate = 8_000;
  const trace = written(`${distribution.kind}.wvtrace`, traceOf(distribution, rate));
  const replayed = { ...guest, distribution: trace, dirtyRate: trace.pagesPerSec };
  const original = { ...guest, distribution, dirtyRate: rate };

  test.each(["pre-copy", "stop-and-copy"] as const)(
    "takes as long, and sends as much, as its writer, within two percent: %s",
    (strategy) => {
      const mean = { totalNs: 0, bytes: 0 };
      for (let seed = 1; seed <= 10; seed++) {
        const { state, stats } = simulatePages({ ...original, strategy, seed }, kernel);
        expect(state).toBe("completed");
        mean.totalNs += stats.totalNs / 10;
        mean.bytes += stats.transferredBytes / 10;
      }
      const told = simulatePages({ ...replayed, strategy }, kernel);
      const what = JSON.stringify({
        mean,
        told: [told.stats.totalNs, told.stats.transferredBytes],
      });
      expect(told.state).toBe("completed");
      expect(Math.abs(told.stats.totalNs / mean.totalNs - 1), what).toBeLessThan(0.02);
      expect(Math.abs(told.stats.transferredBytes / mean.bytes - 1), what).toBeLessThan(0.02);
    },
  );

  test("goes on at the target, and is as good as its writer at not converging", () => {
    const hybrid = simulatePages({ ...replayed, strategy: "hybrid" }, kernel);
    expect(hybrid.state).toBe("completed");
    expect(hybrid.stats.normalPages).toBeGreaterThan(PAGES);
    // Ten times as fast over a quarter of the link.
    const hard = { ...replayed, dirtyRate: 10 * trace.pagesPerSec, bandwidthBytesPerSec: 10e6 };
    expect(simulatePages({ ...hard, timeoutNs: 10e9, downtimeLimitNs: 10e6 }, kernel).state).toBe(
      "failed",
    );
  });
});

describe("the trace of a real guest", () => {
  let trace: DirtyTrace;
  beforeAll(async () => {
    const elf = new URL("../../guests/bin/dirtier.elf", import.meta.url);
    trace = await recordGuest({
      kernel: readFileSync(elf),
      bootArgs: `fill=${56 * MIB} ws=${24 * MIB} rate=4000 pattern=hotcold seed=1 idle=sleep heartbeat=10`,
      memoryBytes: 64 * MIB,
      mips: 500,
      until: /^ready/m,
      settleNs: 50e6,
      intervalNs: 25e6,
      intervals: 400,
    });
  });

  test("is moved as the guest is, within 2 % in time and pages", async () => {
    const runner = await createGuestScenarioRunner();
    const scenario: Scenario = {
      ...BASE,
      fidelity: "guest",
      memoryBytes: 64 * MIB,
      usedBytes: 56 * MIB,
      workingSetBytes: 24 * MIB,
      distribution: { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
      dirtyRate: 4_000,
      bandwidthBytesPerSec: 25e6,
      downtimeLimitNs: 100e6,
      timeoutNs: 30e9,
    };
    const real = await runner.run(scenario);
    await runner.close?.();
    const distribution = written("guest.wvtrace", trace);
    const { usedPages } = prepareReplay(trace, 0);
    const model: Scenario = {
      ...scenario,
      ...{ distribution, usedBytes: usedPages * 4096, memoryBytes: usedPages * 4096, settleNs: 0 },
      ...{ fidelity: "page", dirtyRate: distribution.pagesPerSec },
    };
    const { state, stats } = simulatePages(model, kernel);
    const what = JSON.stringify({ real, told: [stats.totalNs / 1e6, stats.normalPages] });
    expect([state, real.state]).toEqual(["completed", "completed"]);
    expect(Math.abs(stats.totalNs / 1e6 / real.total_time_ms - 1), what).toBeLessThan(0.02);
    expect(Math.abs(stats.normalPages / real.normal_pages - 1), what).toBeLessThan(0.02);
  });
});

describe("a plan with a trace", () => {
  const text = (more = "", trace = "uniform.wvtrace") => `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: replayed
repetitions: 3
parts:
  - name: web
    fidelity: page
    writer: { trace: ${trace}${more} }
    axes:
      bandwidth: [500Mbit, 1Gbit]
      strategy: [pre-copy, stop-and-copy]
    settings: { backgroundPages: 0 }
`;
  const planFile = join(scratch, "plan.yaml");

  async function rowsOf(plan: ReturnType<typeof parsePlan>, out: string) {
    const { files } = await runSweep(plan, { out: join(scratch, out), engine: "inline" });
    const rows = [];
    for await (const row of readRows(files.results, "ndjson")) rows.push(row);
    return rows;
  }

  test("takes memory and rate from it, replays it, and says so in every row", async () => {
    const rows = await rowsOf(parsePlan(text(), planFile), "one");
    expect(rows.map((row) => row.state)).toEqual(Array(12).fill("completed"));
    expect(new Set(rows.map((row) => row.distribution))).toEqual(
      new Set(["trace uniform.wvtrace"]),
    );
    expect(new Set(rows.map((row) => row.memory_bytes))).toEqual(new Set([PAGES * 4096]));
    const again = await rowsOf(parsePlan(text(", start: random"), planFile), "random");
    const spread = (all: typeof rows) =>
      new Set(all.filter((row) => row.strategy === "pre-copy").map((row) => row.transferred_bytes))
        .size;
    expect(spread(again)).toBeGreaterThan(spread(rows));
  });

  test("of several traces has a point for each", async () => {
    const rows = await rowsOf(
      parsePlan(text("", "[uniform.wvtrace, zipf.wvtrace]"), planFile),
      "two",
    );
    expect(rows.length).toBe(24);
    expect(new Set(rows.map((row) => row.distribution)).size).toBe(2);
    expect(new Set(rows.map((row) => row.dirty_rate_pages_per_s)).size).toBe(2);
  });

  test("is refused where it cannot be replayed, by name and place", () => {
    writeFileSync(
      join(scratch, "cut.wvtrace"),
      readFileSync(join(scratch, "uniform.wvtrace")).subarray(0, 4000),
    );
    const cases: readonly (readonly [string, RegExp])[] = [
      [text("", "absent.wvtrace"), /plan\.yaml: part web: writer: trace: cannot read .*ENOENT/],
      [text("", "cut.wvtrace"), /part web: writer: .*cut\.wvtrace: byte \d+: the file is cut/],
      [
        text().replace("fidelity: page", "fidelity: fluid"),
        /plan\.yaml:7:15: parts\[0\]\.fidelity: a trace is replayed page by page/,
      ],
      [text().replace(/ {4}writer.*\n/, ""), /parts\[0\]\.axes: "memory" is missing/],
      [text(", begin: 3"), /plan\.yaml:8:\d+: parts\[0\]\.writer\.begin: unknown key/],
    ];
    for (const [plan, message] of cases)
      expect(() => parsePlan(plan, planFile)).toThrowError(
        expect.objectContaining({ code: "WV_BAD_PLAN", message: expect.stringMatching(message) }),
      );
  });
});
