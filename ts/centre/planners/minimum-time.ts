/**
 * Minimum migration time (Beloglazov and Buyya): the vm that moves fastest goes first, to where it has arrived soonest: to
 * the host whose network card, and over the links of racks that, are done with it and with what was sent there before.
 */
import { byMemory, greedy } from "./greedy.ts";
import type { Move, PlacementRequest, PlanHost, PlanVm } from "./placement.ts";

/** Of two that arrive at the same time the one whose card is less busy is better. */
const TIE = 1e-6;

/** Bytes that were sent so far. */
class Queues {
  readonly #request: PlacementRequest;
  readonly #into: Float64Array;
  readonly #up = new Map<string, number>();
  readonly #down = new Map<string, number>();

  constructor(request: PlacementRequest) {
    this.#request = request;
    this.#into = new Float64Array(request.hosts.length);
  }

  /** Seconds until it has arrived: on the busiest of the links that it shares with others. */
  seconds(vm: PlanVm, target: number): number {
    const to = this.#request.hosts[target] as PlanHost;
    const from = this.#request.hosts[vm.host] as PlanHost;
    const card = ((this.#into[target] as number) + vm.memoryBytes) / to.nicBytesPerSec;
    if (from.rack === to.rack) return card * (1 + TIE);
    const up = ((this.#up.get(from.rack) ?? 0) + vm.memoryBytes) / from.uplinkBytesPerSec;
    const down = ((this.#down.get(to.rack) ?? 0) + vm.memoryBytes) / to.uplinkBytesPerSec;
    return Math.max(card, up, down) + card * TIE;
  }

  send({ target, vm }: Move): void {
    const { host, memoryBytes } = this.#request.vms[vm] as PlanVm;
    const from = (this.#request.hosts[host] as PlanHost).rack;
    const to = (this.#request.hosts[target] as PlanHost).rack;
    this.#into[target] = (this.#into[target] as number) + memoryBytes;
    if (from === to) return;
    this.#up.set(from, (this.#up.get(from) ?? 0) + memoryBytes);
    this.#down.set(to, (this.#down.get(to) ?? 0) + memoryBytes);
  }
}

export function minimumMigrationTime(request: PlacementRequest): readonly Move[] {
  const queues = new Queues(request);
  const plan = greedy(
    (all) => byMemory(all, 1),
    (_, host, vm) => queues.seconds(vm, host),
    (move) => queues.send(move),
  );
  return plan(request);
}
