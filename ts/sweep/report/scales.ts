/** Scales and ticks that a reader can use: a unit at each tick, whole decades, powers of two for sizes. */
import { type Axis, type AxisValue, formatValue, type Kind } from "./axes.ts";
import type { Spec } from "./series.ts";

/** Vega's words for a tick's label, by kind: `1.5 GiB`, `300 ms`, `10k`. */
const LABELS: Readonly<Record<Kind, string>> = {
  word: "datum.label",
  count: "replace(format(datum.value, '.3~s'), 'G', 'B')",
  time: timeLabel("datum.value"),
  size: sizeLabel("datum.value"),
  rate: "format(datum.value * 8, '.3~s') + 'bit'",
  share: "format(datum.value * 100, '.3~r') + ' %'",
};

function timeLabel(value: string): string {
  const short = `format(${value}, '.3~r')`;
  return (
    `${value} >= 60000 ? format(${value} / 60000, '.3~r') + ' min' : ` +
    `${value} >= 1000 ? format(${value} / 1000, '.3~r') + ' s' : ${value} == 0 ? '0' : ` +
    `${value} < 1 ? format(${value} * 1000, '.3~r') + ' µs' : ${short} + ' ms'`
  );
}

function sizeLabel(value: string): string {
  const [kib, mib, gib, tib] = [2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40];
  const of = (unit: number, name: string) => `format(${value} / ${unit}, '.3~r') + ' ${name}'`;
  return (
    `${value} >= ${tib} ? ${of(tib, "TiB")} : ${value} >= ${gib} ? ${of(gib, "GiB")} : ` +
    `${value} >= ${mib} ? ${of(mib, "MiB")} : ${value} >= ${kib} ? ${of(kib, "KiB")} : ` +
    `format(${value}, '.3~r')`
  );
}

/** A log scale where the values span more than a decade and none is zero. */
export function isLog(values: readonly number[]): boolean {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), 0);
  return values.length > 0 && low > 0 && high / low > 10;
}

export function scaleOf(values: readonly number[]) {
  return isLog(values) ? { type: "log", nice: false } : { type: "linear", zero: true, nice: true };
}

/** The same from the least to the most, so that a layer without marks asks for nothing. */
export function wholeScale(values: readonly number[]) {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return isLog(values)
    ? { type: "log", domain: [low, high], nice: false }
    : { type: "linear", domain: [0, high || 1], nice: true };
}

/** At most `most` of them, evenly. */
function thinned(ticks: readonly number[], most: number): readonly number[] {
  const step = Math.ceil(ticks.length / Math.max(2, most));
  return ticks.filter((_, i) => i % step === 0);
}

function logTicks(low: number, high: number, most: number): readonly number[] {
  const decades = Math.log10(high / low);
  const steps = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++)
    for (const step of steps) ticks.push(step * 10 ** decade);
  return thinned(
    ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001),
    most,
  );
}

/** Powers of two. */
function sizeTicks(low: number, high: number, most: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log2(low) - 0.01); 2 ** power <= high * 1.001; power++)
    ticks.push(2 ** power);
  return thinned(ticks, most);
}

/** From zero on, in steps of 1, 2 or 5 (of powers of two for sizes). */
function evenTicks(high: number, kind: Kind, most: number): readonly number[] {
  const raw = high / Math.max(2, most - 1);
  const unit = kind === "size" ? 2 ** Math.ceil(Math.log2(raw)) : 10 ** Math.floor(Math.log10(raw));
  const step =
    kind === "size" ? unit : ([1, 2, 5, 10].find((one) => one * unit >= raw) as number) * unit;
  const ticks: number[] = [];
  for (let i = 0; i * step <= high * 1.05; i++) ticks.push(i * step);
  return ticks;
}

/** The axis of a figure: labels with units; `most` ticks. */
export function axisStyle(kind: Kind, values: readonly number[], most: number) {
  const style = { labelExpr: LABELS[kind], labelOverlap: "greedy", labelFlush: false };
  const finite = values.filter((value) => Number.isFinite(value));
  if (finite.length === 0) return style;
  const low = finite.reduce((a, b) => Math.min(a, b));
  const high = finite.reduce((a, b) => Math.max(a, b));
  if (!isLog(finite)) return high > 0 ? { ...style, values: evenTicks(high, kind, most) } : style;
  return {
    ...style,
    values: kind === "size" ? sizeTicks(low, high, most) : logTicks(low, high, most),
  };
}

/** Vega's expression for a value of that kind, for colour legends. */
export const labelExpression = (kind: Kind): string => LABELS[kind];

/** Where a value lies on an axis of many: the middle of its bin. */
export interface Bins {
  readonly of: (value: number) => number;
  readonly values: readonly number[];
}

/** An axis as it is, or taken together in `most` bins if it has more values than that. */
export function binsOf(axis: Axis, most: number): Bins {
  const values = axis.values as readonly number[];
  if (values.length <= most) return { of: (value) => value, values };
  const logs = isLog(values);
  const to = (value: number): number => (logs ? Math.log(value) : value);
  const [low, high] = [to(values[0] as number), to(values.at(-1) as number)];
  const width = (high - low) / most;
  const middle = (bin: number): number => {
    const at = low + (bin + 0.5) * width;
    return Number((logs ? Math.exp(at) : at).toPrecision(3));
  };
  const binOf = (value: number): number =>
    Math.min(most - 1, Math.max(0, Math.floor((to(value) - low) / width)));
  return {
    of: (value) => middle(binOf(value)),
    values: Array.from({ length: most }, (_, bin) => middle(bin)),
  };
}

/** Labels of an axis with few values or of words, in order. */
export function orderedLabels(axis: Axis, bins: Bins | undefined): readonly string[] {
  if (axis.kind === "word") return axis.values.map(String);
  return (bins?.values ?? []).map((value) => formatValue(axis.kind, value));
}

/** The value at `share` (0 to 1) of sorted numbers. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] as number;
  const above = sorted[Math.ceil(at)] as number;
  return below + (above - below) * (at - Math.floor(at));
}

/** Field `x` of `rows` across a figure: words as they are ordered, numbers on a scale. */
export function horizontal(
  x: Axis,
  rows: readonly { readonly x: AxisValue }[],
  {
    scaleOf: scale,
    width,
  }: { readonly width: number; readonly scaleOf: typeof wholeScale | typeof scaleOf },
): Spec {
  if (x.kind === "word") {
    const labelAngle = width / x.values.length < 90 ? -35 : 0;
    const sort = orderedLabels(x, undefined);
    return { field: "x", type: "nominal", sort, title: x.label, axis: { labelAngle, grid: false } };
  }
  const values = rows.map((row) => row.x as number);
  const most = Math.max(3, Math.floor(width / 62));
  const few = x.values.length <= most ? { values: x.values } : {};
  return {
    field: "x",
    type: "quantitative",
    title: x.label,
    scale: scale(values),
    axis: { ...axisStyle(x.kind, values, most), ...few },
  };
}
