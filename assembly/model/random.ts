/**
 * Random numbers of the page-level writers: two xorshift128+ generators in one vector, 512 words at a time into a buffer
 * for single writes, whole vectors for many at once (`crowd.ts`).
 */

/** Words in the buffer. */
export const BUFFER_WORDS: u32 = 512;
const BUFFER_BYTES: u32 = BUFFER_WORDS << 2;

export abstract class Random {
  /** {u64 x two words of state} of two generators, then the buffer. */
  static bits: usize = memory.data(32 + 512 * 4, 16);
  /** Bytes of the buffer that are still unused, at its end. */
  static unused: u32 = 0;

  /** A number below `range` from the top of 32 random bits. */
  @inline static scale(bits: u32, range: u32): u32 {
    return <u32>((<u64>bits * <u64>range) >> 32);
  }
}

/** Two independent streams from one seed, by splitmix64. */
export function seedRandom(seed: u64): void {
  const at = Random.bits;
  for (let i: u32 = 0; i < 4; i++) store<u64>(at + (i << 3), splitmix(seed, i + 1) | 1);
  Random.unused = 0;
}

/** Where `words` (at most 512) fresh words of 32 random bits are. */
export function randomWords(words: u32): usize {
  const buffer = Random.bits + 32;
  if (Random.unused < words << 2) {
    let x = v128.load(Random.bits);
    let y = v128.load(Random.bits, 16);
    for (let at = buffer; at < buffer + BUFFER_BYTES; at += 16) {
      const t = v128.xor(x, i64x2.shl(x, 23));
      x = y;
      y = v128.xor(v128.xor(t, y), v128.xor(i64x2.shr_u(t, 17), i64x2.shr_u(y, 26)));
      v128.store(at, i64x2.add(x, y));
    }
    v128.store(Random.bits, x);
    v128.store(Random.bits, y, 16);
    Random.unused = BUFFER_BYTES;
  }
  const from = buffer + (BUFFER_BYTES - Random.unused);
  Random.unused -= words << 2;
  return from;
}

/** A number from 0 to 1, neither of which it is. */
export function randomUnit(): f64 {
  const at = randomWords(2);
  const high = <u64>(load<u32>(at) >> 6);
  const low = <u64>(load<u32>(at, 4) >> 6);
  return (<f64>((high << 26) | low) + 0.5) * (1.0 / 4503599627370496.0);
}

// biome-ignore-start lint/correctness/noPrecisionLoss: asc reads these as exact 64-bit integers.
function splitmix(seed: u64, step: u64): u64 {
  let z = seed + step * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
// biome-ignore-end lint/correctness/noPrecisionLoss: see above.
