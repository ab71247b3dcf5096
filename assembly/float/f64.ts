/**
 * The operations of binary64, on raw bits (unprivileged manual, 20 and 21; IEEE 754-2019).
 *
 * Wasm rounds to nearest even and reports no exceptions. So in mode RNE its result is ours whenever
 * it is finite and not near the tiny range; only NX is left to find out, and only while it is not
 * accrued yet. Everything else takes the function named `...Slow`.
 */
import { narrow, significantBits, toI32, toI64, toU32, toU64 } from "./convert";
import { f64AddSlow, f64DivSlow, f64MulSlow, f64SqrtSlow } from "./exact64";
import { FpFlags, NV, NX } from "./flags";
import { f64FmaSlow } from "./fma64";
import { F32, F64, nan64, SIGN64 } from "./format";
import { pack64, RNE } from "./round";

/** Between these, a product of two binary64 is a sum of two. */
export const SMALL: f64 = 1e-270;
export const LARGE: f64 = 1e300;

/**
 * Whether the rounded sum of x and y is the exact one. An exact sum passes both comparisons. An
 * inexact one fails that of the smaller operand: taking the larger one off a rounded sum is exact
 * (Dekker), so the error shows.
 */
function isSum(sum: f64, x: f64, y: f64): bool {
  return sum - x == y && sum - y == x;
}

/** a + b */
export function f64Add(a: u64, b: u64, rm: u32): u64 {
  if (rm != RNE) return f64AddSlow(a, b, rm);
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  const sum = x + y;
  // A sum in the subnormal range is exact: a finite one is safe without a lower bound.
  if (!F64.isFinite(reinterpret<u64>(sum))) return f64AddSlow(a, b, rm);
  if (!(FpFlags.bits & NX) && !isSum(sum, x, y)) FpFlags.raise(NX);
  return reinterpret<u64>(sum);
}

/** a - b */
export function f64Sub(a: u64, b: u64, rm: u32): u64 {
  return f64Add(a, b ^ SIGN64, rm);
}

/** a * b */
export function f64Mul(a: u64, b: u64, rm: u32): u64 {
  if (rm != RNE) return f64MulSlow(a, b, rm);
  const product = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b));
  if (!F64.isSafe(product)) return f64MulSlow(a, b, rm);
  if (!(FpFlags.bits & NX) && isProductInexact(a, b, product)) FpFlags.raise(NX);
  return product;
}

/** Of the 105 or 106 bits of the exact product, a normal one keeps 53: were the others zero? */
function isProductInexact(a: u64, b: u64, product: u64): bool {
  const low = (F64.sig(a) >> 11) * (F64.sig(b) >> 11);
  // 1 for 106 bits, 0 for 105. A carry by rounding makes 105 look like 106, but then the product
  // was inexact with a one among its low 52 bits, and is found to be.
  const carry = F64.exponent(product) + 1023 - F64.exponent(a) - F64.exponent(b);
  return low << (12 - carry) != 0;
}

/** a / b */
export function f64Div(a: u64, b: u64, rm: u32): u64 {
  if (rm != RNE) return f64DivSlow(a, b, rm);
  const quotient = reinterpret<u64>(reinterpret<f64>(a) / reinterpret<f64>(b));
  // An infinite divisor gives zero, a zero divisor no finite number: both are finite here.
  if (!F64.isSafe(quotient)) return f64DivSlow(a, b, rm);
  if (!(FpFlags.bits & NX) && isQuotientInexact(a, b, quotient)) FpFlags.raise(NX);
  return quotient;
}

/** Whether a normal quotient times the divisor misses the dividend. */
function isQuotientInexact(a: u64, b: u64, quotient: u64): bool {
  const aSig = F64.sig(a) >> 11;
  const bSig = F64.sig(b) >> 11;
  // The remainder is less than 2^53: it is zero if it is zero modulo 2^64.
  return aSig << (aSig < bSig ? 53 : 52) != (F64.sig(quotient) >> 11) * bSig;
}

/** The square root of a. */
export function f64Sqrt(a: u64, rm: u32): u64 {
  if (rm != RNE) return f64SqrtSlow(a, rm);
  const root = reinterpret<u64>(sqrt<f64>(reinterpret<f64>(a)));
  if (!F64.isSafe(root)) return f64SqrtSlow(a, rm);
  if (!(FpFlags.bits & NX)) f64SqrtSlow(a, rm); // For its exception.
  return root;
}

/** a * b + c, rounded once. */
export function f64Fma(a: u64, b: u64, c: u64, rm: u32): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  const z = reinterpret<f64>(c);
  const product = x * y;
  // The parts below then neither overflow nor lose bits to underflow.
  const isMiddling = abs<f64>(product) >= SMALL && abs<f64>(product) < LARGE && abs<f64>(z) < LARGE;
  if (rm != RNE || !isMiddling) return f64FmaSlow(a, b, c, rm);
  const error = productError(a, b, product);
  const sum = product + z;
  const zPart = sum - product;
  const sumError = product - (sum - zPart) + (z - zPart); // Exact (Knuth).
  // x * y + z == sum + error + sumError. The last two are added with a relative error of 2^-53:
  // if a little more and a little less round to the same result, so does what lies between.
  const rest = error + sumError;
  const result = sum + rest * (1 + f64.EPSILON * 2);
  if (result != sum + rest * (1 - f64.EPSILON * 2)) return f64FmaSlow(a, b, c, rm);
  if (!(FpFlags.bits & NX) && !(isSum(rest, error, sumError) && isSum(result, sum, rest)))
    FpFlags.raise(NX);
  return reinterpret<u64>(result);
}

