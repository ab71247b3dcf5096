/** What a convergence policy is asked, and what it may answer. */
import type { RoundStats } from "../stats.ts";

export interface ConvergenceState {
  /** Passes over the dirty pages so far; the first sends everything. */
  readonly round: number;
  /** True right after a harvest: `remainingBytes` is exact, not a lower bound. */
  readonly isSynced: boolean;
  /** The cap lets more go in this window of 100 ms, and is what the rate depends on. Default: false. */
  readonly isMidWindow?: boolean | undefined;
  /** What remains was dirtied while the target was waited for: that was no pass. Default: false. */
  readonly hasWaited?: boolean | undefined;
  readonly remainingBytes: number;
  /** Measured over the last window; 0 if nothing was measured yet. */
  readonly bytesPerSec: number;
  /** Since the migration began. */
  readonly elapsedNs: number;
  /** All of the guest's memory. */
  readonly memoryBytes: number;
  /** The passes that are over. */
  readonly rounds: readonly RoundStats[];
}

export interface ConvergenceLimits {
  /** Bytes a second that the migration may send; `Infinity`: what the link moves. */
  readonly bandwidthCapBytesPerSec: number;
  readonly downtimeLimitNs: number;
  /** Rounds after which pre-copy ends; `Infinity` for none. */
  readonly roundsMax: number;
  /** Time after which pre-copy ends; `Infinity` for none. */
  readonly timeoutNs: number;
  /** What happens at one of these two: the guest is stopped whatever it costs, or stays here. */
  readonly onLimit: "stop" | "fail";
  /** The policy's own numbers, all that it has: see `POLICY_SETTINGS`. */
  readonly policySettings: Readonly<Record<PolicySetting, number>>;
}

/**
 * Numbers of a policy. `rounds`, `pages`: it stops after so many passes, or with so few pages left.
 * `growth`: or with so many times what was left before. `goal`: or with this share of the memory equal.
 * `ratio`: or with so much dirtied of what was sent. `ramp`: milliseconds of downtime that it begins with.
 * `stall`: or after so many seconds without progress, where nobody set another limit.
 */
export type PolicySetting = "rounds" | "pages" | "growth" | "goal" | "ratio" | "ramp" | "stall";

/**
 * `send`: go on with this round. `sync`: harvest the dirty log and ask again. `stop`: pause the
 * guest and send the rest. `fail`: it does not converge, let it run here.
 */
export type ConvergenceDecision = "send" | "sync" | "stop" | "fail";

export type ConvergencePolicy = (
  state: ConvergenceState,
  limits: ConvergenceLimits,
) => ConvergenceDecision;
