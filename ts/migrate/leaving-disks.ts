/**
 * The source's side of disks that are copied along: what is left of each, pass after pass while the guest writes,
 * and the rest with the guest stopped.
 */
import type { Task, Wait } from "../base/task.ts";
import { isZero } from "../base/zeros.ts";
import { BlockSet } from "../machine/block-set.ts";
import {
  blockCountOf,
  bytesOfBlock,
  type LeavingDisk,
  MOVING_BLOCK_BYTES,
} from "../machine/moving-disk.ts";
import type { BlockBatch, DiskShape } from "./block-frames.ts";
import { type DiskPass, diskFits, writeLimit } from "./policy/write-limit.ts";

/** How disks are copied: while the guest runs, after it, or while it stands still. */
export const DISK_COPIES = ["pre-copy", "on-demand", "stop"] as const;
export type DiskCopy = (typeof DISK_COPIES)[number];

/** Blocks in one frame. */
const BATCH_BLOCKS = 16;
const BATCH_BYTES = BATCH_BLOCKS * MOVING_BLOCK_BYTES;
/** Zeros that are passed over at once where they are known to be. */
const HOLE_BYTES_MAX = 2 ** 40;

export interface DiskCopyStats {
  readonly disks: number;
  readonly totalBytes: number;
  /** Blocks whose content went, how often any did; blocks that were sent as zeros. */
  readonly blocks: number;
  readonly zeroBlocks: number;
  readonly bytes: number;
  readonly remainingBytes: number;
  readonly passes: number;
  /** How long the guest's writes were held back, added up, and to how much a second now. */
  readonly heldNs: number;
  readonly limitBytesPerSec: number;
  /** On demand: blocks that somebody at the target waited for. */
  readonly requests: number;
}

export interface LeavingDisksOptions {
  readonly disks: readonly LeavingDisk[];
  readonly how: DiskCopy;
  readonly nowNs: () => number;
  /**
   * Sends blocks, keeps the cap, and throws when the migration is to end. A batch may have none: what was looked at were
   * zeros, which took time, and both the target and whoever shares this thread shall see that it goes on.
   */
  readonly send: (batch: BlockBatch) => Task<void>;
  /** What is sent from now on is read after all that was sent before. */
  readonly barrier: () => Task<void>;
  /** Waits for a disk; throws when the migration is to end. */
  readonly hear: <T>(value: Wait<T>) => Task<T>;
}

export interface LeavingDiskState {
  readonly disk: LeavingDisk;
  /** What is still to be sent. */
  readonly left: BlockSet;
  /** Blocks of which the target has something other than zeros. */
  readonly known: BlockSet;
}

export interface DiskLimits {
  readonly bytesPerSec: number;
  readonly downtimeLimitNs: number;
  /** No pass is begun any more. */
  readonly isOver: boolean;
}

export class LeavingDisks {
  readonly how: DiskCopy;
  readonly states: readonly LeavingDiskState[];
  readonly #options: LeavingDisksOptions;
  #buffer = new Uint8Array(BATCH_BYTES);
  #before: DiskPass | undefined;
  #limitBytesPerSec = Number.POSITIVE_INFINITY;
  #blocks = 0;
  #zeroBlocks = 0;
  #bytes = 0;
  #passes = 0;
  requests = 0;

  constructor(options: LeavingDisksOptions) {
    this.#options = options;
    this.how = options.how;
    this.states = options.disks.map((disk) => {
      const blockCount = blockCountOf(disk.bytes);
      return { disk, left: new BlockSet(blockCount), known: new BlockSet(blockCount) };
    });
  }

  *shapes(): Task<DiskShape[]> {
    const shapes: DiskShape[] = [];
    for (const { disk } of this.states) {
      const { bytes, index } = disk;
      shapes.push({ index, bytes, usedBytes: yield* this.#options.hear(disk.usedBytes()) });
    }
    return shapes;
  }

  start(): void {
    for (const { disk, left } of this.states) disk.startLog(left);
  }

  /** Bytes that are left, and those that were written meanwhile. */
  get remainingBytes(): number {
    return this.states.reduce(
      (sum, { disk, left }) => sum + (left.size + disk.dirtyBlocks) * MOVING_BLOCK_BYTES,
      0,
    );
  }

  /** Blocks that are left. */
  get leftBlocks(): number {
    return this.states.reduce((sum, { left }) => sum + left.size, 0);
  }

  /** Of a disk that stays behind: what is known to be zero need not follow. */
  *leaveHoles(): Task<void> {
    for (const { disk, left } of this.states)
      for (let at = 0; at < disk.bytes; ) {
        const { bytes, isZero } = yield* this.#options.hear(disk.extent(at, disk.bytes - at));
        const last =
          at + bytes === disk.bytes ? left.blockCount : (at + bytes) / MOVING_BLOCK_BYTES;
        const first = Math.ceil(at / MOVING_BLOCK_BYTES);
        for (let block = first; isZero && block < Math.floor(last); block++) left.delete(block);
        at += bytes;
      }
  }

  /**
   * Passes, one at least, until what is left may wait for the stop. The guest runs; it is held back if it must. Whoever
   * waits for less than this to be left calls again: what was left went, and time with it.
   */
  *copy(limits: () => DiskLimits): Task<void> {
    for (;;) {
      const pass = yield* this.#pass();
      const { isOver, ...rates } = limits();
      if (isOver || diskFits(this.remainingBytes, rates)) return;
      this.#hold(pass, rates.bytesPerSec);
    }
  }

  #hold(pass: DiskPass, bytesPerSec: number): void {
    const before = this.#before;
    this.#before = pass;
    const limitBytesPerSec = this.#limitBytesPerSec;
    this.limit(writeLimit({ pass, before, bytesPerSec, limitBytesPerSec }));
  }

  /** The guest's writes wait from now on, or (`Infinity`) no more. */
  limit(bytesPerSec: number): void {
    if (bytesPerSec === this.#limitBytesPerSec) return;
    this.#limitBytesPerSec = bytesPerSec;
    for (const { disk } of this.states) disk.limitDirty(bytesPerSec);
  }

  *#pass(): Task<DiskPass> {
    const sinceNs = this.#options.nowNs();
    yield* this.#options.barrier();
    this.harvest();
    yield* this.sendLeft();
    const dirtied = this.states.reduce((sum, { disk }) => sum + disk.dirtyBlocks, 0);
    this.#passes++;
    const durationNs = this.#options.nowNs() - sinceNs;
    return { dirtiedBytes: dirtied * MOVING_BLOCK_BYTES, durationNs };
  }

  harvest(): void {
    for (const { disk, left } of this.states) disk.harvest(left);
  }

  /** Sends all that is left. */
  *sendLeft(): Task<void> {
    for (const state of this.states)
      for (let block = state.left.next(0); block !== undefined; block = state.left.next(block))
        block = yield* this.#sendFrom(state, block);
  }

  /** Sends what is left from `block` on, as much as goes in one frame; returns where to go on. */
  *#sendFrom(state: LeavingDiskState, block: number): Task<number> {
    const { disk, left } = state;
    const at = block * MOVING_BLOCK_BYTES;
    const bytes = Math.min(HOLE_BYTES_MAX, disk.bytes - at);
    const extent = yield* this.#options.hear(disk.extent(at, bytes));
    const end = at + extent.bytes === disk.bytes ? left.blockCount : undefined;
    const whole = end ?? Math.floor((at + extent.bytes) / MOVING_BLOCK_BYTES);
    if (extent.isZero && whole > block) return yield* this.#sendZeros(state, block, whole);
    let until = block + 1;
    while (until - block < BATCH_BLOCKS && until < left.blockCount && left.has(until)) until++;
    yield* this.sendBlocks(state, block, until);
    return until;
  }

