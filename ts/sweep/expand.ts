/**
 * From a plan to its scenarios, by arithmetic: scenario number i is made from i alone, so nothing
 * is ever expanded as a whole. The order is part by part; within a part the axes turn like the
 * wheels of a counter, repetitions fastest.
 */
import { Random } from "../base/random.ts";
import type { Plan, PlanPart } from "./plan-schema.ts";
import type { Scenario } from "./scenario.ts";

/** The wheels of the counter, the slowest first. */
const AXES = [
  "memory",
  "workingSet",
  "distribution",
  "bandwidth",
  "downtimeLimit",
  "strategy",
  "dirtyRate",
] as const;

export function repetitionsOf(plan: Plan, part: PlanPart): number {
  return part.repetitions ?? plan.repetitions;
}

/** Scenarios in one part: the product of its axes. */
export function partCount(plan: Plan, part: PlanPart): number {
  return AXES.reduce((n, axis) => n * part.axes[axis].length, repetitionsOf(plan, part));
}

/** Scenarios in the whole plan. */
export function scenarioCount(plan: Plan): number {
  return plan.parts.reduce((n, part) => n + partCount(plan, part), 0);
}

/** Scenario `index` of the plan (0 to {@link scenarioCount} - 1). */
export function scenarioAt(plan: Plan, index: number, seed: number): Scenario {
  let first = 0;
  for (const part of plan.parts) {
    const count = partCount(plan, part);
    if (index < first + count)
      return partScenario(plan, part, { index, local: index - first, seed });
    first += count;
  }
  throw new RangeError(`scenario ${index} of ${first}`);
}

interface Place {
  readonly index: number;
  readonly local: number;
  readonly seed: number;
}

function partScenario(plan: Plan, part: PlanPart, place: Place): Scenario {
  const { axes, settings } = part;
  const repetitions = repetitionsOf(plan, part);
  let rest = Math.floor(place.local / repetitions);
  const chosen: Record<string, number> = {};
  for (let i = AXES.length - 1; i >= 0; i--) {
    const name = AXES[i] as (typeof AXES)[number];
    const { length } = axes[name];
    chosen[name] = rest % length;
    rest = Math.floor(rest / length);
  }
  const pick = <T>(name: (typeof AXES)[number], values: readonly T[]): T =>
    values[chosen[name] as number] as T;
  const memoryBytes = pick("memory", axes.memory);
  const workingSet = pick("workingSet", axes.workingSet);
  const workingSetBytes = "share" in workingSet ? memoryBytes * workingSet.share : workingSet.bytes;
  return {
    index: place.index,
    part: part.name,
    fidelity: part.fidelity,
    repetition: place.local % repetitions,
    seed: new Random(place.seed).split(part.name).split(place.local).u53(),
    memoryBytes,
    usedBytes: Math.round(memoryBytes * settings.usedMemory.share),
    workingSetBytes: Math.min(memoryBytes, Math.round(workingSetBytes)),
    workingSetOffsetBytes: 0,
    dirtyRate: pick("dirtyRate", axes.dirtyRate),
    phases: [],
    distribution: pick("distribution", axes.distribution),
    backgroundPages: settings.backgroundPages,
    bandwidthBytesPerSec: pick("bandwidth", axes.bandwidth),
    latencyNs: settings.latency,
    bandwidthCapBytesPerSec: settings.bandwidthCap,
    downtimeLimitNs: pick("downtimeLimit", axes.downtimeLimit),
    strategy: pick("strategy", axes.strategy),
    roundsMax: settings.roundsMax,
    preCopyRounds: settings.preCopyRounds,
    policy: settings.policy,
    xbzrleCacheBytes: settings.xbzrleCache,
    xbzrleFrom: settings.xbzrleFrom,
    slowdown: settings.slowdown,
    dirtyLimitPagesPerSec: settings.dirtyLimit,
    timeoutNs: settings.timeout,
    onLimit: settings.onLimit,
    setupNs: settings.setup,
    wire: {
      normalPageBytes: settings.normalPageBytes,
      zeroPageBytes: settings.zeroPageBytes,
      deltaPageBytes: settings.deltaPageBytes,
    },
  };
}

/** A run of scenarios that is computed, stored and resumed as one. */
export interface Chunk {
  readonly number: number;
  readonly from: number;
  readonly count: number;
}

/**
 * Cuts a plan into chunks. The cut depends on the plan alone, never on the workers: at least ~100
 * chunks where there is enough to do, so that workers finish together, and never across parts.
 */
export function chunksOf(plan: Plan): Chunk[] {
  const chunks: Chunk[] = [];
  let first = 0;
  for (const part of plan.parts) {
    const count = partCount(plan, part);
    const most =
      part.fidelity === "guest" ? 1 : Math.min(1000, Math.max(1, Math.ceil(count / 100)));
    for (let from = 0; from < count; from += most)
      chunks.push({
        number: chunks.length,
        from: first + from,
        count: Math.min(most, count - from),
      });
    first += count;
  }
  return chunks;
}
