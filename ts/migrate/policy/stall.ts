/** Does pre-copy get anywhere? A pure function of its rounds: a stall detector, as KubeVirt has one. */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { RoundStats } from "../stats.ts";

/** A round that leaves more than this share of the least so far makes no progress. */
const PROGRESS = 0.95;
/** So many of them in a row are no accident. */
const STALLED_ROUNDS = 3;

export interface Progress {
  /** Rounds that made none, all together and since the last one that did. */
  readonly stalls: number;
  readonly stallsInRow: number;
  /** When the last one that did was over, since the migration began. */
  readonly progressNs: number;
}

export function progressOf(rounds: readonly RoundStats[]): Progress {
  let least = Number.POSITIVE_INFINITY;
  let [stalls, stallsInRow, progressNs] = [0, 0, 0];
  for (const { durationNs, remainingPages, startNs } of rounds) {
    if (remainingPages <= least * PROGRESS) {
      progressNs = startNs + durationNs;
      stallsInRow = 0;
    } else {
      stalls++;
      stallsInRow++;
    }
    least = Math.min(least, remainingPages);
  }
  return { stalls, stallsInRow, progressNs };
}

/** Has nothing come of it for `ns`, and for some rounds in a row? */
export function isStalledFor(
  rounds: readonly RoundStats[],
  elapsedNs: number,
  ns: number,
): boolean {
  const { progressNs, stallsInRow } = progressOf(rounds);
  return stallsInRow >= STALLED_ROUNDS && elapsedNs - progressNs >= ns;
}

/** Why it does not converge. */
export interface Stall {
  /** What the guest dirtied in the last round, each page once, and what was sent. */
  readonly dirtyBytesPerSec: number;
  readonly sentBytesPerSec: number;
}

/** Undefined as long as there is progress, or it is too early to tell. */
export function stallOf(rounds: readonly RoundStats[]): Stall | undefined {
  const last = rounds.at(-1);
  if (!last || last.durationNs === 0 || progressOf(rounds).stallsInRow < STALLED_ROUNDS)
    return undefined;
  const perSec = (bytes: number): number => Math.round((bytes * 1e9) / last.durationNs);
  return {
    dirtyBytesPerSec: perSec(last.dirtiedPages * GUEST_PAGE_BYTES),
    sentBytesPerSec: perSec(last.bytes),
  };
}

/** `dirtying 34MiB/s, sending 32MiB/s`. */
export function describeStall({ dirtyBytesPerSec, sentBytesPerSec }: Stall): string {
  const rate = (bytesPerSec: number): string => `${(bytesPerSec / 2 ** 20).toFixed(1)} MiB/s`;
  return `the guest dirties ${rate(dirtyBytesPerSec)}, the link moves ${rate(sentBytesPerSec)}`;
}
