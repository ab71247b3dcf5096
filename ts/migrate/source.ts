/**
 * The source of a migration: the side that has the guest and wants to get rid of it. A strategy is a
 * few of these phases in a row:
 *
 *   setup -> iterative copy -> stop-and-copy -> commitment -> activation
 *     any failure before COMMIT: the guest goes on here        a broken channel: recovery
 *
 * The guest runs here until `pause`, and again from `resume` if anything goes wrong before COMMIT
 * is sent. From then on it runs here again only if the target is known not to run it.
 */
import { abortError, onAbort } from "../base/abort.ts";
import { type Future, runTask, type Task, wait } from "../base/task.ts";
import type { Migratable } from "../machine/migratable.ts";
import type { Channel } from "./channel.ts";
import * as messages from "./messages.ts";
import { PLANS, type SourceOptions } from "./options.ts";
import { activation, resume } from "./phases/activation.ts";
import { commitment } from "./phases/commitment.ts";
import { copyDisks } from "./phases/disk-copy.ts";
import { sendReads } from "./phases/first-reads.ts";
import { iterativeCopy } from "./phases/iterative-copy.ts";
import { setup } from "./phases/setup.ts";
import { stopAndCopy } from "./phases/stop-and-copy.ts";
import { resolveSourceOptions } from "./resolve-options.ts";
import { Session } from "./session.ts";
import type { MigrationStats } from "./stats.ts";
import { FRAME_ABORT } from "./stream.ts";
import { Unfinished } from "./unfinished.ts";

/**
 * How a migration ended. `completed`: the guest runs on the target and was destroyed here.
 * `aborted` (by its signal) and `failed`: it runs here as if nothing had happened, and nowhere else.
 *
 * In these the guest is paused here, with all its memory:
 * `in-doubt`: COMMIT was sent and nobody could say what became of it; whoever learns that the target
 * does not run it may `resume` it. `paused`: post-copy; the guest runs on the target and lacks pages:
 * `recover` goes on over a new channel. `target-lost`: post-copy; the target died. Here the guest
 * stands as it was when it left: whoever accepts that it goes back in time may `resume` it;
 * `rolled-back`: that was asked for, it runs here.
 */
export type MigrationResult =
  | { readonly state: "completed"; readonly stats: MigrationStats; readonly cleanupError?: unknown }
  | {
      readonly state: "aborted" | "failed" | "in-doubt" | "target-lost" | "rolled-back";
      readonly stats: MigrationStats;
      readonly error: unknown;
    }
  | {
      readonly state: "paused";
      readonly stats: MigrationStats;
      readonly error: unknown;
      readonly recover: (channel: Channel) => Future<MigrationResult>;
    };

/** Moves `guest` to whatever listens at the other end of `channel`. Never rejects: see the result. */
export function migrate(
  guest: Migratable,
  channel: Channel,
  options: SourceOptions,
): Future<MigrationResult> {
  return runTask(new Source(new Session(guest, channel, resolveSourceOptions(options))).run());
}

class Source {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  *run(): Task<MigrationResult> {
    const session = this.#session;
    const { signal } = session.options;
    const forget = onAbort(signal, () => {
      if (!session.isCommitted) session.lanes.abort(abortError(signal));
    });
    try {
      yield* this.#phases();
      return yield* this.#complete();
    } catch (error) {
      return yield* this.#end(error);
    } finally {
      forget();
      session.end();
    }
  }

  *#phases(): Task<void> {
    const session = this.#session;
    const plan = PLANS[session.options.strategy];
    yield* setup(session);
    yield* copyDisks(session);
    const rest = plan.iterates
      ? yield* iterativeCopy(session)
      : plan.leavesPages
        ? "leave"
        : "send";
    const readsMax = rest === "leave" ? yield* sendReads(session) : 0;
    const server = yield* stopAndCopy(session, rest);
    yield* commitment(session, readsMax, server);
    if (server) yield* activation(session, server);
    else session.enter("activation");
  }

  *#complete(): Task<MigrationResult> {
    const session = this.#session;
    const { guest, lanes } = session;
    session.endRound(0);
    const stats = session.snapshot();
    lanes.close();
    try {
      yield* wait(guest.stopDirtyLog());
      session.disks?.release();
      session.set?.release();
      yield* wait(guest.destroy());
    } catch (cleanupError) {
      return { state: "completed", stats, cleanupError };
    }
    return { state: "completed", stats };
  }

  *#end(error: unknown): Task<MigrationResult> {
    const session = this.#session;
    if (!(error instanceof Unfinished)) return yield* this.#goOn(error);
    const { cause, state } = error;
    if (state === "paused") {
      const recover = (channel: Channel): Future<MigrationResult> =>
        runTask(this.#recover(channel));
      return { state, stats: session.snapshot(), error: cause, recover };
    }
    session.lanes.abort(cause);
    if (state === "in-doubt") return { state, stats: session.snapshot(), error: cause };
    if (state === "target-lost") yield* session.checkpoints.restore();
    if (session.options.onTargetLost === "roll-back")
      return yield* this.#goOn(cause, "rolled-back");
    session.set?.release();
    return { state, stats: session.snapshot(), error: cause };
  }

  /** A post-copy that was paused goes on. */
  *#recover(channel: Channel): Task<MigrationResult> {
    const session = this.#session;
    try {
      if (!(yield* resume(session, channel))) yield* activation(session);
      return yield* this.#complete();
    } catch (error) {
      const isFinal = error instanceof Unfinished;
      return yield* this.#end(isFinal ? error : new Unfinished("paused", error));
    } finally {
      session.end();
    }
  }

  /** The guest runs here again, or still. */
  *#goOn(error: unknown, how?: "rolled-back"): Task<MigrationResult> {
    const session = this.#session;
    const { guest, inbox, lanes, options } = session;
    session.limitDirty(Number.POSITIVE_INFINITY);
    session.disks?.release();
    yield* wait(guest.stopDirtyLog());
    session.set?.release();
    if (session.isPaused) {
      yield* wait(guest.resume());
      session.isPaused = false;
      session.stats.ranAgain(session.nowNs());
    }
    const stats = session.snapshot();
    // Where the target spoke last or the channel broke, there is nobody to tell.
    if (inbox.failure === undefined) yield* this.#tell(error);
    lanes.abort(error);
    const state = how ?? (options.signal?.aborted ? "aborted" : "failed");
    return { state, stats, error };
  }

  *#tell(error: unknown): Task<void> {
    const { connection } = this.#session;
    try {
      yield* connection.send(FRAME_ABORT, [messages.encodeReason(error)]);
      connection.close();
    } catch {
      // The channel is the reason why it failed.
    }
  }
}
