/** Iterative copy: round after round of pages is sent while the guest runs and writes. */
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { GUEST_PAGE_BYTES, type PageSet } from "../../machine/migratable.ts";
import { encodeRound } from "../messages.ts";
import { PLANS } from "../options.ts";
import { CONVERGENCE_POLICIES } from "../policy/convergence.ts";
import { SLOWDOWN_POLICIES } from "../policy/dirty-limit.ts";
import type { ConvergenceDecision } from "../policy/state.ts";
import { WINDOW_NS } from "../rate-window.ts";
import type { Session } from "../session.ts";
import { FRAME_ROUND } from "../stream.ts";

/** Bytes of a page on the wire, for how much fits a window. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;
const ZERO_PAGES_MAX = 1 << 16;

/** What is done with the pages that are left when the guest stops. */
export type Rest = "send" | "leave";

export function* iterativeCopy(session: Session): Task<Rest> {
  session.enter("iterative-copy");
  const copy = new IterativeCopy(session);
  for (;;) {
    const decision = copy.decide();
    if (decision === "stop") return "send";
    if (copy.mayLeave(decision)) return "leave";
    if (decision === "sync") yield* copy.sync();
    else if (decision === "send") yield* copy.sendBatch();
    else
      throw new WasmvisorError(
        "WV_MIGRATION",
        `pre-copy did not converge: ${session.remainingPages} pages left in round ${session.stats.round}`,
      );
  }
}

/** Sends all that is in the set; the guest is stopped. */
export function* sendRest(session: Session): Task<void> {
  const copy = new IterativeCopy(session);
  while (session.remainingPages > 0) yield* copy.sendBatch();
}

class IterativeCopy {
  readonly #session: Session;
  #cursor = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  decide(): ConvergenceDecision {
    const { isSynced, options, remainingPages, stats, window } = this.#session;
    // Whoever may leave pages behind has no need to give up, nor to stop the guest for long.
    const limits = PLANS[options.strategy].leavesPages
      ? ({ ...options, onLimit: "fail" } as const)
      : options;
    const decision = CONVERGENCE_POLICIES[options.policy](
      {
        round: stats.round,
        isSynced,
        remainingBytes: remainingPages * GUEST_PAGE_BYTES,
        bytesPerSec: window.bytesPerSec,
        elapsedNs: this.#session.nowNs() - stats.startNs,
        memoryBytes: this.#session.guest.shape.pageCount * GUEST_PAGE_BYTES,
        rounds: stats.rounds,
      },
      limits,
    );
    return decision === "sync" && this.#isTooEarly() ? "send" : decision;
  }

  /**
   * A guest that is held back has dirtied what it may: as long as that and what remains do not fit the
   * downtime, a look at the dirty log would only begin another round.
   */
  #isTooEarly(): boolean {
    const { options, remainingPages, stats, window } = this.#session;
    const { dirtyLimitPagesPerSec } = stats;
    if (remainingPages === 0 || dirtyLimitPagesPerSec === Number.POSITIVE_INFINITY) return false;
    const dirtied = (dirtyLimitPagesPerSec * stats.sinceRound(this.#session.nowNs())) / 1e9;
    const fits = (window.bytesPerSec * options.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
    return remainingPages + dirtied > fits;
  }

  /** Is this the moment to go without the rest? */
  mayLeave(decision: ConvergenceDecision): boolean {
    const { options, stats } = this.#session;
    if (options.control?.isPostCopyAsked) return true;
    if (!PLANS[options.strategy].leavesPages) return false;
    return decision === "fail" || stats.round > options.preCopyRounds;
  }

  /** Looks at the dirty log, which ends a round. */
  *sync(): Task<void> {
    const session = this.#session;
    const dirtiedPages = yield* session.harvest();
    const { remainingPages } = session;
    const mark = { round: session.stats.round, remainingPages };
    session.endRound(dirtiedPages);
    this.#slowDown();
    yield* session.lanes.barrier();
    yield* session.connection.send(FRAME_ROUND, [encodeRound(mark)]);
  }

  /** Holds the guest back during the next round, as far as the policy says. */
  #slowDown(): void {
    const { options, remainingPages, stats, window } = this.#session;
    const { dirtyLimitPagesPerSec, downtimeLimitNs, slowdown } = options;
    this.#session.limitDirty(
      SLOWDOWN_POLICIES[slowdown]({
        remainingPages,
        bytesPerSec: window.bytesPerSec,
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
    const { budgetBytes, bytesPerSec } = window;
    const pages = Math.min(batchPages, Math.max(1, Math.ceil(budgetBytes / RECORD_BYTES)));
    if (isPaused) return pages;
    if (bytesPerSec === 0) return Math.min(pages, probePages);
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
    const batch = yield* wait(
      session.guest.takeBatch(session.set as PageSet, this.#cursor, {
        normalPagesMax: this.#batchPages(),
        zeroPagesMax: ZERO_PAGES_MAX,
      }),
    );
    const pages = batch.normalPages + batch.zeroPages;
    const atEnd = batch.nextGfn >= session.guest.shape.pageCount;
    if (pages === 0 && (this.#cursor === 0 || !atEnd))
      throw new WasmvisorError("WV_STATE", "takeBatch gave no page of a set that is not empty");
    this.#cursor = atEnd ? 0 : batch.nextGfn;
    session.isSynced = false;
    if (pages === 0) return;
    yield* session.sendPages(batch);
  }
}
