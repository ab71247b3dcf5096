/**
 * A guest's memory in pieces, in order. The four numbers of a piece lie side by side, because they are looked at
 * together: a thousand guests that move at once are in no cache.
 *
 *   0 end      where it ends, in pages; it begins where the one before ends
 *   1 density  share of its pages that is to be sent
 *   2 known    share of its pages of which the cache of sent pages has what the target has; 0 without one
 *   3 region   how often it is written (`regions.ts`)
 *
 * Their places are written as numbers, and only here: names would be loaded and checked each time, a quarter of what
 * a migration costs.
 */
const PIECES_MAX = 1 << 14;

/** Pages to be sent, and the variance of their number. */
export interface Sums {
  remaining: number;
  variance: number;
}

export class Pieces {
  count = 0;
  #data: Float64Array;

  constructor(data = new Float64Array(4 * PIECES_MAX)) {
    this.#data = data;
  }

  /** Many small ones in one buffer: buffers of their own would cost more than what they hold. */
  static many(count: number, piecesMax: number): Pieces[] {
    const length = 4 * piecesMax;
    const all = new Float64Array(count * length);
    return Array.from(
      { length: count },
      (_, i) => new Pieces(all.subarray(i * length, (i + 1) * length)),
    );
  }

  /** Makes room for so many, if there is none. */
  reserve(pieces: number): void {
    if (4 * pieces <= this.#data.length) return;
    const data = this.#data;
    this.#data = new Float64Array(8 * pieces);
    this.#data.set(data);
  }

  start(i: number): number {
    return i > 0 ? (this.#data[4 * i - 4] as number) : 0;
  }

  end(i: number): number {
    return this.#data[4 * i] as number;
  }

  density(i: number): number {
    return this.#data[4 * i + 1] as number;
  }

  known(i: number): number {
    return this.#data[4 * i + 2] as number;
  }

  region(i: number): number {
    return this.#data[4 * i + 3] as number;
  }

  /** All pages of piece `i` are to be sent, or none. */
  mark(i: number, density: 0 | 1): void {
    this.#data[4 * i + 1] = density;
  }

  know(i: number, known: number): void {
    this.#data[4 * i + 2] = known;
  }

  /** Pages up to `end` behind what is there: all are to be sent, the cache has none. */
  push(end: number, region: number): void {
    const data = this.#data;
    const at = 4 * this.count++;
    data[at] = end;
    data[at + 1] = 1;
    data[at + 2] = 0;
    data[at + 3] = region;
  }

  /**
   * Of each region's pages that are clean, the share `fresh` becomes dirty. Pieces that are alike by then are one;
   * in place, as none is written before it was read. Between the pieces before `cursor` and those from there on
   * stays an end; where that is then is what it returns.
   */
  dirty(fresh: Float64Array, cursor: number, sums: Sums): number {
    const { count } = this;
    const data = this.#data;
    let start = 0;
    let remaining = 0;
    let variance = 0;
    let to = -4;
    let moved = 0;
    // What the piece at `to` is; none is like one that is not there.
    let lastDensity = Number.NaN;
    let lastKnown = 0;
    let lastRegion = 0;
    for (let at = 0, i = 0; i < count; i++, at += 4) {
      const end = data[at] as number;
      const known = data[at + 2] as number;
      const region = data[at + 3] as number;
      const density = 1 - (1 - (data[at + 1] as number)) * (1 - (fresh[region] as number));
      remaining += density * (end - start);
      variance += density * (1 - density) * (end - start);
      start = end;
      const isAlike =
        i !== cursor &&
        region === lastRegion &&
        Math.abs(lastDensity - density) < 1e-7 &&
        Math.abs(lastKnown - known) < 1e-7;
      if (!isAlike) {
        to += 4;
        if (i === cursor) moved = to / 4;
        data[to + 1] = lastDensity = density;
        data[to + 2] = lastKnown = known;
        data[to + 3] = lastRegion = region;
      }
      data[to] = end;
    }
    this.count = to / 4 + 1;
    sums.remaining = remaining;
    sums.variance = variance;
    return moved;
  }

  /** Cuts piece `i` at page `at`. */
  split(i: number, at: number): void {
    const data = this.#data;
    // There are few behind it: a loop is faster than copyWithin.
    for (let k = 4 * this.count + 3; k >= 4 * i + 4; k--) data[k] = data[k - 4] as number;
    this.count++;
    data[4 * i] = at;
  }
}
