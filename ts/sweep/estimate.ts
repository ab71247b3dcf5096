/** `--dry-run`: how much a plan is, and how long it will take, from a few scenarios of each part. */
import { availableParallelism } from "node:os";
import { WallClock } from "../base/clock.ts";
import { formatTime } from "../base/units.ts";
import type { EngineName } from "./executor.ts";
import { partCount, scenarioCount } from "./expand.ts";
import type { Plan, PlanPart } from "./plan-schema.ts";
import { defaultFormat } from "./results/format.ts";
import { ChunkRunner } from "./run-chunk.ts";

const wall = new WallClock();
/** How long a part is tried out, and how many scenarios at most. */
const TRIAL_NS = 300e6;
const TRIALS_MAX = 4096;

export interface PartEstimate {
  readonly part: string;
  readonly fidelity: string;
  readonly scenarios: number;
  /** Of one scenario on one core; null: its guests are not started for this. */
  readonly microseconds: number | null;
}

export interface SweepEstimate {
  readonly name: string;
  readonly scenarios: number;
  readonly workers: number;
  readonly parts: readonly PartEstimate[];
  /** Without the parts that were not tried. */
  readonly seconds: number;
}

export async function estimateSweep(
  plan: Plan,
  options: { readonly engine?: EngineName | undefined; readonly workers?: number | undefined } = {},
): Promise<SweepEstimate> {
  const workers = options.engine === "inline" ? 1 : (options.workers ?? availableParallelism());
  const parts: PartEstimate[] = [];
  let first = 0;
  for (const part of plan.parts) {
    const scenarios = partCount(plan, part);
    const microseconds = await tryOut(plan, part, { first, scenarios });
    parts.push({ part: part.name, fidelity: part.fidelity, scenarios, microseconds });
    first += scenarios;
  }
  const total = parts.reduce((sum, one) => sum + one.scenarios * (one.microseconds ?? 0), 0);
  const seconds = Math.round(total / workers / 1e3) / 1e3;
  return { name: plan.name, scenarios: scenarioCount(plan), workers, parts, seconds };
}

interface Place {
  readonly first: number;
  readonly scenarios: number;
}

/** Runs scenarios from all over a part, and throws their rows away. */
async function tryOut(plan: Plan, part: PlanPart, place: Place): Promise<number | null> {
  if (part.fidelity === "guest") return null;
  const format = defaultFormat(scenarioCount(plan));
  const runner = new ChunkRunner({ plan, seed: plan.seed, format });
  const runAt = (share: number, count: number) => {
    const from = place.first + Math.floor(share * (place.scenarios - count));
    return runner.run({ number: 0, from, count });
  };
  const batch = Math.min(part.fidelity === "page" ? 16 : 2048, place.scenarios);
  await runAt(0, 1); // Loads what is needed.
  let tried = 0;
  let spentNs = 0;
  // Golden steps: wherever it ends, the parts of the plan were looked at evenly.
  for (let i = 1; tried < TRIALS_MAX && spentNs < TRIAL_NS; i++) {
    const beganNs = wall.nowNs();
    await runAt((i * 0.618034) % 1, batch);
    spentNs += wall.nowNs() - beganNs;
    tried += batch;
  }
  return Math.round(spentNs / tried / 10) / 100;
}

export function formatEstimate(estimate: SweepEstimate): string {
  const count = (value: number): string => value.toLocaleString("en-US");
  const lines = estimate.parts.map(({ fidelity, microseconds, part, scenarios }) => {
    const each = microseconds === null ? "not tried" : `${formatTime(microseconds * 1e3, 1)} each`;
    return `${part}: ${count(scenarios)} scenarios, ${fidelity}, ${each}`;
  });
  const { scenarios, seconds, workers } = estimate;
  const time = formatTime(Math.round(seconds * 1e9), 1);
  return `${[...lines, `${count(scenarios)} scenarios, about ${time} with ${workers} workers`].join("\n")}\n`;
}
