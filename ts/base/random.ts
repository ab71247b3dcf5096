/**
 * Seeded random numbers: the only source of chance in this code, but for secrets (at the end). xoshiro128** on four 32-bit
 * words, seeded through splitmix32, so a seed gives the same numbers on every machine. `split`
 * makes an independent stream for a purpose: adding a consumer does not disturb the others.
 */

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** FNV-1a over UTF-16 code units. */
function hashLabel(label: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function splitmix32(state: { word: number }): number {
  state.word = (state.word + 0x9e3779b9) | 0;
  let z = state.word;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

export class Random {
  readonly #words: Uint32Array;
  readonly #seedWords: Uint32Array;

  /** `seed` is an integer from 0 to 2^53 - 1; anything else is a `RangeError`. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new RangeError(`seed: expected an integer from 0 to 2^53 - 1, got ${seed}`);
    const low = { word: seed >>> 0 };
    const high = { word: Math.floor(seed / 2 ** 32) ^ 0x5bf03635 };
    this.#words = new Uint32Array(4);
    for (let i = 0; i < 4; i++)
      this.#words[i] = splitmix32(low) ^ Math.imul(splitmix32(high), 0x9e3779b1);
    if (this.#words.every((word) => word === 0)) this.#words[0] = 1;
    this.#seedWords = this.#words.slice();
  }

  /** 32 random bits. */
  u32(): number {
    const s = this.#words;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotl(Math.imul(s1, 5), 7), 9) >>> 0;
    s[0] = s0 ^ s1 ^ s3;
    s[1] = s0 ^ s1 ^ s2;
    s[2] = s2 ^ s0 ^ (s1 << 9);
    s[3] = rotl(s3 ^ s1, 11);
    return result;
  }

  /** 53 random bits: a fresh seed. */
  u53(): number {
    return (this.u32() >>> 11) * 2 ** 32 + this.u32();
  }

  /** A number from 0 (included) to 1 (excluded). */
  float(): number {
    return this.u53() / 2 ** 53;
  }

  /** An integer from 0 (included) to `bound` (excluded), without bias. */
  below(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound <= 0)
      throw new RangeError(`bound: expected a positive integer, got ${bound}`);
    const limit = 2 ** 53 - (2 ** 53 % bound);
    for (;;) {
      const value = this.u53();
      if (value < limit) return value % bound;
    }
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Fills `into` with random bytes. */
  bytes(into: Uint8Array): Uint8Array {
    for (let i = 0; i < into.length; i++) into[i] = this.u32() >>> 24;
    return into;
  }

  /** Where the stream is: four words, for `restore`. */
  save(): number[] {
    return [...this.#words];
  }

  /** Goes on from where another stream was. What `split` gives stays that of this one's seed. */
  restore(words: readonly number[]): void {
    this.#words.set(words);
  }

  /** An independent stream, a function of this one's seed and `label` alone: not of how much was drawn. */
  split(label: string | number): Random {
    const [a = 0, b = 0, c = 0, d = 0] = this.#seedWords;
    const name = hashLabel(String(label));
    const mixed = { word: name ^ a };
    const low = splitmix32(mixed) ^ rotl(b, 7) ^ Math.imul(c, 0x85ebca6b);
    mixed.word ^= d;
    const high = splitmix32(mixed) ^ hashLabel(`${name}:${c >>> 0}`);
    return new Random((high >>> 11) * 2 ** 32 + (low >>> 0));
  }
}

/** Fills `into` with bytes that nobody can guess, from the system: for keys. */
export function secretBytes(into: Uint8Array): Uint8Array {
  return crypto.getRandomValues(into as Uint8Array<ArrayBuffer>);
}
