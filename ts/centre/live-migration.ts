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

const ZERO_PAGES_MAX = 1 << 16;
/** What the engine takes a page on the wire for. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;
/** Less than this is what adding up has left. */
const LEAST_PAGES = 1e-3;
/** After so many legs a round is sent without further looks: each leg is a piece of memory to keep. */
const LEGS_MAX = 64;

/** What a migration is at; `wait` is before its first page. */
export type LegKind = "wait" | "round" | "stop" | "follow";

/** One thing to do before the next decision; the same object each time. */
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

type Steps = Generator<Leg, void, void>;
export type Buffers = ReturnType<typeof FluidMemory.buffers>;

/** What a look at the dirty log or a batch adds to the pieces of memory, at most. */
const MORE_PIECES = 8;

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
  readonly #cap: number;
  readonly #looksWithin: boolean;
  readonly #rounds: RoundStats[] = [];
  readonly #round = { startNs: 0, normalPages: 0, zeroPages: 0, bytes: 0 };
  readonly #leg: Leg = { kind: "wait", bytes: 0, waitNs: 0, capBytesPerSec: 0 };
  readonly #steps: Steps;
  #legs = 0;
  #isSynced = true;
  #limit = Number.POSITIVE_INFINITY;
  #windowStartNs = 0;
  #windowBytes = 0;
  /** Of the last window; what policies are told. 0: nothing was measured. */
  #measured = 0;

  /** `buffers` are its own until it is over. */
  constructor(scenario: Scenario, buffers: Buffers) {
    this.scenario = scenario;
    this.#buffers = buffers;
    this.#reserve(regionsOf(scenario).count);
    this.memory = new FluidMemory(scenario, ...buffers);
    const { downtimeLimitNs, onLimit, policy, roundsMax, strategy, timeoutNs } = scenario;
    this.#cap = scenario.bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY;
    this.#limits = {
      downtimeLimitNs,
      roundsMax: roundsMax ?? Number.POSITIVE_INFINITY,
      timeoutNs,
      bandwidthCapBytesPerSec: this.#cap,
      // Whoever may leave pages behind has no need to give up, nor to stop the guest for long.
      onLimit: PLANS[strategy].leavesPages ? "fail" : onLimit,
      policySettings: POLICY_SETTINGS[policy] as ConvergenceLimits["policySettings"],
    };
    this.#looksWithin = policy === "qemu" || policy === "settle";
    this.#steps = this.#run();
  }

  /** The next leg; undefined: it is over. */
  next(): Leg | undefined {
    const { done, value } = this.#steps.next();
    return done ? undefined : value;
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

  *#run(): Steps {
    const { latencyNs, preCopyRounds, setupNs, strategy } = this.scenario;
    const plan = PLANS[strategy];
    this.#mark("setup");
    yield this.#wait(2 * latencyNs + setupNs);
    this.bytes += FRAME.hello;
    this.#windowStartNs = this.nowNs;
    this.#round.startNs = this.nowNs;
    let rest: "send" | "leave" | "fail" = plan.leavesPages ? "leave" : "send";
    if (plan.iterates) rest = yield* this.#iterate(plan.leavesPages, preCopyRounds);
    if (rest === "fail") {
      this.error = "pre-copy did not converge";
      return;
    }
    const pausedAtNs = this.nowNs;
    this.#mark("stop");
    this.#pause(plan.iterates);
    const leaves = rest === "leave" && this.memory.remaining > 0.5;
    if (leaves) yield this.#send("stop", FRAME.missing + Math.ceil(this.memory.pageCount / 8));
    else yield* this.#sendRest();
    yield this.#send("stop", FRAME.state + FRAME.end);
    yield this.#wait(4 * latencyNs);
    this.downtimeNs = this.nowNs - pausedAtNs;
    this.gapNs = this.downtimeNs;
    this.isSwitched = true;
    if (leaves) yield* this.#follow();
  }

  *#iterate(
    leavesPages: boolean,
    preCopyRounds: number,
  ): Generator<Leg, "send" | "leave" | "fail", void> {
    this.#mark("round");
    for (;;) {
      const decision = this.#decide();
      if (decision === "stop") return "send";
      const isEnough = decision === "fail" || this.#rounds.length + 1 > preCopyRounds;
      if (leavesPages && isEnough) return "leave";
      if (decision === "fail") return "fail";
      if (decision === "sync") {
        this.#sync();
        yield this.#send("round", FRAME.round);
      } else yield this.#batch("round", this.#batchPages());
    }
  }

  #decide(): ConvergenceDecision {
    // Less than half a page is none.
    const remaining = this.memory.remaining < 0.5 ? 0 : this.memory.remaining;
    const state = {
      round: this.#rounds.length + 1,
      isSynced: this.#isSynced,
      remainingBytes: remaining * GUEST_PAGE_BYTES,
      bytesPerSec: this.#measured,
      elapsedNs: this.nowNs,
      memoryBytes: this.memory.pageCount * GUEST_PAGE_BYTES,
      rounds: this.#rounds,
    };
    const decision = CONVERGENCE_POLICIES[this.scenario.policy](state, this.#limits);
    return decision === "sync" && this.#isTooEarly(remaining) ? "send" : decision;
  }

  /** As the engine: a guest that is held back is not looked at before that may be of use. */
  #isTooEarly(remaining: number): boolean {
    if (remaining === 0 || this.#limit === Number.POSITIVE_INFINITY) return false;
    const dirtied = (this.#limit * (this.nowNs - this.#round.startNs)) / 1e9;
    const fitting = (this.#measured * this.scenario.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
    return remaining + dirtied > fitting;
  }

  /** Pages until the policy may say something else, at the rate of now. */
  #batchPages(): number {
    if (!this.#looksWithin || ++this.#legs > LEGS_MAX) return Number.POSITIVE_INFINITY;
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
    const { workingSetBytes, xbzrleCacheBytes } = this.scenario;
    this.memory.kept = Math.min(1, xbzrleCacheBytes / workingSetBytes);
    this.#slowDown();
    this.#mark("round");
  }

  /** Memory is in more and more pieces as it is sent and written. */
  #reserve(pieces: number): void {
    const [one, other] = this.#buffers;
    one.reserve(pieces + MORE_PIECES);
    other.reserve(pieces + MORE_PIECES);
  }

  #reserveMore(): void {
    const [one, other] = this.#buffers;
    this.#reserve(Math.max(one.count, other.count) + 4 * this.scenario.phases.length);
  }

  #harvest(): number {
    this.#reserveMore();
    this.syncs++;
    this.#isSynced = true;
    this.#legs = 0;
    return this.memory.harvest(this.scenario.backgroundPages);
  }

  #endRound(dirtiedPages: number): void {
    const round = this.#round;
    this.#rounds.push({
      round: this.#rounds.length + 1,
      durationNs: this.nowNs - round.startNs,
      ...round,
      dirtiedPages,
      remainingPages: this.memory.remaining,
      dirtyLimitPagesPerSec: this.#limit,
    });
    round.startNs = this.nowNs;
    round.normalPages = 0;
    round.zeroPages = 0;
    round.bytes = 0;
  }

  #slowDown(): void {
    const { memory, scenario } = this;
    if (scenario.slowdown === "none") return; // The hot path makes no object.
    const its = { scenario, memory, bytesPerSec: this.#measured, rounds: this.#rounds };
    this.#limit = slowDown(its);
  }

  #pause(iterates: boolean): void {
    this.isPaused = true;
    this.#limit = Number.POSITIVE_INFINITY;
    const dirtied = this.#harvest();
    if (iterates) this.#endRound(dirtied);
  }

  *#sendRest(): Steps {
    for (let before = Number.POSITIVE_INFINITY; this.memory.remaining < before; ) {
      before = this.memory.remaining;
      if (before > LEAST_PAGES) yield this.#batch("stop", Number.POSITIVE_INFINITY);
    }
  }

  /** The pages that were left behind: what they would take at the rate of now, as bytes of that rate. */
  *#follow(): Steps {
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
    const leg = this.#send("follow", run.bytes);
    leg.capBytesPerSec = (run.bytes * 1e9) / run.nowNs;
    yield leg;
  }

  /** Takes pages from memory; what they come to on the wire is the leg. */
  #batch(kind: "round" | "stop", pages: number): Leg {
    const { taken } = this.memory;
    const { wire, xbzrleCacheBytes } = this.scenario;
    this.#isSynced = false;
    this.#reserveMore();
    this.memory.take(Math.min(pages, this.memory.pageCount), ZERO_PAGES_MAX);
    const { normalPages, zeroPages } = taken;
    const deltas = xbzrleCacheBytes > 0 ? taken.knownPages : 0;
    const bytes =
      (normalPages - deltas) * wire.normalPageBytes +
      deltas * wire.deltaPageBytes +
      zeroPages * wire.zeroPageBytes;
    this.normalPages += normalPages;
    this.zeroPages += zeroPages;
    this.#round.normalPages += normalPages;
    this.#round.zeroPages += zeroPages;
    this.#round.bytes += bytes;
    return this.#send(kind, bytes + FRAME.pages);
  }

  #send(kind: LegKind, bytes: number): Leg {
    const leg = this.#leg;
    this.bytes += bytes;
    leg.kind = kind;
    leg.bytes = bytes;
    leg.waitNs = 0;
    // QEMU lifts the cap for what it sends while the guest is stopped; so does the engine where rounds came before.
    const isLifted = this.isPaused && PLANS[this.scenario.strategy].iterates;
    leg.capBytesPerSec = isLifted ? Number.POSITIVE_INFINITY : this.#cap;
    return leg;
  }

  #wait(ns: number): Leg {
    const leg = this.#leg;
    leg.kind = "wait";
    leg.bytes = 0;
    leg.waitNs = ns;
    leg.capBytesPerSec = this.#cap;
    return leg;
  }

  #mark(kind: Mark["kind"]): void {
    this.marks.push({ kind, startNs: this.nowNs });
  }
}
