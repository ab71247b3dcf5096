/** What the figures of a part show before anybody has chosen otherwise: the same on the page and in files. */
import type { Point } from "../summary.ts";
import { type Axis, type AxisKey, axisOf } from "./axes.ts";
import type { HeatMeasure } from "./heat-map.ts";

const RATE: AxisKey = "dirty_rate_pages_per_s";
const PANELS_MAX = 6;

/** An axis that exists, whether it varies or not. */
const find = (axes: readonly Axis[], ...keys: readonly AxisKey[]): Axis | undefined =>
  keys.map((key) => axes.find((one) => one.key === key)).find((one) => one !== undefined);

/** The axis that most is asked of: how fast the guest writes, else the first that varies. */
export function curveStart(
  points: readonly Point[],
  axes: readonly Axis[],
): { x: Axis; split: Axis | null } {
  const numbers = axes.find((one) => one.kind !== "word");
  const x = find(axes, RATE) ?? numbers ?? axes[0] ?? axisOf(RATE, points);
  const split = axes.find(
    (one) =>
      one.key !== x.key &&
      one.key !== "strategy" &&
      one.kind === "word" &&
      one.values.length <= PANELS_MAX,
  );
  return { x, split: split ?? null };
}

/** Against each axis that varies; in panels only what is most asked for. */
export function curveViews(
  points: readonly Point[],
  axes: readonly Axis[],
): readonly { readonly x: Axis; readonly split: Axis | null }[] {
  const first = curveStart(points, axes);
  const others = axes.filter((one) => one.key !== "strategy" && one.key !== first.x.key);
  return [first, ...others.map((x) => ({ x, split: null }))];
}

export function heatStart(
  points: readonly Point[],
  axes: readonly Axis[],
): { x: Axis; y: Axis; measure: HeatMeasure } | undefined {
  if (axes.length < 2) return undefined;
  const { x } = curveStart(points, axes);
  const others = axes.filter((one) => one.key !== x.key && one.key !== "strategy");
  const y =
    find(others, "bandwidth_bytes_per_s", "bandwidth_cap_bytes_per_s") ?? others[0] ?? axes[0];
  return y && y.key !== x.key ? { x, y, measure: "total_time_ms" } : undefined;
}

/** Undefined: there is no frontier to be drawn. */
export function frontierStart(axes: readonly Axis[]): Axis | undefined {
  if (!find(axes, RATE)) return undefined;
  const others = axes.filter((one) => one.key !== RATE && one.key !== "strategy");
  return find(others, "bandwidth_bytes_per_s", "bandwidth_cap_bytes_per_s") ?? others[0];
}

/** Rounds that are still told apart in a figure. */
const ROUNDS_SEEN = 12;

/** A migration worth looking at: of those that converge whatever the seed, the one with the most rounds to be seen. */
export function scenarioStart(points: readonly Point[]): Point | undefined {
  let best: Point | undefined;
  for (const point of points) {
    const isSure = point.completed === point.runs && point.strategy !== "stop-and-copy";
    if (!isSure || point.dirty_sync_count > ROUNDS_SEEN) continue;
    if (!best || point.dirty_sync_count > best.dirty_sync_count) best = point;
  }
  return best;
}