/** x * y - product, exactly (Dekker): products of halves of at most 26 bits are exact. */
function productError(a: u64, b: u64, product: f64): f64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  // Rounded to the upper 26 bits; the largest numbers become infinite, and the error NaN.
  const xHigh = reinterpret<f64>((a + (1 << 26)) & ~((1 << 27) - 1));
  const yHigh = reinterpret<f64>((b + (1 << 26)) & ~((1 << 27) - 1));
  const xLow = x - xHigh;
  const yLow = y - yHigh;
  return xHigh * yHigh - product + xHigh * yLow + xLow * yHigh + xLow * yLow;
}

/** binary64 to binary32 */
export function f64ToF32(a: u64, rm: u32): u32 {
  if (rm != RNE) return narrow(a, rm);
  const x = reinterpret<f64>(a);
  const result = <f32>x;
  if (!F32.isSafe(reinterpret<u32>(result))) return narrow(a, rm);
  if (!(FpFlags.bits & NX) && <f64>result != x) FpFlags.raise(NX);
  return reinterpret<u32>(result);
}

/** To an integer register; 32-bit results are sign-extended, unsigned ones too. */
export function f64ToI32(a: u64, rm: u32): u64 {
  return toI32(reinterpret<f64>(a), rm);
}

export function f64ToU32(a: u64, rm: u32): u64 {
  return toU32(reinterpret<f64>(a), rm);
}

export function f64ToI64(a: u64, rm: u32): u64 {
  return toI64(reinterpret<f64>(a), rm);
}

export function f64ToU64(a: u64, rm: u32): u64 {
  return toU64(reinterpret<f64>(a), rm);
}

/** From the low 32 bits of an integer register: always exact. */
export function f64FromI32(x: u64, _rm: u32): u64 {
  return reinterpret<u64>(<f64>(<i32>x));
}

export function f64FromU32(x: u64, _rm: u32): u64 {
  return reinterpret<u64>(<f64>(<u32>x));
}

export function f64FromI64(x: u64, rm: u32): u64 {
  const magnitude = <i64>x < 0 ? 0 - x : x;
  if (significantBits(magnitude) <= 53) return reinterpret<u64>(<f64>(<i64>x));
  const shift = <i32>clz(magnitude);
  return pack64(x >> 63, 1023 + 63 - shift, magnitude << shift, rm);
}

export function f64FromU64(x: u64, rm: u32): u64 {
  if (significantBits(x) <= 53) return reinterpret<u64>(<f64>x);
  const shift = <i32>clz(x);
  return pack64(0, 1023 + 63 - shift, x << shift, rm);
}

/** a == b; invalid only for signaling NaNs. */
export function f64Eq(a: u64, b: u64): u64 {
  if (F64.isSignaling(a) || F64.isSignaling(b)) FpFlags.raise(NV);
  return u64(reinterpret<f64>(a) == reinterpret<f64>(b));
}

/** a < b; invalid for any NaN. */
export function f64Lt(a: u64, b: u64): u64 {
  if (F64.isNan(a) || F64.isNan(b)) FpFlags.raise(NV);
  return u64(reinterpret<f64>(a) < reinterpret<f64>(b));
}

/** a <= b; invalid for any NaN. */
export function f64Le(a: u64, b: u64): u64 {
  if (F64.isNan(a) || F64.isNan(b)) FpFlags.raise(NV);
  return u64(reinterpret<f64>(a) <= reinterpret<f64>(b));
}

/** Numbers in their order as signed integers, -0 just below +0. */
function order(a: u64): i64 {
  return <i64>(a ^ (<u64>(<i64>a >> 63) >> 1));
}

/** The number among a and b, or the canonical NaN. */
function numberOf(a: u64, b: u64): u64 {
  const none = nan64(a, b);
  if (F64.isNan(a)) return F64.isNan(b) ? none : b;
  return a;
}

/** minimumNumber (IEEE 754-2019, 9.6) */
export function f64Min(a: u64, b: u64): u64 {
  if (F64.isNan(a) || F64.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? a : b;
}

/** maximumNumber (IEEE 754-2019, 9.6) */
export function f64Max(a: u64, b: u64): u64 {
  if (F64.isNan(a) || F64.isNan(b)) return numberOf(a, b);
  return order(a) < order(b) ? b : a;
}

/** One bit for the class: -inf, -normal, -subnormal, -0, +0, ..., +inf, signaling, quiet NaN. */
export function f64Classify(a: u64): u64 {
  if (F64.isNan(a)) return F64.isSignaling(a) ? 1 << 8 : 1 << 9;
  const isNegative = (a & SIGN64) != 0;
  if (F64.isInfinite(a)) return isNegative ? 1 << 0 : 1 << 7;
  if (F64.isZero(a)) return isNegative ? 1 << 3 : 1 << 4;
  if (F64.isSubnormal(a)) return isNegative ? 1 << 2 : 1 << 5;
  return isNegative ? 1 << 1 : 1 << 6;
}
