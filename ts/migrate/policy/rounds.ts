/** Policies that count rounds and pages. They are asked when a round is over. */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { ConvergenceDecision, ConvergenceLimits, ConvergenceState } from "./state.ts";

type Settings = Pick<ConvergenceLimits, "policySettings">;

const pagesOf = (state: ConvergenceState): number => state.remainingBytes / GUEST_PAGE_BYTES;

/** Xen (libxl): five iterations, or fewer than 50 pages left. */
export function xen(state: ConvergenceState, limits: Settings): ConvergenceDecision {
  const { pages, rounds } = limits.policySettings;
  return state.rounds.length >= rounds || pagesOf(state) < pages ? "stop" : "send";
}

/** P.Haul (CRIU): at most 64 pages, 10 percent more than after the round before, or eight iterations. */
export function pHaul(state: ConvergenceState, limits: Settings): ConvergenceDecision {
  const { growth, pages, rounds } = limits.policySettings;
  const before = state.rounds.at(-2)?.remainingPages ?? Number.POSITIVE_INFINITY;
  const isLast = state.rounds.length >= rounds;
  const left = pagesOf(state);
  return isLast || left <= pages || left > before * growth ? "stop" : "send";
}

/** LXD: 70 percent of the memory is the same on both sides, or ten iterations. */
export function lxd(state: ConvergenceState, limits: Settings): ConvergenceDecision {
  const { goal, rounds } = limits.policySettings;
  const isGoal = 1 - state.remainingBytes / state.memoryBytes >= goal;
  return isGoal || state.rounds.length >= rounds ? "stop" : "send";
}

/** Another round is no use once half as much was dirtied as was sent: the rest shrinks too slowly. */
export function dirtyToSent(state: ConvergenceState, limits: Settings): ConvergenceDecision {
  const last = state.rounds.at(-1);
  const sent = last ? last.normalPages + last.zeroPages : 0;
  return last && last.dirtiedPages >= limits.policySettings.ratio * sent ? "stop" : "send";
}
