/**
 * A disk whose blocks come from elsewhere while it is used: reads of what is not there wait until it comes, and so do
 * writes of parts of a block; whole blocks are simply written. What is there, a record beside the image knows: a
 * block counts as there after a crash only if a flush came after it, so nothing that a guest was told to be safe is
 * ever fetched anew.
 */
import { WasmvisorError } from "../base/errors.ts";
import { Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import { isZero } from "../base/zeros.ts";
import type { BlockBackend, BlockExtent } from "../machine/block.ts";
import { BlockSet } from "../machine/block-set.ts";
import {
  type BlockWatcher,
  blockCountOf,
  bytesOfBlock,
  MOVING_BLOCK_BYTES,
  type OnDemandDisk,
} from "../machine/moving-disk.ts";
import { writeNonZero } from "./sparse.ts";

/** What is below: nothing of it is done later, so a block is either there or not. */
export type WholeDisk = BlockBackend & {
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  discard?(offset: number, bytes: number): void;
  zero?(offset: number, bytes: number): void;
  extent?(offset: number, bytes: number): BlockExtent;
};

/** Remembers what is missing, also after a crash. All calls are done when they return. */
export interface MissingRecord {
  save(missing: BlockSet): void;
  /** Nothing is missing any more. */
  remove(): void;
  /** Whoever comes may use the image. */
  close?(): void;
}

/** Blocks that come between two looks at what is safe, if the guest does not flush: 64 MiB. */
const UNSAVED_BLOCKS_MAX = 1024;
/** File systems have no smaller holes. */
const HOLE_BYTES = 4096;

export class PartialDisk implements BlockBackend, OnDemandDisk {
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly discard?: (offset: number, bytes: number) => Wait<void>;
  readonly zero?: (offset: number, bytes: number) => Wait<void>;
  readonly extent?: (offset: number, bytes: number) => Wait<BlockExtent>;
  readonly missing: BlockSet;
  readonly #disk: WholeDisk;
  readonly #record: MissingRecord | undefined;
  readonly #isNew: boolean;
  readonly #waiting = new Map<number, Future<void>>();
  readonly #zeros = new Uint8Array(MOVING_BLOCK_BYTES);
  readonly #before = new Uint8Array(MOVING_BLOCK_BYTES);
  #watcher: BlockWatcher | undefined;
  /** Blocks that came since the record was saved. */
  #unsaved = 0;

  /** `origin`: of a new image all that is missing reads as zeros already. */
  constructor(disk: WholeDisk, record?: MissingRecord, origin?: "new") {
    this.#disk = disk;
    this.#record = record;
    this.#isNew = origin === "new";
    this.bytes = disk.bytes;
    this.readOnly = disk.readOnly;
    this.missing = new BlockSet(blockCountOf(disk.bytes));
    if (disk.discard)
      this.discard = (offset, bytes) =>
        this.#change(offset, bytes, () => disk.discard?.(offset, bytes));
    if (disk.zero)
      this.zero = (offset, bytes) => this.#change(offset, bytes, () => disk.zero?.(offset, bytes));
    if (disk.extent) this.extent = (offset, bytes) => this.#extent(offset, bytes);
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    const wanted = this.missing.size === 0 ? [] : this.#missingIn(offset, into.length);
    if (wanted.length === 0) return this.#disk.read(offset, into);
    return runTask(this.#after(wanted, () => this.#disk.read(offset, into)));
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    return this.#change(offset, from.length, () => this.#disk.write(offset, from));
  }

  flush(): void {
    this.#disk.flush();
    this.#save();
  }

  refresh(): Wait<void> {
    return this.#disk.refresh?.();
  }

  close(): Wait<void> {
    for (const [block, waiting] of this.#waiting) {
      this.#waiting.delete(block);
      waiting.reject(new WasmvisorError("WV_DISK", `block ${block} did not come: it is closed`));
    }
    this.#record?.close?.();
    return this.#disk.close?.();
  }

  expect(missing: BlockSet, watcher: BlockWatcher): void {
    this.missing.addAll(missing);
    this.#watcher = watcher;
    this.#record?.save(this.missing);
  }

  place(block: number, content: Uint8Array | undefined): void {
    if (!this.missing.has(block)) return; // The guest has written it meanwhile.
    if (this.#isNew) this.#fillHole(block * MOVING_BLOCK_BYTES, content);
    else this.fill(block, content);
    this.#arrived(block);
    if (this.#unsaved >= UNSAVED_BLOCKS_MAX) this.flush();
  }

  finish(): void {
    this.#disk.flush();
    this.#record?.remove();
    this.#unsaved = 0;
  }

  /** What a block is; undefined: zeros. What is a hole shall stay one. */
  fill(block: number, content: Uint8Array | undefined): void {
    const at = block * MOVING_BLOCK_BYTES;
    const before = this.#before.subarray(0, bytesOfBlock(block, this.bytes));
    this.#disk.read(at, before);
    if (isZero(before)) this.#fillHole(at, content);
    else if (content) this.#disk.write(at, content);
    else if (this.#disk.discard) this.#disk.discard(at, before.length);
    else this.#disk.write(at, this.#zeros.subarray(0, before.length));
  }

  #fillHole(at: number, content: Uint8Array | undefined): void {
    if (!content) return;
    // An image of clusters takes all of one for a part of it.
    const pieceBytes = this.#disk.discard ? MOVING_BLOCK_BYTES : HOLE_BYTES;
    writeNonZero(this.#disk, at, { bytes: content, pieceBytes });
  }

  #arrived(block: number): void {
    this.missing.delete(block);
    this.#unsaved++;
    const waiting = this.#waiting.get(block);
    this.#waiting.delete(block);
    waiting?.resolve();
  }

  /** All that is on the disk is safe. */
  #save(): void {
    if (this.#unsaved === 0) return;
    this.#unsaved = 0;
    this.#record?.save(this.missing);
  }

  /** Missing blocks that a range touches. */
  #missingIn(offset: number, bytes: number): number[] {
    const end = Math.ceil((offset + bytes) / MOVING_BLOCK_BYTES);
    const found: number[] = [];
    let block = this.missing.next(Math.floor(offset / MOVING_BLOCK_BYTES));
    for (; block !== undefined && block < end; block = this.missing.next(block + 1))
      found.push(block);
    return found;
  }

  #change(offset: number, bytes: number, action: () => void): Wait<void> {
    if (this.missing.size === 0) return action();
    const touched = this.#missingIn(offset, bytes);
    if (touched.length === 0) return action();
    const isWhole = (block: number): boolean => {
      const at = block * MOVING_BLOCK_BYTES;
      return offset <= at && offset + bytes >= at + bytesOfBlock(block, this.bytes);
    };
    const partly = touched.filter((block) => !isWhole(block));
    const change = (): void => {
      action();
      const whole = touched.filter((block) => isWhole(block) && this.missing.has(block));
      for (const block of whole) this.#arrived(block);
      if (whole.length > 0) this.#watcher?.onOverwritten();
    };
    return partly.length === 0 ? change() : runTask(this.#after(partly, change));
  }

  *#after(blocks: readonly number[], action: () => void): Task<void> {
    // All at once: they come in one go.
    const coming = blocks.map((block) => this.#need(block));
    for (const one of coming) yield* wait(one);
    action();
  }

  #need(block: number): Future<void> {
    const waiting = this.#waiting.get(block);
    if (waiting) return waiting;
    const comes = new Future<void>();
    this.#waiting.set(block, comes);
    this.#watcher?.onMissing(block);
    return comes;
  }

  /** What is missing is data, as far as one knows. */
  #extent(offset: number, bytes: number): BlockExtent {
    const first = Math.floor(offset / MOVING_BLOCK_BYTES);
    const next = this.missing.next(first);
    const at = next === undefined ? this.bytes : next * MOVING_BLOCK_BYTES;
    if (at > offset)
      return this.#disk.extent?.(offset, Math.min(bytes, at - offset)) as BlockExtent;
    const until = Math.min(first * MOVING_BLOCK_BYTES + MOVING_BLOCK_BYTES, offset + bytes);
    return { bytes: until - offset, isZero: false, isAllocated: true };
  }
}
