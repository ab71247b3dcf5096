import { describe, expect, test } from "vitest";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { measurementOf, simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";

const MIB = 2 ** 20;
const kernel = loadPageKernel();

const base: Scenario = {
  index: 0,
  part: "test",
  fidelity: "page",
  repetition: 0,
  seed: 1,
  memoryBytes: 1024 * MIB,
  usedBytes: 1024 * MIB,
  workingSetBytes: 1024 * MIB,
  dirtyRate: 10_000,
  distribution: { kind: "uniform" },
  backgroundPages: 0,
  bandwidthBytesPerSec: 125e6,
  latencyNs: 100_000,
  bandwidthCapBytesPerSec: null,
  downtimeLimitNs: 300e6,
  strategy: "pre-copy",
  roundsMax: null,
  timeoutNs: 60e9,
  onLimit: "fail",
  wire: { normalPageBytes: 4104, zeroPageBytes: 9 },
};

/** A QEMU run of docs/anchors: 604 MB of address space, 92,110 pages of it not zero. */
const qemu: Scenario = {
  ...base,
  memoryBytes: (92_110 + 55_420) * 4096,
  usedBytes: 92_110 * 4096,
  workingSetBytes: 64 * MIB,
  backgroundPages: 40,
  bandwidthBytesPerSec: 1200 * MIB,
  latencyNs: 20_000,
};

interface Anchor {
  readonly rate: number;
  readonly capMibPerSec: number | null;
  readonly totalMs: number;
  readonly rounds: number;
  readonly normalPages: number;
}

const anchors: readonly Anchor[] = [
  { rate: 0, capMibPerSec: 32, totalMs: 11_223, rounds: 3, normalPages: 92_126 },
  { rate: 0, capMibPerSec: 128, totalMs: 2_822, rounds: 3, normalPages: 92_118 },
  { rate: 2_000, capMibPerSec: 32, totalMs: 13_023, rounds: 6, normalPages: 107_232 },
  { rate: 2_000, capMibPerSec: 128, totalMs: 2_834, rounds: 3, normalPages: 96_889 },
  { rate: 8_000, capMibPerSec: 32, totalMs: 17_362, rounds: 19, normalPages: 143_765 },
  { rate: 8_000, capMibPerSec: 128, totalMs: 3_036, rounds: 5, normalPages: 105_171 },
  { rate: 32_000, capMibPerSec: 128, totalMs: 3_249, rounds: 5, normalPages: 114_020 },
];

describe("the page-level model", () => {
  test.each(anchors)("predicts QEMU's $rate writes/s at $capMibPerSec MiB/s within 5 %", (row) => {
    const result = simulatePages(
      { ...qemu, dirtyRate: row.rate, bandwidthCapBytesPerSec: (row.capMibPerSec ?? 0) * MIB },
      kernel,
    );
    expect(result.state).toBe("completed");
    const measured = measurementOf(result, qemu.memoryBytes / 4096);
    console.log(row, measured.total_time_ms, measured.normal_pages, measured.dirty_sync_count);
    expect(measured.total_time_ms / row.totalMs).toBeCloseTo(1, 1);
  });

  test("speed", () => {
    for (let k = 0; k < 4; k++) {
      const start = performance.now();
      const n = 200;
      for (let i = 0; i < n; i++) simulatePages({ ...base, seed: i }, kernel);
      console.log("scenarios/s", (n * 1000) / (performance.now() - start));
    }
    console.log(measurementOf(simulatePages(base, kernel), 1));
  });
});
