/**
 * binary64, exactly: every rounding mode, every operand, every exception (IEEE 754-2019, 5.4.1).
 *
 * The significands are integers, left-aligned; what a rounding needs to know beyond 64 bits is one
 * sticky bit (see round.ts). These are the slow paths of f64.ts, and of f32.ts with mode ODD.
 */
import { DZ, FpFlags } from "./flags";
import { F64, invalid64, nan64, SIGN64 } from "./format";
import { INF64, pack64, RDN, shiftRightSticky } from "./round";

/** The upper half of a 128-bit product. */
export function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const middle2 = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (middle2 >> 32);
}

/** Zero as the exact sum of two numbers of opposite signs. */
export function zeroSum(rm: u32): u64 {
  return (rm & 7) == RDN ? SIGN64 : 0;
}

/** a + b */
export function f64AddSlow(a: u64, b: u64, rm: u32): u64 {
  if (F64.isNan(a) || F64.isNan(b)) return nan64(a, b);
  if (F64.isInfinite(a)) return a == (b ^ SIGN64) ? invalid64() : a;
  if (F64.isInfinite(b)) return b;
  if (F64.isZero(b)) return F64.isZero(a) && a != b ? zeroSum(rm) : a;
  if (F64.isZero(a)) return b;
  return a << 1 < b << 1 ? addOrdered(b, a, rm) : addOrdered(a, b, rm);
}

/** The sum of finite nonzero numbers, |a| >= |b|. */
function addOrdered(a: u64, b: u64, rm: u32): u64 {
  const sign = a >> 63;
  const exponent = F64.exponent(a);
  // One bit to the right, for the carry: 53 bits, then 10 that keep b exact up to a distance of 10.
  // Farther apart, a difference loses at most one leading bit, and the sticky bit stays below.
  const aSig = F64.sig(a) >> 1;
  const bSig = shiftRightSticky(F64.sig(b) >> 1, exponent - F64.exponent(b));
  const sum = <i64>(a ^ b) < 0 ? aSig - bSig : aSig + bSig;
  if (!sum) return zeroSum(rm);
  const shift = <i32>clz(sum);
  return pack64(sign, exponent + 1 - shift, sum << shift, rm);
}

/** a * b */
export function f64MulSlow(a: u64, b: u64, rm: u32): u64 {
  if (F64.isNan(a) || F64.isNan(b)) return nan64(a, b);
  const sign = (a ^ b) & SIGN64;
  if (F64.isInfinite(a)) return F64.isZero(b) ? invalid64() : sign | INF64;
  if (F64.isInfinite(b)) return F64.isZero(a) ? invalid64() : sign | INF64;
  if (F64.isZero(a) || F64.isZero(b)) return sign;
  const aSig = F64.sig(a);
  const bSig = F64.sig(b);
  const high = mulHigh(aSig, bSig);
  const shift = <i32>clz(high); // 0 or 1.
  const sig = (high << shift) | u64(aSig * bSig != 0); // The low half ends in 22 zeros.
  return pack64(sign >> 63, F64.exponent(a) + F64.exponent(b) - 1022 - shift, sig, rm);
}

/** a / b */
export function f64DivSlow(a: u64, b: u64, rm: u32): u64 {
  if (F64.isNan(a) || F64.isNan(b)) return nan64(a, b);
  const sign = (a ^ b) & SIGN64;
  if (F64.isInfinite(a)) return F64.isInfinite(b) ? invalid64() : sign | INF64;
  if (F64.isInfinite(b)) return sign;
  if (F64.isZero(b)) {
    if (F64.isZero(a)) return invalid64();
    FpFlags.raise(DZ);
    return sign | INF64;
  }
  if (F64.isZero(a)) return sign;
  const bSig = F64.sig(b) >> 11;
  const bitsBelow = u64(F64.sig(a) >> 11 < bSig);
  const aSig = (F64.sig(a) >> 11) << bitsBelow;
  // 1 <= aSig / bSig < 2, both exact as f64: Wasm gives the 53 bits nearest to the quotient, and
  // the remainder, known modulo 2^64 and less than 2^53, says on which side of them it lies.
  const nearest = <u64>((<f64>aSig / <f64>bSig) * 4503599627370496.0);
  const sig = besides(nearest, <i64>((aSig << 52) - nearest * bSig));
  const exponent = F64.exponent(a) - F64.exponent(b) + 1023 - <i32>bitsBelow;
  return pack64(sign >> 63, exponent, sig, rm);
}

/** A 53-bit number as `sig` with a sticky bit for the remainder that it leaves, of either sign. */
function besides(nearest: u64, remainder: i64): u64 {
  // Never below 2^63: a quotient or root of at least one has no nearest number above itself at one.
  return (nearest << 11) + u64(remainder > 0) - u64(remainder < 0);
}

/** The square root of a. */
export function f64SqrtSlow(a: u64, rm: u32): u64 {
  if (F64.isNan(a)) return nan64(a, a);
  if (F64.isZero(a)) return a;
  if (a >> 63) return invalid64();
  if (F64.isInfinite(a)) return a;
  const power = F64.exponent(a) - 1023;
  const aSig = (F64.sig(a) >> 11) << (power & 1);
  // 1 <= aSig / 2^52 < 4. The rest is as in division.
  const nearest = <u64>(sqrt<f64>(<f64>aSig / 4503599627370496.0) * 4503599627370496.0);
  const sig = besides(nearest, <i64>((aSig << 52) - nearest * nearest));
  return pack64(0, (power >> 1) + 1023, sig, rm);
}
