/**
 * How many addresses those behind one port may have: one more for as long as others are left at least as many as they
 * hold. Whoever makes clients up gets half of what is there, a second one half of the rest, and so on.
 */

/** Where clients are: a port of the switch. */
export interface Place {
  readonly name: string;
}

/** A place is told of once in this time. */
const TOLD_AGAIN_NS = 60e9;
const PLACES_MAX = 1024;

/** Those behind one port want more addresses than they may have. */
export interface Starved {
  readonly port: string;
  /** What they have. */
  readonly leases: number;
}

export function mayHaveOneMore(held: number, free: number): boolean {
  return held < free;
}

/** Tells of each place, but not for each of thousands of clients. */
export class StarvationLog {
  readonly #toldNs = new Map<string, number>();

  /** True: it was not told of lately. */
  isNews(place: Place, nowNs: number): boolean {
    const { name } = place;
    const before = this.#toldNs.get(name);
    if (before !== undefined && nowNs - before < TOLD_AGAIN_NS) return false;
    if (this.#toldNs.size >= PLACES_MAX) this.#toldNs.clear();
    this.#toldNs.set(name, nowNs);
    return true;
  }
}
