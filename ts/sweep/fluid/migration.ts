/**
 * Fidelity `fluid`: the migration engine as arithmetic. The same phases, windows and decisions (the
 * policies are the engine's own functions), with expected pages instead of pages, and with as few
 * steps as there are decisions: windows that are alike pass as one.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { PLANS } from "../../migrate/options.ts";
import { CONVERGENCE_POLICIES, POLICY_SETTINGS } from "../../migrate/policy/convergence.ts";
import type {
  ConvergenceDecision,
  ConvergenceLimits,
  ConvergencePolicy,
} from "../../migrate/policy/state.ts";
import { WINDOW_NS } from "../../migrate/rate-window.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import { FRAMES_PER_WINDOW, pagesBytesPerSec } from "../link.ts";
import type { Scenario } from "../scenario.ts";
import { Doubt } from "./doubt.ts";
import { FluidMemory, type Taken } from "./memory.ts";
import { postCopy } from "./post-copy.ts";
import { slowDown } from "./slowdown.ts";
import { FluidWindow, FRAME } from "./window.ts";

const ZERO_PAGES_MAX = 1 << 16;
/** What the engine takes a page on the wire for. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;

/** Less than this is what adding up has left. */
const LEAST_PAGES = 1e-3;

/** What a run comes to, in the units of the engine's own statistics; pages are means. */
export interface FluidResult {
  readonly isCompleted: boolean;
  readonly error: string;
  readonly totalNs: number;
  readonly downtimeNs: number;
  readonly gapNs: number;
  readonly setupNs: number;
  readonly transferredBytes: number;
  readonly normalPages: number;
  readonly zeroPages: number;
  readonly deltaPages: number;
  readonly dirtySyncCount: number;
  readonly postcopyRequests: number;
  readonly remainingPages: number;
  readonly dirtyPagesPerSec: number;
  /** Why another fate was near; empty: none was. */
  readonly near: string;
  /** If somebody asked; the last one is what came after the guest stopped. */
  readonly rounds: readonly RoundStats[];
}

type Buffers = ReturnType<typeof FluidMemory.buffers>;

/** The migration that was simulated last, and its buffers: making another takes as long as a short one. */
let last: { readonly buffers: Buffers; readonly migration: FluidMigration } | undefined;

/** Moves a fluid guest as `scenario` says. `buffers` may be used again for the next one. */
export function simulateFluid(
  scenario: Scenario,
  buffers?: Buffers,
  notes: "rounds" | "total" = "total",
): FluidResult {
  if (!last || last.buffers !== buffers) {
    const own = buffers ?? FluidMemory.buffers();
    last = { buffers: own, migration: new FluidMigration(own) };
  }
  return last.migration.run(scenario, notes);
}

