/**
 * Extents: the pieces of equal size that devices of a pool are cut into. An extent's number says where it is,
 *
 *   device (6 bits)  index on it (20 bits)
 *
 * and a place in a map is one number of two of them, each plus one: where a chunk lies, and its second copy.
 * Zero is a place, too: the chunk reads as zeros.
 */
import { WasmvisorError } from "../../base/errors.ts";

export const CHUNK_BYTES_MIN = 4096;
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
export const DEVICES_MAX = 62;
export const EXTENTS_MAX = 1 << 20;
const PLACE_BASE = 2 ** 26;

export const ZEROS = 0;

export const extentOf = (device: number, index: number): number => device * EXTENTS_MAX + index;
export const deviceOf = (extent: number): number => Math.floor(extent / EXTENTS_MAX);
export const indexOf = (extent: number): number => extent % EXTENTS_MAX;

/** A place of one or two extents. */
export function placeOf(extents: readonly number[]): number {
  const [first = -1, second = -1] = extents;
  return first + 1 + (second + 1) * PLACE_BASE;
}

/** The extents of a place, none for zeros. */
export function extentsOf(place: number): number[] {
  const [first, second] = [place % PLACE_BASE, Math.floor(place / PLACE_BASE)];
  return [first, second].filter((one) => one > 0).map((one) => one - 1);
}

/** Which extents of one device are used. */
export class ExtentTable {
  #used: Uint8Array;
  #freeCount: number;
  #next = 0;

  constructor(count: number) {
    this.#used = new Uint8Array(count);
    this.#freeCount = count;
  }

  get count(): number {
    return this.#used.length;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  grow(count: number): void {
    if (count <= this.count) return;
    this.#freeCount += count - this.count;
    const grown = new Uint8Array(count);
    grown.set(this.#used);
    this.#used = grown;
  }

  isUsed(index: number): boolean {
    return this.#used[index] === 1;
  }

  /** Takes the next that is free; undefined if none is. */
  take(): number | undefined {
    if (this.#freeCount === 0) return undefined;
    let index = this.#used.indexOf(0, this.#next);
    if (index < 0) index = this.#used.indexOf(0);
    this.claim(index);
    this.#next = index + 1;
    return index;
  }

  /** Throws `WV_DISK` if it is not there, or used already. */
  claim(index: number): void {
    if (this.#used[index] !== 0)
      throw new WasmvisorError(
        "WV_DISK",
        `pool: extent ${index} is used twice, or beyond its device`,
      );
    this.#used[index] = 1;
    this.#freeCount--;
  }

  release(index: number): void {
    if (this.#used[index] !== 1) throw new Error(`extent ${index} is not used`);
    this.#used[index] = 0;
    this.#freeCount++;
    this.#next = Math.min(this.#next, index);
  }
}
