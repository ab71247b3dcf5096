import type { Scenario, WriterPhase } from "./scenario.ts";

/** The phases of a scenario's writer: one that never ends, if it says nothing else. */
export function writerPhases(scenario: Scenario): readonly WriterPhase[] {
  if (scenario.phases.length > 0) return scenario.phases;
  const { dirtyRate, distribution, workingSetBytes, workingSetOffsetBytes } = scenario;
  const durationNs = Number.POSITIVE_INFINITY;
  return [{ durationNs, dirtyRate, distribution, workingSetBytes, workingSetOffsetBytes }];
}

/** Where a sequential writer of so many pages is when it has been at it for `settleNs`. */
export function startOf(pages: number, dirtyRate: number, settleNs: number): number {
  return Math.floor((dirtyRate * settleNs) / 1e9) % pages;
}
