/**
 * Which points of a sweep stand for all of them where there are too many: one out of each of equal stretches of
 * a part, drawn from the seed. So it is known before anything was computed, and whatever order rows come in.
 */
import { Random } from "../../base/random.ts";
import { partCount, repetitionsOf, scenarioAt } from "../expand.ts";
import type { Plan } from "../plan-schema.ts";
import { RowBuffer } from "../results/row-buffer.ts";
import { NO_MEASUREMENT } from "../run-chunk.ts";
import { type Point, pointOf } from "../summary.ts";

/** At most `most` numbers below `count`, ascending. */
export function sampleNumbers(count: number, most: number, random: Random): Float64Array {
  const size = Math.min(count, Math.max(0, Math.floor(most)));
  const numbers = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const from = Math.ceil((i * count) / size);
    const to = Math.ceil(((i + 1) * count) / size);
    numbers[i] = from + Math.floor(random.float() * (to - from));
  }
  return numbers;
}

/** The points of a part, and which of them were chosen. */
export interface PartSample {
  readonly part: string;
  /** Number of its first scenario, and scenarios of a point. */
  readonly first: number;
  readonly repetitions: number;
  readonly points: number;
  readonly chosen: Float64Array;
}

/** About `most` points of a plan: half of them shared out by the size of the parts, half evenly. */
export function samplePlan(plan: Plan, seed: number, most: number): readonly PartSample[] {
  const parts = plan.parts.map((part) => {
    const repetitions = repetitionsOf(plan, part);
    return { part: part.name, repetitions, points: partCount(plan, part) / repetitions };
  });
  const all = parts.reduce((sum, { points }) => sum + points, 0);
  let first = 0;
  return parts.map((one) => {
    const share = all <= most ? one.points : (most / 2) * (1 / parts.length + one.points / all);
    const random = new Random(seed).split(`points of ${one.part}`);
    const sample = { ...one, first, chosen: sampleNumbers(one.points, share, random) };
    first += one.points * one.repetitions;
    return sample;
  });
}

/** Tells the points of a sample as they come by. */
export class Chooser {
  readonly #chosen: Float64Array;
  #next = 0;

  constructor(samples: readonly PartSample[]) {
    this.#chosen = Float64Array.from(
      samples.flatMap(({ chosen, first, repetitions }) =>
        Array.from(chosen, (number) => first + number * repetitions),
      ),
    );
  }

  /** Is the point with this first scenario one of them? To be asked in order. */
  takes(index: number): boolean {
    if (this.#chosen[this.#next] !== index) return false;
    this.#next++;
    return true;
  }
}

/** The chosen points of a part as they are before anything is measured. */
export function plannedPoints(plan: Plan, seed: number, sample: PartSample): readonly Point[] {
  const rows = new RowBuffer(1);
  return Array.from(sample.chosen, (number) => {
    rows.clear();
    rows.add(scenarioAt(plan, sample.first + number * sample.repetitions, seed), NO_MEASUREMENT);
    return pointOf(rows.row(0));
  });
}
