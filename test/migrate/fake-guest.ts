/** A guest of a few pages of real memory, for tests of the engine. */
import { createHash } from "node:crypto";
import { WasmvisorError } from "../../ts/base/errors.ts";
import type { Random } from "../../ts/base/random.ts";
import type {
  BatchLimit,
  GuestShape,
  Migratable,
  MissingWatcher,
  PageBatch,
  PageSet,
} from "../../ts/machine/migratable.ts";

import type { ArrivingDisk, LeavingDisk } from "../../ts/machine/moving-disk.ts";

const PAGE = 4096;
const ZERO = 1 << 30;
const ZERO_PAGE = new Uint8Array(PAGE);

class FakeSet implements PageSet {
  readonly gfns = new Set<number>();
  count(): number {
    return this.gfns.size;
  }
  release(): void {
    this.gfns.clear();
  }
  readonly pageCount: number;
  constructor(pageCount: number) {
    this.pageCount = pageCount;
  }
  has(gfn: number): boolean {
    return this.gfns.has(gfn);
  }
  save(): Uint8Array {
    const bitmap = new Uint8Array(Math.ceil(this.pageCount / 8));
    for (const gfn of this.gfns) bitmap[gfn >> 3] = (bitmap[gfn >> 3] ?? 0) | (1 << (gfn & 7));
    return bitmap;
  }
  load(bitmap: Uint8Array): void {
    if (bitmap.length !== Math.ceil(this.pageCount / 8))
      throw new WasmvisorError("WV_BAD_STREAM", "bitmap");
    this.gfns.clear();
    for (let gfn = 0; gfn < this.pageCount; gfn++)
      if (((bitmap[gfn >> 3] ?? 0) >> (gfn & 7)) & 1) this.gfns.add(gfn);
  }
}

/** A write (or a read: no value) that waits for its page. */
interface PendingWrite {
  readonly at: number;
  readonly value: number | undefined;
  readonly done: () => void;
}

export class FakeGuest implements Migratable {
  readonly shape: GuestShape;
  readonly memory: Uint8Array;
  isRunning = false;
  isDestroyed = false;
  leavingDisks?: readonly LeavingDisk[];
  arrivingDisks?: readonly ArrivingDisk[];
  isLogging = false;
  state = new Uint8Array(300);
  readonly #dirty = new Set<number>();
  readonly #reads = new Set<number>();
  noteReads?: () => void;
  takeReads?: (set: PageSet, into: PageSet, pagesMax: number) => number;
  /** Pages that have not arrived. */
  readonly missing = new Set<number>();
  readonly #pending = new Map<number, PendingWrite>();
  #watcher: MissingWatcher | undefined;

  constructor(pageCount: number) {
    this.shape = { kind: "fake/1", pageCount, config: new Uint8Array([1, 2, 3]) };
    this.memory = new Uint8Array(pageCount * PAGE);
  }

