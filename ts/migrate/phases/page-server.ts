/**
 * Serves the pages of a guest that runs on the target: what a vCPU waits for at once, everything else
 * in the background, around the last fault. One sender, so a request waits for one small frame of the
 * push at most, and for what is on its way.
 */
import { WasmvisorError } from "../../base/errors.ts";
import { joinParts } from "../../base/join-parts.ts";
import { Queue } from "../../base/queue.ts";
import { Future, runTask, type Task, wait } from "../../base/task.ts";
import { GUEST_PAGE_BYTES, type PageBatch, type PageSet } from "../../machine/migratable.ts";
import { type BlockBatch, encodeBlocks } from "../block-frames.ts";
import { InFlight } from "../in-flight.ts";
import { decodeArrived, decodeCredit, decodeRequest } from "../messages.ts";
import { Pacer } from "../pacer.ts";
import {
  bubbleAt,
  grown,
  NO_READAHEAD,
  type Range,
  type Readahead,
  readahead,
} from "../policy/prefetch.ts";
import { PUSH_POLICIES, type PushPolicy } from "../policy/push.ts";
import { WINDOW_NS } from "../rate-window.ts";
import type { Session } from "../session.ts";
import * as stream from "../stream.ts";
import { BlockServer } from "./block-server.ts";

/** A block that is asked for waits so long, at most, behind others that nobody has asked for. */
const BLOCKS_NS = 20e6;
/**
 * A frame of them is half of that: a target whose guest has the processor takes what has come once in a turn of its
 * guest, so a few frames on their way, each of a block, were all that came in 4 ms (25 MiB/s).
 */
const BLOCKS_FRAME_NS = BLOCKS_NS / 2;
const ZERO_PAGES_MAX = 1 << 12;
/** Pages that go ahead of a fault at most. */
const READAHEAD_PAGES_MAX = 32;
/**
 * A frame of the push is for so long under a cap, where the link is free between two of them: what a frame
 * costs, a wake-up and its CREDIT, is paid less often (writes to sockets were 1.7 of the target's 5.7 s of
 * processor time for 294 MiB at 32 MiB/s).
 */
const CAPPED_PUSH_NS = 1_000_000;

/** Pages that are packed together at most: a request waits meanwhile. */
const PACKED_PAGES_MAX = 16;

/** Requests that wait to be answered: a guest has no more vCPUs and devices. */
const REQUESTS_MAX = 1 << 16;
/** Pages that are stored to: of these it has more, but not without end. */
const WANTED_MAX = 1 << 20;

export class PageServer {
  readonly #session: Session;
  readonly #requests: number[] = [];
  /** Pages that the guest stores to, in that order: nobody waits for them, but what was stored does. */
  readonly #wanted = new Queue<number>();
  readonly #inFlight: InFlight;
  readonly #pacer: Pacer;
  readonly #policy: PushPolicy;
  /** Of disks that follow, too. */
  readonly #blocks: BlockServer | undefined;
  #window: number;
  /** The window in which the oldest request came. */
  #askedWindow = 0;
  #bubble = bubbleAt(0);
  #readahead: Readahead = NO_READAHEAD;
  /** Pages that go before the push. */
  #ahead: Range = { fromGfn: 0, untilGfn: 0 };
  #isComplete = false;
  #waiting: Future<void> | undefined;
  /** When the last request was answered, and how long it took until the next one came, on average. */
  #answeredAtNs = Number.NEGATIVE_INFINITY;
  #gapNs = Number.POSITIVE_INFINITY;

  constructor(session: Session) {
    this.#session = session;
    const { bandwidthCapBytesPerSec, clock, push, pushNs } = session.options;
    this.#policy = PUSH_POLICIES[push];
    if (session.remainingBlocks > 0 && session.disks) this.#blocks = new BlockServer(session.disks);
    this.#window = this.#windowNow;
    this.#inFlight = new InFlight(pushNs, bandwidthCapBytesPerSec);
    session.waitsSinceNs = () => this.#inFlight.waitsSinceNs;
    this.#pacer = new Pacer(clock, bandwidthCapBytesPerSec);
    session.onLimits = () => {
      this.#inFlight.cap(session.options.bandwidthCapBytesPerSec);
      this.#pacer.cap(session.options.bandwidthCapBytesPerSec);
      this.#wake();
    };
  }

  /** From now on the target may ask for pages. */
  listen(): void {
    const { inbox, lanes } = this.#session;
    inbox.onFrame = (frame) => this.#take(frame);
    inbox.onFailure = () => this.#wake();
    lanes.onFree = () => this.#wake();
  }

