/**
 * Minimum migration time (Beloglazov and Buyya): the vm that moves fastest goes first, to where it has arrived soonest: to
 * the host whose network card, the links of racks and the lines between sites that it goes over, are done with it and with
 * what was sent over them before.
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
  /** Of each line between sites. */
  readonly #over: Float64Array;
  /** Lines from site to site. */
  readonly #ways = new Map<string, readonly number[]>();

  constructor(request: PlacementRequest) {
    this.#request = request;
    this.#over = new Float64Array(request.lines.length);
    for (const { from, lines, to } of request.ways) this.#ways.set(`${from}/${to}`, lines);
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
    return Math.max(card, up, down, this.#wideSeconds(vm, from, to)) + card * TIE;
  }

  /** On the lines between their sites; without any it never arrives. */
  #wideSeconds({ memoryBytes }: PlanVm, from: PlanHost, to: PlanHost): number {
    let seconds = from.site === to.site ? 0 : Number.POSITIVE_INFINITY;
    for (const [i, line] of this.#linesOf(from, to).entries()) {
      const { bytesPerSec } = this.#request.lines[line] as PlacementRequest["lines"][number];
      const its = ((this.#over[line] as number) + memoryBytes) / bytesPerSec;
      seconds = i === 0 ? its : Math.max(seconds, its);
    }
    return seconds;
  }

  #linesOf(from: PlanHost, to: PlanHost): readonly number[] {
    return from.site === to.site ? [] : (this.#ways.get(`${from.site}/${to.site}`) ?? []);
  }

  send({ target, vm }: Move): void {
    const { host, memoryBytes } = this.#request.vms[vm] as PlanVm;
    const from = this.#request.hosts[host] as PlanHost;
    const to = this.#request.hosts[target] as PlanHost;
    this.#into[target] = (this.#into[target] as number) + memoryBytes;
    if (from.rack === to.rack) return;
    this.#up.set(from.rack, (this.#up.get(from.rack) ?? 0) + memoryBytes);
    this.#down.set(to.rack, (this.#down.get(to.rack) ?? 0) + memoryBytes);
    for (const line of this.#linesOf(from, to))
      this.#over[line] = (this.#over[line] as number) + memoryBytes;
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