/** A guest on its way, one after the other. What the phases share. */
export class FluidMigration {
  scenario: Scenario = undefined as unknown as Scenario;
  readonly memory: FluidMemory;
  readonly window = new FluidWindow();
  nowNs = 0;
  bytes = 0;
  normalPages = 0;
  zeroPages = 0;
  deltaPages = 0;
  postcopyRequests = 0;
  gapNs = 0;
  readonly #limits: { -readonly [K in keyof ConvergenceLimits]: ConvergenceLimits[K] } = {
    downtimeLimitNs: 0,
    roundsMax: 0,
    timeoutNs: 0,
    bandwidthCapBytesPerSec: 0,
    onLimit: "fail",
    policySettings: {} as ConvergenceLimits["policySettings"],
  };
  readonly #doubt = new Doubt(this.#limits);
  #policy: ConvergencePolicy = CONVERGENCE_POLICIES.qemu;
  /** What the link moves, by all connections. */
  #bytesPerSec = 0;
  #nsPerByte = 0;
  #leavesPages = false;
  /** The rounds that are over; what they were is noted if somebody asks. */
  #roundCount = 0;
  readonly #rounds: RoundStats[] = [];
  #notesRounds = false;
  #isSynced = true;
  #isPaused = false;
  #syncs = 1;
  #limit = Number.POSITIVE_INFINITY;
  #dirtyPagesPerSec = 0;
  readonly #round = { startNs: 0, normalPages: 0, zeroPages: 0, bytes: 0 };
  /** The state that policies are asked with; one object for all questions. */
  readonly #state = {
    round: 1,
    isSynced: true,
    isMidWindow: false,
    remainingBytes: 0,
    bytesPerSec: 0,
    elapsedNs: 0,
    memoryBytes: 0,
    rounds: this.#rounds as readonly RoundStats[],
  };

  constructor(buffers: Buffers) {
    this.memory = new FluidMemory(undefined, buffers);
  }

  /** Nothing has been sent yet. */
  #begin(scenario: Scenario): void {
    const capBytesPerSec = scenario.bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY;
    this.scenario = scenario;
    this.memory.begin(scenario);
    this.window.begin(capBytesPerSec);
    this.nowNs = 0;
    this.bytes = 0;
    this.normalPages = 0;
    this.zeroPages = 0;
    this.deltaPages = 0;
    this.postcopyRequests = 0;
    this.gapNs = 0;
    this.#bytesPerSec = pagesBytesPerSec(scenario);
    this.#nsPerByte = 1e9 / this.#bytesPerSec;
    this.#roundCount = 0;
    if (this.#rounds.length > 0) this.#rounds.length = 0;
    this.#isSynced = true;
    this.#isPaused = false;
    this.#syncs = 1;
    this.#limit = Number.POSITIVE_INFINITY;
    this.#dirtyPagesPerSec = 0;
    this.#startRound(0);
    this.#state.memoryBytes = this.memory.pageCount * GUEST_PAGE_BYTES;
    this.#beginPolicy(scenario, capBytesPerSec);
  }

  #beginPolicy(scenario: Scenario, capBytesPerSec: number): void {
    const { onLimit, policy, roundsMax, strategy } = scenario;
    const limits = this.#limits;
    this.#leavesPages = PLANS[strategy].leavesPages;
    limits.downtimeLimitNs = scenario.downtimeLimitNs;
    limits.roundsMax = roundsMax ?? Number.POSITIVE_INFINITY;
    limits.timeoutNs = scenario.timeoutNs;
    limits.bandwidthCapBytesPerSec = capBytesPerSec;
    // Whoever may leave pages behind has no need to give up, nor to stop the guest for long.
    limits.onLimit = this.#leavesPages ? "fail" : onLimit;
    limits.policySettings = POLICY_SETTINGS[policy] as ConvergenceLimits["policySettings"];
    this.#policy = CONVERGENCE_POLICIES[policy];
    this.#notesRounds = policy !== "qemu" || scenario.slowdown !== "none";
    this.#doubt.begin(policy);
  }

  run(scenario: Scenario, notes: "rounds" | "total" = "total"): FluidResult {
    this.#begin(scenario);
    if (notes === "rounds") this.#notesRounds = true;
    const plan = PLANS[scenario.strategy];
    this.#say(FRAME.hello);
    this.#wait(2 * scenario.latencyNs + FRAME.accept * this.#nsPerByte);
    this.#join((scenario.channels ?? 1) - 1);
    this.memory.startDirtyLog();
    this.#wait(scenario.setupNs);
    const setupNs = this.nowNs;
    this.#round.startNs = setupNs;
    const rest = plan.iterates ? this.#iterate() : plan.leavesPages ? "leave" : "send";
    if (rest === "fail") return this.#result(setupNs, 0, "pre-copy did not converge");
    const pausedAtNs = this.nowNs;
    if (plan.iterates) this.#doubt.converged(scenario.timeoutNs - pausedAtNs);
    this.#pause(plan.iterates);
    const leaves = rest === "leave" && this.memory.remaining > 0.5;
    if (leaves) this.#say(FRAME.missing + Math.ceil(this.memory.pageCount / 8));
    else this.#sendRest();
    this.#say(FRAME.state + FRAME.end);
    this.#wait(4 * scenario.latencyNs + FRAME.agree * this.#nsPerByte);
    this.bytes += FRAME.commit;
    const downtimeNs = this.nowNs - pausedAtNs;
    this.gapNs = downtimeNs;
    if (leaves) postCopy(this);
    this.#endRound(0);
    return this.#result(setupNs, downtimeNs, "");
  }

  /** Sends bytes that are no pages. */
  #say(bytes: number): void {
    this.bytes += bytes;
    this.#wait(bytes * this.#nsPerByte);
  }

  /** Opens more connections, one after the other. */
  #join(more: number): void {
    this.#say(more * FRAME.join);
    this.#wait(more * (2 * this.scenario.latencyNs + FRAME.joined * this.#nsPerByte));
  }

  #wait(ns: number): void {
    this.nowNs += ns;
    if (!this.#isPaused) this.memory.run(ns);
  }

  #iterate(): "send" | "leave" | "fail" {
    for (;;) {
      const decision = this.#decide();
      if (decision === "stop") return "send";
      if (this.#mayLeave(decision)) return "leave";
      if (decision === "fail") return "fail";
      if (decision === "sync") this.#sync();
      else this.#sendBatch();
    }
  }

  #decide(): ConvergenceDecision {
    const state = this.#state;
    state.round = this.#roundCount + 1;
    state.isSynced = this.#isSynced;
    state.isMidWindow = this.window.isMidWindow;
    // Less than half a page is none.
    const remaining = this.memory.remaining < 0.5 ? 0 : this.memory.remaining;
    state.remainingBytes = remaining * GUEST_PAGE_BYTES;
    state.bytesPerSec = this.window.bytesPerSec;
    state.elapsedNs = this.nowNs;
    const decision = this.#policy(state, this.#limits);
    if (this.#isSynced && this.#roundCount > 0)
      this.#doubt.decided(decision, state, this.memory.variance);
    return decision === "sync" && this.#isTooEarly(remaining) ? "send" : decision;
  }

  /** As the engine: a guest that is held back is not looked at before that may be of use. */
  #isTooEarly(remaining: number): boolean {
    if (remaining === 0 || this.#limit === Number.POSITIVE_INFINITY) return false;
    const dirtied = (this.#limit * (this.nowNs - this.#round.startNs)) / 1e9;
    return remaining + dirtied > this.#fittingPages;
  }

  /** Pages that fit the downtime, as far as is known. */
  get #fittingPages(): number {
    return (this.window.bytesPerSec * this.scenario.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
  }

  #mayLeave(decision: ConvergenceDecision): boolean {
    if (!this.#leavesPages) return false;
    return decision === "fail" || this.#roundCount + 1 > this.scenario.preCopyRounds;
  }

  #harvest(): number {
    const dirtied = this.memory.harvest(this.scenario.backgroundPages);
    this.#syncs++;
    this.#isSynced = true;
    return dirtied;
  }

  #sync(): void {
    this.#endRound(this.#harvest());
    this.memory.isFirstPass = false;
    this.#slowDown();
    this.#say(FRAME.round);
  }

  #endRound(dirtiedPages: number): void {
    const round = this.#round;
    const durationNs = this.nowNs - round.startNs;
    if (durationNs > 0) this.#dirtyPagesPerSec = (dirtiedPages * 1e9) / durationNs;
    this.#roundCount++;
    if (this.#notesRounds)
      this.#rounds.push({
        round: this.#roundCount,
        durationNs,
        ...round,
        dirtiedPages,
        remainingPages: this.memory.remaining,
        dirtyLimitPagesPerSec: this.#limit,
      });
    this.#startRound(this.nowNs);
  }

  #startRound(nowNs: number): void {
    const round = this.#round;
    round.startNs = nowNs;
    round.normalPages = 0;
    round.zeroPages = 0;
    round.bytes = 0;
  }

  #slowDown(): void {
    const { memory, scenario } = this;
    if (scenario.slowdown === "none") return; // The hot path makes no object.
    const its = { scenario, memory, bytesPerSec: this.window.bytesPerSec, rounds: this.#rounds };
    this.#limit = slowDown(its);
  }

  #pause(iterates: boolean): void {
    this.#isPaused = true;
    this.#limit = Number.POSITIVE_INFINITY;
    const dirtied = this.#harvest();
    if (!iterates) return;
    this.#endRound(dirtied);
    this.window.lift();
  }

  #sendRest(): void {
    for (let before = Number.POSITIVE_INFINITY; this.memory.remaining < before; ) {
      before = this.memory.remaining;
      if (before > LEAST_PAGES) this.#sendBatch();
    }
  }

  /**
   * Windows until the policy may decide otherwise, as the engine reckons: whole ones, but where there are several
   * connections, whose frames are smaller.
   */
  #windowsToDecision(): number {
    const { bytesPerSec } = this.window;
    const { channels = 1, downtimeLimitNs, timeoutNs } = this.scenario;
    const windowBytes = (bytesPerSec * WINDOW_NS) / 1e9;
    const threshold = (bytesPerSec * downtimeLimitNs) / 1e9;
    const leftBytes = this.memory.remaining * GUEST_PAGE_BYTES - threshold;
    const leftNs = timeoutNs - this.nowNs;
    const windows = Math.min(leftBytes / windowBytes, leftNs / WINDOW_NS);
    if (channels === 1) return Math.max(1, Math.ceil(windows));
    return Math.max(1 / (FRAMES_PER_WINDOW * channels), windows);
  }

  #batchPages(): number {
    const { budgetBytes, bytesPerSec } = this.window;
    const pages = Math.max(1, Math.ceil(budgetBytes / RECORD_BYTES));
    if (this.#isPaused) return pages;
    if (bytesPerSec === 0) {
      const probe = Math.ceil(this.#bytesPerSec / 10 / this.scenario.wire.normalPageBytes);
      return Math.min(pages, Math.max(1, probe));
    }
    if (this.scenario.policy === "qemu" && this.window.isCapped) return pages;
    const windowBytes = (bytesPerSec * WINDOW_NS) / 1e9;
    // Small frames follow what is measured, window by window.
    const windowsMax = (this.scenario.channels ?? 1) > 1 ? 1 : Number.POSITIVE_INFINITY;
    const windows = Math.min(windowsMax, this.#windowsToDecision());
    return Math.min(pages, Math.ceil((windows * windowBytes) / RECORD_BYTES));
  }

  #sendBatch(): void {
    const pages = this.#batchPages();
    this.#isSynced = false;
    if (!this.#sendWindows(pages)) this.#sendOne(pages);
  }

  /** Several whole windows that are filled alike. False: there are none. */
  #sendWindows(pages: number): boolean {
    const { wire, xbzrleCacheBytes } = this.scenario;
    const bytes = pages * wire.normalPageBytes + FRAME.pages;
    const { budgetBytes, isFresh } = this.window;
    if (!isFresh || bytes < budgetBytes || xbzrleCacheBytes > 0) return false;
    if (bytes * this.#nsPerByte >= WINDOW_NS) return false;
    const isSlowed = this.#limit !== Number.POSITIVE_INFINITY;
    const least = this.memory.remaining <= this.#fittingPages;
    if (!this.#isPaused && (this.window.bytesPerSec === 0 || (isSlowed && least))) return false;
    const most = this.#isPaused ? Number.POSITIVE_INFINITY : Math.floor(this.#windowsToDecision());
    // The last one may end differently: it is sent by itself.
    const windows = Math.min(most, Math.floor(this.memory.normalAhead(most * pages) / pages));
    if (!(windows > 1)) return false;
    this.#count(windows * bytes, this.memory.take(windows * pages, 0));
    this.#wait(windows * WINDOW_NS);
    this.window.pass(bytes, this.nowNs);
    return true;
  }

  #sendOne(pages: number): void {
    const taken = this.memory.take(pages, ZERO_PAGES_MAX);
    if (taken.normalPages + taken.zeroPages < 1e-9) return;
    const { normalPageBytes, zeroPageBytes } = this.scenario.wire;
    const { knownPages: deltas, normalPages, zeroPages } = taken;
    const bytes =
      (normalPages - deltas) * normalPageBytes +
      deltas * this.scenario.wire.deltaPageBytes +
      zeroPages * zeroPageBytes +
      FRAME.pages;
    this.deltaPages += deltas;
    this.#count(bytes, taken);
    this.#wait(bytes * this.#nsPerByte);
    this.#wait(this.window.pace(bytes, this.nowNs));
  }

  #count(bytes: number, { normalPages, zeroPages }: Readonly<Taken>): void {
    this.bytes += bytes;
    this.normalPages += normalPages;
    this.zeroPages += zeroPages;
    this.#round.normalPages += normalPages;
    this.#round.zeroPages += zeroPages;
    this.#round.bytes += bytes;
  }

  #result(setupNs: number, downtimeNs: number, error: string): FluidResult {
    return {
      isCompleted: error === "",
      error,
      totalNs: this.nowNs,
      downtimeNs,
      gapNs: Math.max(this.gapNs, downtimeNs),
      setupNs,
      transferredBytes: this.bytes,
      normalPages: this.normalPages,
      zeroPages: this.zeroPages,
      deltaPages: this.deltaPages,
      dirtySyncCount: this.#syncs,
      postcopyRequests: this.postcopyRequests,
      remainingPages: this.memory.remaining,
      dirtyPagesPerSec: this.#dirtyPagesPerSec,
      near: this.#doubt.near,
      rounds: this.#rounds,
    };
  }
}
