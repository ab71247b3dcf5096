/** A set of blocks of a disk: one bit each, block n is bit n % 8 of byte n / 8. */
import { assert } from "../base/assert.ts";

/** Set bits of each byte. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>>= 1) bits += rest & 1;
  return bits;
});

export class BlockSet {
  /** Blocks of the disk. */
  readonly blockCount: number;
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.#bits = new Uint8Array(Math.ceil(blockCount / 8));
  }

  /** Blocks in it. */
  get size(): number {
    return this.#size;
  }

  has(block: number): boolean {
    return (((this.#bits[block >>> 3] as number) >>> (block & 7)) & 1) === 1;
  }

  /** False: it was there already. */
  add(block: number): boolean {
    assert(block >= 0 && block < this.blockCount, "a block of the disk");
    if (this.has(block)) return false;
    this.#bits[block >>> 3] = (this.#bits[block >>> 3] as number) | (1 << (block & 7));
    this.#size++;
    return true;
  }

  /** False: it was not there. */
  delete(block: number): boolean {
    if (!this.has(block)) return false;
    this.#bits[block >>> 3] = (this.#bits[block >>> 3] as number) & ~(1 << (block & 7));
    this.#size--;
    return true;
  }

  fill(): void {
    this.#bits.fill(255);
    const beyond = this.#bits.length * 8 - this.blockCount;
    if (beyond > 0) this.#bits[this.#bits.length - 1] = 255 >>> beyond;
    this.#size = this.blockCount;
  }

  clear(): void {
    this.#bits.fill(0);
    this.#size = 0;
  }

  /** Adds all of `other`, which is of the same disk. */
  addAll(other: BlockSet): void {
    for (const [i, byte] of other.#bits.entries())
      if (byte !== 0) this.#bits[i] = (this.#bits[i] as number) | byte;
    this.#count();
  }

  /** The first block in it from `from` on; undefined: there is none. */
  next(from: number): number | undefined {
    for (let block = from; block < this.blockCount; ) {
      const byte = (this.#bits[block >>> 3] as number) >>> (block & 7);
      if (byte === 0) {
        block = ((block >>> 3) + 1) * 8;
        continue;
      }
      if (byte & 1) return block;
      block++;
    }
    return undefined;
  }

  /** A bitmap of its own. */
  save(): Uint8Array {
    return this.#bits.slice();
  }

  /** Becomes what `save` gave. False: that is of another disk. */
  load(bitmap: Uint8Array): boolean {
    const beyond = this.#bits.length * 8 - this.blockCount;
    if (bitmap.length !== this.#bits.length) return false;
    if (beyond > 0 && (bitmap.at(-1) as number) >>> (8 - beyond) !== 0) return false;
    this.#bits.set(bitmap);
    this.#count();
    return true;
  }

  #count(): void {
    this.#size = this.#bits.reduce((sum, byte) => sum + (BITS[byte] as number), 0);
  }
}
