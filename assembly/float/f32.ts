/**
 * The operations of binary32, on raw bits (unprivileged manual, 20; IEEE 754-2019).
 *
 * The fast path is Wasm's own operation, as in binary64; whether it was exact is asked in f64, where
 * products of two f32 are exact. The slow path computes in binary64, rounding inexact results to odd
 * there, and narrows. With 53 >= 24 + 2 bits that is one rounding. Between f32 operands binary64
 * neither overflows nor underflows, and its NX implies the NX of the narrowed result.
 */
import { narrow, significantBits, toI32, toI64, toU32, toU64 } from "./convert";
import { f64AddSlow, f64DivSlow, f64MulSlow, f64SqrtSlow } from "./exact64";
import { FpFlags, NV, NX } from "./flags";
import { f64FmaSlow } from "./fma64";
import { F32, F64, NAN32, nan64, SIGN32, widen } from "./format";
import { ODD, pack32, RNE } from "./round";

/** The lower 29 bits of a binary64 that lies halfway between two normal binary32. */
const HALFWAY: u64 = 1 << 28;
const BELOW: u64 = (1 << 29) - 1;

/** a + b */
export function f32Add(a: u32, b: u32, rm: u32): u32 {
  if (rm != RNE) return f32AddSlow(a, b, rm);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  const sum = x + y;
  if (!F32.isFinite(reinterpret<u32>(sum))) return f32AddSlow(a, b, rm);
  // As `isSum` in f64.ts.
  if (!(FpFlags.bits & NX) && (sum - x != y || sum - y != x)) FpFlags.raise(NX);
  return reinterpret<u32>(sum);
}

/** a - b */
export function f32Sub(a: u32, b: u32, rm: u32): u32 {
  return f32Add(a, b ^ SIGN32, rm);
}

function f32AddSlow(a: u32, b: u32, rm: u32): u32 {
  return narrow(f64AddSlow(widen(a), widen(b), rm | ODD), rm);
}

/** a * b */
export function f32Mul(a: u32, b: u32, rm: u32): u32 {
  if (rm != RNE) return f32MulSlow(a, b, rm);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  const product = x * y;
  if (!F32.isSafe(reinterpret<u32>(product))) return f32MulSlow(a, b, rm);
  if (!(FpFlags.bits & NX) && <f64>x * <f64>y != <f64>product) FpFlags.raise(NX);
  return reinterpret<u32>(product);
}

function f32MulSlow(a: u32, b: u32, rm: u32): u32 {
  return narrow(f64MulSlow(widen(a), widen(b), rm | ODD), rm);
}

/** a / b */
export function f32Div(a: u32, b: u32, rm: u32): u32 {
  if (rm != RNE) return f32DivSlow(a, b, rm);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  const quotient = x / y;
  if (!F32.isSafe(reinterpret<u32>(quotient))) return f32DivSlow(a, b, rm);
  if (!(FpFlags.bits & NX) && <f64>quotient * <f64>y != <f64>x) FpFlags.raise(NX);
  return reinterpret<u32>(quotient);
}

function f32DivSlow(a: u32, b: u32, rm: u32): u32 {
  return narrow(f64DivSlow(widen(a), widen(b), rm | ODD), rm);
}

/** The square root of a. */
export function f32Sqrt(a: u32, rm: u32): u32 {
  if (rm != RNE) return f32SqrtSlow(a, rm);
  const x = reinterpret<f32>(a);
  const root = sqrt<f32>(x);
  if (!F32.isSafe(reinterpret<u32>(root))) return f32SqrtSlow(a, rm);
  if (!(FpFlags.bits & NX) && <f64>root * <f64>root != <f64>x) FpFlags.raise(NX);
  return reinterpret<u32>(root);
}

function f32SqrtSlow(a: u32, rm: u32): u32 {
  return narrow(f64SqrtSlow(widen(a), rm | ODD), rm);
}

/** a * b + c */
export function f32Fma(a: u32, b: u32, c: u32, rm: u32): u32 {
  if (rm != RNE) return f32FmaSlow(a, b, c, rm);
  const product = <f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b);
  const addend = <f64>reinterpret<f32>(c);
  const sum = product + addend;
  const result = reinterpret<u32>(<f32>sum);
  // The product is exact, the sum rounded, the result rounded again. Twice matters only if the sum
  // came to lie halfway; otherwise it is on the same side of every halfway point as the exact one.
  if (!F32.isSafe(result) || (reinterpret<u64>(sum) & BELOW) == HALFWAY)
    return f32FmaSlow(a, b, c, rm);
  if (!(FpFlags.bits & NX)) {
    const isSumExact = sum - product == addend && sum - addend == product; // As `isSum` in f64.ts.
    if (!isSumExact || <f64>(<f32>sum) != sum) FpFlags.raise(NX);
  }
  return result;
}

