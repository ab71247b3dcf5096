/**
 * Which migration is best for a guest, a link and a downtime budget: every strategy and setting worth trying is
 * simulated, with the writer as it was fitted, and with one that is as much slower or faster as the fit may be wrong.
 */
import { formatSize, formatTime } from "../base/units.ts";
import { PLANS, type Strategy } from "../migrate/options.ts";
import type { SlowdownName } from "../migrate/policy/dirty-limit.ts";
import { flowBytesPerSec } from "../migrate/tcp-flow.ts";
import { FluidMemory } from "./fluid/memory.ts";
import { type FluidResult, simulateFluid } from "./fluid/migration.ts";
import type { Scenario } from "./scenario.ts";
import type { Fit } from "./trace/fit.ts";

export interface AdviceRequest {
  readonly writer: Fit;
  readonly bandwidthBytesPerSec: number;
  readonly latencyNs: number;
  /** Share of the packets that get lost. Default 0. */
  readonly lossRatio?: number | undefined;
  /** Bytes that a page sent as a difference takes, if that is known; else it is anywhere from 88 to a third of a page. */
  readonly deltaPageBytes?: number | undefined;
  /** What the guest may be silent for. */
  readonly downtimeNs: number;
  readonly timeoutNs: number;
}

export interface Advice {
  readonly strategy: Strategy;
  readonly slowdown: SlowdownName;
  /** Hybrid: passes before the switch. */
  readonly preCopyRounds: number;
  /** Connections, and the cache of pages as they were sent: 1 and 0 unless more is gained. */
  readonly channels: number;
  readonly xbzrleCacheBytes: number;
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

type Option = Pick<Scenario, "strategy" | "slowdown" | "preCopyRounds"> & {
  readonly channels: number;
  /** `working-set`: a cache of that size. */
  readonly cache: "none" | "working-set";
};

const plain = { slowdown: "none", preCopyRounds: 1, channels: 1, cache: "none" } as const;
/** With what a link that loses packets is worth having them, and not yet a burden for either end. */
const CHANNELS = 8;
/** A page sent as a difference: few bytes were changed, or many. Nobody knows before it is tried. */
const DELTA_BYTES = { low: 88, high: 1400 } as const;
const OPTIONS: readonly Option[] = [
  { ...plain, strategy: "pre-copy" },
  { ...plain, strategy: "pre-copy", cache: "working-set" },
  { ...plain, strategy: "pre-copy", slowdown: "auto-converge" },
  { ...plain, strategy: "hybrid" },
  { ...plain, strategy: "hybrid", preCopyRounds: 3 },
  { ...plain, strategy: "post-copy" },
  { ...plain, strategy: "stop-and-copy" },
];

/** Share of the time that a setting which costs something has to save. */
const WORTH = 0.05;

const RANK = { yes: 0, maybe: 1, no: 2 } as const;

/** All that was tried, the best first: what fits, then what asks nothing of the guest, then what is over soonest. */
export function advise(request: AdviceRequest): readonly Advice[] {
  const buffers = FluidMemory.buffers();
  const advices = optionsFor(request).map((option) => {
    const scenario = scenarioOf(request, option);
    const runs = cases(request, scenario).map((one) => simulateFluid(one, buffers));
    return adviceOf(request, scenario, runs);
  });
  // A guest that is slowed down, or lives on two hosts for a while, pays for it.
  const price = ({ slowdown, strategy }: Advice): number =>
    slowdown === "none" && !PLANS[strategy].leavesPages ? 0 : 1;
  // Connections and a cache cost both hosts something, so they have to bring more than this.
  const time = ({ channels, totalMs, xbzrleCacheBytes }: Advice): number =>
    totalMs.expected * (channels > 1 || xbzrleCacheBytes > 0 ? 1 + WORTH : 1);
  return advices.sort(
    (a, b) => RANK[a.fits] - RANK[b.fits] || price(a) - price(b) || time(a) - time(b),
  );
}

/** What is tried: over several connections where one does not fill the link. */
function optionsFor({ bandwidthBytesPerSec, latencyNs, lossRatio = 0 }: AdviceRequest): Option[] {
  const link = { bytesPerSec: bandwidthBytesPerSec, latencyNs, lossRatio };
  if (flowBytesPerSec(link) > bandwidthBytesPerSec * (1 - WORTH)) return [...OPTIONS];
  return OPTIONS.flatMap((option) => [option, { ...option, channels: CHANNELS }]);
}

/** As it is expected; with a writer that is as much off as its fit; and with differences that are small or large. */
function cases({ deltaPageBytes, writer }: AdviceRequest, scenario: Scenario): Scenario[] {
  const { rms } = writer.error;
  const error = Math.max(UNKNOWN_ERROR / 10, Number.isNaN(rms) ? UNKNOWN_ERROR : 2 * rms);
  const at = (share: number, bytes?: number): Scenario => ({
    ...scenario,
    dirtyRate: scenario.dirtyRate * share,
    wire: { ...scenario.wire, deltaPageBytes: bytes ?? scenario.wire.deltaPageBytes },
  });
  if (scenario.xbzrleCacheBytes === 0 || deltaPageBytes !== undefined)
    return [at(1), at(1 - error), at(1 + error)];
  return [at(1), at(1 - error, DELTA_BYTES.low), at(1 + error, DELTA_BYTES.high)];
}

/** In a word or two. */
export function howOf({
  channels,
  preCopyRounds,
  slowdown,
  strategy,
  xbzrleCacheBytes,
}: Advice): string {
  const words: string[] = [strategy];
  if (strategy === "hybrid" && preCopyRounds > 1) words.push(`${preCopyRounds} rounds first`);
  if (slowdown !== "none") words.push(slowdown);
  if (xbzrleCacheBytes > 0) words.push(`XBZRLE with ${formatSize(xbzrleCacheBytes)}`);
  if (channels > 1) words.push(`${channels} channels`);
  return words.join(", ");
}

function scenarioOf(request: AdviceRequest, { cache, ...option }: Option): Scenario {
  const { writer } = request;
  const { high, low } = DELTA_BYTES;
  const deltaPageBytes = request.deltaPageBytes ?? Math.round(Math.sqrt(low * high));
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
    lossRatio: request.lossRatio,
    bandwidthCapBytesPerSec: null,
    // What is sent with the guest stopped is not all of its silence.
    downtimeLimitNs: Math.max(1e6, 0.9 * request.downtimeNs - 4 * request.latencyNs),
    roundsMax: null,
    policy: "qemu",
    xbzrleCacheBytes: cache === "none" ? 0 : cacheFor(writer.workingSetBytes),
    xbzrleFrom: "first-pass",
    dirtyLimitPagesPerSec: null,
    timeoutNs: request.timeoutNs,
    onLimit: "fail",
    settleNs: 0,
    setupNs: 0,
    wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes },
    ...option,
  };
}

