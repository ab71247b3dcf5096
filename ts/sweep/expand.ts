/**
 * From a plan to its scenarios, by arithmetic: scenario number i is made from i alone, so nothing
 * is ever expanded as a whole. The order is part by part; within a part the axes turn like the
 * wheels of a counter, repetitions fastest.
 */
import { Random } from "../base/random.ts";
import { PLANS, type Strategy } from "../migrate/options.ts";
import { bytesOf, type PartSpace, spaceOf, valueAt } from "./axes.ts";
import type { Plan, PlanPart } from "./plan-schema.ts";
import type { Scenario, WriterPhase } from "./scenario.ts";

export function repetitionsOf(plan: Plan, part: PlanPart): number {
  return part.repetitions ?? plan.repetitions;
}

/** Scenarios in one part: the points that its constraints leave, each with its repetitions. */
export function partCount(plan: Plan, part: PlanPart): number {
  return spaceOf(part).count * repetitionsOf(plan, part);
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

type Changing = { -readonly [name in keyof Scenario]: Scenario[name] };

/**
 * The scenarios of a chunk, one after the other: what `scenarioAt` gives. Most of each is what the one before was,
 * so it is the same object, good until the next one is asked for (a copy takes ten times as long).
 */
export class ChunkScenarios {
  readonly #plan: Plan;
  readonly #part: PlanPart;
  readonly #space: PartSpace;
  readonly #repetitions: number;
  readonly #seed: number;
  readonly #first: number;
  /** Points in a row of which only the rate of the writer differs. */
  readonly #rates: number;
  #local: number;
  #last: Changing | undefined;
  #lastAt = 0;

  constructor(plan: Plan, chunk: Chunk, seed: number) {
    let first = 0;
    let i = 0;
    for (; i + 1 < plan.parts.length; i++) {
      const count = partCount(plan, plan.parts[i] as PlanPart);
      if (chunk.from < first + count) break;
      first += count;
    }
    const part = plan.parts[i] as PlanPart;
    this.#plan = plan;
    this.#part = part;
    this.#seed = seed;
    this.#first = first;
    this.#local = chunk.from - first;
    this.#space = spaceOf(part);
    this.#repetitions = repetitionsOf(plan, part);
    const isAlone = !part.zip.flat().includes("dirtyRate") && part.settings.phases.length === 0;
    this.#rates = isAlone ? this.#space.values.dirtyRate.length : 1;
  }

  /** The next one. */
  next(): Scenario {
    const local = this.#local++;
    const turn = Math.floor(local / this.#repetitions);
    const { points } = this.#space;
    const at = points ? (points[turn] as number) : turn;
    const index = this.#first + local;
    const last = this.#last;
    const isInRow = last && Math.floor(at / this.#rates) === Math.floor(this.#lastAt / this.#rates);
    this.#lastAt = at;
    if (!last || !isInRow) {
      this.#last = scenarioAt(this.#plan, index, this.#seed);
      return this.#last;
    }
    last.index = index;
    last.repetition = local % this.#repetitions;
    last.seed = seedOf(this.#seed, this.#part, local);
    if (this.#rates > 1) last.dirtyRate = valueAt(this.#space, "dirtyRate", at);
    return last;
  }
}

interface Place {
  readonly index: number;
  readonly local: number;
  readonly seed: number;
}

let lastPart: { readonly seed: number; readonly name: string; readonly low: number } | undefined;

/** 53 bits for scenario `local` of a part: a mix of both, as splitmix32 has it. */
function seedOf(seed: number, part: PlanPart, local: number): number {
  if (lastPart?.seed !== seed || lastPart.name !== part.name)
    lastPart = { seed, name: part.name, low: new Random(seed).split(part.name).u32() };
  const low = mixed(lastPart.low ^ mixed(local));
  return (mixed(low ^ 0x5bf03635) >>> 11) * 2 ** 32 + low;
}

function mixed(word: number): number {
  let z = (word + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

function partScenario(plan: Plan, part: PlanPart, place: Place): Scenario {
  const { settings } = part;
  const space = spaceOf(part);
  const repetitions = repetitionsOf(plan, part);
  const turn = Math.floor(place.local / repetitions);
  const at = space.points ? (space.points[turn] as number) : turn;
  const memoryBytes = valueAt(space, "memory", at);
  const workingSetBytes = Math.min(
    memoryBytes,
    bytesOf(valueAt(space, "workingSet", at), memoryBytes),
  );
  return {
    index: place.index,
    part: part.name,
    fidelity: part.fidelity === "auto" ? "fluid" : part.fidelity,
    repetition: place.local % repetitions,
    seed: seedOf(place.seed, part, place.local),
    memoryBytes,
    usedBytes: bytesOf(valueAt(space, "usedMemory", at), memoryBytes),
    workingSetBytes,
    workingSetOffsetBytes: offsetOf(space, at, memoryBytes - workingSetBytes),
    dirtyRate: valueAt(space, "dirtyRate", at),
    distribution: valueAt(space, "distribution", at),
    phases: settings.phases.length > 0 ? phasesOf(part, space, at) : NO_PHASES,
    backgroundPages: valueAt(space, "backgroundPages", at),
    bandwidthBytesPerSec: valueAt(space, "bandwidth", at),
    latencyNs: valueAt(space, "latency", at),
    lossRatio: valueAt(space, "loss", at),
    channels: valueAt(space, "channels", at),
    bandwidthCapBytesPerSec: valueAt(space, "bandwidthCap", at),
    downtimeLimitNs: valueAt(space, "downtimeLimit", at),
    strategy: valueAt(space, "strategy", at),
    roundsMax: valueAt(space, "roundsMax", at),
    preCopyRounds: valueAt(space, "preCopyRounds", at),
    policy: valueAt(space, "policy", at),
    xbzrleCacheBytes: valueAt(space, "xbzrleCache", at),
    xbzrleFrom: settings.xbzrleFrom,
    slowdown: valueAt(space, "slowdown", at),
    missingStores: settings.missingStores,
    push: settings.push,
    dirtyLimitPagesPerSec: settings.dirtyLimit,
    timeoutNs: settings.timeout,
    onLimit: settings.onLimit,
    settleNs: settings.settle,
    setupNs: settings.setup,
    wire: wireOf(part),
  };
}

const NO_PHASES: readonly WriterPhase[] = [];

/** Where the working set begins: nowhere else than it fits. */
function offsetOf(space: PartSpace, at: number, most: number): number {
  const offset = valueAt(space, "workingSetOffset", at);
  return Math.min(most, bytesOf(offset, valueAt(space, "memory", at)));
}

/** A phase that does not say otherwise is as its scenario. */
function phasesOf(part: PlanPart, space: PartSpace, at: number): readonly WriterPhase[] {
  const memoryBytes = valueAt(space, "memory", at);
  return part.settings.phases.map((phase) => {
    const size = bytesOf(phase.workingSet ?? valueAt(space, "workingSet", at), memoryBytes);
    const workingSetBytes = Math.min(memoryBytes, size);
    const offset = phase.workingSetOffset ?? valueAt(space, "workingSetOffset", at);
    return {
      durationNs: phase.duration,
      dirtyRate: phase.dirtyRate ?? valueAt(space, "dirtyRate", at),
      distribution: phase.distribution ?? valueAt(space, "distribution", at),
      workingSetBytes,
      workingSetOffsetBytes: Math.min(memoryBytes - workingSetBytes, bytesOf(offset, memoryBytes)),
    };
  });
}

const wires = new WeakMap<PlanPart, Scenario["wire"]>();

function wireOf(part: PlanPart): Scenario["wire"] {
  let wire = wires.get(part);
  if (!wire) {
    const { deltaPageBytes, normalPageBytes, zeroPageBytes } = part.settings;
    wire = { deltaPageBytes, normalPageBytes, zeroPageBytes };
    wires.set(part, wire);
  }
  return wire;
}

/** A run of scenarios that is computed, stored and resumed as one. */
export interface Chunk {
  readonly number: number;
  readonly from: number;
  readonly count: number;
  /** Scenarios that are known to kill whoever computes them, by index: they are not computed. */
  readonly poisoned?: readonly number[];
}

/**
 * Rows of a chunk, at least and at most (it takes a worker no longer than a second or two), and how many chunks
 * there should be: a chunk is a file that is written and read, which takes as long as some hundred fluid rows.
 * Under 16,382 rows, as V8 keeps longer arrays in memory of their own, mapped afresh for each (a tenth of the time).
 */
const CHUNK_ROWS = {
  fluid: [256, 16_000, 32],
  auto: [256, 4_096, 100],
  page: [1, 16_000, 64],
  guest: [1, 1, 100],
} as const;
/** The same at page level where pages are asked for one by one, which takes thirty times as long. */
const SERVED_ROWS = [1, 1_000, 64] as const;

function chunkRows(part: PlanPart): readonly [number, number, number] {
  const { strategy } = spaceOf(part).values;
  const isServed = strategy.some((one) => PLANS[one as Strategy].leavesPages);
  return part.fidelity === "page" && isServed ? SERVED_ROWS : CHUNK_ROWS[part.fidelity];
}

/**
 * Cuts a plan into chunks. The cut depends on the plan alone, never on the workers: enough chunks
 * where there is enough to do, so that workers finish together, and never across parts.
 */
export function chunksOf(plan: Plan): Chunk[] {
  const chunks: Chunk[] = [];
  let first = 0;
  for (const part of plan.parts) {
    const count = partCount(plan, part);
    const [least, most, chunksMin] = chunkRows(part);
    const size = Math.min(most, Math.max(least, Math.ceil(count / chunksMin)));
    for (let from = 0; from < count; from += size)
      chunks.push({
        number: chunks.length,
        from: first + from,
        count: Math.min(size, count - from),
      });
    first += count;
  }
  return chunks;
}
