/**
 * A disk that can go to another host while its guest runs: it notes which blocks are written, and holds the guest
 * back from writing faster than they move. While nothing moves it costs a call.
 */
import type { Clock } from "../base/clock.ts";
import { isPromiseLike, runTask, type Task, type Wait, wait } from "../base/task.ts";
import type { BlockBackend, BlockExtent } from "../machine/block.ts";
import { BlockSet } from "../machine/block-set.ts";
import { blockCountOf, type LeavingDisk, MOVING_BLOCK_BYTES } from "../machine/moving-disk.ts";

/** A write waits so long at most: guests give up on a disk that is silent for half a minute. */
const HELD_NS_MAX = 5e9;
/** What may be written at once by whoever has written less than it may. */
const BURST_NS = 50e6;
/** Pieces in which holes are looked for. */
const EXTENT_BYTES_MAX = 2 ** 40;

export class MovableDisk implements BlockBackend {
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly readPieces?: (offset: number, into: readonly Uint8Array[]) => void;
  readonly discard?: (offset: number, bytes: number) => Wait<void>;
  readonly zero?: (offset: number, bytes: number) => Wait<void>;
  readonly extent?: (offset: number, bytes: number) => Wait<BlockExtent>;
  readonly #inner: BlockBackend;
  #log: WriteLog | undefined;

  /** `readOnly`: for the guest, if the disk itself is not. */
  constructor(inner: BlockBackend, readOnly = inner.readOnly) {
    this.#inner = inner;
    this.bytes = inner.bytes;
    this.readOnly = readOnly;
    if (inner.readPieces) this.readPieces = (offset, into) => inner.readPieces?.(offset, into);
    if (inner.extent) this.extent = (offset, bytes) => inner.extent?.(offset, bytes) as never;
    if (inner.discard)
      this.discard = (offset, bytes) =>
        this.#change(offset, bytes, () => inner.discard?.(offset, bytes));
    if (inner.zero)
      this.zero = (offset, bytes) => this.#change(offset, bytes, () => inner.zero?.(offset, bytes));
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    return this.#inner.read(offset, into);
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    return this.#change(offset, from.length, () => this.#inner.write(offset, from));
  }

  flush(): Wait<void> {
    return this.#inner.flush();
  }

  refresh(): Wait<void> {
    return this.#inner.refresh?.();
  }

  close(): Wait<void> {
    return this.#inner.close?.();
  }

  /** This disk as a migration sees it that takes it away. One at a time. */
  leaving(index: number, clock: Clock): LeavingDisk {
    const leave = new Leaving(this.#inner, { index, clock });
    leave.onLog = (log) => {
      this.#log = log;
    };
    return leave;
  }

  #change(offset: number, bytes: number, action: () => Wait<void>): Wait<void> {
    if (this.#log) return this.#log.change(offset, bytes, action);
    const done = action();
    // A log that begins meanwhile must have it: what is read before it is done is not what it will be.
    return isPromiseLike(done) ? runTask(this.#noteLater(offset, bytes, done)) : done;
  }

  *#noteLater(offset: number, bytes: number, done: Wait<void>): Task<void> {
    try {
      yield* wait(done);
    } finally {
      this.#log?.note(offset, bytes);
    }
  }
}

/** What a guest writes while its disk moves. */
class WriteLog {
  readonly dirty: BlockSet;
  readonly #clock: Clock;
  #nsPerByte = 0;
  /** When all that was written is paid for, at the limit. */
  #paidAtNs = 0;
  /** Of those that wait. */
  readonly #held = new Set<AbortController>();
  heldNs = 0;

  constructor(bytes: number, clock: Clock) {
    this.dirty = new BlockSet(blockCountOf(bytes));
    this.#clock = clock;
  }

  /** Notes the blocks of a range; returns how many of them were not dirty yet. */
  note(offset: number, bytes: number): number {
    if (bytes === 0) return 0;
    let fresh = 0;
    const last = Math.floor((offset + bytes - 1) / MOVING_BLOCK_BYTES);
    for (let block = Math.floor(offset / MOVING_BLOCK_BYTES); block <= last; block++)
      if (this.dirty.add(block)) fresh++;
    return fresh;
  }

