/**
 * The source of a migration: the side that has the guest and wants to get rid of it.
 *
 *   setup -> (pre-copy: rounds) -> stop-and-copy -> ready? -> COMMIT -> running? -> completed
 *     any failure before COMMIT: the guest goes on here      after COMMIT: see `#resolve`
 *
 * The guest runs here until `pause`, and again from `resume` if anything goes wrong before COMMIT
 * is sent. From then on it runs here again only if the target is known not to run it.
 */
import { abortError, onAbort, throwIfAborted } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { Future, runTask, type Task, wait } from "../base/task.ts";
import { GUEST_PAGE_BYTES, type Migratable, type PageSet } from "../machine/migratable.ts";
import type { Channel } from "./channel.ts";
import { Connection, watchConnection } from "./connection.ts";
import * as messages from "./messages.ts";
import { type ResolvedSourceOptions, resolveSourceOptions, type SourceOptions } from "./options.ts";
import { type ConvergenceDecision, decideConvergence } from "./policy/convergence.ts";
import { RateWindow, WINDOW_NS } from "./rate-window.ts";
import { type MigrationStats, StatsCounter } from "./stats.ts";
import * as stream from "./stream.ts";

/** Bytes of a page on the wire, for how much fits a window. */
const RECORD_BYTES = GUEST_PAGE_BYTES + 4;
const ZERO_PAGES_MAX = 1 << 16;
const RETRY_NS = 500_000_000;

/**
 * How a migration ended. `completed`: the guest runs on the target and was destroyed here.
 * `aborted` (by its signal) and `failed`: it runs here as if nothing had happened, and nowhere else.
 * `in-doubt`: COMMIT was sent and nobody could say what became of it; the guest is paused here, and
 * whoever learns that the target does not run it may `resume` it.
 */
export type MigrationResult =
  | { readonly state: "completed"; readonly stats: MigrationStats; readonly cleanupError?: unknown }
  | {
      readonly state: "aborted" | "failed" | "in-doubt";
      readonly stats: MigrationStats;
      readonly error: unknown;
    };

/** Moves `guest` to whatever listens at the other end of `channel`. Never rejects: see the result. */
export function migrate(
  guest: Migratable,
  channel: Channel,
  options: SourceOptions,
): Future<MigrationResult> {
  return runTask(new Source(guest, channel, resolveSourceOptions(options)).run());
}

class Source {
  readonly #guest: Migratable;
  readonly #options: ResolvedSourceOptions;
  readonly #connection: Connection;
  readonly #window: RateWindow;
  readonly #stats: StatsCounter;
  readonly #inbox: stream.Frame[] = [];
  #inboxFailure: unknown;
  #inboxWaiting: Future<void> | undefined;
  #set: PageSet | undefined;
  #cursor = 0;
  #remainingPages = 0;
  #isSynced = true;
  #isPaused = false;
  /** True from the moment at which COMMIT may have left. */
  #isCommitted = false;
  /** The target has said in words that it does not take the guest. */
  #isRefused = false;

