/**
 * The operations of binary16, on raw bits (unprivileged manual, "Zfh"; IEEE 754-2019).
 *
 * All are done in binary64, rounding inexact results to odd there, and narrowed: with 53 >= 11 + 2 bits
 * that is one rounding. Between binary16 operands binary64 neither overflows nor underflows, and its NX
 * implies the NX of the narrowed result. Halves are mostly loaded, stored and converted: nothing is
 * gained by faster ways.
 */
import { narrow16, toI32, toI64, toU32, toU64 } from "./convert";
import { f64AddSlow, f64DivSlow, f64MulSlow, f64SqrtSlow } from "./exact64";
import { f64Eq, f64Le, f64Lt } from "./f64";
import { FpFlags, NV } from "./flags";
import { f64FmaSlow } from "./fma64";
import { F16, NAN16, NAN32, NAN64, SIGN16, widen, widen16 } from "./format";
import { ODD, pack16 } from "./round";

/** a + b */
export function f16Add(a: u32, b: u32, rm: u32): u32 {
  return narrow16(f64AddSlow(widen16(a), widen16(b), rm | ODD), rm);
}

/** a - b */
export function f16Sub(a: u32, b: u32, rm: u32): u32 {
  return f16Add(a, b ^ SIGN16, rm);
}

/** a * b */
export function f16Mul(a: u32, b: u32, rm: u32): u32 {
  return narrow16(f64MulSlow(widen16(a), widen16(b), rm | ODD), rm);
}

/** a / b */
export function f16Div(a: u32, b: u32, rm: u32): u32 {
  return narrow16(f64DivSlow(widen16(a), widen16(b), rm | ODD), rm);
}

/** The square root of a. */
export function f16Sqrt(a: u32, rm: u32): u32 {
  return narrow16(f64SqrtSlow(widen16(a), rm | ODD), rm);
}

/** a * b + c */
export function f16Fma(a: u32, b: u32, c: u32, rm: u32): u32 {
  return narrow16(f64FmaSlow(widen16(a), widen16(b), widen16(c), rm | ODD), rm);
}

/** binary16 to binary32, always exact */
export function f16ToF32(a: u32): u32 {
  if (!F16.isNan(a)) return reinterpret<u32>(<f32>reinterpret<f64>(widen16(a)));
  if (F16.isSignaling(a)) FpFlags.raise(NV);
  return NAN32;
}

/** binary16 to binary64, always exact */
export function f16ToF64(a: u32): u64 {
  if (!F16.isNan(a)) return widen16(a);
  if (F16.isSignaling(a)) FpFlags.raise(NV);
  return NAN64;
}

/** binary32 to binary16 */
export function f32ToF16(a: u32, rm: u32): u32 {
  return narrow16(widen(a), rm);
}

/** binary64 to binary16 */
export function f64ToF16(a: u64, rm: u32): u32 {
  return narrow16(a, rm);
}

/** To an integer register; 32-bit results are sign-extended, unsigned ones too. */
export function f16ToI32(a: u32, rm: u32): u64 {
  return toI32(reinterpret<f64>(widen16(a)), rm);
}

export function f16ToU32(a: u32, rm: u32): u64 {
  return toU32(reinterpret<f64>(widen16(a)), rm);
}

export function f16ToI64(a: u32, rm: u32): u64 {
  return toI64(reinterpret<f64>(widen16(a)), rm);
}

export function f16ToU64(a: u32, rm: u32): u64 {
  return toU64(reinterpret<f64>(widen16(a)), rm);
}

function fromMagnitude(sign: u64, magnitude: u64, rm: u32): u32 {
  if (!magnitude) return 0;
  const shift = <i32>clz(magnitude);
  return pack16(sign, 15 + 63 - shift, magnitude << shift, rm);
}

/** From an integer register, or from its low 32 bits. */
export function f16FromI64(x: u64, rm: u32): u32 {
  return fromMagnitude(x >> 63, <i64>x < 0 ? 0 - x : x, rm);
}

export function f16FromU64(x: u64, rm: u32): u32 {
  return fromMagnitude(0, x, rm);
}

export function f16FromI32(x: u64, rm: u32): u32 {
  return f16FromI64(<u64>(<i64>(<i32>x)), rm);
}

export function f16FromU32(x: u64, rm: u32): u32 {
  return f16FromU64(<u64>(<u32>x), rm);
}

/** a == b; invalid only for signaling NaNs. */
export function f16Eq(a: u32, b: u32): u64 {
  return f64Eq(widen16(a), widen16(b));
}

/** a < b; invalid for any NaN. */
export function f16Lt(a: u32, b: u32): u64 {
  return f64Lt(widen16(a), widen16(b));
}

/** a <= b; invalid for any NaN. */
export function f16Le(a: u32, b: u32): u64 {
  return f64Le(widen16(a), widen16(b));
}

/** Numbers in their order as signed integers, -0 just below +0. */
function order(a: u32): i32 {
  const value = <i32>(a << 16) >> 16;
  return value ^ ((value >> 15) & 0x7fff);
}

/** The number among a and b, or the canonical NaN. */
function numberOf(a: u32, b: u32): u32 {
  if (F16.isSignaling(a) || F16.isSignaling(b)) FpFlags.raise(NV);
  if (F16.isNan(a)) return F16.isNan(b) ? NAN16 : b;
  return a;
}

/** minimumNumber (IEEE 754-2019, 9.6) */
export function f16Min(a: u32, b: u32): u32 {
  if (F16.isNan(a) || F16.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? a : b;
}

/** maximumNumber (IEEE 754-2019, 9.6) */
export function f16Max(a: u32, b: u32): u32 {
  if (F16.isNan(a) || F16.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? b : a;
}

/** One bit for the class: -inf, -normal, -subnormal, -0, +0, ..., +inf, signaling, quiet NaN. */
export function f16Classify(a: u32): u64 {
  if (F16.isNan(a)) return F16.isSignaling(a) ? 1 << 8 : 1 << 9;
  const isNegative = (a & SIGN16) != 0;
  if (F16.isInfinite(a)) return isNegative ? 1 << 0 : 1 << 7;
  if (F16.isZero(a)) return isNegative ? 1 << 3 : 1 << 4;
  if (F16.isSubnormal(a)) return isNegative ? 1 << 2 : 1 << 5;
  return isNegative ? 1 << 1 : 1 << 6;
}