  /** A hole: nothing where the target has nothing. */
  *#sendZeros(state: LeavingDiskState, from: number, until: number): Task<number> {
    const { disk, known, left } = state;
    const blocks: number[] = [];
    let block: number | undefined = from;
    for (; block !== undefined && block < until; block = left.next(block + 1)) {
      left.delete(block);
      if (known.delete(block)) blocks.push(block);
      if (blocks.length === BATCH_BLOCKS) break;
    }
    if (blocks.length > 0) {
      this.#zeroBlocks += blocks.length;
      const isZero = blocks.map(() => true);
      yield* this.#options.send({ disk: disk.index, blocks, isZero, contents: [] });
    }
    return Math.min(block ?? until, until);
  }

  /** Reads and sends blocks next to each other, BATCH_BLOCKS at most: from now on they are not left any more. */
  *sendBlocks(state: LeavingDiskState, from: number, until: number): Task<void> {
    yield* this.#options.send(yield* this.takeBlocks(state, from, until));
  }

  /** The same, for whoever sends them otherwise. `all`: zeros are told, too. */
  *takeBlocks(state: LeavingDiskState, from: number, until: number, all?: "all"): Task<BlockBatch> {
    const { disk, known, left } = state;
    // Before they are read: what is written meanwhile is in the log.
    for (let block = from; block < until; block++) left.delete(block);
    const at = from * MOVING_BLOCK_BYTES;
    const room = this.#buffer.subarray(0, Math.min(until * MOVING_BLOCK_BYTES, disk.bytes) - at);
    yield* this.#read(disk, at, room);
    const batch = { blocks: [] as number[], isZero: [] as boolean[], contents: [] as Uint8Array[] };
    for (let block = from; block < until; block++) {
      const begin = (block - from) * MOVING_BLOCK_BYTES;
      const content = room.subarray(begin, begin + bytesOfBlock(block, disk.bytes));
      const isEmpty = isZero(content);
      const wasKnown = isEmpty ? known.delete(block) : !known.add(block);
      if (isEmpty && !wasKnown && !all) continue;
      batch.blocks.push(block);
      batch.isZero.push(isEmpty);
      if (!isEmpty) batch.contents.push(content);
    }
    this.#count(batch.isZero, batch.contents);
    return { disk: disk.index, ...batch };
  }

  *#read(disk: LeavingDisk, at: number, room: Uint8Array): Task<void> {
    try {
      yield* this.#options.hear(disk.read(at, room) as Wait<void>);
    } catch (error) {
      // Who is not waited for any more may still fill it.
      this.#buffer = new Uint8Array(BATCH_BYTES);
      throw error;
    }
  }

  #count(isZero: readonly boolean[], contents: readonly Uint8Array[]): void {
    this.#blocks += contents.length;
    this.#zeroBlocks += isZero.length - contents.length;
    this.#bytes += contents.reduce((sum, { length }) => sum + length, 0);
  }

  /** Blocks that went, zeros among them. */
  get sentBlocks(): number {
    return this.#blocks + this.#zeroBlocks;
  }

  /** They are the guest's alone again, or nobody's. */
  release(): void {
    for (const { disk } of this.states) disk.stopLog();
  }

  stats(): DiskCopyStats {
    return {
      disks: this.states.length,
      totalBytes: this.states.reduce((sum, { disk }) => sum + disk.bytes, 0),
      blocks: this.#blocks,
      zeroBlocks: this.#zeroBlocks,
      bytes: this.#bytes,
      remainingBytes: this.remainingBytes,
      passes: this.#passes,
      heldNs: this.states.reduce((sum, { disk }) => sum + disk.heldNs, 0),
      limitBytesPerSec: this.#limitBytesPerSec,
      requests: this.requests,
    };
  }
}
