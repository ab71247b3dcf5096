/** Stop-and-copy: the guest stops here, and all that it is goes to the target; or all but some pages. */
import { type Task, wait } from "../../base/task.ts";
import type { PageSet } from "../../machine/migratable.ts";
import type { OutgoingFrame } from "../connection.ts";
import { encodeEnd } from "../messages.ts";
import { PLANS } from "../options.ts";
import type { Session } from "../session.ts";
import { FRAME_END, FRAME_MISSING, FRAME_READY, FRAME_STATE } from "../stream.ts";
import { sendDisks } from "./disk-copy.ts";
import { type Rest, sendRest } from "./iterative-copy.ts";
import { PageServer } from "./page-server.ts";

/**
 * `leave`: the target gets a list of the pages that are left, instead of the pages. Returns what serves them, if
 * something is left: it is made here, while the target is waited for.
 */
export function* stopAndCopy(session: Session, rest: Rest): Task<PageServer | undefined> {
  const { guest, options, stats, window } = session;
  session.enter("stop-and-copy");
  stats.pausedAtNs = session.nowNs();
  session.isPaused = true;
  // Before: a guest stands still when its disks have done what it asked, and nobody is held back any more.
  session.disks?.limit(Number.POSITIVE_INFINITY);
  yield* session.inbox.unlessFailed(guest.pause());
  // Not before: who was held back would do at once what it has owed.
  session.limitDirty(Number.POSITIVE_INFINITY);
  const dirtiedPages = yield* session.harvest();
  yield* session.lanes.barrier();
  if (PLANS[options.strategy].iterates) {
    session.endRound(dirtiedPages);
    const isAdaptive = options.pacing === "adaptive";
    window.cap(isAdaptive ? options.bandwidthCapBytesPerSec : Number.POSITIVE_INFINITY);
  }
  session.isPostCopy = rest === "leave" && session.remainingPages > 0;
  const last: OutgoingFrame[] = [];
  if (session.isPostCopy) {
    // What the target has may change from now on: nothing can be built on it.
    if (options.verify !== "frames") yield* wait(guest.encode?.({ cacheBytes: 0, twins: false }));
    last.push({ type: FRAME_MISSING, parts: [(session.set as PageSet).save()] });
    // The target hears of pages that are left before it hears of blocks.
    if (session.disks) yield* session.connection.sendTogether(last.splice(0));
  } else yield* sendRest(session);
  yield* sendDisks(session);
  yield* session.lanes.barrier();
  last.push({ type: FRAME_STATE, parts: [yield* wait(guest.saveState())] });
  const isHashed = options.verify === "memory" && !session.isPostCopy;
  const memoryHash = isHashed ? yield* wait(guest.memoryHash()) : "";
  const { normalPages, zeroPages } = stats;
  const blocks = session.disks?.sentBlocks ?? 0;
  const end = encodeEnd({ normalPages, zeroPages, memoryHash, blocks });
  last.push({ type: FRAME_END, parts: [end] });
  yield* session.connection.sendTogether(last);
  stats.allSent(session.nowNs());
  const server = session.hasLeft ? new PageServer(session) : undefined;
  yield* session.inbox.expect(FRAME_READY);
  return server;
}
