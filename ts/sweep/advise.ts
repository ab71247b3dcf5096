/**
 * Which migration is best for a guest, a link and a downtime budget: every strategy and setting worth trying is
 * simulated, with the writer as it was fitted, and with one that is as much slower or faster as the fit may be wrong.
 */
import { formatTime } from "../base/units.ts";
import { PLANS, type Strategy } from "../migrate/options.ts";
import type { SlowdownName } from "../migrate/policy/dirty-limit.ts";
import { FluidMemory } from "./fluid/memory.ts";
import { type FluidResult, simulateFluid } from "./fluid/migration.ts";
import type { Scenario } from "./scenario.ts";
import type { Fit } from "./trace/fit.ts";

export interface AdviceRequest {
  readonly writer: Fit;
  readonly bandwidthBytesPerSec: number;
  readonly latencyNs: number;
  /** What the guest may be silent for. */
  readonly downtimeNs: number;
  readonly timeoutNs: number;
}

export interface Advice {
  readonly strategy: Strategy;
  readonly slowdown: SlowdownName;
  /** Hybrid: passes before the switch. */
  readonly preCopyRounds: number;
  readonly downtimeLimitMs: number;
  /** `yes` and `no`: whatever the writer does within its error; `maybe`: it depends. */
  readonly fits: "yes" | "maybe" | "no";
  readonly reason: string;
  readonly totalMs: Span;
  readonly silenceMs: Span;
  readonly bytes: Span;
}

/** As it is expected, and between what it lies if the writer is as much off as its fit. */
export interface Span {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** A fit without a stated error may be off by this; and every one by at least a tenth of it. */
const UNKNOWN_ERROR = 0.3;

type Option = Pick<Scenario, "strategy" | "slowdown" | "preCopyRounds">;

const plain = { slowdown: "none", preCopyRounds: 1 } as const;
const OPTIONS: readonly Option[] = [
  { ...plain, strategy: "pre-copy" },
  { ...plain, strategy: "pre-copy", slowdown: "auto-converge" },
  { ...plain, strategy: "hybrid" },
  { ...plain, strategy: "hybrid", preCopyRounds: 3 },
  { ...plain, strategy: "post-copy" },
  { ...plain, strategy: "stop-and-copy" },
];

const RANK = { yes: 0, maybe: 1, no: 2 } as const;

/** All that was tried, the best first: what fits, then what asks nothing of the guest, then what is over soonest. */
export function advise(request: AdviceRequest): readonly Advice[] {
  const buffers = FluidMemory.buffers();
  const advices = OPTIONS.map((option) => {
    const scenario = scenarioOf(request, option);
    const { rms } = request.writer.error;
    const error = Math.max(UNKNOWN_ERROR / 10, Number.isNaN(rms) ? UNKNOWN_ERROR : 2 * rms);
    const runs = [1, 1 - error, 1 + error].map((share) =>
      simulateFluid({ ...scenario, dirtyRate: scenario.dirtyRate * share }, buffers),
    );
    return adviceOf(request, scenario, runs);
  });
  // A guest that is slowed down, or lives on two hosts for a while, pays for it.
  const price = ({ slowdown, strategy }: Advice): number =>
    slowdown === "none" && !PLANS[strategy].leavesPages ? 0 : 1;
  return advices.sort(
    (a, b) =>
      RANK[a.fits] - RANK[b.fits] || price(a) - price(b) || a.totalMs.expected - b.totalMs.expected,
  );
}

/** In a word or two. */
export function howOf({ preCopyRounds, slowdown, strategy }: Advice): string {
  if (strategy === "hybrid" && preCopyRounds > 1) return `hybrid, ${preCopyRounds} rounds first`;
  return slowdown === "none" ? strategy : `${strategy}, ${slowdown}`;
}

function scenarioOf(request: AdviceRequest, option: Option): Scenario {
  const { writer } = request;
  return {
    index: 0,
    part: "advise",
    fidelity: "fluid",
    repetition: 0,
    seed: 0,
    memoryBytes: writer.memoryBytes,
    usedBytes: writer.usedBytes,
    workingSetBytes: Math.max(4096, writer.workingSetBytes),
    workingSetOffsetBytes: writer.workingSetOffsetBytes,
    dirtyRate: writer.dirtyRate,
    distribution: writer.distribution,
    phases: [],
    backgroundPages: writer.backgroundPages,
    bandwidthBytesPerSec: request.bandwidthBytesPerSec,
    latencyNs: request.latencyNs,
    bandwidthCapBytesPerSec: null,
    // What is sent with the guest stopped is not all of its silence.
    downtimeLimitNs: Math.max(1e6, 0.9 * request.downtimeNs - 4 * request.latencyNs),
    roundsMax: null,
    policy: "qemu",
    xbzrleCacheBytes: 0,
    xbzrleFrom: "first-pass",
    dirtyLimitPagesPerSec: null,
    timeoutNs: request.timeoutNs,
    onLimit: "fail",
    settleNs: 0,
    setupNs: 0,
    wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes: 88 },
    ...option,
  };
}

function adviceOf(
  request: AdviceRequest,
  scenario: Scenario,
  runs: readonly FluidResult[],
): Advice {
  const expected = runs[0] as FluidResult;
  const isGood = (run: FluidResult): boolean => run.isCompleted && run.gapNs <= request.downtimeNs;
  const good = runs.filter(isGood).length;
  const isClear = expected.near === "" || scenario.strategy !== "pre-copy";
  const fits = good === 0 ? "no" : good === runs.length && isClear ? "yes" : "maybe";
  const { preCopyRounds, slowdown, strategy } = scenario;
  return {
    strategy,
    slowdown,
    preCopyRounds,
    downtimeLimitMs: Math.round(scenario.downtimeLimitNs / 1e4) / 100,
    fits,
    reason: reasonOf(request, runs, { fits, leaves: PLANS[strategy].leavesPages }),
    totalMs: spanOf(runs, (run) => run.totalNs / 1e6),
    silenceMs: spanOf(runs, (run) => run.gapNs / 1e6),
    bytes: spanOf(runs, (run) => run.transferredBytes),
  };
}

function spanOf(runs: readonly FluidResult[], pick: (run: FluidResult) => number): Span {
  const values = runs.map((run) => Math.round(pick(run) * 10) / 10);
  return {
    expected: values[0] as number,
    low: Math.min(...values),
    high: Math.max(...values),
  };
}

function reasonOf(
  { downtimeNs, timeoutNs }: AdviceRequest,
  runs: readonly FluidResult[],
  { fits, leaves }: { readonly fits: Advice["fits"]; readonly leaves: boolean },
): string {
  const time = (ns: number): string => formatTime(Math.round(ns), 1);
  const expected = runs[0] as FluidResult;
  const failed = runs.filter((run) => !run.isCompleted).length;
  if (failed === runs.length) return `does not converge within ${time(timeoutNs)}`;
  if (failed > 0) return "converges only if the guest writes no more than was measured";
  if (fits === "no") return `silent for ${time(expected.gapNs)}, ${time(downtimeNs)} are allowed`;
  if (fits === "maybe") return "near a threshold: a little more or less decides";
  return `silent for ${time(expected.gapNs)} at most, over in ${time(expected.totalNs)}${
    leaves ? "; until then its pages are on two hosts" : ""
  }`;
}