function f32FmaSlow(a: u32, b: u32, c: u32, rm: u32): u32 {
  return narrow(f64FmaSlow(widen(a), widen(b), widen(c), rm | ODD), rm);
}

/** binary32 to binary64 */
export function f32ToF64(a: u32): u64 {
  const result = widen(a);
  return F64.isNan(result) ? nan64(result, result) : result;
}

/** To an integer register; 32-bit results are sign-extended, unsigned ones too. */
export function f32ToI32(a: u32, rm: u32): u64 {
  return toI32(reinterpret<f32>(a), rm);
}

export function f32ToU32(a: u32, rm: u32): u64 {
  return toU32(reinterpret<f32>(a), rm);
}

export function f32ToI64(a: u32, rm: u32): u64 {
  return toI64(reinterpret<f32>(a), rm);
}

export function f32ToU64(a: u32, rm: u32): u64 {
  return toU64(reinterpret<f32>(a), rm);
}

/** From an integer register, or from its low 32 bits. */
export function f32FromI64(x: u64, rm: u32): u32 {
  const magnitude = <i64>x < 0 ? 0 - x : x;
  if (significantBits(magnitude) <= 24) return reinterpret<u32>(<f32>(<i64>x));
  const shift = <i32>clz(magnitude);
  return pack32(x >> 63, 127 + 63 - shift, magnitude << shift, rm);
}

export function f32FromU64(x: u64, rm: u32): u32 {
  if (significantBits(x) <= 24) return reinterpret<u32>(<f32>x);
  const shift = <i32>clz(x);
  return pack32(0, 127 + 63 - shift, x << shift, rm);
}

export function f32FromI32(x: u64, rm: u32): u32 {
  return f32FromI64(<u64>(<i64>(<i32>x)), rm);
}

export function f32FromU32(x: u64, rm: u32): u32 {
  return f32FromU64(<u64>(<u32>x), rm);
}

/** a == b; invalid only for signaling NaNs. */
export function f32Eq(a: u32, b: u32): u64 {
  if (F32.isSignaling(a) || F32.isSignaling(b)) FpFlags.raise(NV);
  return u64(reinterpret<f32>(a) == reinterpret<f32>(b));
}

/** a < b; invalid for any NaN. */
export function f32Lt(a: u32, b: u32): u64 {
  if (F32.isNan(a) || F32.isNan(b)) FpFlags.raise(NV);
  return u64(reinterpret<f32>(a) < reinterpret<f32>(b));
}

/** a <= b; invalid for any NaN. */
export function f32Le(a: u32, b: u32): u64 {
  if (F32.isNan(a) || F32.isNan(b)) FpFlags.raise(NV);
  return u64(reinterpret<f32>(a) <= reinterpret<f32>(b));
}

/** Numbers in their order as signed integers, -0 just below +0. */
function order(a: u32): i32 {
  return <i32>(a ^ (<u32>(<i32>a >> 31) >> 1));
}

/** The number among a and b, or the canonical NaN. */
function numberOf(a: u32, b: u32): u32 {
  if (F32.isSignaling(a) || F32.isSignaling(b)) FpFlags.raise(NV);
  if (F32.isNan(a)) return F32.isNan(b) ? NAN32 : b;
  return a;
}

/** minimumNumber (IEEE 754-2019, 9.6) */
export function f32Min(a: u32, b: u32): u32 {
  if (F32.isNan(a) || F32.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? a : b;
}

/** maximumNumber (IEEE 754-2019, 9.6) */
export function f32Max(a: u32, b: u32): u32 {
  if (F32.isNan(a) || F32.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? b : a;
}

/** One bit for the class: -inf, -normal, -subnormal, -0, +0, ..., +inf, signaling, quiet NaN. */
export function f32Classify(a: u32): u64 {
  if (F32.isNan(a)) return F32.isSignaling(a) ? 1 << 8 : 1 << 9;
  const isNegative = (a & SIGN32) != 0;
  if (F32.isInfinite(a)) return isNegative ? 1 << 0 : 1 << 7;
  if (F32.isZero(a)) return isNegative ? 1 << 3 : 1 << 4;
  if (F32.isSubnormal(a)) return isNegative ? 1 << 2 : 1 << 5;
  return isNegative ? 1 << 1 : 1 << 6;
}
