/**
 * The points of a part of a plan: the product of its axes. Axes turn like the wheels of a counter, the
 * last one fastest; zipped axes share a wheel; constraints strike points out.
 */
import { AXES, type AxisName } from "./axis-names.ts";
import { parseConstraint } from "./constraint.ts";
import type { PlanPart } from "./plan-schema.ts";
import { distributionName } from "./scenario.ts";

const AXIS_SET: ReadonlySet<string> = new Set(AXES);

type AxisValues = { readonly [name in AxisName]: NonNullable<PlanPart["axes"][name]> };

export interface PartSpace {
  readonly values: AxisValues;
  /** Point `i` has value `floor(i / stride) % length` of each axis. */
  readonly strides: { readonly [name in AxisName]: number };
  /** Points without constraints. */
  readonly rawCount: number;
  /** Points that are left. */
  readonly count: number;
  /** Numbers of the points that the constraints leave; undefined: all. */
  readonly points: Uint32Array | undefined;
}

/** Points that are looked at for constraints, at most. */
const RAW_POINTS_MAX = 1e8;
const spaces = new WeakMap<PlanPart, PartSpace>();

export function spaceOf(part: PlanPart): PartSpace {
  let space = spaces.get(part);
  if (!space) {
    space = makeSpace(part);
    spaces.set(part, space);
  }
  return space;
}

function valuesOf({ axes, settings }: PlanPart): AxisValues {
  const values: Partial<Record<AxisName, readonly unknown[]>> = {};
  for (const name of AXES)
    values[name] = axes[name] ?? [settings[name as keyof typeof settings] as unknown];
  return values as unknown as AxisValues;
}

/** Axes that turn together, in their order. */
function wheelsOf(part: PlanPart): readonly (readonly AxisName[])[] {
  const done = new Set<AxisName>();
  const wheels: (readonly AxisName[])[] = [];
  for (const name of AXES) {
    if (done.has(name)) continue;
    const group = part.zip.find((names) => names.includes(name)) ?? [name];
    for (const one of group) done.add(one);
    wheels.push(group);
  }
  return wheels;
}

function makeSpace(part: PlanPart): PartSpace {
  const values = valuesOf(part);
  const strides: Partial<Record<AxisName, number>> = {};
  let rawCount = 1;
  for (const wheel of [...wheelsOf(part)].reverse()) {
    for (const name of wheel) strides[name] = rawCount;
    rawCount *= values[wheel[0] as AxisName].length;
  }
  const all = { values, strides: strides as PartSpace["strides"], rawCount };
  if (part.where.length === 0 || rawCount > RAW_POINTS_MAX)
    return { ...all, count: rawCount, points: undefined };
  const points = allowed(part, all);
  return { ...all, count: points.length, points };
}

type Space = Pick<PartSpace, "values" | "strides" | "rawCount">;

/** The value of `name` at point `i`. */
export function valueAt<N extends AxisName>(
  { strides, values }: Space,
  name: N,
  i: number,
): AxisValues[N][number] {
  const list = values[name];
  if (list.length === 1) return list[0] as AxisValues[N][number];
  return list[Math.floor(i / strides[name]) % list.length] as AxisValues[N][number];
}

function allowed(part: PlanPart, space: Space): Uint32Array {
  const constraints = part.where.map((text) => parseConstraint(text, AXIS_SET));
  const points: number[] = [];
  let i = 0;
  const lookup = (name: string): number | string => comparable(space, name as AxisName, i);
  for (; i < space.rawCount; i++) if (constraints.every((holds) => holds(lookup))) points.push(i);
  return Uint32Array.from(points);
}

/** A value as constraints see it: bytes, ns, bytes a second, or a word. */
function comparable(space: Space, name: AxisName, i: number): number | string {
  if (name === "distribution") return distributionName(valueAt(space, name, i));
  if (name === "workingSet" || name === "workingSetOffset" || name === "usedMemory")
    return bytesOf(valueAt(space, name, i), valueAt(space, "memory", i));
  return valueAt(space, name, i) ?? Number.POSITIVE_INFINITY;
}

/** A size, or a share of the memory. */
export function bytesOf(
  size: { readonly share: number } | { readonly bytes: number },
  memoryBytes: number,
): number {
  return Math.round("share" in size ? memoryBytes * size.share : size.bytes);
}
