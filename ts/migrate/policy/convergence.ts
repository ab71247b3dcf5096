/**
 * When does pre-copy stop? Pure functions of what the source knows, by the names of the field. None of
 * them promises a downtime: they decide on what was measured until now.
 */
import { dirtyToSent, lxd, pHaul, xen } from "./rounds.ts";
import type {
  ConvergenceLimits,
  ConvergencePolicy,
  ConvergenceState,
  PolicySetting,
} from "./state.ts";
import { cloudHypervisor, kubevirt } from "./time.ts";

/**
 * QEMU: once less remains than the link moves within the downtime limit, look again at the dirty log,
 * and stop if that is still so. The limit is a threshold for the decision.
 */
export const qemu: ConvergencePolicy = (state, limits) => {
  const thresholdBytes = (state.bytesPerSec * limits.downtimeLimitNs) / 1e9;
  if (state.remainingBytes === 0 || state.remainingBytes <= thresholdBytes)
    return state.isSynced ? "stop" : "sync";
  if (isOver(state, limits)) return limits.onLimit;
  return "send";
};

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
  xen: atRoundEnds(xen),
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
  xen: { rounds: 5, pages: 50 },
  "cloud-hypervisor": {},
  kubevirt: { ramp: 150 },
  lxd: { rounds: 10, goal: 0.7 },
  "p-haul": { rounds: 8, pages: 64, growth: 1.1 },
  "dirty-to-sent": { ratio: 0.5 },
  "round-limit": { rounds: Number.POSITIVE_INFINITY },
};
