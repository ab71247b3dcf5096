/**
 * One migration among many. Its rounds are those of `ts/sweep/fluid`: the same memory, the engine's own policies. But
 * what it sends goes at a rate that others change, so it is written as the sequence of its legs: so many bytes,
 * or so long a wait. Whoever drives it says when a leg is over and what rate it has.
 */
import { GUEST_PAGE_BYTES } from "../machine/migratable.ts";
import { PLANS } from "../migrate/options.ts";
import { CONVERGENCE_POLICIES, POLICY_SETTINGS } from "../migrate/policy/convergence.ts";
import type { ConvergenceDecision, ConvergenceLimits } from "../migrate/policy/state.ts";
import { WINDOW_NS } from "../migrate/rate-window.ts";
import type { RoundStats } from "../migrate/stats.ts";
import { FluidMemory } from "../sweep/fluid/memory.ts";
import { postCopy } from "../sweep/fluid/post-copy.ts";
import { regionsOf } from "../sweep/fluid/regions.ts";
import { slowDown } from "../sweep/fluid/slowdown.ts";
import { FRAME } from "../sweep/fluid/window.ts";
import type { Scenario } from "../sweep/scenario.ts";
import type { MigrationSettings } from "./model.ts";

const ZERO_PAGES_MAX = 1 << 16;
/** What the engine takes a page on the wire for. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;
/** Less than this is what adding up has left. */
const LEAST_PAGES = 1e-3;
/** After so many legs a round is sent without further looks: each leg is a piece of memory to keep. */
const LEGS_MAX = 64;

/** What a migration is at; `wait` is before its first page. */
export type LegKind = "wait" | "round" | "stop" | "follow";

/** One thing to do before the next decision; the same object each time, for all migrations. */
export interface Leg {
  kind: LegKind;
  bytes: number;
  waitNs: number;
  /** The migration's own limit meanwhile. */
  capBytesPerSec: number;
}

/** When a part of it began: setup, a round, the switch, the pages that follow. */
export interface Mark {
  readonly kind: "setup" | "round" | "stop" | "follow";
  readonly startNs: number;
}

export type Buffers = ReturnType<typeof FluidMemory.buffers>;

/** What it does when it is asked for its next leg. */
type Stage =
  | "connect"
  | "setup"
  | "begin"
  | "iterate"
  | "pause"
  | "rest"
  | "end"
  | "agree"
  | "switch"
  | "over";

const NO_ROUNDS: readonly RoundStats[] = [];
const leg: Leg = { kind: "wait", bytes: 0, waitNs: 0, capBytesPerSec: 0 };

/** What a look at the dirty log adds to the pieces of memory for each phase, and a batch, at most. */
const LOOK_PIECES = 4;
const BATCH_PIECES = 1;

/** What policies are told of the limits of migrations that are set alike. */
export function limitsOf(settings: MigrationSettings): ConvergenceLimits {
  const { downtimeLimitNs, onLimit, policy, roundsMax, strategy, timeoutNs } = settings;
  return {
    downtimeLimitNs,
    roundsMax: roundsMax ?? Number.POSITIVE_INFINITY,
    timeoutNs,
    bandwidthCapBytesPerSec: settings.bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY,
    // Whoever may leave pages behind has no need to give up, nor to stop the guest for long.
    onLimit: PLANS[strategy].leavesPages ? "fail" : onLimit,
    policySettings: POLICY_SETTINGS[policy] as ConvergenceLimits["policySettings"],
  };
}

