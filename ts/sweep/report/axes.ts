/** The axes of a sweep as a report knows them: which of them vary, how their values are written, and which are fixed. */
import { formatRate, formatSize, formatTime } from "../../base/units.ts";
import type { Point } from "../summary.ts";

export type AxisKey =
  | "memory_bytes"
  | "used_bytes"
  | "working_set_bytes"
  | "working_set_offset_bytes"
  | "distribution"
  | "dirty_rate_pages_per_s"
  | "bandwidth_bytes_per_s"
  | "latency_ms"
  | "loss_ratio"
  | "channels"
  | "bandwidth_cap_bytes_per_s"
  | "downtime_limit_ms"
  | "policy"
  | "slowdown"
  | "rounds_max"
  | "pre_copy_rounds"
  | "background_pages"
  | "xbzrle_cache_bytes"
  | "strategy";

/** How numbers are written; a word stays as it is. */
export type Kind = "size" | "rate" | "time" | "count" | "share" | "word";
export type AxisValue = string | number;

interface AxisInfo {
  readonly key: AxisKey;
  readonly label: string;
  readonly kind: Kind;
}

/** An axis with more than one value, in order. */
export interface Axis extends AxisInfo {
  readonly values: readonly AxisValue[];
}

/** An axis that follows from one before it (a share of memory, a zip) needs no place of its own. */
const AXES: readonly AxisInfo[] = [
  { key: "strategy", label: "strategy", kind: "word" },
  { key: "memory_bytes", label: "memory", kind: "size" },
  { key: "used_bytes", label: "used memory", kind: "size" },
  { key: "working_set_bytes", label: "working set", kind: "size" },
  { key: "working_set_offset_bytes", label: "where the working set begins", kind: "size" },
  { key: "distribution", label: "distribution", kind: "word" },
  { key: "dirty_rate_pages_per_s", label: "page writes per second", kind: "count" },
  { key: "bandwidth_bytes_per_s", label: "link", kind: "rate" },
  { key: "latency_ms", label: "latency", kind: "time" },
  { key: "loss_ratio", label: "packets lost", kind: "share" },
  { key: "channels", label: "channels", kind: "count" },
  { key: "bandwidth_cap_bytes_per_s", label: "cap of the rate", kind: "rate" },
  { key: "downtime_limit_ms", label: "downtime limit", kind: "time" },
  { key: "policy", label: "policy", kind: "word" },
  { key: "slowdown", label: "slowdown", kind: "word" },
  { key: "rounds_max", label: "round limit", kind: "count" },
  { key: "pre_copy_rounds", label: "rounds of pre-copy before the switch", kind: "count" },
  { key: "background_pages", label: "background pages", kind: "count" },
  { key: "xbzrle_cache_bytes", label: "XBZRLE cache", kind: "size" },
];

const FORMATS: Readonly<Record<Exclude<Kind, "word">, (value: number) => string>> = {
  size: (bytes) => formatSize(bytes, 1),
  rate: (bytesPerSec) => formatRate(bytesPerSec, 1),
  time: (ms) => formatTime(Math.round(ms * 1e6), 1),
  count: (value) => shortCount(value),
  share: (value) => `${Number((100 * value).toPrecision(3))} %`,
};

