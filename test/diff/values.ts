/** Values that hurt: boundaries of integers, special floats, boxed and badly boxed singles and halves. */
import type { Prng } from "./prng.ts";

const MASK = (1n << 64n) - 1n;
const view = new DataView(new ArrayBuffer(8));

function doubleBits(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function singleBits(value: number): bigint {
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

const NUMBERS: readonly number[] = [
  0,
  1,
  2,
  0.5,
  1.5,
  2.5,
  3,
  1 / 3,
  10,
  0.1,
  127.5,
  2147483647,
  2147483648,
  2147483648.5,
  2147483647.5,
  4294967295,
  4294967295.5,
  4294967296,
  2 ** 63,
  2 ** 64,
  16777216,
  16777217,
  9007199254740992,
  9007199254740994,
  3.4028234663852886e38,
  3.4028235677973366e38,
  1.1754943508222875e-38,
  1.401298464324817e-45,
  7e-46,
  1.7976931348623157e308,
  2.2250738585072014e-308,
  5e-324,
  1e-310,
  1e300,
  1e-300,
  6.1e-39,
];

/** Bit patterns that are not numbers, or are hard to write as one. */
const ODD_DOUBLES: readonly bigint[] = [
  0x7ff0000000000000n,
  0x7ff8000000000000n,
  0x7ff0000000000001n,
  0x7ff7ffffffffffffn,
  0x7fffffffffffffffn,
  0x7ff800000000beefn,
  0x000fffffffffffffn,
  0x0010000000000001n,
  0x3fefffffffffffffn,
  0x3ff0000000000001n,
  0x381fffffffffffffn,
  0x369fffffffffffffn,
];
const ODD_SINGLES: readonly bigint[] = [
  0x7f800000n,
  0x7fc00000n,
  0x7f800001n,
  0x7fbfffffn,
  0x7fffffffn,
  0x7fc0beefn,
  0x007fffffn,
  0x00800000n,
  0x00800001n,
  0x3f7fffffn,
  0x3f800001n,
  0x7f7fffffn,
  0x00000001n,
];

export function doubleValue(prng: Prng): bigint {
  const sign = prng.chance(50) ? 1n << 63n : 0n;
  const bits = prng.weighted<() => bigint>([
    [5, () => doubleBits(prng.pick(NUMBERS))],
    [3, () => prng.pick(ODD_DOUBLES)],
    [2, () => prng.u64()],
    // Exponents near one another, so that sums and products meet in interesting places.
    [3, () => (BigInt(prng.between(0x3f0, 0x410)) << 52n) | (prng.u64() >> 12n)],
    [2, () => (BigInt(prng.pick([0, 1, 2, 0x7fd, 0x7fe])) << 52n) | (prng.u64() >> 12n)],
    [2, () => (BigInt(prng.between(0x3f0, 0x440)) << 52n) | (BigInt(prng.below(16)) << 48n)],
  ])();
  return (bits ^ sign) & MASK;
}

export function singleValue(prng: Prng): bigint {
  const sign = prng.chance(50) ? 1n << 31n : 0n;
  const fraction = BigInt(prng.below(1 << 23));
  const bits = prng.weighted<() => bigint>([
    [5, () => singleBits(prng.pick(NUMBERS))],
    [3, () => prng.pick(ODD_SINGLES)],
    [2, () => BigInt(prng.u32())],
    [3, () => (BigInt(prng.between(0x70, 0x90)) << 23n) | fraction],
    [2, () => (BigInt(prng.pick([0, 1, 2, 0xfd, 0xfe])) << 23n) | fraction],
  ])();
  return bits ^ sign;
}

const ODD_HALVES: readonly bigint[] = [
  0x0000n,
  0x0001n,
  0x03ffn,
  0x0400n,
  0x3bffn,
  0x3c00n,
  0x3c01n,
  0x7bffn,
  0x7c00n,
  0x7c01n,
  0x7dffn,
  0x7e00n,
  0x7fffn,
];

export function halfValue(prng: Prng): bigint {
  const sign = prng.chance(50) ? 0x8000n : 0n;
  const bits = prng.weighted<() => bigint>([
    [4, () => prng.pick(ODD_HALVES)],
    [3, () => BigInt(prng.below(0x8000))],
    [3, () => BigInt(prng.between(0x3000, 0x4800))],
  ])();
  return bits ^ sign;
}

/** What a float register may hold: doubles, boxed singles and halves, sometimes badly boxed ones. */
export function floatValue(prng: Prng): bigint {
  return prng.weighted<() => bigint>([
    [10, () => doubleValue(prng)],
    [10, () => (0xffffffffn << 32n) | singleValue(prng)],
    [5, () => (0xffffffffffffn << 16n) | halfValue(prng)],
    [1, () => (0xffffffffn << 32n) | BigInt(prng.u32())],
    [1, () => (BigInt(prng.u32()) << 32n) | singleValue(prng)],
    [1, () => prng.pick([0xfffffffen, 0x7fffffffn, 0n]) * (1n << 32n) + singleValue(prng)],
  ])();
}

export function integerValue(prng: Prng): bigint {
  const power = 1n << BigInt(prng.below(64));
  const value = prng.weighted<() => bigint>([
    [4, () => BigInt(prng.between(-16, 16))],
    [3, () => power],
    [3, () => power - 1n],
    [2, () => -power],
    [2, () => BigInt(prng.u32() | 0)],
    [2, () => BigInt(prng.u32())],
    [4, () => prng.u64()],
    [1, () => prng.u64() & prng.u64() & prng.u64()],
    [1, () => (prng.pick([0n, 0xffffffffn, 0x80000000n]) << 32n) | BigInt(prng.u32())],
    [2, () => prng.pick([0x7fffffffn, -0x80000000n, 0x80000000n, 0xffffffffn, 1n << 63n])],
    [2, () => floatValue(prng)],
  ])();
  return value & MASK;
}
