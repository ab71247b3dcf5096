/** Which bytes of a request its answer has had so far. */

/** Runs that do not touch: servers answer in order, or nearly so; one that scatters its answer is up to something. */
const RUNS_MAX = 4096;

export class Covered {
  /** Where runs begin and end, in order: even entries begin one, odd ones end it. */
  readonly #edges: number[] = [];

  /** False if some of it was there already, or there are too many runs. */
  add(from: number, to: number): boolean {
    const edges = this.#edges;
    const at = this.#firstAbove(from);
    // Inside of a run, or the next one begins before this ends.
    if (at % 2 === 1 && edges[at] !== undefined) return false;
    if ((edges[at] ?? Number.POSITIVE_INFINITY) < to) return false;
    const joinsBefore = edges[at - 1] === from;
    const joinsAfter = edges[at] === to;
    const start = joinsBefore ? at - 1 : at;
    const removed = Number(joinsBefore) + Number(joinsAfter);
    edges.splice(start, removed, ...(joinsBefore ? [] : [from]), ...(joinsAfter ? [] : [to]));
    return edges.length <= 2 * RUNS_MAX;
  }

  isWhole(bytes: number): boolean {
    const [start, end] = this.#edges;
    return bytes === 0 || (this.#edges.length === 2 && start === 0 && end === bytes);
  }

  /** Index of the first edge above `at`. */
  #firstAbove(at: number): number {
    let [low, high] = [0, this.#edges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#edges[middle] as number) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