function shortCount(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

export function formatValue(kind: Kind, value: AxisValue): string {
  return kind === "word" || typeof value === "string" ? String(value) : FORMATS[kind](value);
}

/** As a menu or a caption has it; 0 is how rows say that there is no cap and no limit of rounds. */
export function valueLabel({ key, kind }: AxisInfo, value: AxisValue): string {
  const isNone = key === "rounds_max" || key === "bandwidth_cap_bytes_per_s";
  return isNone && value === 0 ? "none" : formatValue(kind, value);
}

function distinct(points: readonly Point[], key: AxisKey): AxisValue[] {
  const values = [...new Set(points.map((point) => point[key]))];
  return values.every((value) => typeof value === "number")
    ? (values as number[]).sort((a, b) => a - b)
    : values;
}

/** Is `key` always the same where `from` is? */
function follows(points: readonly Point[], key: AxisKey, from: AxisKey): boolean {
  const seen = new Map<AxisValue, AxisValue>();
  return points.every((point) => {
    const before = seen.get(point[from]);
    if (before === undefined) seen.set(point[from], point[key]);
    return before === undefined || before === point[key];
  });
}

/** Axes that have a value for each point or two would decide all others. */
const LEADS_MAX = 64;

/** The axes that vary among these points, but for those that follow from another. */
export function axesOf(points: readonly Point[]): readonly Axis[] {
  const found: Axis[] = [];
  for (const info of AXES) {
    const values = distinct(points, info.key);
    if (values.length < 2) continue;
    const leads = found.filter(
      (one) => one.values.length <= LEADS_MAX && one.values.length * 2 <= points.length,
    );
    if (!leads.some((one) => follows(points, info.key, one.key))) found.push({ ...info, values });
  }
  return found;
}

export function axisOf(key: AxisKey, points: readonly Point[]): Axis {
  const info = AXES.find((one) => one.key === key) as AxisInfo;
  return { ...info, values: distinct(points, key) };
}

/** The value that an axis is held at; one that is absent may be any. */
export type Filters = { readonly [key in AxisKey]?: AxisValue };

/** The points that filters leave, but for those on the axes of a figure itself. */
export function filtered(
  points: readonly Point[],
  filters: Filters,
  except: readonly (AxisKey | null)[] = [],
): readonly Point[] {
  const held = Object.entries(filters).filter(([key]) => !except.includes(key as AxisKey));
  return points.filter((point) => held.every(([key, value]) => point[key as AxisKey] === value));
}

/** More values than this are a sample or a fine grid: figures take them together. */
const FIXED_MAX = 16;

/**
 * Where a report begins: every axis that no figure draws by itself is held at one value, so that a line is one
 * guest over one link. Of all combinations the one with the most points that converged, and of these the
 * one nearest to the middle.
 */
export function firstFilters(points: readonly Point[], axes: readonly Axis[]): Filters {
  const free: readonly AxisKey[] = ["strategy", "distribution", "dirty_rate_pages_per_s"];
  const held = axes.filter((one) => !free.includes(one.key) && one.values.length <= FIXED_MAX);
  const ranks = held.map((one) => new Map(one.values.map((value, i) => [value, i])));
  const combinations = new Map<string, { readonly point: Point; count: number }>();
  for (const point of points) {
    const key = held.map((one) => point[one.key]).join("\n");
    const known = combinations.get(key) ?? { point, count: 0 };
    known.count++;
    combinations.set(key, known);
  }
  const fromMiddle = (point: Point): number =>
    held.reduce((sum, one, i) => {
      const rank = ranks[i]?.get(point[one.key]) ?? 0;
      return sum + Math.abs(rank / (one.values.length - 1) - 0.5);
    }, 0);
  let best: { readonly point: Point; readonly count: number } | undefined;
  for (const one of combinations.values()) {
    const isBetter =
      !best ||
      one.count > best.count ||
      (one.count === best.count && fromMiddle(one.point) < fromMiddle(best.point));
    if (isBetter) best = one;
  }
  const chosen = best?.point;
  if (!chosen) return {};
  return Object.fromEntries(held.map((one) => [one.key, chosen[one.key]]));
}

/** `memory 1GiB, link 1Gbit`: what a figure holds fixed. */
export function filterText(
  axes: readonly Axis[],
  filters: Filters,
  except: readonly (AxisKey | null)[],
): string {
  return axes
    .flatMap((one) => {
      const value = filters[one.key];
      return value === undefined || except.includes(one.key)
        ? []
        : [`${one.label} ${valueLabel(one, value)}`];
    })
    .join(", ");
}
