/**
 * Who gets how much of a link: flows share links max-min fairly (Bertsekas and Gallager, section 6.5.2). No flow
 * can be given more without taking from one that has no more itself. When a flow comes, goes, or changes its own
 * limit, only the flows that it can reach over links that are short are solved again.
 *
 *   bound   what a flow could have alone: its own limit, or the narrowest link of its route
 *   short   a link whose flows' bounds add up to more than it carries; no other link takes anything from anybody
 */

/** Bounds add up with rounding errors: a link is short of this share more. */
const ROUNDING = 1e-9;

export class LinkSharing {
  readonly #capacity: Float64Array;
  /** Sum of the bounds of a link's flows. */
  readonly #wanted: Float64Array;
  readonly #flowsOn: number[][];
  readonly #routes: (readonly number[])[] = [];
  /** Where flow f stands in the list of each link of its route. */
  readonly #places: number[][] = [];
  readonly #bounds: number[] = [];
  readonly #rates: number[] = [];
  /** Flows whose share has to be looked at, and those around them. */
  #touched: number[] = [];
  /** Marks of the flows and links that the search met, by the number of the search. */
  #search = 0;
  readonly #flowSeen: number[] = [];
  readonly #linkSeen: Int32Array;
  readonly #left: Float64Array;
  readonly #open: Int32Array;
  readonly #flows: number[] = [];
  readonly #links: number[] = [];
  /** Flows that were solved so far: what an event costs. */
  solvedFlows = 0;

  constructor(capacities: ArrayLike<number>) {
    this.#capacity = Float64Array.from(capacities);
    const count = capacities.length;
    this.#wanted = new Float64Array(count);
    this.#left = new Float64Array(count);
    this.#linkSeen = new Int32Array(count);
    this.#open = new Int32Array(count);
    this.#flowsOn = Array.from({ length: count }, () => []);
  }

  /** Bytes a second of a flow, as of the last {@link settle}. */
  rateOf(flow: number): number {
    return this.#rates[flow] ?? 0;
  }

  /** A flow begins: a small number that is not in use, over each of these links once. */
  add(flow: number, route: readonly number[], limit: number): void {
    let bound = limit;
    for (const link of route) bound = Math.min(bound, this.#capacity[link] as number);
    this.#routes[flow] = route;
    this.#places[flow] = route.map((link) => this.#join(link, flow, bound));
    this.#bounds[flow] = bound;
    this.#rates[flow] = 0;
    this.#flowSeen[flow] = 0;
    this.#touched.push(flow);
  }

  /** Returns the flow's place in the list of the link. */
  #join(link: number, flow: number, bound: number): number {
    const flows = this.#flowsOn[link] as number[];
    const place = flows.length;
    // Most links have one flow: a list that has grown has room for seventeen.
    if (place === 0) this.#flowsOn[link] = [flow];
    else flows.push(flow);
    this.#wanted[link] = (this.#wanted[link] as number) + bound;
    return place;
  }

  remove(flow: number): void {
    this.#touchAround(flow);
    const route = this.#routes[flow] as readonly number[];
    const places = this.#places[flow] as number[];
    for (let i = 0; i < route.length; i++)
      this.#leave(route[i] as number, places[i] as number, this.#bounds[flow] as number);
    this.#routes[flow] = [];
    this.#rates[flow] = 0;
  }

