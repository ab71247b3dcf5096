/**
 * The yardstick: of all answers that place most vms, the one whose busiest network card is done soonest. Branch and
 * bound, so for small cases only.
 */
import { WasmvisorError } from "../../base/errors.ts";
import {
  type Move,
  type PlacementRequest,
  Places,
  type PlanHost,
  type PlanVm,
} from "./placement.ts";

const MOVERS_MAX = 12;
const STEPS_MAX = 5e6;

export function solve(request: PlacementRequest): readonly Move[] {
  if (request.movers.length > MOVERS_MAX)
    throw new WasmvisorError(
      "WV_LIMIT",
      `planner solver: ${request.movers.length} vms are to be moved at once, it tries all answers for ${MOVERS_MAX} at most; take best-fit`,
    );
  return new Search(request).run();
}

class Search {
  readonly #request: PlacementRequest;
  readonly #places: Places;
  readonly #order: readonly number[];
  readonly #bytes: Float64Array;
  readonly #open: readonly number[];
  #moves: Move[] = [];
  #best: readonly Move[] = [];
  #leastSeconds = Number.POSITIVE_INFINITY;
  #steps = 0;

  constructor(request: PlacementRequest) {
    this.#request = request;
    this.#places = new Places(request);
    this.#bytes = new Float64Array(request.hosts.length);
    this.#open = request.hosts.flatMap(({ isOpen }, h) => (isOpen ? [h] : []));
    const { vms } = request;
    this.#order = [...request.movers].sort(
      (a, b) => (vms[b] as PlanVm).memoryBytes - (vms[a] as PlanVm).memoryBytes || a - b,
    );
  }

  run(): readonly Move[] {
    this.#try(0, 0);
    return this.#best;
  }

  #isBetter(placed: number, seconds: number): boolean {
    const { length } = this.#best;
    return placed > length || (placed === length && seconds < this.#leastSeconds);
  }

  #try(index: number, seconds: number): void {
    if (++this.#steps > STEPS_MAX)
      throw new WasmvisorError(
        "WV_LIMIT",
        "planner solver: too many answers to try; take best-fit",
      );
    const left = this.#order.length - index;
    if (!this.#isBetter(this.#moves.length + left, seconds)) return;
    if (left === 0) {
      this.#best = [...this.#moves];
      this.#leastSeconds = seconds;
      return;
    }
    const vm = this.#order[index] as number;
    const { memoryBytes } = this.#request.vms[vm] as PlanVm;
    for (const target of this.#open) {
      const move = { vm, target };
      if (this.#places.obstacle(move) !== "") continue;
      const { nicBytesPerSec } = this.#request.hosts[target] as PlanHost;
      const before = this.#bytes[target] as number;
      this.#bytes[target] = before + memoryBytes;
      this.#places.take(move);
      this.#moves.push(move);
      this.#try(index + 1, Math.max(seconds, (before + memoryBytes) / nicBytesPerSec));
      this.#moves.pop();
      this.#places.giveBack(move);
      this.#bytes[target] = before;
    }
    // Without it: only if nothing else can place as many.
    this.#try(index + 1, seconds);
  }
}
