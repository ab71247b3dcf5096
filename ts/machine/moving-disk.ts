/**
 * Disks whose content goes with their guest, in blocks: how a migration sees them at both ends.
 *
 *           source                                        target
 *   startLog(set)       -> set = every block              (made by the embedder, empty)
 *   read, extent        -> blocks   == channel ==>        write(block), zero(block)
 *   harvest(set)        -> set |= blocks written since
 *   the guest is paused, harvest, read ...                flush()
 *                                                         keep()  on commit
 *                                     <== RUNNING ==      settle()
 *   stopLog()                                             closed and removed on anything else
 *
 * On demand the guest goes first, and its disk stays as it is at the source until all of it is there.
 *
 *   set.save()          -> bitmap   == channel ==>        expect(missing, watcher)
 *   read(block)         <== block that is needed ==       onMissing(block): that request waits
 *                       == block ==>                      place(block): it goes on
 */
import type { Wait } from "../base/task.ts";
import type { BlockExtent } from "./block.ts";
import type { BlockSet } from "./block-set.ts";

/** Bytes of a block; the last one of a disk may be shorter. */
export const MOVING_BLOCK_BYTES = 65536;

export const blockCountOf = (bytes: number): number => Math.ceil(bytes / MOVING_BLOCK_BYTES);

/** Bytes of `block` of a disk of `bytes` bytes. */
export const bytesOfBlock = (block: number, bytes: number): number =>
  Math.min(MOVING_BLOCK_BYTES, bytes - block * MOVING_BLOCK_BYTES);

/** A disk at its source. */
export interface LeavingDisk {
  /** Which of its guest's disks it is. */
  readonly index: number;
  readonly bytes: number;
  /** How much room a copy takes, at most: less than `bytes` where holes are known. */
  usedBytes(): Wait<number>;
  /** From now on it is noted which blocks are written. Every block is added to `set`. */
  startLog(set: BlockSet): void;
  /** Forgets the log, and holds nobody back any more. Harmless if there is none. */
  stopLog(): void;
  /** Blocks written since the last harvest, also those of which that is still under way. */
  readonly dirtyBlocks: number;
  /** Moves them to `set`; returns how many there were. */
  harvest(set: BlockSet): number;
  read(offset: number, into: Uint8Array): Wait<void>;
  extent(offset: number, bytes: number): Wait<BlockExtent>;
  /**
   * While the log is kept, the guest makes no more bytes of blocks dirty in a second than this: its writes wait, each
   * a few seconds at most, and are done then. `Infinity`: no limit, and whoever waits goes on.
   */
  limitDirty(bytesPerSec: number): void;
  /** How long writes have waited for that, all together. */
  readonly heldNs: number;
}

/** Hears of blocks that a target's guest needs. All calls are short, and never throw. */
export interface BlockWatcher {
  onMissing(block: number): void;
  /** The guest has written whole blocks that were missing: they are not any more. */
  onOverwritten(): void;
}

/** A disk at its target. What comes is from a network, but its place and length have been checked. */
export interface ArrivingDisk {
  readonly index: number;
  readonly bytes: number;
  /** The guest does not run yet. */
  write(block: number, content: Uint8Array): Wait<void>;
  zero(block: number): Wait<void>;
  /** All that was written survives the end of this process. */
  flush(): Wait<void>;
  /** The guest is about to run here: the image is what there is of its disk, and stays. */
  keep(): Wait<void>;
  /** The source has been told that it runs here: there is no other image that anybody might take for this one. */
  settle(): Wait<void>;
  /** Absent: blocks cannot follow the guest. */
  readonly onDemand?: OnDemandDisk | undefined;
}

/** Blocks follow the guest. */
export interface OnDemandDisk {
  /** These have not arrived. The guest does not run yet. */
  expect(missing: BlockSet, watcher: BlockWatcher): Wait<void>;
  /** A block that follows; one that the guest has overwritten meanwhile is dropped. Undefined: zeros. */
  place(block: number, content: Uint8Array | undefined): Wait<void>;
  /** Blocks that have not arrived now. */
  readonly missing: BlockSet;
  /** All are there, and on the disk. */
  finish(): Wait<void>;
}