export class LiveMigration {
  readonly scenario: Scenario;
  readonly memory: FluidMemory;
  /** Since it began. The driver keeps these two. */
  nowNs = 0;
  bytesPerSec = 0;
  bytes = 0;
  normalPages = 0;
  zeroPages = 0;
  downtimeNs = 0;
  gapNs = 0;
  syncs = 1;
  /** Why it failed; empty: it did not. */
  error = "";
  isPaused = false;
  /** It runs on the target by now, whatever is still to come. */
  isSwitched = false;
  readonly marks: Mark[] = [];
  readonly #buffers: Buffers;
  readonly #limits: ConvergenceLimits;
  /** Policies that look at earlier rounds are told of them. */
  readonly #rounds: RoundStats[] | undefined;
  #round = 1;
  #roundStartNs = 0;
  #roundNormalPages = 0;
  #roundZeroPages = 0;
  #roundBytes = 0;
  #stage: Stage = "connect";
  /** What happens to the pages that are left when the guest stops. */
  #leaves: boolean;
  #remainingBefore = Number.POSITIVE_INFINITY;
  #pausedAtNs = 0;
  #legs = 0;
  #isSynced = true;
  #limit = Number.POSITIVE_INFINITY;
  #windowStartNs = 0;
  #windowBytes = 0;
  /** Of the last window; what policies are told. 0: nothing was measured. */
  #measured = 0;

  /** `buffers` are its own until it is over; `limits` are those of its settings. */
  constructor(scenario: Scenario, buffers: Buffers, limits: ConvergenceLimits) {
    const { policy, slowdown, strategy } = scenario;
    this.scenario = scenario;
    this.#buffers = buffers;
    buffers.reserve(regionsOf(scenario).count);
    this.memory = new FluidMemory(scenario, buffers);
    this.#limits = limits;
    this.#leaves = PLANS[strategy].leavesPages;
    this.#rounds = policy === "qemu" && slowdown === "none" ? undefined : [];
  }

  /** The next leg; undefined: it is over. */
  next(): Leg | undefined {
    while (this.#stage !== "over") {
      const next = this.#step();
      if (next) return next;
    }
    return undefined;
  }

  /** `bytes` have gone until now; a window of the engine may be over. */
  sent(bytes: number): void {
    this.#windowBytes += bytes;
    const spentNs = this.nowNs - this.#windowStartNs;
    if (spentNs < WINDOW_NS) return;
    this.#measured = (this.#windowBytes * 1e9) / spentNs;
    this.#windowBytes = 0;
    this.#windowStartNs = this.nowNs;
  }

