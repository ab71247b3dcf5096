/** How far a guest is held back in its next round: the engine's own policies, asked as the engine asks them. */
import { SLOWDOWN_POLICIES } from "../../migrate/policy/dirty-limit.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import type { Scenario } from "../scenario.ts";
import type { FluidMemory } from "./memory.ts";

export interface Slowed {
  readonly scenario: Scenario;
  readonly memory: FluidMemory;
  readonly bytesPerSec: number;
  readonly rounds: readonly RoundStats[];
}

/** Limits what `memory` is dirtied with; returns the limit, pages a second. */
export function slowDown({ bytesPerSec, memory, rounds, scenario }: Slowed): number {
  const { dirtyLimitPagesPerSec, downtimeLimitNs, slowdown } = scenario;
  const next = SLOWDOWN_POLICIES[slowdown]({
    remainingPages: memory.remaining,
    bytesPerSec,
    downtimeLimitNs,
    limitPagesPerSec: dirtyLimitPagesPerSec ?? Number.POSITIVE_INFINITY,
    rounds,
  });
  memory.limitDirty(next);
  return next;
}
