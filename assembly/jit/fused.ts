/** FMADD, FMSUB, FNMSUB and FNMADD: one rounding, by what WebAssembly has. */
import { LARGE, SMALL } from "../float/f64";
import { Uop } from "../isa/uop";
import { setSingle } from "./boxed";
import { DOUBLE, HALF, SINGLE } from "./float-kinds";
import {
  A,
  A_HIGH,
  B,
  B_HIGH,
  below,
  bits,
  C,
  getT,
  ifUnsafe,
  isNonzero,
  PRODUCT,
  REST,
  RESULT,
  SUM,
  setT,
  value,
} from "./float-pieces";
import { setNarrowed64 } from "./half-pieces";
import { close, exitIf, openIf } from "./labels";
import { setF } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop, rs3OfUop } from "./operands";
import { byte, const64, constF64 } from "./out";

/** Of a sum in f64: the bits that a single has not, and them where it is a tie. */
const BELOW: i64 = (1 << 29) - 1;
const TIE: i64 = 1 << 28;

function get(index: u32): void {
  getT(DOUBLE, index);
}
function set(index: u32): void {
  setT(DOUBLE, index);
}

/** The upper 26 bits of temporary `from`. */
function upper(from: u32, to: u32): void {
  bits(DOUBLE, from);
  const64(1 << 26);
  byte(wasm.I64_ADD);
  const64(~(<i64>((1 << 27) - 1)));
  byte(wasm.I64_AND);
  byte(wasm.F64_REINTERPRET_I64);
  set(to);
}

function product(a: u32, b: u32): void {
  get(a);
  get(b);
  byte(wasm.F64_MUL);
}

/** SUM + REST * (1 + `factor`) */
function rounded(factor: f64): void {
  get(SUM);
  get(REST);
  constF64(1 + factor);
  byte(wasm.F64_MUL);
  byte(wasm.F64_ADD);
}

/** Is PRODUCT a zero because A or B is, and C not too large? Then the sum is exact. */
function isZeroProduct(): void {
  isNonzero(DOUBLE, A);
  isNonzero(DOUBLE, B);
  byte(wasm.I32_AND);
  isNonzero(DOUBLE, PRODUCT);
  byte(wasm.I32_OR);
  byte(wasm.I32_EQZ);
  below(C, LARGE);
  byte(wasm.I32_AND);
}

/** A * B + C, rounded once, to RESULT: as `f64Fma` of `float/f64.ts`. */
function fuse(site: i32): void {
  product(A, B);
  set(PRODUCT);
  below(PRODUCT, LARGE);
  below(C, LARGE);
  byte(wasm.I32_AND);
  get(PRODUCT);
  byte(wasm.F64_ABS);
  constF64(SMALL);
  byte(wasm.F64_GE);
  byte(wasm.I32_AND);
  openIf();
  fuseMiddling(site);
  byte(wasm.ELSE);
  isZeroProduct();
  byte(wasm.I32_EQZ);
  exitIf(site);
  get(PRODUCT);
  get(C);
  byte(wasm.F64_ADD);
  set(RESULT);
  close();
}

/** Likewise where the parts below neither overflow nor lose bits to underflow. */
function fuseMiddling(site: i32): void {
  upper(A, A_HIGH);
  upper(B, B_HIGH);
  get(A);
  get(A_HIGH);
  byte(wasm.F64_SUB);
  set(A); // its lower part from here on
  get(B);
  get(B_HIGH);
  byte(wasm.F64_SUB);
  set(B);
  get(PRODUCT);
  get(C);
  byte(wasm.F64_ADD);
  set(SUM);
  // The error of the product ...
  product(A_HIGH, B_HIGH);
  get(PRODUCT);
  byte(wasm.F64_SUB);
  product(A_HIGH, B);
  byte(wasm.F64_ADD);
  product(A, B_HIGH);
  byte(wasm.F64_ADD);
  product(A, B);
  byte(wasm.F64_ADD);
  // ... and that of the sum.
  get(SUM);
  get(PRODUCT);
  byte(wasm.F64_SUB);
  set(REST);
  get(PRODUCT);
  get(SUM);
  get(REST);
  byte(wasm.F64_SUB);
  byte(wasm.F64_SUB);
  get(C);
  get(REST);
  byte(wasm.F64_SUB);
  byte(wasm.F64_ADD);
  byte(wasm.F64_ADD);
  set(REST);
  rounded(f64.EPSILON * 2);
  set(RESULT);
  get(RESULT);
  rounded(-f64.EPSILON * 2);
  byte(wasm.F64_NE);
  exitIf(site);
}

/** Takes a value of `format` from the stack to a temporary as f64, negated if `flips`. */
function take(format: u32, index: u32, flips: bool): void {
  if (format != DOUBLE) byte(wasm.F64_PROMOTE_F32);
  if (flips) byte(wasm.F64_NEG);
  set(index);
}

/** A * B + C to SUM in f64: of singles and halves, the product is exact. */
function sum(): void {
  product(A, B);
  get(C);
  byte(wasm.F64_ADD);
  set(SUM);
}

/**
 * Exits if SUM, which was rounded, came to lie just between two singles, where rounding it once more would
 * lose what it was before. With halves that cannot be: a product that is cut off at the end of 53 bits is
 * less than 2^-31 of the addend, which is a half already.
 */
function untied(site: i32): void {
  bits(DOUBLE, SUM);
  const64(BELOW);
  byte(wasm.I64_AND);
  const64(TIE);
  byte(wasm.I64_EQ);
  exitIf(site);
}

/** As `f32Fma` of `float/f32.ts`. A sum that is zero is exact. */
function fuseSingles(u: usize, site: i32): void {
  sum();
  untied(site);
  get(SUM);
  byte(wasm.F32_DEMOTE_F64);
  setT(SINGLE, RESULT);
  ifUnsafe(SINGLE);
  isNonzero(DOUBLE, SUM);
  exitIf(site);
  close();
  getT(SINGLE, RESULT);
  setSingle(rdOfUop(u));
}

export function fused(u: usize, format: u32, site: i32): void {
  const major = Uop.raw(u) & 0x7f;
  value(format, rs1OfUop(u), site);
  take(format, A, major >= 0x4b); // FNMSUB, FNMADD
  value(format, rs2OfUop(u), site);
  take(format, B, false);
  value(format, rs3OfUop(u), site);
  take(format, C, major == 0x47 || major == 0x4f); // FMSUB, FNMADD
  if (format == SINGLE) return fuseSingles(u, site);
  if (format == HALF) {
    sum();
    get(SUM);
    return setNarrowed64(rdOfUop(u), site);
  }
  fuse(site);
  get(RESULT);
  setF(rdOfUop(u));
}
