/** Iterative copy: round after round of pages is sent while the guest runs and writes. */
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { GUEST_PAGE_BYTES, type PageSet } from "../../machine/migratable.ts";
import { encodeRound } from "../messages.ts";
import { PLANS } from "../options.ts";
import { CONVERGENCE_POLICIES } from "../policy/convergence.ts";
import { SLOWDOWN_POLICIES } from "../policy/dirty-limit.ts";
import { adaptiveRate } from "../policy/pacing.ts";
import { describeStall, stallOf } from "../policy/stall.ts";
import type { ConvergenceDecision } from "../policy/state.ts";
import { WINDOW_NS } from "../rate-window.ts";
import type { Session } from "../session.ts";
import { FRAME_ROUND } from "../stream.ts";
import { copyDisks } from "./disk-copy.ts";

/** Bytes of a page on the wire, for how much fits a window. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;
const ZERO_PAGES_MAX = 1 << 16;

/** A page with data takes as long as so many that are zero: it is copied, and summed. */
const ZERO_PAGES_A_NORMAL = 8;

/** The switch takes time, too, and what was measured is not quite what will be. */
const MARGIN = 0.95;

/** So much may be on its way to the target when the guest is stopped: some milliseconds. */
const UNDRAINED_BYTES_MAX = 1 << 20;
/** Where each time that the target is waited for makes for more, this is enough. */
const DRAINS_MAX = 3;

/** What is done with the pages that are left when the guest stops. */
export type Rest = "send" | "leave";

export function* iterativeCopy(session: Session): Task<Rest> {
  session.enter("iterative-copy");
  const copy = new IterativeCopy(session);
  for (;;) {
    const decision = copy.decide();
    const rest = copy.restAfter(decision);
    if (rest && copy.mustDrain) yield* copy.drain();
    else if (rest) return rest;
    else if (decision === "sync") yield* copy.sync();
    else if (decision === "send") yield* copy.sendBatch();
    else throw notConverging(session);
  }
}

function notConverging({ remainingPages, stats }: Session): WasmvisorError {
  const stall = stallOf(stats.rounds);
  const why = stall ? `: ${describeStall(stall)}` : "";
  return new WasmvisorError(
    "WV_MIGRATION",
    `pre-copy did not converge: ${remainingPages} pages left in round ${stats.round}${why}`,
  );
}

/** Sends all that is in the set; the guest is stopped. */
export function* sendRest(session: Session): Task<void> {
  const copy = new IterativeCopy(session);
  while (session.remainingPages > 0) yield* copy.sendBatch();
}

