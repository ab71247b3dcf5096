/**
 * When does pre-copy stop? Pure functions of what the source knows, by the names of the field. None of
 * them promises a downtime: they decide on what was measured until now.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { xen2005 } from "./pacing.ts";
import { dirtyToSent, lxd, pHaul, xen } from "./rounds.ts";
import { isStalledFor } from "./stall.ts";
import type {
  ConvergenceLimits,
  ConvergencePolicy,
  ConvergenceState,
  PolicySetting,
} from "./state.ts";
import { cloudHypervisor, kubevirt } from "./time.ts";

/**
 * QEMU: once less remains than the link moves within the downtime limit, look again at the dirty log,
 * and stop if that is still so. The limit is a threshold for the decision. What a window may still send goes
 * before that: QEMU decides when its budget is used up, and the window is over, or nothing remains.
 */
export const qemu: ConvergencePolicy = (state, limits) => {
  const thresholdBytes = (state.bytesPerSec * limits.downtimeLimitNs) / 1e9;
  if (state.remainingBytes === 0) return state.isSynced ? "stop" : "sync";
  if (state.remainingBytes <= thresholdBytes) {
    if (state.isSynced) return "stop";
    return state.isMidWindow ? "send" : "sync";
  }
  if (isOver(state, limits)) return limits.onLimit;
  return "send";
};

/** A pass that leaves more than this part of what the one before left is not worth its time. */
const SETTLE_RATIO = 0.5;
/** So little costs no downtime that anybody could notice. */
const SETTLED_BYTES = 1 << 18;

/** Does what was left `passes` passes ago, when they began, fit the downtime? */
function didFit(state: ConvergenceState, limits: ConvergenceLimits, passes: number): boolean {
  const leftPages = state.rounds.at(-passes)?.remainingPages ?? Number.POSITIVE_INFINITY;
  return leftPages * GUEST_PAGE_BYTES <= (state.bytesPerSec * limits.downtimeLimitNs) / 1e9;
}

/**
 * QEMU's rule; but what QEMU stops the guest for, and sends without a cap then, goes without a cap while the guest
 * runs, and so on for as long as each pass leaves half of the one before at most. So a guest that writes no
 * more than the link moves is stopped for what the switch itself takes, and over the cap goes no more than
 * twice of what QEMU sends over it. Unlike QEMU it comes to an end: if nobody set a limit, and there was no
 * progress for as long as `stall` says, that is the limit.
 */
export const settle: ConvergencePolicy = (state, limits) => {
  const decision = qemu(state.isMidWindow ? { ...state, isMidWindow: false } : state, limits);
  if (decision === "send" && isStalled(state, limits)) return limits.onLimit;
  if (decision === "sync" && state.remainingBytes > 0 && didFit(state, limits, 1))
    return isOver(state, limits) ? limits.onLimit : "send";
  if (decision !== "stop" || state.remainingBytes <= SETTLED_BYTES) return decision;
  const before = state.hasWaited
    ? Number.POSITIVE_INFINITY
    : (state.rounds.at(-2)?.remainingPages ?? 0);
  const isWorthIt =
    !didFit(state, limits, 2) || state.remainingBytes / GUEST_PAGE_BYTES <= before * SETTLE_RATIO;
  return isWorthIt && !isOver(state, limits) ? "send" : "stop";
};

/** Whoever set a limit decided how long it may try. */
function isStalled(state: ConvergenceState, limits: ConvergenceLimits): boolean {
  const hasLimit = Math.min(limits.roundsMax, limits.timeoutNs) !== Number.POSITIVE_INFINITY;
  const { elapsedNs, rounds } = state;
  return !hasLimit && isStalledFor(rounds, elapsedNs, limits.policySettings.stall * 1e9);
}

/** The limits that every policy keeps. */
function isOver(state: ConvergenceState, limits: ConvergenceLimits): boolean {
  return state.round >= limits.roundsMax || state.elapsedNs >= limits.timeoutNs;
}

/** A policy that only looks when a round is over, and keeps the limits as all do. */
function atRoundEnds(decide: ConvergencePolicy): ConvergencePolicy {
  return (state, limits) => {
    if (state.isSynced && state.remainingBytes === 0) return "stop";
    if (state.isSynced && state.round > 1) {
      const decision = decide(state, limits);
      if (decision !== "send") return decision;
    }
    if (isOver(state, limits)) return limits.onLimit;
    return state.remainingBytes === 0 ? "sync" : "send";
  };
}

export const CONVERGENCE_POLICIES = {
  qemu,
  settle,
  xen: atRoundEnds(xen),
  "xen-2005": atRoundEnds(xen2005),
  "cloud-hypervisor": atRoundEnds(cloudHypervisor),
  kubevirt: atRoundEnds(kubevirt),
  lxd: atRoundEnds(lxd),
  "p-haul": atRoundEnds(pHaul),
  "dirty-to-sent": atRoundEnds(dirtyToSent),
  "round-limit": atRoundEnds((state, { policySettings }) =>
    state.rounds.length >= policySettings.rounds ? "stop" : "send",
  ),
} as const satisfies Readonly<Record<string, ConvergencePolicy>>;

export type PolicyName = keyof typeof CONVERGENCE_POLICIES;
export const POLICY_NAMES = Object.keys(CONVERGENCE_POLICIES) as readonly PolicyName[];

/** The numbers that each policy has, and what they are in the system whose name it bears. */
export const POLICY_SETTINGS: Readonly<
  Record<PolicyName, Readonly<Partial<Record<PolicySetting, number>>>>
> = {
  qemu: {},
  settle: { stall: 60 },
  xen: { rounds: 5, pages: 50 },
  "xen-2005": {},
  "cloud-hypervisor": {},
  kubevirt: { ramp: 150 },
  lxd: { rounds: 10, goal: 0.7 },
  "p-haul": { rounds: 8, pages: 64, growth: 1.1 },
  "dirty-to-sent": { ratio: 0.5 },
  "round-limit": { rounds: Number.POSITIVE_INFINITY },
};
