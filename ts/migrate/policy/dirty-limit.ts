/**
 * How many pages a second the guest may dirty during the next round, by the names of the field. Pure
 * functions; `Infinity` is no limit.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { RoundStats } from "../stats.ts";

export interface SlowdownState {
  /** Pages left to send: the next round. */
  readonly remainingPages: number;
  /** What the link moves. */
  readonly bytesPerSec: number;
  readonly downtimeLimitNs: number;
  /** Of the option `dirtyLimitPagesPerSec`. */
  readonly limitPagesPerSec: number;
  readonly rounds: readonly RoundStats[];
}

export type SlowdownPolicy = (state: SlowdownState) => number;

/** A round that leaves more than this share of what the one before left does not converge by itself. */
const PROGRESS = 0.9;
/** No round is shorter: the target is waited for, and whoever was held back does at once what it owes. */
const ROUND_SEC_MIN = 0.05;
/** Pages that the kernel, or devices, which nobody limits, dirty in a round. */
const UNLIMITED_PAGES = 64;

/**
 * Auto-converge, no further and no longer than need be: only when rounds do not shrink by themselves,
 * and then so that the pages dirtied during the next round are what fits the downtime.
 *
 *   the next round takes   remaining / link, but 50 ms at least
 *   it may leave           link * downtime limit
 */
export function autoConverge(state: SlowdownState): number {
  const { bytesPerSec, downtimeLimitNs, remainingPages, rounds } = state;
  const before = rounds.at(-2)?.remainingPages;
  const wasSlow =
    (rounds.at(-1)?.dirtyLimitPagesPerSec ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY;
  const converges = before === undefined || remainingPages < PROGRESS * before;
  if (bytesPerSec === 0 || (converges && !wasSlow)) return Number.POSITIVE_INFINITY;
  const linkPagesPerSec = bytesPerSec / GUEST_PAGE_BYTES;
  const mayLeave = (linkPagesPerSec * downtimeLimitNs) / 1e9 - UNLIMITED_PAGES;
  const roundSec = Math.max(ROUND_SEC_MIN, remainingPages / linkPagesPerSec);
  return Math.max(1, mayLeave / roundSec);
}

/** QEMU's vCPU dirty limit: a fixed number. */
export function dirtyLimit({ limitPagesPerSec }: SlowdownState): number {
  return limitPagesPerSec;
}

/** VMware's stun during page send: whoever writes is held to less than the link sends. */
export function stun({ bytesPerSec }: SlowdownState): number {
  return bytesPerSec === 0 ? Number.POSITIVE_INFINITY : (0.8 * bytesPerSec) / GUEST_PAGE_BYTES;
}

export const SLOWDOWN_POLICIES = {
  none: () => Number.POSITIVE_INFINITY,
  "auto-converge": autoConverge,
  "dirty-limit": dirtyLimit,
  stun,
} as const satisfies Readonly<Record<string, SlowdownPolicy>>;

export type SlowdownName = keyof typeof SLOWDOWN_POLICIES;
export const SLOWDOWN_NAMES = Object.keys(SLOWDOWN_POLICIES) as readonly SlowdownName[];
