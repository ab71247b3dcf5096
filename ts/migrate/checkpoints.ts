/**
 * Checkpoints of a post-copy: every so often the target sends back what its guest has become, and the
 * source, which has kept everything else, can go on from there if the target dies. So it loses no more
 * than one period of the guest's work, instead of all since the switch (Fernando et al., INFOCOM'19).
 */
import type { Clock } from "../base/clock.ts";
import { type Future, runTask, type Task, wait } from "../base/task.ts";
import { GUEST_PAGE_BYTES, type Migratable, type PageSet } from "../machine/migratable.ts";
import type { Outbox } from "./connection.ts";
import { decodePages, encodePagesHeader, type ReceivedPages } from "./messages.ts";
import { FRAME_CHECKPOINT, FRAME_CHECKPOINT_PAGES, type Frame, streamError } from "./stream.ts";

/** Small: a page that somebody waits for is asked for in between. */
const BATCH = { normalPagesMax: 16, zeroPagesMax: 4096 };

/** The target's side: takes them. */
export class CheckpointTaker {
  readonly #guest: Migratable;
  readonly #clock: Clock;
  readonly #everyNs: number;
  /** Written since the last checkpoint; all that was written, as a bitmap. */
  #set: PageSet | undefined;
  #all = new Uint8Array(0);
  /** Where the last one still waits to be sent: no other is taken meanwhile, or they would pile up. */
  #waiting: Outbox | undefined;
  #stop = new AbortController();

  constructor(options: {
    readonly guest: Migratable;
    readonly clock: Clock;
    readonly everyNs: number;
  }) {
    this.#guest = options.guest;
    this.#clock = options.clock;
    this.#everyNs = options.everyNs;
  }

  /** Notes what is written from now on: before the guest runs. */
  *begin(): Task<void> {
    const set = this.#guest.newPageSet();
    const nothing = set.save();
    yield* wait(this.#guest.startDirtyLog(set));
    set.load(nothing);
    this.#set = set;
    this.#all = nothing.slice();
  }

  /** The channel is another one: what went over the old one may have been lost. */
  restart(): void {
    this.#set?.load(this.#all);
  }

  /** Sends one after the other, until `end`. */
  *run(outbox: () => Outbox | undefined): Task<void> {
    try {
      for (;;) {
        yield* wait(this.#clock.sleep(this.#everyNs, this.#stop.signal));
        const to = outbox();
        if (to && this.#set && to !== this.#waiting) yield* this.#take(to, this.#set);
      }
    } catch {
      // It has ended.
    }
  }

  *#take(outbox: Outbox, set: PageSet): Task<void> {
    const guest = this.#guest;
    yield* wait(guest.pause());
    try {
      yield* wait(guest.harvest(set));
      set.save().forEach((bits, i) => {
        this.#all[i] = (this.#all[i] ?? 0) | bits;
      });
      const { pageCount } = guest.shape;
      for (let gfn = 0; gfn < pageCount && set.count() > 0; ) {
        const batch = yield* wait(guest.takeBatch(set, gfn, BATCH));
        gfn = batch.nextGfn;
        const payload = [encodePagesHeader(0, batch), batch.records.slice()];
        outbox.post(FRAME_CHECKPOINT_PAGES, () => payload);
      }
      const state = (yield* wait(guest.saveState())).slice();
      this.#waiting = outbox;
      outbox.post(FRAME_CHECKPOINT, () => {
        this.#waiting = undefined;
        return [state];
      });
    } finally {
      if (!this.#stop.signal.aborted) yield* wait(guest.resume());
    }
  }

  /** No more are taken: the guest, or its migration, has come to an end. */
  stop(): void {
    this.#stop.abort();
  }

  /** The guest has all its pages: the source needs no more of them. */
  *end(): Task<void> {
    this.stop();
    this.#set?.release();
    this.#set = undefined;
    yield* wait(this.#guest.stopDirtyLog());
  }
}

/** The source's side: keeps the last one that came as a whole. */
export class CheckpointKeeper {
  readonly #guest: Migratable;
  #staged: ReceivedPages[] = [];
  #stagedBytes = 0;
  /** State of the last checkpoint; undefined: the guest is as it was at the switch. */
  #state: Uint8Array | undefined;
  /** Pages of whole checkpoints on their way into the guest's memory. */
  #applying: Future<void> | undefined;
  /** Checkpoints that came as a whole. */
  count = 0;

  constructor(guest: Migratable) {
    this.#guest = guest;
  }

  /** Takes a frame, if it is one of a checkpoint. Nothing is changed before all of it is here. */
  take(frame: Frame): boolean {
    if (frame.type === FRAME_CHECKPOINT_PAGES) {
      this.#stagedBytes += frame.payload.length;
      if (this.#stagedBytes > 2 * this.#guest.shape.pageCount * GUEST_PAGE_BYTES + (1 << 20))
        throw streamError(frame, "CHECKPOINT_PAGES: more than the guest has");
      const pages = decodePages(frame);
      this.#staged.push({ ...pages, records: pages.records.slice() });
    } else if (frame.type === FRAME_CHECKPOINT) {
      this.#applying = runTask(this.#apply(this.#staged, this.#applying));
      this.drop();
      this.#state = frame.payload.slice();
      this.count++;
    } else return false;
    return true;
  }

  /** What the target has written it never asks for again. */
  *#apply(staged: readonly ReceivedPages[], before: Future<void> | undefined): Task<void> {
    if (before) yield* wait(before);
    for (const pages of staged) yield* wait(this.#guest.applyBatch(pages));
  }

  /** What came of a checkpoint that never became whole is forgotten. */
  drop(): void {
    this.#staged = [];
    this.#stagedBytes = 0;
  }

  /** The guest here is what it was at the last checkpoint. */
  *restore(): Task<void> {
    this.drop();
    if (this.#applying) yield* wait(this.#applying);
    if (this.#state) yield* wait(this.#guest.restoreState(this.#state));
  }
}
