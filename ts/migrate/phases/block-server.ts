/**
 * Serves the blocks of disks whose guest runs on the target: those that a request waits for first, all others in the
 * background, from the last of these on.
 */
import type { Task } from "../../base/task.ts";
import { MOVING_BLOCK_BYTES } from "../../machine/moving-disk.ts";
import { type BlockBatch, decodeBlockRequest, diskOf } from "../block-frames.ts";
import type { LeavingDiskState, LeavingDisks } from "../leaving-disks.ts";
import { type Frame, streamError } from "../stream.ts";

/** Requests that wait: a device has no more in flight. */
const REQUESTS_MAX = 1 << 16;
/** Blocks in one frame of the push: with content, and of nothing but zeros. */
const PUSH_BLOCKS = 16;
const ZERO_BLOCKS_MAX = 64;

export class BlockServer {
  readonly #disks: LeavingDisks;
  readonly #requests: { readonly state: LeavingDiskState; readonly block: number }[] = [];
  /** Where the push goes on. */
  #place: { readonly state: LeavingDiskState; readonly block: number } | undefined;

  constructor(disks: LeavingDisks) {
    this.#disks = disks;
  }

  get hasRequests(): boolean {
    return this.#requests.length > 0;
  }

  /** Blocks that have not left. */
  get remaining(): number {
    return this.#disks.leftBlocks;
  }

  /** A BLOCK_REQUEST. */
  take(frame: Frame): void {
    const { disk } = diskOf(
      frame,
      this.#disks.states.map((state) => ({ index: state.disk.index, disk: state })),
    );
    const blocks = decodeBlockRequest(frame, disk.disk.bytes);
    if (this.#requests.length + blocks.length > REQUESTS_MAX)
      throw streamError(frame, "BLOCK_REQUEST: too many at once");
    this.#disks.requests += blocks.length;
    this.#requests.push(...blocks.map((block) => ({ state: disk, block })));
  }

  /** The block that was asked for first, or undefined if it has left already. */
  *answer(): Task<BlockBatch | undefined> {
    const asked = this.#requests.shift();
    if (!asked?.state.left.has(asked.block)) return undefined;
    const { block, state } = asked;
    this.#place = { state, block: block + 1 };
    return yield* this.#disks.takeBlocks(state, block, block + 1, "all");
  }

  /** The next blocks, `bytesMax` of them at most; there are some. Zeros go together: they cost next to nothing. */
  *next(bytesMax: number): Task<BlockBatch> {
    const blocksMax = Math.max(1, Math.min(PUSH_BLOCKS, Math.floor(bytesMax / MOVING_BLOCK_BYTES)));
    const zeros: number[] = [];
    let batch = yield* this.#run(blocksMax);
    while (batch.contents.length === 0 && zeros.length < ZERO_BLOCKS_MAX && this.remaining > 0) {
      const { block, state } = this.#found();
      // A frame is of one disk, and goes upwards.
      if (state.disk.index !== batch.disk || block < (batch.blocks.at(-1) as number)) break;
      zeros.push(...batch.blocks);
      batch = yield* this.#run(blocksMax);
    }
    const isZero = [...zeros.map(() => true), ...batch.isZero];
    return { ...batch, blocks: [...zeros, ...batch.blocks], isZero };
  }

  /** The next blocks in a row. */
  *#run(blocksMax: number): Task<BlockBatch> {
    const { block, state } = this.#found();
    let until = block + 1;
    while (until - block < blocksMax && until < state.left.blockCount && state.left.has(until))
      until++;
    this.#place = { state, block: until };
    return yield* this.#disks.takeBlocks(state, block, until, "all");
  }

  #found(): { readonly state: LeavingDiskState; readonly block: number } {
    const from = this.#place;
    const block = from?.state.left.next(from.block);
    if (from && block !== undefined) return { state: from.state, block };
    for (const state of this.#disks.states) {
      const first = state.left.next(0);
      if (first !== undefined) return { state, block: first };
    }
    throw new Error("bug: nothing is left");
  }
}
