/**
 * How near another fate was. A fluid knows means only: where the writer's luck may decide, because the
 * policy would have said something else of a few pages more or less, the page-level model has to.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { CONVERGENCE_POLICIES, type PolicyName } from "../../migrate/policy/convergence.ts";
import type {
  ConvergenceDecision,
  ConvergenceLimits,
  ConvergenceState,
} from "../../migrate/policy/state.ts";
import { WINDOW_NS } from "../../migrate/rate-window.ts";
import type { RoundStats } from "../../migrate/stats.ts";

/** Standard deviations within which chance decides. */
const SIGMAS = 4;
/** What windows, which begin and end a page earlier or later, add to that. */
const SHARE = 0.01;

export class Doubt {
  near = "";
  #policy: PolicyName = "qemu";
  readonly #limits: ConvergenceLimits;

  /** `limits` may change until `begin`. */
  constructor(limits: ConvergenceLimits) {
    this.#limits = limits;
  }

  begin(policy: PolicyName): void {
    this.#policy = policy;
    this.near = "";
  }

  /** The policy said `decision` right after a look at the dirty log; pages vary as `variance` says. */
  decided(decision: ConvergenceDecision, state: ConvergenceState, variance: number): void {
    const fittingPages =
      (state.bytesPerSec * this.#limits.downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
    const pages = SIGMAS * (Math.sqrt(variance) + 1) + SHARE * fittingPages;
    const differs =
      this.#policy === "qemu"
        ? Math.abs(state.remainingBytes / GUEST_PAGE_BYTES - fittingPages) < pages
        : this.#ask(state, -pages) !== decision || this.#ask(state, pages) !== decision;
    if (differs) this.near = "convergence";
  }

  /** What the policy says of some pages more. QEMU's rule is compared with its threshold instead: faster. */
  #ask(state: ConvergenceState, pages: number): ConvergenceDecision {
    const rounds = state.rounds as RoundStats[];
    const last = rounds.at(-1) as RoundStats;
    const remainingBytes = Math.max(0, state.remainingBytes + pages * GUEST_PAGE_BYTES);
    // In its place while the policy is asked: of a guest with 100,000 rounds they cannot be copied in each.
    rounds[rounds.length - 1] = shifted(last, pages);
    const decision = CONVERGENCE_POLICIES[this.#policy]({ ...state, remainingBytes }, this.#limits);
    rounds[rounds.length - 1] = last;
    return decision;
  }

  /** It converged `leftNs` before it would have been given up. */
  converged(leftNs: number): void {
    if (leftNs < 5 * WINDOW_NS + 0.02 * this.#limits.timeoutNs) this.near ||= "timeout";
  }
}

/** The same round with some pages more. */
function shifted(round: RoundStats, pages: number): RoundStats {
  const dirtiedPages = Math.max(0, round.dirtiedPages + pages);
  const remainingPages = Math.max(0, round.remainingPages + pages);
  return { ...round, dirtiedPages, remainingPages };
}