  /** From now on it can say what it reads. */
  tellReads(): this {
    this.noteReads = () => this.#reads.clear();
    this.takeReads = (set, into, pagesMax) => {
      const read = [...this.#reads].filter((gfn) => set.has(gfn)).slice(0, pagesMax);
      for (const gfn of read) {
        (set as FakeSet).gfns.delete(gfn);
        (into as FakeSet).gfns.add(gfn);
      }
      return read.length;
    };
    return this;
  }

  /** A running guest's `vcpu` reads page `gfn`, unless it waits for one. */
  read(gfn: number, vcpu = 0): void {
    if (!this.isRunning) throw new Error("a paused guest read");
    if (this.#pending.has(vcpu)) return;
    this.#reads.add(gfn);
    if (!this.missing.has(gfn)) return;
    this.#pending.set(vcpu, { at: gfn * PAGE, value: undefined, done: () => undefined });
    this.#watcher?.onMissing(gfn);
  }

  /** What a running guest's `vcpu` does; `done` once it could. False: it waits for a page. */
  write(at: number, value: number, done: () => void = () => undefined, vcpu = 0): boolean {
    if (!this.isRunning) throw new Error("a paused guest wrote");
    if (this.#pending.has(vcpu)) return false;
    const gfn = Math.floor(at / PAGE);
    if (this.missing.has(gfn)) {
      this.#pending.set(vcpu, { at, value, done });
      this.#watcher?.onMissing(gfn);
      return false;
    }
    this.memory[at] = value;
    this.#dirty.add(gfn);
    done();
    return true;
  }

  /** The guest stores to a page that may not be there, and goes on. */
  want(gfn: number): void {
    if (this.missing.has(gfn)) this.#watcher?.onWanted([gfn]);
  }

  awaitPages(set: PageSet, watcher: MissingWatcher): void {
    this.#watcher = watcher;
    for (const gfn of (set as FakeSet).gfns) {
      this.missing.add(gfn);
      // Whoever reads it all the same finds out.
      this.memory.fill(0xee, gfn * PAGE, (gfn + 1) * PAGE);
    }
  }

  addMissing(set: PageSet): void {
    for (const gfn of this.missing) (set as FakeSet).gfns.add(gfn);
  }

  placeBatch(batch: Omit<PageBatch, "nextGfn">): number {
    const before = this.missing.size;
    this.#eachRecord(batch, (gfn, page) => {
      if (!this.missing.delete(gfn)) return;
      this.#setPage(gfn, page);
    });
    for (const [vcpu, { at, value, done }] of [...this.#pending]) {
      const gfn = Math.floor(at / PAGE);
      if (this.missing.has(gfn) || !this.isRunning) continue;
      this.#pending.delete(vcpu);
      this.#watcher?.onArrived(gfn);
      if (value === undefined) this.read(gfn, vcpu);
      else this.write(at, value, done, vcpu);
    }
    return before - this.missing.size;
  }

  #setPage(gfn: number, page: Uint8Array | undefined): void {
    const own = this.memory.subarray(gfn * PAGE, (gfn + 1) * PAGE);
    if (page) own.set(page);
    else own.fill(0);
  }

  fill(random: Random, share: number): void {
    for (let gfn = 0; gfn < this.shape.pageCount; gfn++)
      if (random.float() < share) random.bytes(this.memory.subarray(gfn * PAGE, gfn * PAGE + 64));
  }

  newPageSet(): FakeSet {
    return new FakeSet(this.shape.pageCount);
  }

  startDirtyLog(set: PageSet): void {
    this.isLogging = true;
    this.#dirty.clear();
    for (let gfn = 0; gfn < this.shape.pageCount; gfn++) (set as FakeSet).gfns.add(gfn);
  }

  stopDirtyLog(): void {
    this.isLogging = false;
  }

  harvest(set: PageSet): number {
    if (!this.isLogging) throw new Error("harvest without a log");
    for (const gfn of this.#dirty) (set as FakeSet).gfns.add(gfn);
    const count = this.#dirty.size;
    this.#dirty.clear();
    return count;
  }

  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    const { gfns } = set as FakeSet;
    const records: Uint8Array[] = [];
    let [normalPages, zeroPages, gfn] = [0, 0, fromGfn];
    for (; gfn < (limit.untilGfn ?? this.shape.pageCount); gfn++) {
      if (normalPages >= limit.normalPagesMax || zeroPages >= limit.zeroPagesMax) break;
      if (limit.dirtyPages === "leave" && this.#dirty.has(gfn)) continue;
      if (!gfns.delete(gfn)) continue;
      const page = this.memory.subarray(gfn * PAGE, (gfn + 1) * PAGE);
      const isZero = Buffer.compare(page, ZERO_PAGE) === 0;
      const word = isZero ? gfn | ZERO : gfn;
      records.push(new Uint8Array(new Uint32Array([word]).buffer));
      if (!isZero) records.push(page);
      if (isZero) zeroPages++;
      else normalPages++;
    }
    return { normalPages, zeroPages, nextGfn: gfn, records: Buffer.concat(records) };
  }

  applyBatch(batch: Omit<PageBatch, "nextGfn">): void {
    this.#eachRecord(batch, (gfn, page) => this.#setPage(gfn, page));
  }

  #eachRecord(
    batch: Omit<PageBatch, "nextGfn">,
    visit: (gfn: number, page: Uint8Array | undefined) => void,
  ): void {
    const { records } = batch;
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let [at, pages] = [0, 0];
    while (at < records.length) {
      if (records.length - at < 4) throw new WasmvisorError("WV_BAD_STREAM", "record cut");
      const word = view.getUint32(at, true);
      const gfn = word & (ZERO - 1);
      at += 4;
      if (gfn >= this.shape.pageCount) throw new WasmvisorError("WV_BAD_STREAM", "gfn");
      if (word & ZERO) visit(gfn, undefined);
      else {
        if (records.length - at < PAGE) throw new WasmvisorError("WV_BAD_STREAM", "page cut");
        visit(gfn, records.subarray(at, at + PAGE));
        at += PAGE;
      }
      pages++;
    }
    if (pages !== batch.normalPages + batch.zeroPages)
      throw new WasmvisorError("WV_BAD_STREAM", "counts");
  }

  pause(): void {
    this.isRunning = false;
  }

  resume(): void {
    if (this.isDestroyed) throw new Error("a destroyed guest was started");
    this.isRunning = true;
  }

  saveState(): Uint8Array {
    if (this.isRunning) throw new Error("state of a running guest");
    return this.state;
  }

  restoreState(state: Uint8Array): void {
    this.state = state.slice();
  }

  memoryHash(): string {
    return createHash("sha256").update(this.memory).digest("hex").slice(0, 16);
  }

  destroy(): void {
    this.isRunning = false;
    this.isDestroyed = true;
  }
}
