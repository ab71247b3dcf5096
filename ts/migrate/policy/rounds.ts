/** Policies that count rounds and pages. They are asked when a round is over. */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { ConvergenceDecision, ConvergenceState } from "./state.ts";

const XEN_ROUNDS = 5;
const XEN_PAGES = 50;
const PHAUL_ROUNDS = 8;
const PHAUL_PAGES = 64;
const PHAUL_GROWTH = 1.1;
const LXD_ROUNDS = 10;
const LXD_GOAL = 0.7;
const DIRTY_TO_SENT = 0.5;

const pages = (state: ConvergenceState): number => state.remainingBytes / GUEST_PAGE_BYTES;

/** Xen (libxl): five iterations, or fewer than 50 pages left. */
export function xen(state: ConvergenceState): ConvergenceDecision {
  return state.rounds.length >= XEN_ROUNDS || pages(state) < XEN_PAGES ? "stop" : "send";
}

/** P.Haul (CRIU): at most 64 pages, 10 percent more than after the round before, or eight iterations. */
export function pHaul(state: ConvergenceState): ConvergenceDecision {
  const before = state.rounds.at(-2)?.remainingPages ?? Number.POSITIVE_INFINITY;
  const isLast = state.rounds.length >= PHAUL_ROUNDS;
  return isLast || pages(state) <= PHAUL_PAGES || pages(state) > before * PHAUL_GROWTH
    ? "stop"
    : "send";
}

/** LXD: 70 percent of the memory is the same on both sides, or ten iterations. */
export function lxd(state: ConvergenceState): ConvergenceDecision {
  const isGoal = 1 - state.remainingBytes / state.memoryBytes >= LXD_GOAL;
  return isGoal || state.rounds.length >= LXD_ROUNDS ? "stop" : "send";
}

/** Another round is no use once half as much was dirtied as was sent: the rest shrinks too slowly. */
export function dirtyToSent(state: ConvergenceState): ConvergenceDecision {
  const last = state.rounds.at(-1);
  const sent = last ? last.normalPages + last.zeroPages : 0;
  return last && last.dirtiedPages >= DIRTY_TO_SENT * sent ? "stop" : "send";
}
