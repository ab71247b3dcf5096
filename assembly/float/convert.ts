/** What the formats share of the conversions (unprivileged manual, 20.7 and 21.5). */
import { FpFlags, NV, NX } from "./flags";
import { F64, NAN16, NAN32, nan64, SIGN64 } from "./format";
import { INF16, INF32, pack16, pack32, RDN, RNE, RTZ, RUP } from "./round";

const TWO_63: f64 = <f64>((<u64>1) << 63);

/** The slow path of `f64ToF32`. */
export function narrow(a: u64, rm: u32): u32 {
  if (F64.isNan(a)) {
    nan64(a, a);
    return NAN32;
  }
  const sign = a >> 63;
  if (F64.isInfinite(a)) return ((<u32>sign) << 31) | INF32;
  if (F64.isZero(a)) return (<u32>sign) << 31;
  return pack32(sign, F64.exponent(a) - 1023 + 127, F64.sig(a), rm);
}

/** binary64 to binary16 */
export function narrow16(a: u64, rm: u32): u32 {
  if (F64.isNan(a)) {
    nan64(a, a);
    return NAN16;
  }
  const sign = a >> 63;
  if (F64.isInfinite(a)) return ((<u32>sign) << 15) | INF16;
  if (F64.isZero(a)) return (<u32>sign) << 15;
  return pack16(sign, F64.exponent(a) - 1023 + 15, F64.sig(a), rm);
}

/** Rounds to an integer in the same format, without exceptions. */
function roundToInteger(x: f64, rm: u32): f64 {
  if (rm == RTZ) return trunc<f64>(x);
  if (rm == RNE) return nearest<f64>(x);
  if (rm == RDN) return floor<f64>(x);
  if (rm == RUP) return ceil<f64>(x);
  const whole = trunc<f64>(x);
  return abs<f64>(x - whole) < 0.5 ? whole : whole + copysign<f64>(1, x); // RMM; both exact.
}

/** What does not fit becomes the nearest limit, NaN the upper one. */
function saturate(x: f64, lowest: u64, highest: u64): u64 {
  FpFlags.raise(NV);
  return x < 0 ? lowest : highest;
}

export function toI32(x: f64, rm: u32): u64 {
  const whole = roundToInteger(x, rm);
  if (!(whole >= -2147483648.0 && whole <= 2147483647.0))
    return saturate(x, <u64>(<i64>i32.MIN_VALUE), i32.MAX_VALUE);
  if (whole != x) FpFlags.raise(NX);
  return <u64>(<i64>whole);
}

export function toU32(x: f64, rm: u32): u64 {
  const whole = roundToInteger(x, rm);
  if (!(whole >= 0 && whole <= 4294967295.0)) return saturate(x, 0, ~0);
  if (whole != x) FpFlags.raise(NX);
  return <u64>(<i64>(<i32>(<u32>whole)));
}

export function toI64(x: f64, rm: u32): u64 {
  const whole = roundToInteger(x, rm);
  if (!(whole >= -TWO_63 && whole < TWO_63)) return saturate(x, SIGN64, i64.MAX_VALUE);
  if (whole != x) FpFlags.raise(NX);
  return <u64>(<i64>whole);
}

export function toU64(x: f64, rm: u32): u64 {
  const whole = roundToInteger(x, rm);
  if (!(whole >= 0 && whole < 2 * TWO_63)) return saturate(x, 0, ~0);
  if (whole != x) FpFlags.raise(NX);
  return <u64>whole;
}

/** From the first to the last one bit. */
export function significantBits(magnitude: u64): i32 {
  return 64 - <i32>clz(magnitude) - <i32>ctz(magnitude);
}
