/** Planners by the names of the field. Pure functions: the same request, the same answer. */

import { byMemory, greedy, type Score } from "./greedy.ts";
import { minimumMigrationTime } from "./minimum-time.ts";
import type { Move, PlacementRequest, PlanHost, Planner, PlanVm } from "./placement.ts";
import { solve } from "./solver.ts";

const room: Score = (places, host) => {
  const { cpus, memoryBytes } = places.request.hosts[host] as PlanHost;
  return places.freeBytes(host) / memoryBytes + places.freeCpus(host) / cpus;
};

const decreasing = (request: PlacementRequest): readonly number[] => byMemory(request, -1);

export const PLANNERS = {
  /** First-fit decreasing: the largest vm first, to the first host that has room. */
  "first-fit": greedy(decreasing, (_, host) => host),
  /** Best-fit decreasing: to where least is left. */
  "best-fit": greedy(decreasing, room),
  /** Worst-fit decreasing: to where most is left. */
  "worst-fit": greedy(decreasing, (places, host, vm) => -room(places, host, vm)),
  "minimum-migration-time": minimumMigrationTime,
  /** All answers there are, the best of them; for a dozen vms at most. */
  solver: solve,
} as const satisfies Readonly<Record<string, Planner>>;

export type PlannerName = keyof typeof PLANNERS;
export const PLANNER_NAMES = Object.keys(PLANNERS) as readonly PlannerName[];

/** The request as it is when these moves are done. */
export function applied(request: PlacementRequest, moves: readonly Move[]): PlacementRequest {
  const hosts = [...request.hosts];
  const vms = [...request.vms];
  const change = (index: number, vm: PlanVm, sign: 1 | -1): void => {
    const host = hosts[index] as PlanHost;
    hosts[index] = {
      ...host,
      freeBytes: host.freeBytes + sign * vm.memoryBytes,
      freeCpus: host.freeCpus + sign * vm.cpus,
    };
  };
  for (const { target, vm } of moves) {
    const one = vms[vm] as PlanVm;
    change(one.host, one, 1);
    change(target, one, -1);
    vms[vm] = { ...one, host: target };
  }
  return { ...request, hosts, vms, movers: [] };
}
