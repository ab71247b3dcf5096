/** Of the repetitions of one cell: mean, spread, percentiles, and how far the mean can be believed. */

export interface Statistics {
  readonly count: number;
  readonly mean: number;
  /** Of the sample (n - 1); null for a single value, as is the interval. */
  readonly sd: number | null;
  /** Half the width of the 95 % confidence interval of the mean (Student's t). */
  readonly ci95: number | null;
  readonly min: number;
  readonly max: number;
  /** Between the two values beside it, in proportion: as numpy, pandas and DuckDB's quantile_cont have it. */
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** 97.5 % of Student's t with 1, 2, ... degrees of freedom lie below these. */
const T975 = [
  12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814, 2.20099,
  2.17881, 2.16037, 2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596, 2.07961, 2.07387,
  2.06866, 2.0639, 2.05954, 2.05553, 2.05183, 2.04841, 2.04523, 2.04227,
];
const Z975 = 1.959964;

/** The factor of a 95 % interval; beyond the table the expansion around the normal one (off by < 1e-5). */
export function studentT975(freedom: number): number {
  const known = T975[freedom - 1];
  if (known !== undefined) return known;
  const z = Z975;
  const first = (z ** 3 + z) / (4 * freedom);
  return z + first + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}

/** Three decimals of a millisecond are enough; more are noise that only makes files differ. */
const rounded = (value: number): number => Number(value.toFixed(3));

/** Of values in ascending order, at least one. */
export function quantileOf(sorted: Float64Array, quantile: number): number {
  const at = quantile * (sorted.length - 1);
  const below = sorted[Math.floor(at)] as number;
  const above = sorted[Math.ceil(at)] as number;
  return below + (above - below) * (at - Math.floor(at));
}

/** Collects values; the same memory for one cell after the other. */
export class Sample {
  #values = new Float64Array(64);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const more = new Float64Array(this.#count * 2);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#count++] = value;
  }

  /** Undefined without values. */
  statistics(): Statistics | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    const sorted = this.#values.subarray(0, count).sort();
    const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
    const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const sd = count > 1 ? Math.sqrt(squares / (count - 1)) : null;
    const ci95 = sd === null ? null : (studentT975(count - 1) * sd) / Math.sqrt(count);
    const at = (quantile: number): number => rounded(quantileOf(sorted, quantile));
    return {
      count,
      mean: rounded(mean),
      sd: sd === null ? null : rounded(sd),
      ci95: ci95 === null ? null : rounded(ci95),
      min: sorted[0] as number,
      max: sorted[count - 1] as number,
      p5: at(0.05),
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
    };
  }
}

const ZERO_BIN = -700;

/** Quantiles from a histogram with bins 1 % wide: right to 0.5 %, whatever the number of values and their order. */
export class Histogram {
  readonly #bins = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    const bin = value <= 0.001 ? ZERO_BIN : Math.round(Math.log(value) / Math.log(1.01));
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1);
    this.#count++;
  }

  /** Null: there is no value. */
  at(quantile: number): number | null {
    let left = Math.max(1, Math.ceil(quantile * this.#count));
    for (const bin of [...this.#bins.keys()].sort((a, b) => a - b)) {
      left -= this.#bins.get(bin) ?? 0;
      if (left <= 0) return bin === ZERO_BIN ? 0 : Number((1.01 ** bin).toPrecision(3));
    }
    return null;
  }
}
