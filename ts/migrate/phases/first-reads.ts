/**
 * A guest that leaves pages behind waits for what it reads, one page after the other: its code, page tables,
 * stacks (a Debian that sleeps and prints: 100 to 200 round trips before it was itself again). What it read in
 * the last moments here is what it will read first there, so those pages go ahead: what it does not write while
 * it runs, the rest with its state.
 */
import { type Task, wait } from "../../base/task.ts";
import { GUEST_PAGE_BYTES, type PageSet } from "../../machine/migratable.ts";
import type { Session } from "../session.ts";

/** So long it is looked at: whoever does something ten or twenty times a second has done it once. */
const WATCH_NS = 50_000_000;
/** Pages that go while it runs. */
const PAGES_MAX = 1 << 10;
/** Pages that go while it stands still, and how long they may take: they cost downtime instead of round trips. */
const STOPPED_PAGES_MAX = 1 << 8;
const STOPPED_NS = 4_000_000;

/**
 * Looks at what the guest reads, and sends what of that it does not write. Returns how many pages more may go
 * when it stands still: what the link has just moved in so little time that nobody notices.
 */
export function* sendReads(session: Session): Task<number> {
  const { guest, options } = session;
  if (options.readPages === "on-demand" || !guest.noteReads) return 0;
  yield* wait(guest.noteReads());
  yield* wait(options.clock.sleep(WATCH_NS, options.signal));
  const fromNs = session.nowNs();
  const fromBytes = session.lanes.sentBytes;
  // What is dirty stays out, and comes back with the next look at the dirty log.
  yield* send(session, PAGES_MAX, "leave");
  if (options.drain === "none") return 0;
  yield* session.drain();
  const bytes = session.lanes.sentBytes - fromBytes;
  const bytesPerNs = bytes / Math.max(1, session.nowNs() - fromNs);
  return Math.min(STOPPED_PAGES_MAX, Math.floor((bytesPerNs * STOPPED_NS) / GUEST_PAGE_BYTES));
}

/** The guest stands still: sends what it has read, `pagesMax` pages at most, whatever the cap. */
export function* sendLastReads(session: Session, pagesMax: number): Task<void> {
  if (pagesMax === 0) return;
  session.window.cap(Number.POSITIVE_INFINITY);
  yield* send(session, pagesMax, "take");
  yield* session.lanes.barrier();
}

function* send(session: Session, pagesMax: number, dirtyPages: "take" | "leave"): Task<void> {
  const { guest, options } = session;
  if (!guest.takeReads) return;
  const set = guest.newPageSet();
  try {
    yield* wait(guest.takeReads(session.set as PageSet, set, pagesMax));
    const limit = { normalPagesMax: options.batchPages, zeroPagesMax: pagesMax, dirtyPages };
    for (let gfn = 0; gfn < guest.shape.pageCount; ) {
      session.inbox.check();
      const batch = yield* wait(guest.takeBatch(set, gfn, limit));
      gfn = batch.nextGfn;
      if (batch.normalPages + batch.zeroPages > 0) yield* session.sendPages(batch);
    }
  } finally {
    set.release();
  }
}
