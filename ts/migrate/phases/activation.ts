/**
 * Activation: the guest runs on the target. In post-copy the pages that it left behind follow, and
 * stay here until the target has all of them; when the channel breaks, over another one.
 */
import { abortError, throwIfAborted } from "../../base/abort.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import type { PageSet } from "../../machine/migratable.ts";
import { ask } from "../ask.ts";
import type { Channel } from "../channel.ts";
import { decodeArrived, decodeOutcome, encodeQuery } from "../messages.ts";
import type { Session } from "../session.ts";
import * as stream from "../stream.ts";
import { Unfinished } from "../unfinished.ts";
import { PageServer } from "./page-server.ts";

const RETRY_NS = 500_000_000;
/** Times that a channel may break in a row without anything having arrived. */
const FRUITLESS_MAX = 5;

/**
 * Settles when the target has all pages, the first of which `server` sends, if there is one that has begun. Throws
 * `Unfinished` when that cannot be at the moment.
 */
export function* activation(session: Session, server?: PageServer): Task<void> {
  const { control } = session.options;
  control?.pausable(() => session.lanes.abort(byOrder()));
  try {
    yield* follow(session, server);
  } finally {
    control?.pausable(undefined);
  }
}

function* follow(session: Session, begun?: PageServer): Task<void> {
  let server = begun;
  let lacking = session.remainingPages + session.remainingBlocks;
  for (let fruitless = 0; ; ) {
    session.enter("activation");
    try {
      throwIfPaused(session);
      yield* (server ?? new PageServer(session)).run();
      return;
    } catch (error) {
      server = undefined;
      session.lanes.abort(error);
      throwIfPaused(session);
      if (yield* recovery(session, error)) return;
      // As the target says: what has left may not have come, or not be what can be kept there.
      const before = lacking;
      lacking = session.remainingPages + session.remainingBlocks;
      fruitless = lacking < before ? 0 : fruitless + 1;
      if (fruitless < FRUITLESS_MAX) continue;
      session.lanes.abort(error);
      throw new Unfinished("paused", paused(error));
    }
  }
}

/** Finds a new channel. True: the target has all pages. Throws `Unfinished`. */
function* recovery(session: Session, cause: unknown): Task<boolean> {
  const { clock, reconnect, recoveryTimeoutNs, signal } = session.options;
  session.enter("recovery");
  if (!reconnect) throw new Unfinished("paused", paused(cause));
  const untilNs = clock.nowNs() + recoveryTimeoutNs;
  for (;;) {
    throwIfPaused(session);
    try {
      throwIfAborted(signal);
      return yield* resume(session, yield* wait(reconnect()));
    } catch (error) {
      if (error instanceof Unfinished) throw error;
      if (signal?.aborted) throw new Unfinished("paused", abortError(signal));
      // Is it known that the target does not run the guest any more?
      if ((yield* ask(session.options)) === "not-running")
        throw new Unfinished("target-lost", lost(session));
      if (clock.nowNs() >= untilNs) throw new Unfinished("paused", paused(error));
    }
    yield* wait(clock.sleep(RETRY_NS));
  }
}

/** Somebody wants it to be paused: no other channel is sought. */
function throwIfPaused({ options }: Session): void {
  if (options.control?.isPauseAsked) throw new Unfinished("paused", paused(byOrder()));
}

/** Goes on over `channel`: the target says what it lacks. True: nothing. Throws `Unfinished`. */
export function* resume(session: Session, channel: Channel): Task<boolean> {
  session.reconnect(channel);
  const { connection, inbox, options } = session;
  yield* connection.send(stream.FRAME_RESUME, [encodeQuery(options.id)]);
  const frame = yield* inbox.expect(
    stream.FRAME_LACKING,
    stream.FRAME_COMPLETE,
    stream.FRAME_OUTCOME,
  );
  if (frame.type === stream.FRAME_OUTCOME) {
    if (decodeOutcome(frame) === "running") return true;
    throw new Unfinished("target-lost", lost(session));
  }
  if (frame.type === stream.FRAME_COMPLETE) {
    session.stats.arrived = decodeArrived(frame);
    return true;
  }
  const set = session.set as PageSet;
  const pageBytes = Math.ceil(session.guest.shape.pageCount / 8);
  set.load(frame.payload.subarray(0, pageBytes));
  loadLeft(session, frame, pageBytes);
  session.remainingPages = set.count();
  yield* session.openLanes(2);
  session.stats.recoveries++;
  return false;
}

/** Behind the bitmap of the pages: one of each disk that follows. */
function loadLeft({ disks }: Session, frame: stream.Frame, from: number): void {
  let at = from;
  for (const { left } of disks?.how === "on-demand" ? disks.states : []) {
    const bytes = Math.ceil(left.blockCount / 8);
    if (!left.load(frame.payload.subarray(at, at + bytes)))
      throw stream.streamError(frame, "LACKING: not the disks that follow");
    at += bytes;
  }
  if (at !== frame.payload.length) throw stream.streamError(frame, "LACKING: too long");
}

function byOrder(): WasmvisorError {
  return new WasmvisorError("WV_ABORTED", "it was paused by order");
}

function paused(cause: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_MIGRATION",
    "post-copy is paused: the guest runs on the target, some of its pages are only here; " +
      "recover it over a new channel",
    { cause },
  );
}

function lost({ checkpoints: { count } }: Session): WasmvisorError {
  const when = count > 0 ? `at checkpoint ${count}` : "when it left";
  return new WasmvisorError(
    "WV_MIGRATION",
    `the target lost the guest before it had all of its pages; here it stands as it was ${when}`,
  );
}
