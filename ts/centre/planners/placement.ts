/**
 * What a planner is asked, and what it answers: plain data, so that a planner is a pure function and may live
 * in another thread. The rules that every answer keeps are here, too.
 */
export interface PlanHost {
  readonly name: string;
  readonly rack: string;
  readonly site: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** What the vms that stay, or are about to come, leave of it. */
  readonly freeBytes: number;
  readonly freeCpus: number;
  readonly nicBytesPerSec: number;
  /** What all vms of its rack share on their way to and from other racks; each way has as much. */
  readonly uplinkBytesPerSec: number;
  /** A vm may be sent here. */
  readonly isOpen: boolean;
}

export interface PlanVm {
  readonly name: string;
  readonly host: number;
  readonly memoryBytes: number;
  /** What it wants now. */
  readonly cpus: number;
  /** Empty: none. */
  readonly affinity: string;
  readonly antiAffinity: string;
}

export interface PlacementRequest {
  readonly hosts: readonly PlanHost[];
  /** All vms, also those that stay. */
  readonly vms: readonly PlanVm[];
  /** Those that need another host, by number. */
  readonly movers: readonly number[];
  /** Lines between sites, and over which of them (by number) one gets from site to site; where there is no way, none. */
  readonly lines: readonly { readonly name: string; readonly bytesPerSec: number }[];
  readonly ways: readonly PlanWay[];
}

export interface PlanWay {
  readonly from: string;
  readonly to: string;
  readonly lines: readonly number[];
}

export interface Move {
  readonly vm: number;
  readonly target: number;
}

/** Where the movers go, in the order in which they should. One that is left out has no place. */
export type Planner = (request: PlacementRequest) => readonly Move[];

/** Places as they fill up: what planners and the check of their answers share. */
export class Places {
  readonly request: PlacementRequest;
  readonly #freeBytes: Float64Array;
  readonly #freeCpus: Float64Array;
  /** Where a vm is, or will be; -1: it has to go and nobody knows where. */
  readonly #hostOf: Int32Array;
  readonly #groups = new Map<string, number[]>();

  constructor(request: PlacementRequest) {
    this.request = request;
    this.#freeBytes = Float64Array.from(request.hosts, ({ freeBytes }) => freeBytes);
    this.#freeCpus = Float64Array.from(request.hosts, ({ freeCpus }) => freeCpus);
    this.#hostOf = Int32Array.from(request.vms, ({ host }) => host);
    for (const vm of request.movers) this.#hostOf[vm] = -1;
    request.vms.forEach(({ affinity, antiAffinity }, v) => {
      for (const key of [affinity && `+${affinity}`, antiAffinity && `-${antiAffinity}`])
        if (key) this.#groups.set(key, [...(this.#groups.get(key) ?? []), v]);
    });
  }

  freeBytes(host: number): number {
    return this.#freeBytes[host] as number;
  }
  freeCpus(host: number): number {
    return this.#freeCpus[host] as number;
  }

  /** Why a vm cannot go there; empty: it can. */
  obstacle({ target, vm }: Move): string {
    const host = this.request.hosts[target];
    const {
      affinity,
      antiAffinity,
      cpus,
      memoryBytes,
      host: source,
    } = this.request.vms[vm] as PlanVm;
    if (!host) return "is no host";
    if (!host.isOpen || target === source) return "takes no vms";
    if (memoryBytes > this.freeBytes(target)) return "has no memory for it";
    if (cpus > this.freeCpus(target) + 1e-9) return "has no processors for it";
    if (this.#others(`-${antiAffinity}`, vm).some((at) => at === target))
      return `has a vm of its anti-affinity group ${antiAffinity}`;
    if (this.#others(`+${affinity}`, vm).some((at) => at !== target))
      return `is not where the others of its affinity group ${affinity} are`;
    return "";
  }

  /** Where the others of a group are, as far as that is known. */
  #others(key: string, vm: number): readonly number[] {
    const members = this.#groups.get(key);
    if (!members) return [];
    const places: number[] = [];
    for (const other of members) {
      const at = this.#hostOf[other] as number;
      if (other !== vm && at >= 0) places.push(at);
    }
    return places;
  }

  take({ target, vm }: Move): void {
    this.#add(vm, target, -1);
    this.#hostOf[vm] = target;
  }

  giveBack({ target, vm }: Move): void {
    this.#add(vm, target, 1);
    this.#hostOf[vm] = -1;
  }

  #add(vm: number, host: number, sign: number): void {
    const { cpus, memoryBytes } = this.request.vms[vm] as PlanVm;
    this.#freeBytes[host] = this.freeBytes(host) + sign * memoryBytes;
    this.#freeCpus[host] = this.freeCpus(host) + sign * cpus;
  }
}

/** What is wrong with an answer; empty: nothing. */
export function faultOf(request: PlacementRequest, moves: readonly Move[]): string {
  const places = new Places(request);
  const open = new Set(request.movers);
  for (const move of moves) {
    const name = request.vms[move.vm]?.name;
    if (name === undefined || !open.delete(move.vm))
      return `vm ${name ?? String(move.vm)} was not to be moved, or is moved twice`;
    const why = places.obstacle(move);
    const target = request.hosts[move.target]?.name ?? String(move.target);
    if (why !== "") return `vm ${name} cannot go to ${target}: that ${why}`;
    places.take(move);
  }
  return "";
}

interface Sent {
  /** By number. */
  readonly links: readonly number[];
  readonly bytes: number;
}

/** Seconds that the busiest link needs at least for all of them: what no schedule can undercut. */
export function leastSeconds(
  network: { readonly links: readonly { readonly bytesPerSec: number }[] },
  moves: readonly Sent[],
): number {
  const over = new Map<number, number>();
  for (const { bytes, links } of moves)
    for (const link of links) over.set(link, (over.get(link) ?? 0) + bytes);
  let most = 0;
  for (const [link, bytes] of over)
    most = Math.max(most, bytes / (network.links[link]?.bytesPerSec ?? Number.POSITIVE_INFINITY));
  return most;
}
