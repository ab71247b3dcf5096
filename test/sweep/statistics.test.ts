/** Against values that were worked out by hand, or stand in tables of Student's t. */
import { describe, expect, test } from "vitest";
import { Cells } from "../../ts/sweep/cells.ts";
import type { ResultRow } from "../../ts/sweep/scenario.ts";
import { quantileOf, Sample, studentT975 } from "../../ts/sweep/statistics.ts";

const of = (...values: number[]) => {
  const sample = new Sample();
  for (const value of values) sample.add(value);
  return sample.statistics();
};

describe("the statistics of a sample", () => {
  test("of 2, 4, 4, 4, 5, 5, 7, 9 are those of the textbook", () => {
    // Mean 40/8; squares 9+1+1+1+0+0+4+16 = 32, sd = sqrt(32/7) = 2.138; t(7) = 2.365, ci = 2.365 * 2.138 / sqrt(8).
    // p5 lies at 0.35 of the way from the first to the second of 8: 2 + 0.35 * 2; p95 at 6.65: 7 + 0.65 * 2.
    expect(of(9, 2, 4, 5, 4, 7, 4, 5)).toEqual({
      count: 8,
      mean: 5,
      sd: 2.138,
      ci95: 1.787,
      min: 2,
      max: 9,
      p5: 2.7,
      p50: 4.5,
      p95: 8.3,
      p99: 8.86,
    });
  });

  test("of one value have neither spread nor interval, of none there are none", () => {
    expect(of(3)).toMatchObject({ count: 1, mean: 3, sd: null, ci95: null, p5: 3, p99: 3 });
    expect(of()).toBeUndefined();
  });

  test("of two values have the interval of one degree of freedom", () => {
    // sd = sqrt(8), t(1) = 12.7062: 12.7062 * sqrt(8) / sqrt(2).
    expect(of(1, 5)).toMatchObject({ mean: 3, sd: 2.828, ci95: 25.412, p50: 3 });
  });

  test("hold for more values than a sample begins with, in any order", () => {
    const values = Array.from({ length: 1001 }, (_, i) => (i * 400) % 1001);
    const sorted = Float64Array.from(values).sort();
    expect(of(...values)).toMatchObject({ mean: 500, p5: 50, p50: 500, p95: 950, p99: 990 });
    expect(quantileOf(sorted, 0.25)).toBe(250);
  });

  test("use Student's t: 40, 60, 120 degrees of freedom, and the normal distribution far out", () => {
    for (const [freedom, t] of [
      [5, 2.571],
      [30, 2.042],
      [40, 2.021],
      [60, 2.0],
      [120, 1.98],
      [1e6, 1.96],
    ] as const)
      expect(studentT975(freedom)).toBeCloseTo(t, 3);
  });
});

describe("cells", () => {
  const row = (change: Partial<ResultRow>): ResultRow =>
    ({
      part: "a",
      strategy: "pre-copy",
      memory_bytes: 1,
      dirty_rate_pages_per_s: 5,
      state: "completed",
      repetition: 0,
      total_time_ms: 0,
      downtime_ms: 0,
      transferred_bytes: 0,
      ...change,
    }) as ResultRow;

  test("are the repetitions of one point; what failed counts as a run, not in the times", () => {
    const lines: string[] = [];
    const cells = new Cells((line) => lines.push(line));
    for (const [rate, times] of [
      [5, [10, 20, 30]],
      [7, [100, Number.NaN, 300]],
    ] as const)
      times.forEach((time, repetition) => {
        const state = Number.isNaN(time) ? "failed" : "completed";
        const measured = { state, total_time_ms: time, downtime_ms: time / 10 } as const;
        cells.add(
          row({ dirty_rate_pages_per_s: rate, repetition, transferred_bytes: 8, ...measured }),
        );
      });
    cells.end();
    const [first, second] = cells.shown();
    expect(cells.count).toBe(2);
    expect(first).toMatchObject({
      axes: { dirty_rate_pages_per_s: 5 },
      runs: 3,
      completed: 3,
      total_time_ms: { mean: 20, sd: 10, p50: 20, p95: 29 },
      downtime_ms: { mean: 2, sd: 1 },
      transferred_bytes: { count: 3, mean: 8, sd: 0, ci95: 0 },
    });
    expect(second).toMatchObject({ runs: 3, completed: 2, total_time_ms: { mean: 200, p50: 200 } });
    expect(lines[0]).toMatch(/^a,pre-copy,1,.*,3,3,20,10,24\.841,10,11,20,29,29\.8,30,2,1,/);
    expect(lines).toHaveLength(2);
  });
});