  limit(bytesPerSec: number): void {
    this.#nsPerByte = 1e9 / bytesPerSec;
    this.#paidAtNs = Math.min(this.#paidAtNs, this.#clock.nowNs());
    for (const release of this.#held) release.abort();
    this.#held.clear();
  }

  change(offset: number, bytes: number, action: () => Wait<void>): Wait<void> {
    const heldNs = this.#price(this.note(offset, bytes));
    if (heldNs > 0) return runTask(this.#later(heldNs, { offset, bytes, action }));
    const done = action();
    return isPromiseLike(done) ? runTask(this.#noteAgain(offset, bytes, done)) : done;
  }

  /** How long whoever makes `blocks` more dirty has to wait. */
  #price(blocks: number): number {
    if (this.#nsPerByte === 0 || blocks === 0) return 0;
    const nowNs = this.#clock.nowNs();
    const price = blocks * MOVING_BLOCK_BYTES * this.#nsPerByte;
    const paidAtNs = Math.max(this.#paidAtNs, nowNs - BURST_NS) + price;
    this.#paidAtNs = Math.min(paidAtNs, nowNs + HELD_NS_MAX);
    return Math.max(0, this.#paidAtNs - nowNs);
  }

  *#later(
    ns: number,
    change: {
      readonly offset: number;
      readonly bytes: number;
      readonly action: () => Wait<void>;
    },
  ): Task<void> {
    const sinceNs = this.#clock.nowNs();
    const release = new AbortController();
    this.#held.add(release);
    try {
      yield* wait(this.#clock.sleep(ns, release.signal));
    } catch {
      // It need not wait any longer.
    }
    this.#held.delete(release);
    this.heldNs += this.#clock.nowNs() - sinceNs;
    try {
      yield* wait(change.action());
    } finally {
      this.note(change.offset, change.bytes);
    }
  }

  /** What was read of it while it was under way is not what it is now. */
  *#noteAgain(offset: number, bytes: number, done: Wait<void>): Task<void> {
    try {
      yield* wait(done);
    } finally {
      this.note(offset, bytes);
    }
  }
}

interface LeavingOptions {
  readonly index: number;
  readonly clock: Clock;
}

/** A disk that nobody writes, as a migration sees it that takes it away: the base of an overlay. */
export function leavingReadOnly(disk: BlockBackend, options: LeavingOptions): LeavingDisk {
  return new Leaving(disk, options);
}

class Leaving implements LeavingDisk {
  readonly index: number;
  readonly bytes: number;
  readonly #disk: BlockBackend;
  readonly #clock: Clock;
  #log: WriteLog | undefined;
  #heldNs = 0;
  onLog: (log: WriteLog | undefined) => void = () => undefined;

  constructor(disk: BlockBackend, { clock, index }: LeavingOptions) {
    this.#disk = disk;
    this.#clock = clock;
    this.index = index;
    this.bytes = disk.bytes;
  }

  usedBytes(): Wait<number> {
    if (this.#disk.extent) return runTask(this.#allocated());
    return this.#disk.usedBytes?.() ?? this.bytes;
  }

  *#allocated(): Task<number> {
    let used = 0;
    for (let at = 0; at < this.bytes; ) {
      const extent = yield* wait(this.extent(at, Math.min(EXTENT_BYTES_MAX, this.bytes - at)));
      if (!extent.isZero) used += extent.bytes;
      at += extent.bytes;
    }
    return used;
  }

  startLog(set: BlockSet): void {
    this.#log = new WriteLog(this.bytes, this.#clock);
    this.onLog(this.#log);
    set.fill();
  }

  stopLog(): void {
    this.limitDirty(Number.POSITIVE_INFINITY);
    this.#heldNs = this.heldNs;
    this.#log = undefined;
    this.onLog(undefined);
  }

  get dirtyBlocks(): number {
    return this.#log?.dirty.size ?? 0;
  }

  harvest(set: BlockSet): number {
    const dirty = this.#log?.dirty;
    if (!dirty) return 0;
    const count = dirty.size;
    set.addAll(dirty);
    dirty.clear();
    return count;
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    return this.#disk.read(offset, into);
  }

  extent(offset: number, bytes: number): Wait<BlockExtent> {
    const { extent } = this.#disk;
    if (!extent) return { bytes, isZero: false, isAllocated: true };
    return extent.call(this.#disk, offset, bytes);
  }

  limitDirty(bytesPerSec: number): void {
    this.#log?.limit(bytesPerSec);
  }

  get heldNs(): number {
    return this.#heldNs + (this.#log?.heldNs ?? 0);
  }
}
