/** When a disk that is copied while its guest writes it is done for now, and how far the guest is held back. */

export interface DiskPass {
  /** Bytes of blocks that were written while the pass went on. */
  readonly dirtiedBytes: number;
  readonly durationNs: number;
}

export interface DiskCopyState {
  /** Of the last pass, and of the one before it. */
  readonly pass: DiskPass;
  readonly before: DiskPass | undefined;
  /** What the link moves. */
  readonly bytesPerSec: number;
  /** What the guest may make dirty in a second now. */
  readonly limitBytesPerSec: number;
}

/** What is left of a pass goes with the guest stopped, or beside its memory: so much of the downtime is for it. */
const DOWNTIME_SHARE = 0.25;
/** Below a block or two there is nothing to gain by going on. */
const ENOUGH_BYTES = 4 * 65536;
/** A pass that leaves more than this share of the one before makes no headway. */
const HEADWAY = 0.7;
/** A guest that is held back dirties this share of what the link moves: then each pass leaves half of the last. */
const SHARE = 0.5;
/** It can always write this much. */
const LIMIT_BYTES_PER_SEC_MIN = 256 * 1024;

/** May the rest of the disk wait until the guest is stopped? */
export function diskFits(
  remainingBytes: number,
  { bytesPerSec, downtimeLimitNs }: { bytesPerSec: number; downtimeLimitNs: number },
): boolean {
  const share = (bytesPerSec * downtimeLimitNs * DOWNTIME_SHARE) / 1e9;
  return remainingBytes <= Math.max(ENOUGH_BYTES, share);
}

/** What the guest may make dirty in a second during the next pass; `Infinity`: whatever it wants. */
export function writeLimit(state: DiskCopyState): number {
  const { before, bytesPerSec, limitBytesPerSec, pass } = state;
  if (!before || pass.dirtiedBytes <= HEADWAY * before.dirtiedBytes) return limitBytesPerSec;
  const limit = Math.min(SHARE * bytesPerSec, SHARE * limitBytesPerSec);
  return Math.max(LIMIT_BYTES_PER_SEC_MIN, limit);
}
