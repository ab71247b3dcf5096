/** Values of an axis that is not written as a list. */
import { Random } from "../base/random.ts";

interface Ends {
  readonly from: number;
  readonly to: number;
}

/** Powers and roots are not rounded alike everywhere; three decimals are. */
function rounded(value: number, isWhole: boolean): number {
  return isWhole ? Math.round(value) : Math.round(value * 1000) / 1000;
}

/** `steps` values, ends included, evenly or by even factors; none twice. */
export function rangeValues(
  range: Ends & { readonly steps: number; readonly scale: "linear" | "log" },
  isWhole: boolean,
): number[] {
  const { from, to, steps, scale } = range;
  const values = Array.from({ length: steps }, (_, i) => {
    const t = i / (steps - 1);
    if (i === steps - 1) return to;
    const value = scale === "log" ? from * (to / from) ** t : from + (to - from) * t;
    return rounded(value, isWhole);
  });
  return [...new Set(values)];
}

/** `from`, `from` + `step`, ... as far as `to`. */
export function strideValues({ from, step, to }: Ends & { readonly step: number }): number[] {
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => from + i * step);
}

/**
 * `samples` values drawn at random, the same each time: between the ends, or (`normal`) around their middle
 * with 95 % of them between the ends, and none below zero.
 */
export function sampleValues(
  sample: Ends & {
    readonly random: "uniform" | "log-uniform" | "normal";
    readonly samples: number;
    readonly seed: number;
  },
  isWhole: boolean,
): number[] {
  const { from, random: kind, samples, seed, to } = sample;
  const random = new Random(seed).split("axis");
  return Array.from({ length: samples }, () => {
    if (kind === "uniform") return rounded(from + (to - from) * random.float(), isWhole);
    if (kind === "log-uniform") return rounded(from * (to / from) ** random.float(), isWhole);
    const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
    const deviates = radius * Math.cos(2 * Math.PI * random.float());
    const value = (from + to) / 2 + (deviates * (to - from)) / (2 * 1.96);
    return rounded(Math.max(isWhole ? 1 : 0, value), isWhole);
  });
}
