/**
 * The only source of chance in the differential test. The state is two u32 words of
 * xoroshiro64** (public-domain algorithm of Blackman and Vigna, written anew here).
 */
const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** Spreads a small seed over a word (the finalizer of MurmurHash3). */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export class Prng {
  #a: number;
  #b: number;

  /** `path` names a stream: the same seed and path give the same numbers for ever. */
  constructor(seed: number, ...path: readonly number[]) {
    this.#a = mix(seed + 0x9e3779b9);
    this.#b = mix(seed ^ 0x5bd1e995) | 1;
    for (const step of path) {
      this.#a = mix(this.#a ^ (step + 0x7f4a7c15));
      this.#b = mix(this.#b + step) | 1;
    }
  }

  u32(): number {
    const result = Math.imul(rotl(Math.imul(this.#a, 0x9e3779bb), 5), 5) >>> 0;
    const b = this.#b ^ this.#a;
    this.#a = rotl(this.#a, 26) ^ b ^ (b << 9);
    this.#b = rotl(b, 13);
    return result;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with probability `percent`/100. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("nothing to pick from");
    return items[this.below(items.length)] as T;
  }

  /** Picks by weight: `[[weight, item], ...]`. */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let left = this.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) {
      if (left < weight) return item;
      left -= weight;
    }
    throw new RangeError("no weights");
  }
}
