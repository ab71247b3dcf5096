/**
 * What frames about disks carry. All integers are little endian.
 *
 *   BLOCKS         u32 disk, u32 records; of each record u32 block with flags, in ascending order; then the
 *                  contents of those that are not zero, in that order
 *   LEFT_BLOCKS    u32 disk, bitmap of its blocks
 *   BLOCK_REQUEST  u32 disk, u32 block of each that somebody waits for
 */
import { BlockSet } from "../machine/block-set.ts";
import { blockCountOf, bytesOfBlock } from "../machine/moving-disk.ts";
import { type Frame, frameName, loadU32, storeU32, streamError } from "./stream.ts";

/** The block is zero: no content follows. */
const FLAG_ZERO = 0x8000_0000;
const HEADER_BYTES = 8;
/** Disks of one guest, at most. */
export const DISKS_MAX = 16;
/** Blocks of the largest disk: 64 TiB. */
const BLOCKS_MAX = 1 << 30;

/** A disk that is copied along, as HELLO says. */
export interface DiskShape {
  readonly index: number;
  readonly bytes: number;
  /** How much room it takes, at most. */
  readonly usedBytes: number;
}

export const isDiskBytes = (bytes: number): boolean =>
  Number.isSafeInteger(bytes) &&
  bytes > 0 &&
  bytes % 512 === 0 &&
  blockCountOf(bytes) <= BLOCKS_MAX;

/** Blocks on their way: what `contents` has, one after the other, is of those of `blocks` that are not `zeros`. */
export interface BlockBatch {
  readonly disk: number;
  readonly blocks: readonly number[];
  /** In the order of `blocks`. */
  readonly isZero: readonly boolean[];
  readonly contents: readonly Uint8Array[];
}

export function encodeBlocks(batch: BlockBatch): readonly Uint8Array[] {
  const { blocks, contents, disk, isZero } = batch;
  const head = new Uint8Array(HEADER_BYTES + 4 * blocks.length);
  storeU32(head, 0, disk);
  storeU32(head, 4, blocks.length);
  for (const [i, block] of blocks.entries())
    storeU32(head, HEADER_BYTES + 4 * i, isZero[i] ? block + FLAG_ZERO : block);
  return [head, ...contents];
}

/** One block that came; undefined content: it is zero. */
export interface ReceivedBlock {
  readonly block: number;
  readonly content: Uint8Array | undefined;
}

/** Which disk a frame is about. Throws `WV_BAD_STREAM` if that is none of `disks`. */
export function diskOf<Disk extends { readonly index: number }>(
  frame: Frame,
  disks: readonly Disk[],
): Disk {
  const name = frameName(frame.type);
  if (frame.payload.length < 4) throw streamError(frame, `${name}: cut`);
  const index = loadU32(frame.payload, 0);
  const disk = disks.find((one) => one.index === index);
  if (!disk) throw streamError(frame, `${name}: disk ${index} is not among those that come`);
  return disk;
}

/** The blocks of a disk of `bytes` bytes: all is checked before one is used. */
export function decodeBlocks(frame: Frame, bytes: number): ReceivedBlock[] {
  const { payload } = frame;
  if (payload.length < HEADER_BYTES) throw streamError(frame, "BLOCKS: cut");
  const count = loadU32(payload, 4);
  if (count > (payload.length - HEADER_BYTES) / 4) throw streamError(frame, "BLOCKS: cut");
  const blockCount = blockCountOf(bytes);
  const received: ReceivedBlock[] = [];
  let at = HEADER_BYTES + 4 * count;
  let last = -1;
  for (let i = 0; i < count; i++) {
    const word = loadU32(payload, HEADER_BYTES + 4 * i);
    const isZero = word >= FLAG_ZERO;
    const block = isZero ? word - FLAG_ZERO : word;
    if (block >= blockCount) throw streamError(frame, `BLOCKS: there is no block ${block}`);
    if (block <= last) throw streamError(frame, `BLOCKS: block ${block} out of order`);
    last = block;
    const length = isZero ? 0 : bytesOfBlock(block, bytes);
    if (length > payload.length - at) throw streamError(frame, "BLOCKS: cut");
    received.push({ block, content: isZero ? undefined : payload.subarray(at, at + length) });
    at += length;
  }
  if (at !== payload.length) throw streamError(frame, "BLOCKS: more than was announced");
  return received;
}

export function encodeBlockMap(disk: number, set: BlockSet): readonly Uint8Array[] {
  const head = new Uint8Array(4);
  storeU32(head, 0, disk);
  return [head, set.save()];
}

/** For LEFT_BLOCKS of a disk of `bytes` bytes. */
export function decodeBlockMap(frame: Frame, bytes: number): BlockSet {
  const set = new BlockSet(blockCountOf(bytes));
  if (set.load(frame.payload.subarray(4))) return set;
  throw streamError(frame, `${frameName(frame.type)}: not a bitmap of ${set.blockCount} blocks`);
}

export function encodeBlockRequest(disk: number, blocks: readonly number[]): Uint8Array {
  const payload = new Uint8Array(4 + 4 * blocks.length);
  storeU32(payload, 0, disk);
  for (const [i, block] of blocks.entries()) storeU32(payload, 4 + 4 * i, block);
  return payload;
}

export function decodeBlockRequest(frame: Frame, bytes: number): number[] {
  const { payload } = frame;
  if (payload.length < 8 || payload.length % 4 !== 0)
    throw streamError(frame, "BLOCK_REQUEST: cut");
  const blocks = Array.from({ length: payload.length / 4 - 1 }, (_, i) =>
    loadU32(payload, 4 + 4 * i),
  );
  const wrong = blocks.find((block) => block >= blockCountOf(bytes));
  if (wrong === undefined) return blocks;
  throw streamError(frame, `BLOCK_REQUEST: there is no block ${wrong}`);
}
