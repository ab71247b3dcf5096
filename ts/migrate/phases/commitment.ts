/**
 * Commitment: the point of no return. From COMMIT on the guest runs here again only if the target is
 * known not to run it. What it lacks there and reads first goes right behind.
 */
import { throwIfAborted } from "../../base/abort.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { ask } from "../ask.ts";
import type { Outcome } from "../messages.ts";
import type { Session } from "../session.ts";
import { FRAME_COMMIT, FRAME_RUNNING } from "../stream.ts";
import { Unfinished } from "../unfinished.ts";
import { sendLastReads } from "./first-reads.ts";
import type { PageServer } from "./page-server.ts";

const RETRY_NS = 500_000_000;

/**
 * Settles when the target runs the guest. If something was left here, `server` has sent what it reads of that by then,
 * `readsMax` pages at most. Throws if it does not run it, `Unfinished` if nobody can tell.
 */
export function* commitment(session: Session, readsMax: number, server?: PageServer): Task<void> {
  const { connection, inbox, options } = session;
  session.enter("commitment");
  throwIfAborted(options.signal);
  inbox.check();
  yield* wait(options.beforeCommit?.());
  inbox.check();
  throwIfAborted(options.signal);
  session.isCommitted = true;
  try {
    // Before: RUNNING, and what the guest asks for, may come while pages leave.
    server?.listen();
    yield* connection.send(FRAME_COMMIT);
    if (server) yield* sendLastReads(session, readsMax, (batch) => server.sendAhead(batch));
    yield* inbox.expect(FRAME_RUNNING);
  } catch (error) {
    if (inbox.isRefused) throw inbox.failure;
    const outcome = yield* resolveOutcome(session, error);
    if (outcome === "unknown") throw new Unfinished("in-doubt", doubt(error));
    if (outcome === "not-running") throw error;
  }
  session.stats.ranThere(session.nowNs());
}

/** COMMIT was sent and the answer got lost: only the target can tell what happened. */
function* resolveOutcome(session: Session, cause: unknown): Task<Outcome | "unknown"> {
  const { askOutcome, clock, outcomeTimeoutNs } = session.options;
  session.lanes.abort(cause);
  if (!askOutcome) return "unknown";
  const untilNs = clock.nowNs() + outcomeTimeoutNs;
  for (;;) {
    const outcome = yield* ask(session.options, untilNs - clock.nowNs());
    if (outcome !== "unknown") return outcome;
    if (clock.nowNs() >= untilNs) return "unknown";
    yield* wait(clock.sleep(RETRY_NS));
  }
}

function doubt(cause: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_MIGRATION",
    "the target was told to run the guest and did not answer; it is paused here: " +
      "resume it only if it does not run there",
    { cause },
  );
}
