/**
 * A guest's memory in pieces, in order. The four numbers of a piece lie side by side, because they are looked at
 * together: a thousand guests that move at once are in no cache.
 *
 *   end      where it ends, in pages; it begins where the one before ends
 *   density  share of its pages that is to be sent
 *   known    share of its pages of which the cache of sent pages has what the target has; 0 without one
 *   region   how often it is written (`regions.ts`)
 */
export const END = 0;
export const DENSITY = 1;
export const KNOWN = 2;
export const REGION = 3;
/** Numbers of a piece. */
export const STRIDE = 4;

const PIECES_MAX = 1 << 14;
/** Pieces that differ by less are alike. */
export const ALMOST = 1e-7;

/** Pages to be sent, and the variance of their number. */
export interface Sums {
  remaining: number;
  variance: number;
}

export class Pieces {
  count = 0;
  data: Float64Array;

  constructor(data = new Float64Array(PIECES_MAX * STRIDE)) {
    this.data = data;
  }

  /** Many small ones in one buffer: buffers of their own would cost more than what they hold. */
  static many(count: number, piecesMax: number): Pieces[] {
    const length = piecesMax * STRIDE;
    const all = new Float64Array(count * length);
    return Array.from(
      { length: count },
      (_, i) => new Pieces(all.subarray(i * length, (i + 1) * length)),
    );
  }

  /** Makes room for so many, if there is none. */
  reserve(pieces: number): void {
    if (pieces * STRIDE <= this.data.length) return;
    const { data } = this;
    this.data = new Float64Array(2 * pieces * STRIDE);
    this.data.set(data);
  }

  /** Where piece `i` begins. */
  startOf(i: number): number {
    return i > 0 ? (this.data[(i - 1) * STRIDE + END] as number) : 0;
  }

  /** Adds pages up to `end` behind what is there. */
  push(end: number, density: number, known: number, region: number): void {
    const { data } = this;
    const at = this.count++ * STRIDE;
    data[at + END] = end;
    data[at + DENSITY] = density;
    data[at + KNOWN] = known;
    data[at + REGION] = region;
  }

  /**
   * Of each region's pages that are clean, the share `fresh` becomes dirty. Pieces that are alike by then are one;
   * in place, as none is written before it was read. Between the pieces before `cursor` and those from there on
   * stays an end; where that is then is what it returns.
   */
  dirty(fresh: Float64Array, cursor: number, sums: Sums): number {
    const { count, data } = this;
    let start = 0;
    let remaining = 0;
    let variance = 0;
    let to = -STRIDE;
    let moved = 0;
    // What the piece at `to` is; none is like one that is not there.
    let lastDensity = Number.NaN;
    let lastKnown = 0;
    let lastRegion = 0;
    for (let at = 0, i = 0; i < count; i++, at += STRIDE) {
      const end = data[at + END] as number;
      const region = data[at + REGION] as number;
      const known = data[at + KNOWN] as number;
      const density = 1 - (1 - (data[at + DENSITY] as number)) * (1 - (fresh[region] as number));
      const pages = density * (end - start);
      remaining += pages;
      variance += density * (1 - density) * (end - start);
      start = end;
      const isAlike =
        i !== cursor &&
        region === lastRegion &&
        Math.abs(lastDensity - density) < ALMOST &&
        Math.abs(lastKnown - known) < ALMOST;
      if (!isAlike) {
        to += STRIDE;
        if (i === cursor) moved = to / STRIDE;
        data[to + DENSITY] = lastDensity = density;
        data[to + KNOWN] = lastKnown = known;
        data[to + REGION] = lastRegion = region;
      }
      data[to + END] = end;
    }
    this.count = to / STRIDE + 1;
    sums.remaining = remaining;
    sums.variance = variance;
    return moved;
  }

  /** Cuts piece `i` at page `at`. */
  split(i: number, at: number): void {
    const { data } = this;
    // There are few behind it: a loop is faster than copyWithin.
    for (let k = (this.count + 1) * STRIDE - 1; k >= (i + 1) * STRIDE; k--)
      data[k] = data[k - STRIDE] as number;
    this.count++;
    data[i * STRIDE + END] = at;
  }
}
