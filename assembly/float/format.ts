/**
 * The formats, taken apart.
 *
 *     binary64   s eeeeeeeeeee ffff...ffff    1 + 11 + 52 bits, bias 1023
 *     binary32   s eeeeeeee    ffff...ffff    1 +  8 + 23 bits, bias 127
 *     binary16   s eeeee       ffff...ffff    1 +  5 + 10 bits, bias 15
 *
 * The exponent e = 0 means zero or subnormal, all ones infinity (f = 0) or NaN; a NaN is quiet when
 * the first bit of f is set.
 */
import { FpFlags, NV } from "./flags";
import { INF16, INF32, INF64 } from "./round";

export const SIGN64: u64 = 1 << 63;
/** The canonical NaN: the only one that arithmetic ever yields (unprivileged manual, 20.3). */
export const NAN64: u64 = 0x7ff8000000000000;
const QUIET64: u64 = 1 << 51;
const FRACTION64: u64 = (1 << 52) - 1;

export const SIGN32: u32 = 1 << 31;
export const NAN32: u32 = 0x7fc00000;
const QUIET32: u32 = 1 << 22;

export const SIGN16: u32 = 1 << 15;
export const NAN16: u32 = 0x7e00;
const QUIET16: u32 = 1 << 9;
const FRACTION16: u32 = (1 << 10) - 1;

export abstract class F64 {
  @inline static isNan(a: u64): bool {
    return a << 1 > INF64 << 1;
  }

  @inline static isSignaling(a: u64): bool {
    return F64.isNan(a) && !(a & QUIET64);
  }

  @inline static isFinite(a: u64): bool {
    return a << 1 < INF64 << 1;
  }

  @inline static isInfinite(a: u64): bool {
    return a << 1 == INF64 << 1;
  }

  @inline static isZero(a: u64): bool {
    return !(a << 1);
  }

  @inline static isSubnormal(a: u64): bool {
    return (a & ~SIGN64) - 1 < FRACTION64;
  }

  /** Finite and at least 2^-1021: a rounded result like this was neither tiny nor too large. */
  @inline static isSafe(a: u64): bool {
    return (a << 1) - (2 << 53) < (<u64>0x7fd) << 53;
  }

  /** The significand of a nonzero finite number, its leading one moved to bit 63. */
  @inline static sig(a: u64): u64 {
    const fraction = a & FRACTION64;
    return a & INF64 ? (fraction << 11) | SIGN64 : fraction << clz(fraction);
  }

  /** The biased exponent that belongs to `sig`: below 1 for subnormals. */
  @inline static exponent(a: u64): i32 {
    const field = <i32>((a & INF64) >> 52);
    return field ? field : 12 - <i32>clz(a & FRACTION64);
  }
}

export abstract class F32 {
  @inline static isNan(a: u32): bool {
    return a << 1 > INF32 << 1;
  }

  @inline static isSignaling(a: u32): bool {
    return F32.isNan(a) && !(a & QUIET32);
  }

  @inline static isFinite(a: u32): bool {
    return a << 1 < INF32 << 1;
  }

  @inline static isInfinite(a: u32): bool {
    return a << 1 == INF32 << 1;
  }

  @inline static isZero(a: u32): bool {
    return !(a << 1);
  }

  @inline static isSubnormal(a: u32): bool {
    return (a & ~SIGN32) - 1 < (1 << 23) - 1;
  }

  /** Finite and at least 2^-125: a rounded result like this was neither tiny nor too large. */
  @inline static isSafe(a: u32): bool {
    return (a << 1) - (2 << 24) < 0xfd << 24;
  }
}

/** Operands are 16 bits, zero-extended. */
export abstract class F16 {
  @inline static isNan(a: u32): bool {
    return (a & ~SIGN16) > INF16;
  }

  @inline static isSignaling(a: u32): bool {
    return F16.isNan(a) && !(a & QUIET16);
  }

  @inline static isInfinite(a: u32): bool {
    return (a & ~SIGN16) == INF16;
  }

  @inline static isZero(a: u32): bool {
    return !(a & ~SIGN16);
  }

  @inline static isSubnormal(a: u32): bool {
    return (a & ~SIGN16) - 1 < FRACTION16;
  }
}

/** The result for operands of which at least one is NaN. */
export function nan64(a: u64, b: u64): u64 {
  if (F64.isSignaling(a) || F64.isSignaling(b)) FpFlags.raise(NV);
  return NAN64;
}

/** The result of an operation that has none. */
export function invalid64(): u64 {
  FpFlags.raise(NV);
  return NAN64;
}

/** The same number as binary64, always exact; a NaN stays as quiet or signaling as it was. */
export function widen(a: u32): u64 {
  if (!F32.isNan(a)) return reinterpret<u64>(<f64>reinterpret<f32>(a));
  return INF64 | ((<u64>a & 0x7fffff) << 29);
}

/** Likewise from binary16. */
export function widen16(a: u32): u64 {
  const sign = (<u64>(a & SIGN16)) << 48;
  const fraction = <u64>(a & FRACTION16);
  const field = <u64>((a & INF16) >> 10);
  if (field == 31) return sign | INF64 | (fraction << 42);
  if (field) return sign | ((field + 1023 - 15) << 52) | (fraction << 42);
  return sign | reinterpret<u64>(<f64>fraction * 5.9604644775390625e-8); // 2^-24
}
