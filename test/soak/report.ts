/** What a soak comes to. */
import { slope } from "./checks.ts";
import type { EpochReport } from "./soak.ts";

/** What the process may grow by in the second half of a soak: this share of its size, or these bytes. */
const GROWTH_RATIO_MAX = 0.05;
const GROWTH_BYTES_MAX = 48 << 20;
/** With fewer epochs there is no second half to speak of. */
const EPOCHS_MIN = 10;

export interface Verdict {
  readonly text: string;
  readonly isGood: boolean;
}

/** Growth of the resident set over the second half, by the straight line that fits best. */
export function growth(rss: readonly number[]): {
  readonly bytes: number;
  readonly isFlat: boolean;
} {
  if (rss.length < EPOCHS_MIN) return { bytes: 0, isFlat: true };
  const half = rss.slice(rss.length >> 1);
  const bytes = slope(half) * (half.length - 1);
  const mean = half.reduce((a, b) => a + b, 0) / half.length;
  return { bytes, isFlat: bytes <= Math.max(GROWTH_BYTES_MAX, mean * GROWTH_RATIO_MAX) };
}

export function report(
  runs: readonly (readonly EpochReport[])[],
  violations: readonly string[],
  { guests, wallSeconds }: { readonly guests: number; readonly wallSeconds: number },
): Verdict {
  const [first = []] = runs;
  const last = first.at(-1);
  const all = [...violations];
  if (!last) all.push("no epoch was finished");
  const { bytes, isFlat } = growth(first.map(({ rssBytes }) => rssBytes));
  const mib = (value: number): string => `${(value / 2 ** 20).toFixed(1)} MiB`;
  if (!isFlat) all.push(`the process grew by ${mib(bytes)} in the second half`);
  const seconds = last?.guestSeconds ?? 0;
  const rows: (readonly [string, string | number])[] = [
    ["guests alive", guests],
    ["virtual time of all", `${(seconds / 3600).toFixed(1)} h`],
    ["of each", `${(seconds / 3600 / guests).toFixed(2)} h`],
    ["machine's time", `${Math.round(wallSeconds)} s, ${runs.length} run(s)`],
    ...Object.entries(last?.counts ?? {}),
    ["modules evicted", last?.evicted ?? 0],
    ["resident at the end", mib(last?.rssBytes ?? 0)],
    ["growth, second half", mib(bytes)],
    ["violations", all.length],
  ];
  const table = rows.map(([name, value]) => `  ${name.padEnd(22)}${value}`);
  return { text: ["", ...table, ...all.slice(0, 20)].join("\n"), isGood: all.length === 0 };
}
