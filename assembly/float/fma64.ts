/** binary64: fused multiply-add in every mode, the slow path of `f64Fma` (IEEE 754-2019, 5.4.1). */
import { f64MulSlow, mulHigh, zeroSum } from "./exact64";
import { FpFlags, NV } from "./flags";
import { F64, invalid64, nan64, SIGN64 } from "./format";
import { INF64, pack64, shiftRightSticky } from "./round";

/** a * b + c, rounded once. */
export function f64FmaSlow(a: u64, b: u64, c: u64, rm: u32): u64 {
  if ((a & INF64) == INF64 || (b & INF64) == INF64 || (c & INF64) == INF64)
    return fmaSpecial(a, b, c);
  if (F64.isZero(c)) return fmaZero(a, b, c, rm);
  if (F64.isZero(a) || F64.isZero(b)) return c;
  return fmaFinite(a, b, c, rm);
}

/** At least one operand is infinite or NaN. */
function fmaSpecial(a: u64, b: u64, c: u64): u64 {
  const isProductInvalid =
    (F64.isInfinite(a) && F64.isZero(b)) || (F64.isZero(a) && F64.isInfinite(b));
  // Invalid even if c is a quiet NaN (unprivileged manual, 20.6).
  if (isProductInvalid) return invalid64();
  if (F64.isNan(a) || F64.isNan(b) || F64.isNan(c)) {
    if (F64.isSignaling(c)) FpFlags.raise(NV);
    return nan64(a, b);
  }
  if (!F64.isInfinite(a) && !F64.isInfinite(b)) return c;
  const product = ((a ^ b) & SIGN64) | INF64;
  return c == (product ^ SIGN64) ? invalid64() : product;
}

/** c is zero, a and b are finite. */
function fmaZero(a: u64, b: u64, c: u64, rm: u32): u64 {
  if (!F64.isZero(a) && !F64.isZero(b)) return f64MulSlow(a, b, rm);
  return (a ^ b) >> 63 == c >> 63 ? c : zeroSum(rm);
}

/**
 * All are finite and not zero. In 128 bits, with a leading bit for the carry:
 *
 *     product   0 1x.xxxx ... 106 bits ... xxxx 00000      (the leading one may be one lower)
 *     c         0 1.xxxxx ... 53 bits ... 0000 000000
 *
 * The one with the smaller exponent is shifted right. It loses bits only when it lies so far below
 * that a difference loses at most two leading bits, and the sticky bit stays out of the way.
 */
function fmaFinite(a: u64, b: u64, c: u64, rm: u32): u64 {
  const aSig = F64.sig(a);
  const bSig = F64.sig(b);
  const productHigh = mulHigh(aSig, bSig);
  let high = productHigh >> 1;
  let low = ((aSig * bSig) >> 1) | (productHigh << 63);
  let cHigh = F64.sig(c) >> 1;
  let cLow: u64 = 0;
  let exponent = F64.exponent(a) + F64.exponent(b) - 1022;
  const distance = exponent - F64.exponent(c);
  if (distance > 0) {
    cLow = shiftLow(cHigh, 0, distance);
    cHigh = distance < 64 ? cHigh >> distance : 0;
  } else if (distance < 0) {
    low = shiftLow(high, low, -distance);
    high = distance > -64 ? high >> -distance : 0;
    exponent -= distance;
  }
  let sign = (a ^ b) >> 63;
  if (sign == c >> 63) {
    low += cLow;
    high += cHigh + u64(low < cLow);
  } else {
    const borrow = u64(low < cLow);
    low -= cLow;
    high -= cHigh + borrow;
    if (<i64>high < 0) {
      low = 0 - low;
      high = ~high + u64(low == 0);
      sign ^= 1;
    }
  }
  if (!high) {
    if (!low) return zeroSum(rm);
    high = low;
    low = 0;
    exponent -= 64;
  }
  const shift = <i32>clz(high);
  if (shift) high = (high << shift) | (low >> (64 - shift));
  return pack64(sign, exponent + 1 - shift, high | u64(low << shift != 0), rm);
}

/** The low half of high:low shifted right by 1 or more, with a trace of what falls out. */
function shiftLow(high: u64, low: u64, count: i32): u64 {
  if (count >= 64) return shiftRightSticky(high, count - 64) | u64(low != 0);
  return shiftRightSticky(low, count) | (high << (64 - count));
}
