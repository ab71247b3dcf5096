import { describe, expect, test } from "vitest";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { measurementOf, simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { MEASURED, type MeasuredRow } from "./qemu-measured.ts";
import { BASE, MIB, QEMU } from "./scenarios.ts";

const kernel = loadPageKernel();

/** Relative error of each row that QEMU measured; what the model may be off by. */
const TOLERANCE = 0.05;
const close = (ours: number, theirs: number): boolean => Math.abs(ours / theirs - 1) <= TOLERANCE;

function predict(row: Pick<MeasuredRow, "rate" | "capMibPerSec">) {
  const cap = row.capMibPerSec * MIB;
  const result = simulatePages(
    { ...QEMU, dirtyRate: row.rate, bandwidthCapBytesPerSec: cap },
    kernel,
  );
  return { result, measured: measurementOf(result, QEMU.memoryBytes / 4096) };
}

describe("the page-level model", () => {
  test.each(MEASURED)("predicts QEMU's $rate writes/s at $capMibPerSec MiB/s within 5 %", (row) => {
    const { result, measured } = predict(row);
    expect(result.state).toBe("completed");
    const ours = `${measured.total_time_ms} ms, ${measured.normal_pages} pages`;
    expect(close(measured.total_time_ms, row.totalMs), ours).toBe(true);
    expect(close(measured.normal_pages, row.normalPages), ours).toBe(true);
    // Small rounds at the end come and go by chance.
    expect(Math.abs(measured.dirty_sync_count - row.rounds)).toBeLessThanOrEqual(2);
  });

  test("predicts that 32,000 writes/s at 32 MiB/s never converge", () => {
    const { result } = predict({ rate: 32_000, capMibPerSec: 32 });
    expect(result.state).toBe("failed");
    expect(result.stats.totalNs).toBeGreaterThanOrEqual(60e9);
    expect(result.stats.totalNs).toBeLessThan(61e9);
  });

  test("sends everything once and nothing twice when the guest is idle or stopped", () => {
    for (const strategy of ["pre-copy", "stop-and-copy"] as const) {
      const result = simulatePages({ ...BASE, dirtyRate: 0, strategy }, kernel);
      expect(result.stats.normalPages).toBe(262_144);
      expect(result.stats.transferredBytes).toBeGreaterThan(262_144 * 4104);
      expect(result.stats.totalNs / ((262_144 * 4104) / 125e6) / 1e9).toBeCloseTo(1, 3);
    }
  });

  test("is a function of the scenario: same seed same bytes, another seed others", () => {
    const distributions = [
      { kind: "uniform" },
      { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
      { kind: "zipf", exponent: 0.9 },
    ] as const;
    for (const distribution of distributions) {
      const run = (seed: number): string =>
        JSON.stringify(simulatePages({ ...BASE, distribution, seed }, kernel));
      const first = run(1);
      simulatePages({ ...BASE, memoryBytes: 64 * MIB, workingSetBytes: MIB }, kernel);
      expect(run(1) === first).toBe(true);
      expect(run(2) === first).toBe(false);
    }
  });

  test("skewed writes dirty fewer distinct pages than even ones", () => {
    const pages = (distribution: Scenario["distribution"]): number =>
      simulatePages({ ...BASE, distribution }, kernel).stats.normalPages;
    const uniform = pages({ kind: "uniform" });
    expect(pages({ kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 })).toBeLessThan(uniform);
    expect(pages({ kind: "zipf", exponent: 1.1 })).toBeLessThan(uniform);
    expect(pages({ kind: "zipf", exponent: 0 }) / uniform).toBeCloseTo(1, 1);
  });

  test("a working set larger than memory is refused", () => {
    expect(() => simulatePages({ ...BASE, workingSetBytes: 2048 * MIB }, kernel)).toThrowError(
      expect.objectContaining({ code: "WV_CONFIG" }),
    );
  });
});

describe("the writers", () => {
  const share = (kind: number, writes: number): number => {
    kernel.modelCreate(10_000, 9, 9);
    kernel.modelWriter(kind, 0, 10_000);
    kernel.modelHot(1_000, 0.9);
    if (kind === 3) kernel.modelZipf(1);
    kernel.modelWrite(writes);
    return kernel.modelHarvest() / 10_000;
  };

  test("touch as many distinct pages as theory says", () => {
    expect(share(0, 10_000)).toBeCloseTo(1 - Math.exp(-1), 1.5);
    expect(share(1, 1_000)).toBeCloseTo(
      0.1 * (1 - Math.exp(-0.9)) + 0.9 * (1 - Math.exp(-1 / 90)),
      1.5,
    );
    expect(share(2, 2_500)).toBe(0.25);
    const harmonic = Array.from({ length: 10_000 }, (_, i) => 1 / (i + 1)).reduce((a, b) => a + b);
    let zipf = 0;
    for (let rank = 1; rank <= 10_000; rank++) zipf += 1 - Math.exp(-5_000 / rank / harmonic);
    expect(share(3, 5_000)).toBeCloseTo(zipf / 10_000, 1.5);
  });
});