  /** The flow's own limit is another one. */
  limit(flow: number, limit: number): void {
    const route = this.#routes[flow] as readonly number[];
    let bound = limit;
    for (const link of route) bound = Math.min(bound, this.#capacity[link] as number);
    const change = bound - (this.#bounds[flow] as number);
    if (change === 0) return;
    this.#touchAround(flow);
    this.#bounds[flow] = bound;
    for (const link of route) this.#wanted[link] = (this.#wanted[link] as number) + change;
    this.#touched.push(flow);
  }

  /** Shares out what was touched; `onRate` hears of every flow that gets more or less than before. */
  settle(onRate: (flow: number, bytesPerSec: number) => void): void {
    if (this.#touched.length === 0) return;
    this.#collect();
    const { length } = this.#flows;
    this.solvedFlows += length;
    const before = this.#flows.map((flow) => this.#rates[flow] as number);
    this.#fill();
    for (let i = 0; i < length; i++) {
      const flow = this.#flows[i] as number;
      const rate = this.#rates[flow] as number;
      if (rate !== before[i]) onRate(flow, rate);
    }
  }

  #isShort(link: number): boolean {
    return (this.#wanted[link] as number) > (this.#capacity[link] as number) * (1 + ROUNDING);
  }

  /** Those that share a short link with this flow. */
  #touchAround(flow: number): void {
    for (const link of this.#routes[flow] as readonly number[])
      if (this.#isShort(link))
        for (const other of this.#flowsOn[link] as number[])
          if (other !== flow) this.#touched.push(other);
  }

  #leave(link: number, place: number, bound: number): void {
    const flows = this.#flowsOn[link] as number[];
    const last = flows.pop() as number;
    // Nothing is left of rounding errors when nobody is there.
    this.#wanted[link] = flows.length === 0 ? 0 : (this.#wanted[link] as number) - bound;
    if (place === flows.length) return;
    flows[place] = last;
    (this.#places[last] as number[])[(this.#routes[last] as readonly number[]).indexOf(link)] =
      place;
  }

  /** Finds the flows and the short links that what was touched can reach. */
  #collect(): void {
    const flows = this.#flows;
    const links = this.#links;
    flows.length = 0;
    links.length = 0;
    this.#search++;
    for (const flow of this.#touched) this.#meet(flow);
    this.#touched.length = 0;
    for (let i = 0; i < flows.length; i++) {
      for (const link of this.#routes[flows[i] as number] as readonly number[]) {
        if (this.#linkSeen[link] === this.#search || !this.#isShort(link)) continue;
        this.#linkSeen[link] = this.#search;
        links.push(link);
        const others = this.#flowsOn[link] as number[];
        this.#left[link] = this.#capacity[link] as number;
        this.#open[link] = others.length;
        for (const other of others) this.#meet(other);
      }
    }
  }

  #meet(flow: number): void {
    const isGone = (this.#routes[flow]?.length ?? 0) === 0;
    if (isGone || this.#flowSeen[flow] === this.#search) return;
    this.#flowSeen[flow] = this.#search;
    this.#flows.push(flow);
  }

  /**
   * Progressive filling: the water rises in all flows at once. Those whose bound it reaches stop, and those on a
   * link that is full. Links are kept in a heap by the level at which they are full; as others stop that only rises,
   * so a link is put back when it comes up too early.
   */
  #fill(): void {
    const flows = this.#byBound();
    const heap = new LevelHeap();
    for (const link of this.#links) heap.push(link, this.#level(link));
    for (const flow of flows) this.#rates[flow] = -1;
    let next = 0;
    for (;;) {
      while (next < flows.length && (this.#rates[flows[next] as number] as number) >= 0) next++;
      if (next === flows.length) return;
      const first = flows[next] as number;
      const bound = this.#bounds[first] as number;
      if (heap.size === 0 || bound <= heap.level) {
        this.#stop(first, bound);
        continue;
      }
      const link = heap.pop();
      if ((this.#open[link] as number) === 0) continue;
      const level = this.#level(link);
      // Someone stopped since: it is full later.
      if (heap.size > 0 && level > heap.level) heap.push(link, level);
      else if (level > bound) heap.push(link, level);
      else
        for (const flow of this.#flowsOn[link] as number[])
          if ((this.#rates[flow] as number) < 0) this.#stop(flow, level);
    }
  }

  #byBound(): readonly number[] {
    const flows = this.#flows;
    const bounds = this.#bounds;
    const one = bounds[flows[0] as number] as number;
    if (flows.every((flow) => bounds[flow] === one)) return flows;
    return [...flows].sort((a, b) => (bounds[a] as number) - (bounds[b] as number) || a - b);
  }

  #level(link: number): number {
    const open = this.#open[link] as number;
    return open === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#left[link] as number) / open;
  }

  #stop(flow: number, rate: number): void {
    this.#rates[flow] = rate;
    for (const link of this.#routes[flow] as readonly number[]) {
      if (this.#linkSeen[link] !== this.#search) continue;
      this.#left[link] = (this.#left[link] as number) - rate;
      this.#open[link] = (this.#open[link] as number) - 1;
    }
  }
}

/** Links by level, the lowest first. */
class LevelHeap {
  readonly #links: number[] = [];
  readonly #levels: number[] = [];

  get size(): number {
    return this.#links.length;
  }

  /** The lowest level. */
  get level(): number {
    return this.#levels[0] as number;
  }

  push(link: number, level: number): void {
    const links = this.#links;
    const levels = this.#levels;
    let at = links.length;
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      if ((levels[parent] as number) <= level) break;
      links[at] = links[parent] as number;
      levels[at] = levels[parent] as number;
      at = parent;
    }
    links[at] = link;
    levels[at] = level;
  }

  pop(): number {
    const links = this.#links;
    const levels = this.#levels;
    const first = links[0] as number;
    const link = links.pop() as number;
    const level = levels.pop() as number;
    const size = links.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (levels[child + 1] as number) < (levels[child] as number)) child++;
      if ((levels[child] as number) >= level) break;
      links[at] = links[child] as number;
      levels[at] = levels[child] as number;
      at = child;
    }
    links[at] = link;
    levels[at] = level;
    return first;
  }
}
