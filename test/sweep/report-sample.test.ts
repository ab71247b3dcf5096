/** Which points a report shows of a sweep that has too many, and what it knows of all of them. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { axesOf } from "../../ts/sweep/report/axes.ts";
import { Chooser, plannedPoints, sampleNumbers, samplePlan } from "../../ts/sweep/report/sample.ts";
import { MEASURES } from "../../ts/sweep/report/series.ts";
import { curveStart } from "../../ts/sweep/report/views.ts";
import { curveKey, isStart, WholePart } from "../../ts/sweep/report/whole.ts";
import { Histogram } from "../../ts/sweep/statistics.ts";

const plan = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: many
repetitions: 2
parts:
  - name: large
    fidelity: fluid
    axes: { memory: 1GiB, bandwidth: 1Gbit, loss: [0, 0.01], dirtyRate: { from: 1, to: 1000, step: 1 } }
  - { name: small, fidelity: fluid, axes: { memory: 1GiB, bandwidth: 1Gbit, dirtyRate: [1, 2, 3] } }
`);

describe("a sample", () => {
  test("has one of each of equal stretches, the same for a seed and another for another", () => {
    const of = (seed: number) => [...sampleNumbers(1000, 100, new Random(seed))];
    expect(of(1)).toHaveLength(100);
    for (const [i, number] of of(1).entries()) expect(Math.floor(number / 10)).toBe(i);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect([...sampleNumbers(7, 100, new Random(1))]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("of a plan is of every part, and of all where that is little", () => {
    const [large, small] = samplePlan(plan, 1, 400);
    expect([large?.points, small?.points]).toEqual([2000, 3]);
    expect(large?.chosen.length).toBeLessThan(400);
    expect(large?.chosen.length).toBeGreaterThan(200);
    expect([...(small?.chosen ?? [])]).toEqual([0, 1, 2]);
    expect(samplePlan(plan, 1, 5000)[0]?.chosen).toHaveLength(2000);
  });

  test("is met in the rows, whatever came before it", () => {
    const samples = samplePlan(plan, 1, 400);
    const chooser = new Chooser(samples);
    const taken: number[] = [];
    for (let point = 0; point < 2003; point++) if (chooser.takes(point * 2)) taken.push(point * 2);
    expect(taken).toHaveLength(samples.reduce((sum, { chosen }) => sum + chosen.length, 0));
  });
});

describe("what is known of all points", () => {
  const [sample] = samplePlan(plan, 1, 400);
  if (!sample) throw new Error("no part");
  const planned = plannedPoints(plan, 1, sample);

  test("counts every point that the first filters leave, and has its quantiles", () => {
    const whole = new WholePart(planned);
    const axes = axesOf(planned);
    expect(axes.map(({ key }) => key)).toEqual(["dirty_rate_pages_per_s", "loss_ratio"]);
    const [one] = planned;
    if (!one) throw new Error("no point");
    // In any order: downtimes of 1 to 1,000 ms at two losses.
    for (let i = 0; i < 2000; i++) {
      const at = (i * 1237) % 2000;
      const downtime = Math.floor(at / 2) + 1;
      whole.add({
        ...one,
        index: at,
        loss_ratio: at % 2 === 0 ? 0 : 0.01,
        dirty_rate_pages_per_s: downtime,
        runs: 1,
        completed: 1,
        total_time_ms: downtime,
        ...{ downtime_ms: downtime, downtime_ms_min: downtime, downtime_ms_max: downtime },
        transferred_bytes: 1e6 - downtime,
      });
    }
    const figures = whole.figures();
    expect(figures.points).toBe(2000);
    const rows = figures.curves[curveKey("downtime_ms", curveStart(planned, axes))] ?? [];
    expect(rows.reduce((sum, row) => sum + row.points, 0)).toBe(1000);
    expect(Object.keys(figures.curves)).toHaveLength(2 * MEASURES.length);
    const last = rows.reduce((a, b) => (Number(b.x) > Number(a.x) ? b : a));
    expect(last.mid / 987).toBeCloseTo(1, 1);
    // Less downtime costs more bytes: nothing beats anything.
    expect(figures.front).toHaveLength(1000);
  });

  test("is shown as long as filters are those it began with, but for a figure's own axes", () => {
    expect(isStart({ channels: 1 }, { channels: 1 }, [])).toBe(true);
    expect(isStart({ channels: 2 }, { channels: 1 }, [])).toBe(false);
    expect(isStart({}, { channels: 1 }, [])).toBe(false);
    expect(isStart({ channels: 2 }, { channels: 1 }, ["channels"])).toBe(true);
  });

  test("is right to half a percent, in any order", () => {
    const [up, down] = [new Histogram(), new Histogram()];
    for (let i = 1; i <= 10_000; i++) {
      up.add(i);
      down.add(10_001 - i);
    }
    for (const share of [0.05, 0.5, 0.95, 0.99]) {
      expect(up.at(share)).toBe(down.at(share));
      expect(Math.abs((up.at(share) as number) / (share * 10_000) - 1)).toBeLessThan(0.01);
    }
    expect(new Histogram().at(0.5)).toBeNull();
  });
});
