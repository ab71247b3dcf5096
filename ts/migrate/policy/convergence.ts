/**
 * When does pre-copy stop? Pure functions of what the source knows. The rule is QEMU's: once less
 * remains than the link moves within the downtime limit, look again at the dirty log, and stop if
 * that is still so. The limit is a threshold for the decision, not a promise about the downtime.
 */

export interface ConvergenceState {
  /** Passes over the dirty pages so far; the first sends everything. */
  readonly round: number;
  /** True right after a harvest: `remainingBytes` is exact, not a lower bound. */
  readonly isSynced: boolean;
  readonly remainingBytes: number;
  /** Measured over the last window; 0 if nothing was measured yet. */
  readonly bytesPerSec: number;
  /** Since the migration began. */
  readonly elapsedNs: number;
}

export interface ConvergenceLimits {
  readonly downtimeLimitNs: number;
  /** Rounds after which pre-copy ends; `Infinity` for none. */
  readonly roundsMax: number;
  /** Time after which pre-copy ends; `Infinity` for none. */
  readonly timeoutNs: number;
  /** What happens at one of these two: the guest is stopped whatever it costs, or stays here. */
  readonly onLimit: "stop" | "fail";
}

/**
 * `send`: go on with this round. `sync`: harvest the dirty log and ask again. `stop`: pause the
 * guest and send the rest. `fail`: it does not converge, let it run here.
 */
export type ConvergenceDecision = "send" | "sync" | "stop" | "fail";

export function decideConvergence(
  state: ConvergenceState,
  limits: ConvergenceLimits,
): ConvergenceDecision {
  const thresholdBytes = (state.bytesPerSec * limits.downtimeLimitNs) / 1e9;
  if (state.remainingBytes === 0 || state.remainingBytes <= thresholdBytes)
    return state.isSynced ? "stop" : "sync";
  if (state.round >= limits.roundsMax || state.elapsedNs >= limits.timeoutNs) return limits.onLimit;
  return "send";
}