  constructor(guest: Migratable, channel: Channel, options: ResolvedSourceOptions) {
    this.#guest = guest;
    this.#options = options;
    this.#connection = new Connection(channel, [
      stream.FRAME_ACCEPT,
      stream.FRAME_REFUSE,
      stream.FRAME_READY,
      stream.FRAME_RUNNING,
    ]);
    this.#window = new RateWindow({
      clock: options.clock,
      capBytesPerSec: options.bandwidthCapBytesPerSec,
      signal: options.signal,
    });
    this.#stats = new StatsCounter(options.clock.nowNs());
  }

  *run(): Task<MigrationResult> {
    const { clock, signal, stallTimeoutNs } = this.#options;
    const connection = this.#connection;
    const unwatch = watchConnection({ clock, connection, stallNs: stallTimeoutNs });
    const forget = onAbort(signal, () => {
      if (!this.#isCommitted) connection.abort(abortError(signal));
    });
    runTask(this.#pump());
    try {
      yield* this.#setup();
      if (this.#options.strategy === "pre-copy") yield* this.#preCopy();
      yield* this.#stopAndCopy();
      yield* this.#commit();
      return yield* this.#complete();
    } catch (error) {
      return yield* this.#recover(error);
    } finally {
      forget();
      unwatch();
      this.#set?.release();
    }
  }

  /** Reads what the target says, beside everything else. */
  *#pump(): Task<void> {
    try {
      for (;;) {
        const frame = yield* this.#connection.demand();
        if (frame.type === stream.FRAME_REFUSE) {
          this.#isRefused = true;
          const { code, message } = messages.decodeReason(frame);
          throw new WasmvisorError("WV_MIGRATION", `the target refused: ${code}: ${message}`);
        }
        this.#inbox.push(frame);
        this.#inboxWaiting?.resolve();
      }
    } catch (error) {
      this.#inboxFailure ??= error;
      this.#inboxWaiting?.resolve();
    }
  }

  /** Waits for a frame of this type and for nothing else. */
  *#expect(type: number): Task<void> {
    if (this.#inbox.length === 0 && this.#inboxFailure === undefined) {
      this.#inboxWaiting = new Future();
      yield* wait(this.#inboxWaiting);
    }
    const frame = this.#inbox.shift();
    if (!frame) throw this.#inboxFailure;
    if (frame.type !== type)
      throw stream.streamError(
        frame,
        `${stream.frameName(frame.type)} instead of ${stream.frameName(type)}`,
      );
  }

  *#setup(): Task<void> {
    const { id, strategy, signal } = this.#options;
    throwIfAborted(signal);
    const hello = messages.encodeHello({ id, strategy, shape: this.#guest.shape });
    yield* this.#connection.send(stream.FRAME_HELLO, [hello]);
    yield* this.#expect(stream.FRAME_ACCEPT);
    this.#set = this.#guest.newPageSet();
    yield* wait(this.#guest.startDirtyLog(this.#set));
    this.#stats.dirtySyncCount++;
    this.#remainingPages = this.#set.count();
    this.#stats.setupDone(this.#options.clock.nowNs());
  }

  #decide(): ConvergenceDecision {
    return decideConvergence(
      {
        round: this.#stats.round,
        isSynced: this.#isSynced,
        remainingBytes: this.#remainingPages * GUEST_PAGE_BYTES,
        bytesPerSec: this.#window.bytesPerSec,
        elapsedNs: this.#options.clock.nowNs() - this.#stats.startNs,
      },
      this.#options,
    );
  }

  *#preCopy(): Task<void> {
    for (;;) {
      const decision = this.#decide();
      if (decision === "stop") return;
      if (decision === "sync") yield* this.#sync();
      else if (decision === "send") yield* this.#sendBatch();
      else
        throw new WasmvisorError(
          "WV_MIGRATION",
          `pre-copy did not converge: ${this.#remainingPages} pages left in round ${this.#stats.round}`,
        );
    }
  }

  /** Looks at the dirty log, which ends a round. */
  *#sync(): Task<void> {
    const set = this.#set as PageSet;
    const dirtiedPages = yield* wait(this.#guest.harvest(set));
    this.#stats.dirtySyncCount++;
    this.#remainingPages = set.count();
    this.#isSynced = true;
    const nowNs = this.#options.clock.nowNs();
    const round = this.#stats.endRound(nowNs, dirtiedPages, this.#remainingPages);
    const mark = { round: round.round, remainingPages: this.#remainingPages };
    yield* this.#connection.send(stream.FRAME_ROUND, [messages.encodeRound(mark)]);
    this.#options.onRound?.(round);
  }

  /**
   * No more than fits this window, and, in whole windows, no more than until the policy may decide
   * otherwise.
   */
  #batchPages(): number {
    const { batchPages, probePages, clock, downtimeLimitNs, timeoutNs } = this.#options;
    const { budgetBytes, bytesPerSec } = this.#window;
    const pages = Math.min(batchPages, Math.max(1, Math.ceil(budgetBytes / RECORD_BYTES)));
    if (this.#isPaused) return pages;
    if (bytesPerSec === 0) return Math.min(pages, probePages);
    const windowBytes = (bytesPerSec * WINDOW_NS) / 1e9;
    const leftBytes =
      this.#remainingPages * GUEST_PAGE_BYTES - (bytesPerSec * downtimeLimitNs) / 1e9;
    const leftNs = timeoutNs - (clock.nowNs() - this.#stats.startNs);
    const windows = Math.ceil(Math.min(leftBytes / windowBytes, leftNs / WINDOW_NS));
    const untilDecision = Math.ceil((Math.max(1, windows) * windowBytes) / RECORD_BYTES);
    return Math.min(pages, untilDecision);
  }

  *#sendBatch(): Task<void> {
    if (this.#inboxFailure !== undefined) throw this.#inboxFailure;
    const batch = yield* wait(
      this.#guest.takeBatch(this.#set as PageSet, this.#cursor, {
        normalPagesMax: this.#batchPages(),
        zeroPagesMax: ZERO_PAGES_MAX,
      }),
    );
    const pages = batch.normalPages + batch.zeroPages;
    const atEnd = batch.nextGfn >= this.#guest.shape.pageCount;
    if (pages === 0 && (this.#cursor === 0 || !atEnd))
      throw new WasmvisorError("WV_STATE", "takeBatch gave no page of a set that is not empty");
    this.#cursor = atEnd ? 0 : batch.nextGfn;
    this.#isSynced = false;
    if (pages === 0) return;
    this.#remainingPages -= pages;
    const header = messages.encodePagesHeader(this.#stats.round, batch);
    const bytes = yield* this.#connection.send(
      stream.FRAME_PAGES,
      [header, batch.records],
      batch.modelBytes,
    );
    this.#stats.batch(batch.normalPages, batch.zeroPages, bytes);
    yield* this.#window.pace(bytes);
  }

  /** Stops the guest and sends everything that is left. */
  *#stopAndCopy(): Task<void> {
    const { clock, strategy, verify } = this.#options;
    const set = this.#set as PageSet;
    this.#stats.pausedAtNs = clock.nowNs();
    this.#isPaused = true;
    yield* wait(this.#guest.pause());
    const dirtiedPages = yield* wait(this.#guest.harvest(set));
    this.#stats.dirtySyncCount++;
    this.#remainingPages = set.count();
    if (strategy === "pre-copy") {
      const round = this.#stats.endRound(clock.nowNs(), dirtiedPages, this.#remainingPages);
      this.#options.onRound?.(round);
      this.#window.lift();
    }
    while (this.#remainingPages > 0) yield* this.#sendBatch();
    const state = yield* wait(this.#guest.saveState());
    yield* this.#connection.send(stream.FRAME_STATE, [state]);
    const memoryHash = verify === "memory" ? yield* wait(this.#guest.memoryHash()) : "";
    const { normalPages, zeroPages } = this.#stats;
    const end = messages.encodeEnd({ normalPages, zeroPages, memoryHash });
    yield* this.#connection.send(stream.FRAME_END, [end]);
    yield* this.#expect(stream.FRAME_READY);
  }

  /** The point of no return. */
  *#commit(): Task<void> {
    throwIfAborted(this.#options.signal);
    if (this.#inboxFailure !== undefined) throw this.#inboxFailure;
    this.#isCommitted = true;
    yield* this.#connection.send(stream.FRAME_COMMIT);
    yield* this.#expect(stream.FRAME_RUNNING);
  }

  *#complete(): Task<MigrationResult> {
    const nowNs = this.#options.clock.nowNs();
    this.#stats.downtimeNs = nowNs - (this.#stats.pausedAtNs ?? nowNs);
    const round = this.#stats.endRound(nowNs, 0, this.#remainingPages);
    this.#options.onRound?.(round);
    const stats = this.#snapshot();
    this.#connection.close();
    try {
      yield* wait(this.#guest.stopDirtyLog());
      yield* wait(this.#guest.destroy());
    } catch (cleanupError) {
      return { state: "completed", stats, cleanupError };
    }
    return { state: "completed", stats };
  }

  #snapshot(): MigrationStats {
    const nowNs = this.#options.clock.nowNs();
    return this.#stats.snapshot(nowNs, this.#connection.sentBytes, this.#remainingPages);
  }

  *#recover(error: unknown): Task<MigrationResult> {
    if (this.#isCommitted && !this.#isRefused) {
      const outcome = yield* this.#resolve(error);
      if (outcome === "running") return yield* this.#complete();
      if (outcome === "unknown")
        return { state: "in-doubt", stats: this.#snapshot(), error: this.#doubt(error) };
    }
    yield* this.#goOn();
    const stats = this.#snapshot();
    // Where the target spoke last or the channel broke, there is nobody to tell.
    if (this.#inboxFailure === undefined) yield* this.#tell(error);
    this.#connection.abort(error);
    const state = this.#options.signal?.aborted ? "aborted" : "failed";
    return { state, stats, error };
  }

  *#tell(error: unknown): Task<void> {
    try {
      yield* this.#connection.send(stream.FRAME_ABORT, [messages.encodeReason(error)]);
      this.#connection.close();
    } catch {
      // The channel is the reason why it failed.
    }
  }

  /** The guest runs here again, or still. */
  *#goOn(): Task<void> {
    const { clock } = this.#options;
    yield* wait(this.#guest.stopDirtyLog());
    if (!this.#isPaused) return;
    yield* wait(this.#guest.resume());
    this.#isPaused = false;
    const nowNs = clock.nowNs();
    this.#stats.downtimeNs = nowNs - (this.#stats.pausedAtNs ?? nowNs);
  }

  /** COMMIT was sent and the answer got lost: only the target can tell what happened. */
  *#resolve(cause: unknown): Task<messages.Outcome | "unknown"> {
    const { askOutcome, clock, outcomeTimeoutNs, id } = this.#options;
    this.#connection.abort(cause);
    if (!askOutcome) return "unknown";
    const untilNs = clock.nowNs() + outcomeTimeoutNs;
    for (;;) {
      try {
        const outcome = yield* wait(askOutcome(id));
        if (outcome !== "unknown") return outcome;
      } catch {
        // Not reachable at the moment; asking again costs nothing.
      }
      if (clock.nowNs() >= untilNs) return "unknown";
      yield* wait(clock.sleep(RETRY_NS));
    }
  }

  #doubt(cause: unknown): WasmvisorError {
    return new WasmvisorError(
      "WV_MIGRATION",
      "the target was told to run the guest and did not answer; it is paused here: " +
        "resume it only if it does not run there",
      { cause },
    );
  }
}
