/**
 * How fast a round of pre-copy is sent, as a pure function, and when there is no point in going faster: the
 * rate-adaptive algorithm of Clark et al. (NSDI'05). A migration begins so slowly that nobody notices, and
 * each round is somewhat faster than the guest dirtied memory in the one before.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { RoundStats } from "../stats.ts";
import type { ConvergenceDecision, ConvergenceLimits, ConvergenceState } from "./state.ts";

/** What is added to the dirty rate of the last round: 50 Mbit/s. */
const INCREMENT_BYTES_PER_SEC = 6.25e6;
/** Not worth a round: 256 KiB. */
const LITTLE_BYTES = 256 * 1024;

/** `steady`: as fast as may be. `adaptive`: from the floor to the cap, as the guest dirties memory. */
export type Pacing = "steady" | "adaptive";
export const PACINGS = ["steady", "adaptive"] as const satisfies readonly Pacing[];

export interface PacingLimits {
  readonly bandwidthFloorBytesPerSec: number;
  readonly bandwidthCapBytesPerSec: number;
}

/** What the next round would need to be faster than the guest, whatever the limits. */
function wantedBytesPerSec(rounds: readonly RoundStats[]): number {
  const last = rounds.at(-1);
  if (!last || last.durationNs === 0) return 0;
  const dirtied = (last.dirtiedPages * GUEST_PAGE_BYTES * 1e9) / last.durationNs;
  return dirtied + INCREMENT_BYTES_PER_SEC;
}

/** Bytes a second of the next round. */
export function adaptiveRate(rounds: readonly RoundStats[], limits: PacingLimits): number {
  const { bandwidthCapBytesPerSec, bandwidthFloorBytesPerSec } = limits;
  return Math.min(
    bandwidthCapBytesPerSec,
    Math.max(bandwidthFloorBytesPerSec, wantedBytesPerSec(rounds)),
  );
}

/** Xen as of 2005: the next round would want more than the cap, or too little is left for one. */
export function xen2005(state: ConvergenceState, limits: ConvergenceLimits): ConvergenceDecision {
  const isFast = wantedBytesPerSec(state.rounds) >= limits.bandwidthCapBytesPerSec;
  return isFast || state.remainingBytes <= LITTLE_BYTES ? "stop" : "send";
}
