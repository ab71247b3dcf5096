/** What most planners have in common: one vm after the other goes to where it is best for it. */
import {
  type Move,
  type PlacementRequest,
  Places,
  type PlanHost,
  type Planner,
  type PlanVm,
} from "./placement.ts";

/** Of two hosts that could take a vm, the one with the lower score is better. */
export type Score = (places: Places, host: number, vm: PlanVm) => number;

/** Places one vm after the other, the smallest key first, each where the score is lowest. */
export function greedy(
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

/** Keys for {@link greedy}: the smallest first with 1, the largest with -1. */
export const byMemory = ({ vms }: PlacementRequest, sign: 1 | -1): readonly number[] =>
  vms.map((vm) => sign * vm.memoryBytes);