  /** The leg of this stage, if it has one. */
  #step(): Leg | undefined {
    const { latencyNs, setupNs, strategy } = this.scenario;
    switch (this.#stage) {
      case "connect":
        this.#stage = "setup";
        this.#mark("setup");
        return this.#wait(2 * latencyNs);
      case "setup":
        this.#stage = "begin";
        this.memory.startDirtyLog();
        return setupNs > 0 ? this.#wait(setupNs) : undefined;
      case "begin":
        this.#begin(PLANS[strategy].iterates);
        return undefined;
      case "iterate":
        return this.#iterate();
      case "pause":
        return this.#stop();
      case "rest":
        return this.#rest();
      case "end":
        this.#stage = "agree";
        return this.#send("stop", FRAME.state + FRAME.end);
      case "agree":
        this.#stage = "switch";
        return this.#wait(4 * latencyNs);
      default:
        return this.#switch();
    }
  }

  #begin(iterates: boolean): void {
    this.bytes += FRAME.hello;
    this.#windowStartNs = this.nowNs;
    this.#roundStartNs = this.nowNs;
    this.#stage = iterates ? "iterate" : "pause";
    if (iterates) this.#mark("round");
  }

  #iterate(): Leg | undefined {
    const decision = this.#decide();
    const isEnough = decision === "fail" || this.#round > this.scenario.preCopyRounds;
    if (decision === "stop" || (this.#leaves && isEnough)) {
      this.#leaves &&= decision !== "stop";
      this.#stage = "pause";
      return undefined;
    }
    if (decision === "fail") {
      this.error = "pre-copy did not converge";
      this.#stage = "over";
      return undefined;
    }
    if (decision !== "sync") return this.#batch("round", this.#batchPages());
    this.#sync();
    return this.#send("round", FRAME.round);
  }

  #stop(): Leg | undefined {
    this.#pausedAtNs = this.nowNs;
    this.#mark("stop");
    this.#pause();
    this.#leaves &&= this.memory.remaining > 0.5;
    this.#stage = this.#leaves ? "end" : "rest";
    if (!this.#leaves) return undefined;
    return this.#send("stop", FRAME.missing + Math.ceil(this.memory.pageCount / 8));
  }

  /** Until no more goes: the first pass may begin in the middle of memory. */
  #rest(): Leg | undefined {
    const { remaining } = this.memory;
    if (remaining > LEAST_PAGES && remaining < this.#remainingBefore) {
      this.#remainingBefore = remaining;
      return this.#batch("stop", Number.POSITIVE_INFINITY);
    }
    this.#stage = "end";
    return undefined;
  }

  #switch(): Leg | undefined {
    if (this.isSwitched) {
      this.#stage = "over";
      return undefined;
    }
    this.downtimeNs = this.nowNs - this.#pausedAtNs;
    this.gapNs = this.downtimeNs;
    this.isSwitched = true;
    if (this.#leaves) return this.#follow();
    this.#stage = "over";
    return undefined;
  }

  #decide(): ConvergenceDecision {
    // Less than half a page is none.
    const remaining = this.memory.remaining < 0.5 ? 0 : this.memory.remaining;
    const state = {
      round: this.#round,
      isSynced: this.#isSynced,
      remainingBytes: remaining * GUEST_PAGE_BYTES,
      bytesPerSec: this.#measured,
      elapsedNs: this.nowNs,
      memoryBytes: this.memory.pageCount * GUEST_PAGE_BYTES,
      rounds: this.#rounds ?? NO_ROUNDS,
    };
    const decision = CONVERGENCE_POLICIES[this.scenario.policy](state, this.#limits);
    return decision === "sync" && this.#isTooEarly(remaining) ? "send" : decision;
  }

  /** As the engine: a guest that is held back is not looked at before that may be of use. */
  #isTooEarly(remaining: number): boolean {
    if (remaining === 0 || this.#limit === Number.POSITIVE_INFINITY) return false;
    const dirtied = (this.#limit * (this.nowNs - this.#roundStartNs)) / 1e9;
    const fitting = (this.#measured * this.scenario.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
    return remaining + dirtied > fitting;
  }

  /** Pages until the policy may say something else, at the rate of now. */
  #batchPages(): number {
    const { policy } = this.scenario;
    const looksWithin = policy === "qemu" || policy === "settle";
    if (!looksWithin || ++this.#legs > LEGS_MAX) return Number.POSITIVE_INFINITY;
    if (this.#measured === 0) {
      const bytesPerSec = this.bytesPerSec || this.scenario.bandwidthBytesPerSec;
      return Math.max(1, (bytesPerSec * WINDOW_NS) / 1e9 / RECORD_BYTES);
    }
    const { downtimeLimitNs, timeoutNs } = this.scenario;
    const windowBytes = (this.#measured * WINDOW_NS) / 1e9;
    const left =
      this.memory.remaining * GUEST_PAGE_BYTES - (this.#measured * downtimeLimitNs) / 1e9;
    const windows = Math.min(left / windowBytes, (timeoutNs - this.nowNs) / WINDOW_NS);
    return (Math.max(1, windows) * windowBytes) / RECORD_BYTES;
  }

  #sync(): void {
    this.#endRound(this.#harvest());
    this.memory.isFirstPass = false;
    this.#slowDown();
    this.#mark("round");
  }

  /** Memory is in more and more pieces as it is sent and written. */
  #reserve(): void {
    const phases = Math.max(1, this.scenario.phases.length);
    this.#buffers.reserve(this.#buffers.count + LOOK_PIECES * phases + BATCH_PIECES);
  }

  #harvest(): number {
    this.#reserve();
    this.syncs++;
    this.#isSynced = true;
    this.#legs = 0;
    return this.memory.harvest(this.scenario.backgroundPages);
  }

  #endRound(dirtiedPages: number): void {
    this.#rounds?.push({
      round: this.#round,
      durationNs: this.nowNs - this.#roundStartNs,
      startNs: this.#roundStartNs,
      normalPages: this.#roundNormalPages,
      zeroPages: this.#roundZeroPages,
      bytes: this.#roundBytes,
      dirtiedPages,
      remainingPages: this.memory.remaining,
      dirtyLimitPagesPerSec: this.#limit,
    });
    this.#round++;
    this.#roundStartNs = this.nowNs;
    this.#roundNormalPages = 0;
    this.#roundZeroPages = 0;
    this.#roundBytes = 0;
  }

  #slowDown(): void {
    const { memory, scenario } = this;
    if (scenario.slowdown === "none") return; // The hot path makes no object.
    const its = {
      scenario,
      memory,
      bytesPerSec: this.#measured,
      rounds: this.#rounds ?? NO_ROUNDS,
    };
    this.#limit = slowDown(its);
  }

  #pause(): void {
    this.isPaused = true;
    this.#limit = Number.POSITIVE_INFINITY;
    const dirtied = this.#harvest();
    if (PLANS[this.scenario.strategy].iterates) this.#endRound(dirtied);
  }

  /** The pages that were left behind: what they would take at the rate of now, as bytes of that rate. */
  #follow(): Leg {
    this.#mark("follow");
    const { memory, scenario } = this;
    const bandwidthBytesPerSec = Math.max(1, this.bytesPerSec);
    const counts = {
      postcopyRequests: 0,
      normalPages: 0,
      zeroPages: 0,
      gapNs: 0,
      bytes: 0,
      nowNs: 0,
    };
    const run = { memory, scenario: { ...scenario, bandwidthBytesPerSec }, ...counts };
    postCopy(run);
    this.normalPages += run.normalPages;
    this.zeroPages += run.zeroPages;
    this.gapNs = Math.max(this.gapNs, run.gapNs);
    this.#send("follow", run.bytes);
    leg.capBytesPerSec = (run.bytes * 1e9) / run.nowNs;
    return leg;
  }

  /** Takes pages from memory; what they come to on the wire is the leg. */
  #batch(kind: "round" | "stop", pages: number): Leg {
    const { wire } = this.scenario;
    this.#isSynced = false;
    this.#reserve();
    const taken = this.memory.take(Math.min(pages, this.memory.pageCount), ZERO_PAGES_MAX);
    const { knownPages: deltas, normalPages, zeroPages } = taken;
    const bytes =
      (normalPages - deltas) * wire.normalPageBytes +
      deltas * wire.deltaPageBytes +
      zeroPages * wire.zeroPageBytes;
    this.normalPages += normalPages;
    this.zeroPages += zeroPages;
    this.#roundNormalPages += normalPages;
    this.#roundZeroPages += zeroPages;
    this.#roundBytes += bytes;
    return this.#send(kind, bytes + FRAME.pages);
  }

  #send(kind: LegKind, bytes: number): Leg {
    this.bytes += bytes;
    leg.kind = kind;
    leg.bytes = bytes;
    leg.waitNs = 0;
    // QEMU lifts the cap for what it sends while the guest is stopped; so does the engine where rounds came before.
    const isLifted = this.isPaused && PLANS[this.scenario.strategy].iterates;
    leg.capBytesPerSec = isLifted ? Number.POSITIVE_INFINITY : this.#limits.bandwidthCapBytesPerSec;
    return leg;
  }

  #wait(ns: number): Leg {
    leg.kind = "wait";
    leg.bytes = 0;
    leg.waitNs = ns;
    leg.capBytesPerSec = this.#limits.bandwidthCapBytesPerSec;
    return leg;
  }

  #mark(kind: Mark["kind"]): void {
    this.marks.push({ kind, startNs: this.nowNs });
  }
}