class IterativeCopy {
  readonly #session: Session;
  #cursor = 0;
  /** The pass has come to its end, and what is left of it was written again meanwhile. */
  #isPassOver = false;
  /** Pages that the next frame has at most. */
  #pagesMax: number;
  #drains = 0;
  /** Round until which it counts that it was about to go when the target was asked. */
  #readyUntil = 0;
  /** Bytes that had been sent when the target had taken in all of them. */
  #drainedBytes = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#pagesMax = session.options.firstBatchPages;
  }

  decide(): ConvergenceDecision {
    const { isSynced, options, remainingPages, stats } = this.#session;
    // Whoever may leave pages behind has no need to give up, nor to stop the guest for long.
    const limits = PLANS[options.strategy].leavesPages
      ? ({ ...options, onLimit: "fail" } as const)
      : options;
    const decision = CONVERGENCE_POLICIES[options.policy](
      {
        round: stats.round,
        isSynced,
        isMidWindow: this.#session.window.isMidWindow,
        hasWaited: stats.round === this.#readyUntil,
        remainingBytes: remainingPages * GUEST_PAGE_BYTES + this.#diskBytes,
        bytesPerSec: this.#bytesPerSec,
        elapsedNs: this.#session.nowNs() - stats.startNs,
        memoryBytes: this.#session.guest.shape.pageCount * GUEST_PAGE_BYTES,
        rounds: stats.rounds,
      },
      limits,
    );
    if (decision === "send" && (this.#isPassOver || remainingPages === 0)) return "sync";
    return decision === "sync" && this.#isTooEarly() ? "send" : decision;
  }

  /** What disks need when the guest is stopped. */
  get #diskBytes(): number {
    const { disks } = this.#session;
    return disks?.how === "pre-copy" ? disks.remainingBytes : 0;
  }

  /** What the link moves of pages (packed, if they are), as far as the migration may have it. */
  get #bytesPerSec(): number {
    const { options, window } = this.#session;
    if (options.policy !== "settle") return window.contentBytesPerSec;
    const capBytesPerSec = options.bandwidthCapBytesPerSec * window.packRatio;
    return MARGIN * Math.min(window.contentBytesPerSec, capBytesPerSec);
  }

  /**
   * How fast the next pass goes. What would fit the downtime may be sent without a cap with the guest stopped;
   * so it may with the guest running, where it costs no downtime, and less is dirtied meanwhile.
   */
  #setPace(): void {
    const { options, remainingPages, stats, window } = this.#session;
    const { bandwidthCapBytesPerSec, downtimeLimitNs, pacing, policy } = options;
    if (pacing === "adaptive") window.cap(adaptiveRate(stats.rounds, options));
    if (policy !== "settle" || pacing === "adaptive") return;
    const fits = remainingPages * GUEST_PAGE_BYTES <= (this.#bytesPerSec * downtimeLimitNs) / 1e9;
    window.cap(fits ? Number.POSITIVE_INFINITY : bandwidthCapBytesPerSec);
  }

  /**
   * A guest that is held back has dirtied what it may: as long as that and what remains do not fit the
   * downtime, a look at the dirty log would only begin another round.
   */
  #isTooEarly(): boolean {
    const { options, remainingPages, stats, window } = this.#session;
    const { dirtyLimitPagesPerSec } = stats;
    if (remainingPages === 0 || dirtyLimitPagesPerSec === Number.POSITIVE_INFINITY) return false;
    if (this.#isPassOver) return false;
    const dirtied = (dirtyLimitPagesPerSec * stats.sinceRound(this.#session.nowNs())) / 1e9;
    const fits = (window.contentBytesPerSec * options.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
    return remainingPages + dirtied > fits;
  }

  /**
   * What becomes of the rest, if this is the moment to go. Whoever was about to go, and asked the target first,
   * does not fail at a limit that was reached meanwhile: it would have gone without asking.
   */
  restAfter(decision: ConvergenceDecision): Rest | undefined {
    const { options, stats } = this.#session;
    const wasReady = stats.round <= this.#readyUntil && !PLANS[options.strategy].leavesPages;
    if (decision === "stop" || (decision === "fail" && wasReady)) return "send";
    return this.#mayLeave(decision) ? "leave" : undefined;
  }

  /** May the guest be stopped only when the target has taken in more of what was sent? */
  get mustDrain(): boolean {
    const { lanes, options } = this.#session;
    if (options.drain === "none" || this.#drains === DRAINS_MAX) return false;
    return lanes.sentBytes - this.#drainedBytes > UNDRAINED_BYTES_MAX;
  }

  /** Waits for that; what the guest dirties meanwhile goes before it is stopped, if that takes long. */
  *drain(): Task<void> {
    const session = this.#session;
    this.#drains++;
    this.#readyUntil = session.stats.round + 1;
    yield* session.drain();
    this.#drainedBytes = session.lanes.sentBytes;
    session.isSynced = false;
  }

  #mayLeave(decision: ConvergenceDecision): boolean {
    const { options, stats } = this.#session;
    if (options.control?.isPostCopyAsked) return true;
    if (!PLANS[options.strategy].leavesPages) return false;
    return decision === "fail" || stats.round > options.preCopyRounds;
  }

  /** Looks at the dirty log, which ends a round. */
  *sync(): Task<void> {
    const session = this.#session;
    this.#isPassOver = false;
    if (session.options.hotPages === "skip") this.#cursor = 0; // A pass is over at the end of memory.
    const dirtiedPages = yield* session.harvest();
    const { remainingPages } = session;
    const mark = { round: session.stats.round, remainingPages };
    session.endRound(dirtiedPages);
    this.#slowDown();
    this.#setPace();
    yield* session.lanes.barrier();
    yield* session.connection.send(FRAME_ROUND, [encodeRound(mark)]);
    yield* copyDisks(session);
  }

  /** Holds the guest back during the next round, as far as the policy says. */
  #slowDown(): void {
    const { options, remainingPages, stats, window } = this.#session;
    const { dirtyLimitPagesPerSec, downtimeLimitNs, slowdown } = options;
    this.#session.limitDirty(
      SLOWDOWN_POLICIES[slowdown]({
        remainingPages,
        bytesPerSec: window.contentBytesPerSec,
        downtimeLimitNs,
        limitPagesPerSec: dirtyLimitPagesPerSec,
        rounds: stats.rounds,
      }),
    );
  }

  /**
   * No more than fits this window, and, in whole windows, no more than until the policy may decide
   * otherwise.
   */
  #batchPages(): number {
    const { isPaused, options, remainingPages, stats, window } = this.#session;
    const { batchPages, probePages, downtimeLimitNs, timeoutNs } = options;
    const { budgetBytes, contentBytesPerSec: bytesPerSec } = window;
    const budgetPages = Math.max(1, Math.ceil(budgetBytes / RECORD_BYTES));
    if (isPaused) return Math.min(batchPages, budgetPages);
    const pages = Math.min(batchPages, budgetPages, this.#pagesMax);
    if (bytesPerSec === 0) return Math.min(pages, probePages);
    if (options.policy === "qemu" && window.isCapped) return pages; // It decides when the window is over.
    const windowBytes = (bytesPerSec * WINDOW_NS) / 1e9;
    const leftBytes = remainingPages * GUEST_PAGE_BYTES - (bytesPerSec * downtimeLimitNs) / 1e9;
    const leftNs = timeoutNs - (this.#session.nowNs() - stats.startNs);
    const windows = Math.ceil(Math.min(leftBytes / windowBytes, leftNs / WINDOW_NS));
    const untilDecision = Math.ceil((Math.max(1, windows) * windowBytes) / RECORD_BYTES);
    return Math.min(pages, untilDecision);
  }

  *sendBatch(): Task<void> {
    const session = this.#session;
    session.inbox.check();
    const skips = session.options.hotPages === "skip" && !session.isPaused;
    const fromNs = session.nowNs();
    const batch = yield* wait(
      session.guest.takeBatch(session.set as PageSet, this.#cursor, {
        normalPagesMax: this.#batchPages(),
        zeroPagesMax: ZERO_PAGES_MAX,
        dirtyPages: skips ? "leave" : "take",
      }),
    );
    this.#pagesMax *= 2;
    const { normalPages, zeroPages } = batch;
    const pages = normalPages + zeroPages;
    const zeroShare = zeroPages / Math.max(1, zeroPages + ZERO_PAGES_A_NORMAL * normalPages);
    session.window.searched((session.nowNs() - fromNs) * zeroShare);
    const atEnd = batch.nextGfn >= session.guest.shape.pageCount;
    this.#isPassOver = skips && atEnd;
    if (pages === 0 && !this.#isPassOver && (this.#cursor === 0 || !atEnd))
      throw new WasmvisorError("WV_STATE", "takeBatch gave no page of a set that is not empty");
    this.#cursor = atEnd ? 0 : batch.nextGfn;
    session.isSynced = false;
    if (pages === 0) return;
    yield* session.sendPages(batch);
  }
}
