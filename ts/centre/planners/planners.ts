/** Planners by the names of the field. Pure functions: the same request, the same answer. */
import {
  type Move,
  type PlacementRequest,
  Places,
  type PlanHost,
  type Planner,
  type PlanVm,
} from "./placement.ts";
import { solve } from "./solver.ts";

/** Of two hosts that could take a vm, the one with the lower score is better. */
type Score = (places: Places, host: number, vm: PlanVm) => number;

const byMemory = ({ vms }: PlacementRequest, sign: 1 | -1): readonly number[] =>
  vms.map((vm) => sign * vm.memoryBytes);

/** Places one vm after the other, the smallest key first, each where the score is lowest. */
function greedy(
  order: (request: PlacementRequest) => readonly number[],
  score: Score,
  onTake: (move: Move) => void = () => undefined,
): Planner {
  return (request) => {
    const keys = order(request);
    const movers = [...request.movers].sort(
      (a, b) => (keys[a] as number) - (keys[b] as number) || a - b,
    );
    const places = new Places(request);
    const moves: Move[] = [];
    for (const vm of movers) {
      const move = best(places, vm, score);
      if (!move) continue;
      places.take(move);
      onTake(move);
      moves.push(move);
    }
    return moves;
  };
}

function best(places: Places, vm: number, score: Score): Move | undefined {
  const { hosts, vms } = places.request;
  let found: Move | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let target = 0; target < hosts.length; target++) {
    if (!(hosts[target] as PlanHost).isOpen) continue;
    const value = score(places, target, vms[vm] as PlanVm);
    if (value >= least || places.obstacle({ vm, target }) !== "") continue;
    found = { vm, target };
    least = value;
  }
  return found;
}

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

/**
 * Minimum migration time (Beloglazov and Buyya): the vm that moves fastest goes first, to the host whose network card
 * is done with it and with what was sent there before it soonest.
 */
function minimumMigrationTime(request: PlacementRequest): readonly Move[] {
  const queued = new Float64Array(request.hosts.length);
  const plan = greedy(
    (all) => byMemory(all, 1),
    ({ request: { hosts } }, host, { memoryBytes }) =>
      ((queued[host] as number) + memoryBytes) / (hosts[host] as PlanHost).nicBytesPerSec,
    ({ target, vm }) => {
      queued[target] = (queued[target] as number) + (request.vms[vm] as PlanVm).memoryBytes;
    },
  );
  return plan(request);
}

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
  return { hosts, vms, movers: [] };
}