  /** Sends pages that nobody has asked for yet, over the first connection, whatever the cap and what is on its way. */
  *sendAhead(batch: PageBatch): Task<void> {
    const { inbox, lanes } = this.#session;
    while (!lanes.isPushFree) {
      inbox.check();
      yield* this.#sleep(Number.POSITIVE_INFINITY);
    }
    yield* this.#send(batch, "plain");
  }

  /** Settles when the target has all pages. */
  *run(): Task<void> {
    const { inbox } = this.#session;
    this.listen();
    try {
      yield* this.#serve();
    } catch (error) {
      // Whoever has all of it says so and closes, also while a block is read here that it has no use for.
      const isOver = this.#isComplete && inbox.isClosed && error === inbox.failure;
      if (!isOver) throw error;
    }
  }

  *#serve(): Task<void> {
    const { inbox } = this.#session;
    while (!this.#isComplete) {
      inbox.check();
      const gfn = this.#mayAnswer ? this.#requests.shift() : undefined;
      if (gfn !== undefined) yield* this.#answer(gfn);
      else if (this.#blocks?.hasRequests) yield* this.#answerBlock(this.#blocks);
      else if (this.#isAhead && this.#mayPush) yield* this.#goAhead();
      else {
        const waitNs = Math.min(this.#pushWaitNs(), this.#answerWaitNs());
        if (waitNs > 0) yield* this.#sleep(waitNs);
        else if (!(yield* this.#pushWanted())) yield* this.#pushNext();
      }
    }
  }

  get #mayPush(): boolean {
    const isPages = this.#session.remainingPages > 0 || !this.#blocks;
    const hasRoom = isPages ? this.#inFlight.hasRoom : this.#inFlight.hasRoomWithin(BLOCKS_NS);
    return hasRoom && this.#session.lanes.isPushFree;
  }

  /** Who waits for the next window waits where there is one: under a cap. */
  get #mayAnswer(): boolean {
    if (this.#policy.answers === "at-once" || !this.#pacer.isCapped) return true;
    return this.#windowNow > this.#askedWindow;
  }

  get #isAhead(): boolean {
    return this.#ahead.fromGfn < this.#ahead.untilGfn;
  }

  #take(frame: stream.Frame): boolean {
    const { guest, stats } = this.#session;
    if (frame.type === stream.FRAME_RUNNING) stats.ranThere(this.#session.nowNs());
    if (frame.type === stream.FRAME_REQUEST) {
      const gfns = decodeRequest(frame, guest.shape.pageCount);
      if (this.#requests.length + gfns.length > REQUESTS_MAX)
        throw stream.streamError(frame, "REQUEST: too many at once");
      stats.requested(this.#session.nowNs(), gfns.length);
      this.#noteGap();
      if (this.#requests.length === 0) this.#askedWindow = this.#windowNow;
      this.#requests.push(...gfns);
    } else if (frame.type === stream.FRAME_WANTED) {
      const gfns = decodeRequest(frame, guest.shape.pageCount);
      if (this.#wanted.length + gfns.length > WANTED_MAX)
        throw stream.streamError(frame, "WANTED: too many at once");
      this.#wanted.push(gfns);
    } else if (frame.type === stream.FRAME_CREDIT) {
      if (!this.#inFlight.credited(decodeCredit(frame), this.#session.nowNs()))
        throw stream.streamError(frame, "CREDIT: for a frame that was never sent");
    } else if (frame.type === stream.FRAME_BLOCK_REQUEST && this.#blocks) {
      this.#blocks.take(frame);
    } else if (frame.type === stream.FRAME_COMPLETE) {
      stats.arrived = decodeArrived(frame);
      this.#isComplete = true;
    } else return this.#session.checkpoints.take(frame);
    this.#wake();
    return true;
  }

  #noteGap(): void {
    if (this.#requests.length > 0) return;
    const gapNs = this.#session.nowNs() - this.#answeredAtNs;
    if (this.#gapNs === Number.POSITIVE_INFINITY) this.#gapNs = gapNs;
    // A pause between two bursts says nothing about the gaps within them.
    else this.#gapNs += (Math.min(gapNs, 4 * this.#gapNs) - this.#gapNs) / 8;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }

  /** Until something is heard from the target, `ns` at most. */
  *#sleep(ns: number): Task<void> {
    const waiting = new Future<void>();
    this.#waiting = waiting;
    if (ns !== Number.POSITIVE_INFINITY) {
      const { clock } = this.#session.options;
      runTask(
        (function* alarm(): Task<void> {
          yield* wait(clock.sleep(ns));
          waiting.resolve();
        })(),
      );
    }
    yield* wait(waiting);
  }

  /** Windows of 100 ms that the migration has taken. */
  get #windowNow(): number {
    const { stats } = this.#session;
    return Math.floor((this.#session.nowNs() - stats.startNs) / WINDOW_NS);
  }

  /** Time until a request that waits for the next window is answered. */
  #answerWaitNs(): number {
    if (this.#requests.length === 0 || this.#mayAnswer) return Number.POSITIVE_INFINITY;
    const sinceNs = this.#session.nowNs() - this.#session.stats.startNs;
    return (this.#askedWindow + 1) * WINDOW_NS - sinceNs;
  }

  /** Once in a window: goes the rest without a cap? */
  #liftCap(): void {
    const { options, remainingPages } = this.#session;
    const window = this.#windowNow;
    if (!this.#pacer.isCapped || window === this.#window) return;
    this.#window = window;
    const { bandwidthCapBytesPerSec: bytesPerSec, downtimeLimitNs } = options;
    if (this.#policy.lifts({ remainingPages, bytesPerSec, downtimeLimitNs }))
      this.#pacer.cap(Number.POSITIVE_INFINITY);
  }

  /** Time until the push may go on; `Infinity`: when the target says something. */
  #pushWaitNs(): number {
    const isDone = this.#session.remainingPages === 0 && !this.#blocks?.remaining;
    if (isDone || !this.#mayPush) return Number.POSITIVE_INFINITY;
    this.#liftCap();
    return Math.max(this.#pacer.waitNs(), this.#holdNs());
  }

  /**
   * Where requests follow each other faster than the link moves a page, the link stays free for the
   * next one (as disks wait for the next read of whoever reads: anticipatory scheduling).
   */
  #holdNs(): number {
    const { bytesPerSec } = this.#inFlight;
    const pageNs = bytesPerSec > 0 ? (GUEST_PAGE_BYTES * 1e9) / bytesPerSec : 0;
    if (this.#gapNs > pageNs) return 0;
    return Math.max(0, this.#answeredAtNs + 2 * this.#gapNs - this.#session.nowNs());
  }

  /** Sends page `gfn`, unless it has left already. */
  *#answer(gfn: number): Task<void> {
    const { guest, options } = this.#session;
    const { pageCount } = guest.shape;
    const set = this.#session.set as PageSet;
    this.#readahead = readahead(this.#readahead, gfn, READAHEAD_PAGES_MAX);
    const untilGfn = Math.min(this.#readahead.nextGfn, pageCount);
    this.#ahead = { fromGfn: gfn + 1, untilGfn };
    this.#bubble = bubbleAt(untilGfn);
    if (!set.has(gfn)) return;
    const limit = { normalPagesMax: 1, zeroPagesMax: 1, untilGfn: gfn + 1 };
    const batch = yield* wait(guest.takeBatch(set, gfn, limit));
    const { hasUrgent } = this.#session.lanes;
    const send = hasUrgent ? this.#session.sendUrgent(batch) : this.#send(batch, "plain");
    const bytes = yield* send;
    if (this.#policy.answers === "next-window") this.#pacer.spend(bytes);
    this.#answeredAtNs = options.clock.nowNs();
  }

  /** Sends what whoever faults in order will want next. */
  *#goAhead(): Task<void> {
    const { fromGfn, untilGfn } = this.#ahead;
    const { guest } = this.#session;
    const normalPagesMax = this.#pushPages();
    const limit = { normalPagesMax, zeroPagesMax: ZERO_PAGES_MAX, untilGfn };
    const set = this.#session.set as PageSet;
    const batch = yield* wait(guest.takeBatch(set, fromGfn, limit));
    this.#ahead = { fromGfn: batch.nextGfn, untilGfn };
    if (batch.normalPages + batch.zeroPages > 0) yield* this.#sendPaid(batch);
  }

  /** Sends the next pages that are stored to, in one frame. False: there are none. */
  *#pushWanted(): Task<boolean> {
    const { guest } = this.#session;
    const set = this.#session.set as PageSet;
    const pagesMax = this.#pushPages();
    const pages: PageBatch[] = [];
    for (let gfn = this.#wanted.shift(); gfn !== undefined; gfn = this.#wanted.shift()) {
      if (!set.has(gfn)) continue;
      const limit = { normalPagesMax: 1, zeroPagesMax: 1, untilGfn: gfn + 1 };
      const page = yield* wait(guest.takeBatch(set, gfn, limit));
      pages.push({ ...page, records: page.records.slice() });
      if (pages.length === pagesMax) break;
    }
    if (pages.length > 0) yield* this.#sendPaid(together(pages));
    return pages.length > 0;
  }

  /** Pages before blocks: a guest has more use of its memory. */
  *#pushNext(): Task<void> {
    if (this.#session.remainingPages > 0) return yield* this.#push();
    if (!this.#blocks) return;
    const sinceNs = this.#session.nowNs();
    const batch = yield* this.#blocks.next((this.#inFlight.bytesPerSec * BLOCKS_FRAME_NS) / 1e9);
    this.#pacer.spend(yield* this.#sendBlocks(batch), sinceNs);
  }

  /** Sends the block that somebody has waited for longest. */
  *#answerBlock(blocks: BlockServer): Task<void> {
    const batch = yield* blocks.answer();
    if (!batch) return;
    const { lanes } = this.#session;
    if (lanes.hasUrgent) yield* lanes.sendUrgent(stream.FRAME_BLOCKS, encodeBlocks(batch));
    else yield* this.#sendBlocks(batch);
  }

  *#sendBlocks(batch: BlockBatch): Task<number> {
    const { connection, lanes } = this.#session;
    const parts = encodeBlocks(batch);
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.#inFlight.sent(connection.lastSequence + 1, bytes, this.#session.nowNs());
    return yield* lanes.sendPush(stream.FRAME_BLOCKS, parts);
  }

  /** Sends the next pages around the last fault. */
  *#push(): Task<void> {
    const { guest } = this.#session;
    const { pageCount } = guest.shape;
    const set = this.#session.set as PageSet;
    const normalPagesMax = this.#pushPages();
    for (;;) {
      const range = this.#policy.next(this.#bubble, pageCount);
      if (!range)
        throw new WasmvisorError("WV_STATE", "takeBatch gave no page of a set with pages");
      const { fromGfn, untilGfn } = range;
      const limit = { normalPagesMax, zeroPagesMax: ZERO_PAGES_MAX, untilGfn };
      const batch = yield* wait(guest.takeBatch(set, fromGfn, limit));
      const isFull = batch.normalPages === normalPagesMax;
      this.#bubble = grown(this.#bubble, range, batch.nextGfn, isFull);
      if (batch.normalPages + batch.zeroPages === 0) continue;
      yield* this.#sendPaid(batch);
      return;
    }
  }

  #pushPages(): number {
    const { options, packsPush } = this.#session;
    const pagesMax = packsPush ? Math.min(options.pushPages, PACKED_PAGES_MAX) : options.pushPages;
    const { bytesPerSec } = this.#inFlight;
    if (bytesPerSec === 0) return 1;
    const pushNs = this.#pacer.isCapped ? Math.max(options.pushNs, CAPPED_PUSH_NS) : options.pushNs;
    const pages = Math.floor((bytesPerSec * pushNs) / 1e9 / GUEST_PAGE_BYTES);
    return Math.max(1, Math.min(pages, pagesMax));
  }

  /** Under the cap. */
  *#sendPaid(batch: PageBatch): Task<void> {
    const sinceNs = this.#session.nowNs();
    const bytes = yield* this.#send(batch);
    this.#pacer.spend(bytes, sinceNs);
  }

  /** `plain`: somebody waits for it, and packing takes time. */
  *#send(batch: PageBatch, how?: "plain"): Task<number> {
    const session = this.#session;
    const frame = yield* session.pushFrame(batch, how);
    // The credit may come before the channel takes more: the frame is noted first.
    const sequence = session.connection.lastSequence + 1;
    const partBytes = frame.parts.reduce((sum, { length }) => sum + length, 0);
    this.#inFlight.sent(sequence, partBytes + (batch.modelBytes ?? 0), session.nowNs());
    return yield* session.followPages(batch, frame);
  }
}

/** Batches as one. */
function together(batches: readonly PageBatch[]): PageBatch {
  const sum = (of: (batch: PageBatch) => number): number =>
    batches.reduce((total, batch) => total + of(batch), 0);
  return {
    normalPages: sum(({ normalPages }) => normalPages),
    zeroPages: sum(({ zeroPages }) => zeroPages),
    modelBytes: sum(({ modelBytes = 0 }) => modelBytes),
    nextGfn: batches.at(-1)?.nextGfn ?? 0,
    records: joinParts(batches.map(({ records }) => records)),
  };
}