/** A power of two, as QEMU wants it, that holds the working set; 1 MiB at least. */
function cacheFor(workingSetBytes: number): number {
  return 2 ** Math.max(20, Math.ceil(Math.log2(Math.max(1, workingSetBytes))));
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
  const { channels = 1, preCopyRounds, slowdown, strategy, xbzrleCacheBytes } = scenario;
  return {
    strategy,
    slowdown,
    preCopyRounds,
    channels,
    xbzrleCacheBytes,
    downtimeLimitMs: Math.round(scenario.downtimeLimitNs / 1e4) / 100,
    fits,
    reason: `${reasonOf(request, runs, { fits, leaves: PLANS[strategy].leavesPages })}${alsoOf(scenario, runs)}`,
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

/** What a setting brings, or costs. */
function alsoOf({ channels = 1, ...scenario }: Scenario, runs: readonly FluidResult[]): string {
  const { bandwidthBytesPerSec: bytesPerSec, latencyNs, lossRatio, xbzrleCacheBytes } = scenario;
  const words: string[] = [];
  if (xbzrleCacheBytes > 0) {
    const { deltaPages, normalPages } = runs[0] as FluidResult;
    const share = Math.round((100 * deltaPages) / Math.max(1, normalPages));
    words.push(`${share} % of the pages go as differences, which costs the source a cache`);
  }
  if (channels > 1) {
    const one = flowBytesPerSec({ bytesPerSec, latencyNs, lossRatio: lossRatio ?? 0 });
    words.push(`one connection would move ${Math.round((100 * one) / bytesPerSec)} % of the link`);
  }
  return words.map((word) => `; ${word}`).join("");
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
