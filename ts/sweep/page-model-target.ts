/**
 * The page-level guest on the target. After pre-copy nothing is left to do. In post-copy a store to a page that
 * has not arrived is noted, and the guest goes on (`assembly/memory/pending.ts`): in which order pages come
 * changes nothing of what is measured, so only they come. One that waits for pages writes on here, as
 * `guests/dirtier.c` does: every millisecond the writes that are due, of those that it missed no more than
 * 50 ms' worth; and a heartbeat every 10 ms, between two batches of writes.
 */
import type { VirtualClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type {
  GuestShape,
  Migratable,
  MissingWatcher,
  PageBatch,
  PageSet,
} from "../machine/migratable.ts";
import type { SilenceMeter } from "../migrate/silence.ts";
import type { PageKernel } from "./page-kernel.ts";
import type { PageWriter } from "./page-writer.ts";

/** The writer acts this often, and does no more than was due in that time. */
export const TICK_NS = 1e6;
/** The guest shows a sign of life this often. */
export const HEARTBEAT_NS = 10e6;
export const CATCH_UP_NS = 50e6;
const NOWHERE = -1;

/** A set of pages that the kernel, or this, keeps as bits. */
export function modelSet(parts: {
  readonly pageCount: number;
  readonly count: () => number;
  readonly has: (gfn: number) => boolean;
  readonly bitmap: () => Uint8Array;
}): PageSet {
  const { bitmap, count, has, pageCount } = parts;
  return {
    count,
    has,
    save: () => bitmap().slice(),
    load: (bits) => {
      if (bits.length !== Math.ceil(pageCount / 8))
        throw new WasmvisorError("WV_BAD_STREAM", `not a bitmap of ${pageCount} pages`);
      bitmap().set(bits);
    },
    release: () => undefined,
  };
}

function countBits(bitmap: Uint8Array): number {
  let count = 0;
  for (const byte of bitmap) for (let bits = byte; bits; bits &= bits - 1) count++;
  return count;
}

export class ModelTarget implements Migratable {
  readonly shape: GuestShape;
  /** Of a guest that waits for pages. */
  readonly #writer: PageWriter | undefined;
  readonly #kernel: PageKernel;
  readonly #clock: VirtualClock;
  readonly #silence: SilenceMeter;
  readonly #nextBeatNs: () => number;
  #watcher: MissingWatcher | undefined;
  #missingPages = 0;
  #startNs = 0;
  /** Until when the writer was asked what is due. */
  #sinceNs = 0;
  /** Writes that are due: what is 50 ms late is given up. */
  #due = 0;
  #lastBeatNs = 0;

  constructor(parts: {
    readonly shape: GuestShape;
    readonly writer: PageWriter | undefined;
    readonly kernel: PageKernel;
    readonly clock: VirtualClock;
    readonly silence: SilenceMeter;
    /** How long after its start its next heartbeat is due: its clock stood still while it was paused. */
    readonly nextBeatNs: () => number;
  }) {
    this.shape = parts.shape;
    this.#nextBeatNs = parts.nextBeatNs;
    this.#writer = parts.writer;
    this.#kernel = parts.kernel;
    this.#clock = parts.clock;
    this.#silence = parts.silence;
  }

  get #missing(): Uint8Array {
    const { memory } = this.#kernel;
    const bytes = Math.ceil(this.shape.pageCount / 8);
    return new Uint8Array(memory.buffer, this.#kernel.modelMissing(), bytes);
  }

  newPageSet(): PageSet {
    const { pageCount } = this.shape;
    const bits = new Uint8Array(Math.ceil(pageCount / 8));
    return modelSet({
      pageCount,
      count: () => countBits(bits),
      has: (gfn) => (((bits[gfn >> 3] as number) >> (gfn & 7)) & 1) === 1,
      bitmap: () => bits,
    });
  }

  awaitPages(set: PageSet, watcher: MissingWatcher): void {
    this.#missing.set(set.save());
    this.#missingPages = set.count();
    this.#watcher = watcher;
  }

  addMissing(set: PageSet): void {
    set.load(this.#missing);
  }

  placeBatch({ records }: Omit<PageBatch, "nextGfn">): number {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    const waits = this.#kernel.modelWaits();
    const placed = this.#kernel.modelPlace(view.getUint32(0, true), view.getUint32(4, true));
    this.#missingPages -= placed;
    if (!this.#writer || waits === NOWHERE || this.#isMissing(waits)) return placed;
    this.#watcher?.onArrived(waits);
    this.#write(this.#writer);
    return placed;
  }

  #isMissing(gfn: number): boolean {
    return (((this.#missing[gfn >> 3] as number) >> (gfn & 7)) & 1) === 1;
  }

  resume(): void {
    this.#startNs = this.#clock.nowNs();
    this.#sinceNs = this.#startNs;
    this.#lastBeatNs = this.#startNs;
    if (this.#missingPages === 0) return;
    if (this.#writer) this.#tick(this.#writer);
    else this.#silence.beat(this.#startNs + this.#nextBeatNs());
  }

  /** The batch of this millisecond. */
  #tick(writer: PageWriter): void {
    const nowNs = this.#clock.nowNs();
    this.#due = 0;
    writer.run(nowNs - this.#sinceNs, (count) => {
      this.#due += count;
    });
    this.#sinceNs = nowNs;
    this.#due = Math.min(this.#due, Math.floor((writer.dirtyRate * CATCH_UP_NS) / 1e9));
    this.#write(writer);
  }

  /** Does what it can of the batch. */
  #write(writer: PageWriter): void {
    this.#due -= this.#kernel.modelWriteHere(this.#due);
    if (this.#due > 0) {
      this.#watcher?.onMissing(this.#kernel.modelWaits());
      return;
    }
    const nowNs = this.#clock.nowNs();
    if (nowNs - this.#lastBeatNs >= HEARTBEAT_NS) {
      this.#silence.beat(nowNs);
      this.#lastBeatNs = nowNs;
    }
    if (this.#missingPages === 0) return;
    // Half a nanosecond before a tick is that tick: sums of times are not exact.
    const ticks = Math.floor((nowNs - this.#startNs + 0.5) / TICK_NS) + 1;
    this.#clock.after(this.#startNs + ticks * TICK_NS - nowNs, () => this.#tick(writer));
  }

  applyBatch(): void {
    // What arrives is counted by the engine.
  }
  pause(): void {
    // It never ran.
  }
  restoreState(): void {
    // There is none.
  }
  stopDirtyLog(): void {
    // There is none.
  }
  memoryHash(): string {
    return "";
  }
  destroy(): void {
    this.#missingPages = 0;
  }
  startDirtyLog(): never {
    throw new WasmvisorError("WV_STATE", "page model: this end only receives");
  }
  harvest(): never {
    return this.startDirtyLog();
  }
  takeBatch(): never {
    return this.startDirtyLog();
  }
  saveState(): never {
    return this.startDirtyLog();
  }
}
