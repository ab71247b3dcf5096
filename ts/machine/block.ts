import type { Wait } from "../base/task.ts";

/** Bytes of a sector, the unit in which guests address disks. */
export const SECTOR_BYTES = 512;

/** What is known of the beginning of a range: so many bytes of it are alike. */
export interface BlockExtent {
  readonly bytes: number;
  /** They read as zeros. */
  readonly isZero: boolean;
  /** They take room here: not in a hole, nor only in what this disk is based on. */
  readonly isAllocated: boolean;
}

/**
 * A disk as a device sees it: `bytes` bytes at offsets from 0. A call is done when it returns, or when the
 * promise that it returns settles; until then its buffer belongs to the disk. Several calls may be under way,
 * and end in any order; what two of them do to the same bytes is not said. Callers stay inside of `bytes`;
 * whatever fails throws (or rejects with) a `WasmvisorError` with code `WV_DISK`, which the device turns
 * into an IO error for the guest.
 */
export interface BlockBackend {
  /** Size in bytes, a multiple of {@link SECTOR_BYTES}. */
  readonly bytes: number;
  readonly readOnly: boolean;
  /** Fills `into` from the disk at `offset`. */
  read(offset: number, into: Uint8Array): Wait<void>;
  /** Fills several buffers, one after the other, before it returns. Absent: whoever wants that reads and copies. */
  readPieces?(offset: number, into: readonly Uint8Array[]): void;
  /** Writes `from` to the disk at `offset`. */
  write(offset: number, from: Uint8Array): Wait<void>;
  /** Done once every write that was done before the call survives the end of this process. */
  flush(): Wait<void>;
  /** Forgets the content of a range, which reads as zeros from now on. Absent: no such thing here. */
  discard?(offset: number, bytes: number): Wait<void>;
  /** Lets a range read as zeros, and keeps room for it. Absent: whoever wants that writes zeros. */
  zero?(offset: number, bytes: number): Wait<void>;
  /** What is at `offset`, for up to `bytes` bytes, at least one. Absent: all of it is data. */
  extent?(offset: number, bytes: number): Wait<BlockExtent>;
  /** How much room its content takes, at most, where that is known at once. Absent: `extent` knows, or nobody. */
  usedBytes?(): number;
  /**
   * Somebody else has written the disk since it was opened and does so no more (a guest has come from another
   * host): forgets what it remembers of it. Nothing was written through this one before.
   */
  refresh?(): Wait<void>;
  /** Gives up what it holds, after a flush of its own. Nothing is under way, and nothing comes afterwards. */
  close?(): Wait<void>;
}
