/** Policies that watch the time. They are asked when a round is over. */
import { progressOf } from "./stall.ts";
import type { ConvergenceDecision, ConvergenceLimits, ConvergenceState } from "./state.ts";

const RAMP_STEP_NS = 150e6;
const RAMP_END_NS = 1050e6;
const PROGRESS_TIMEOUT_NS = 150e9;
const NS_PER_GIB = 800e9;
const GIB = 2 ** 30;

const fits = (state: ConvergenceState, downtimeNs: number): boolean =>
  state.remainingBytes <= (state.bytesPerSec * downtimeNs) / 1e9;

/** Cloud Hypervisor: a downtime, and a time after which it is cancelled (`fail`) or ignored (`stop`). */
export function cloudHypervisor(
  state: ConvergenceState,
  { downtimeLimitNs }: ConvergenceLimits,
): ConvergenceDecision {
  return fits(state, downtimeLimitNs) ? "stop" : "send";
}

/**
 * KubeVirt: a stall detector lets the downtime that is allowed grow from 150 to 1,050 ms, one step for
 * each round without progress; gives up after 150 s without any, and after 800 s for each GiB.
 */
export function kubevirt(
  state: ConvergenceState,
  { policySettings }: ConvergenceLimits,
): ConvergenceDecision {
  const { elapsedNs, memoryBytes, rounds } = state;
  const { progressNs, stalls } = progressOf(rounds);
  if (fits(state, Math.min(policySettings.ramp * 1e6 + stalls * RAMP_STEP_NS, RAMP_END_NS)))
    return "stop";
  const isTooLong = elapsedNs >= (memoryBytes / GIB) * NS_PER_GIB;
  return isTooLong || elapsedNs - progressNs >= PROGRESS_TIMEOUT_NS ? "fail" : "send";
}
