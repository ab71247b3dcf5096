/**
 * A guest that leaves pages behind waits for what it reads, one page after the other: its code, page tables,
 * stacks (a Debian that sleeps and prints: 100 to 200 round trips before it was itself again). What it read in
 * the last moments here is what it will read first there, so those pages go ahead: what it does not write while
 * it runs, the rest right behind the word that it may run there.
 */
import { type Task, wait } from "../../base/task.ts";
import { GUEST_PAGE_BYTES, type PageBatch, type PageSet } from "../../machine/migratable.ts";
import type { Session } from "../session.ts";

/** So long it is looked at: whoever does something ten or twenty times a second has done it once. */
const WATCH_NS = 50_000_000;
/** Pages that go while it runs. */
const PAGES_MAX = 1 << 10;
/** Pages that go when it has stopped, and how long they may take: what it asks for there comes behind them. */
const LAST_PAGES_MAX = 1 << 8;
const LAST_NS = 4_000_000;

/**
 * Looks at what the guest reads, and sends what of that it does not write. Returns how many pages more may go
 * when it has stopped: what the link moves in so little time that nobody notices.
 */
export function* sendReads(session: Session): Task<number> {
  const { guest, options, window } = session;
  if (options.readPages === "on-demand" || !guest.noteReads) return 0;
  yield* wait(guest.noteReads());
  yield* wait(options.clock.sleep(WATCH_NS, options.signal));
  const fromNs = session.nowNs();
  const fromBytes = session.lanes.sentBytes;
  // What is dirty stays out, and comes back with the next look at the dirty log.
  const some = { pagesMax: PAGES_MAX, dirtyPages: "leave" } as const;
  yield* sendRead(session, some, (batch) => session.sendPages(batch));
  if (options.drain === "none") return 0;
  yield* session.drain();
  const bytes = session.lanes.sentBytes - fromBytes;
  // Where all of it went in rounds before, hardly anything has moved just now.
  const bytesPerSec = Math.max(
    (bytes * 1e9) / Math.max(1, session.nowNs() - fromNs),
    window.bytesPerSec,
  );
  return Math.min(LAST_PAGES_MAX, Math.floor((bytesPerSec * LAST_NS) / 1e9 / GUEST_PAGE_BYTES));
}

/** The target has a list of what it lacks: gives `send` what the guest has read of that, `pagesMax` pages at most. */
export function* sendLastReads(session: Session, pagesMax: number, send: Send): Task<void> {
  yield* sendRead(session, { pagesMax, dirtyPages: "take" }, send);
}

type Send = (batch: PageBatch) => Task<unknown>;

function* sendRead(
  session: Session,
  { dirtyPages, pagesMax }: { readonly pagesMax: number; readonly dirtyPages: "take" | "leave" },
  send: Send,
): Task<void> {
  const { guest, options } = session;
  if (pagesMax === 0 || !guest.takeReads) return;
  const set = guest.newPageSet();
  try {
    yield* wait(guest.takeReads(session.set as PageSet, set, pagesMax));
    const limit = { normalPagesMax: options.batchPages, zeroPagesMax: pagesMax, dirtyPages };
    for (let gfn = 0; gfn < guest.shape.pageCount; ) {
      session.inbox.check();
      const batch = yield* wait(guest.takeBatch(set, gfn, limit));
      gfn = batch.nextGfn;
      if (batch.normalPages + batch.zeroPages > 0) yield* send(batch);
    }
  } finally {
    set.release();
  }
}
