/**
 * A guest's memory in pieces, in order. The four numbers of a piece lie side by side, because they are looked at
 * together: a thousand guests that move at once are in no cache.
 *
 *   end      where it ends, in pages; it begins where the one before ends
 *   density  share of its pages that is to be sent
 *   known    share of its pages that was sent before
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

export class Pieces {
  count = 0;
  /** Pieces before this one end where they end. */
  fixed = 0;
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

  /** Adds pages up to `end`, to the last piece if that is the same and not before `fixed`. */
  push(end: number, density: number, known: number, region: number): void {
    const { data } = this;
    const at = this.count * STRIDE;
    const last = at - STRIDE;
    if (
      this.count > this.fixed &&
      data[last + REGION] === region &&
      Math.abs((data[last + DENSITY] as number) - density) < ALMOST &&
      Math.abs((data[last + KNOWN] as number) - known) < ALMOST
    ) {
      data[last + END] = end;
      return;
    }
    data[at + END] = end;
    data[at + DENSITY] = density;
    data[at + KNOWN] = known;
    data[at + REGION] = region;
    this.count++;
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
