/**
 * Floating point as WebAssembly: right when the rounding is to nearest even, the result is neither tiny
 * nor too large, and the one flag that it can raise, NX, is accrued already (see `hart/float-run.ts`).
 * All else leaves for the interpreter in front of the instruction.
 */
import { JIT_BASE, JIT_FLOAT } from "../../bindings/abi";
import { LARGE, SMALL } from "../float/f64";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { kindOf, MIN, SQRT, TO_L, TO_W } from "./float-kinds";
import { close, exitIf, openIf } from "./labels";
import { FLOAT, getF, getX, Locals, setF, setX } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop, rs3OfUop } from "./operands";
import { access, byte, const32, const64, constF64, get, set, tee } from "./out";

const EXPONENT: i64 = 0x7ff0000000000000;

/** Temporaries, behind the registers. */
const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const PRODUCT: u32 = 3;
const SUM: u32 = 4;
const A_HIGH: u32 = 5;
const B_HIGH: u32 = 6;
const REST: u32 = 7;
const RESULT: u32 = 8;

function temporary(index: u32): u32 {
  return Locals.f0 + index;
}
function getT(index: u32): void {
  get(temporary(index));
}
function setT(index: u32): void {
  set(temporary(index));
}
function bits(index: u32): void {
  getT(index);
  byte(wasm.I64_REINTERPRET_F64);
}

/** Exits through `site` unless JIT_FLOAT has what is needed. */
export function checkFloat(needs: i32, site: i32): void {
  get(FLOAT);
  const32(needs);
  byte(wasm.I32_AND);
  const32(needs);
  byte(wasm.I32_NE);
  exitIf(site);
}

export function loadFloatState(): void {
  const32(0);
  access(wasm.I32_LOAD, 2, JIT_BASE + JIT_FLOAT);
  set(FLOAT);
}

/** Exits if the double on the stack, RESULT, is infinite or NaN. */
function finite(site: i32): void {
  setT(RESULT);
  bits(RESULT);
  const64(EXPONENT);
  byte(wasm.I64_AND);
  const64(EXPONENT);
  byte(wasm.I64_EQ);
  exitIf(site);
}

/** Exits unless RESULT is normal and well above the smallest, or zero because A (or B, if `or`) is. */
function safe(or: bool, site: i32): void {
  setT(RESULT);
  bits(RESULT);
  const64(1);
  byte(wasm.I64_SHL);
  const64((<i64>2) << 53);
  byte(wasm.I64_SUB);
  const64((<i64>0x7fd) << 53);
  byte(wasm.I64_GE_U);
  openIf();
  getT(RESULT);
  constF64(0);
  byte(wasm.F64_NE);
  getT(A);
  constF64(0);
  byte(wasm.F64_NE);
  if (or) {
    getT(B);
    constF64(0);
    byte(wasm.F64_NE);
    byte(wasm.I32_AND);
  }
  byte(wasm.I32_OR);
  exitIf(site);
  close();
}

function operands(u: usize): void {
  getF(rs1OfUop(u));
  setT(A);
  getF(rs2OfUop(u));
  setT(B);
}

function arithmetic(u: usize, opcode: u32, site: i32): void {
  operands(u);
  getT(A);
  getT(B);
  byte(opcode);
  if (opcode == wasm.F64_ADD || opcode == wasm.F64_SUB) finite(site);
  else safe(opcode == wasm.F64_MUL, site);
  getT(RESULT);
  setF(rdOfUop(u));
}

/** Exits if |temporary `index`| is not below `limit`; NaN is not. */
function below(index: u32, limit: f64): void {
  getT(index);
  byte(wasm.F64_ABS);
  constF64(limit);
  byte(wasm.F64_LT);
}

/** The upper 26 bits of temporary `from`. */
function upper(from: u32, to: u32): void {
  bits(from);
  const64(1 << 26);
  byte(wasm.I64_ADD);
  const64(~(<i64>((1 << 27) - 1)));
  byte(wasm.I64_AND);
  byte(wasm.F64_REINTERPRET_I64);
  setT(to);
}

function product(a: u32, b: u32): void {
  getT(a);
  getT(b);
  byte(wasm.F64_MUL);
}

/** SUM + REST * (1 + `factor`) */
function rounded(factor: f64): void {
  getT(SUM);
  getT(REST);
  constF64(1 + factor);
  byte(wasm.F64_MUL);
  byte(wasm.F64_ADD);
}

/** Is PRODUCT a zero because A or B is, and C not too large? Then the sum is exact. */
function isZeroProduct(): void {
  isNonzero(A);
  isNonzero(B);
  byte(wasm.I32_AND);
  isNonzero(PRODUCT);
  byte(wasm.I32_OR);
  byte(wasm.I32_EQZ);
  below(C, LARGE);
  byte(wasm.I32_AND);
}

function isNonzero(index: u32): void {
  getT(index);
  constF64(0);
  byte(wasm.F64_NE);
}

/** A * B + C, rounded once, to RESULT: as `f64Fma` of `float/f64.ts`. */
function fuse(site: i32): void {
  product(A, B);
  setT(PRODUCT);
  below(PRODUCT, LARGE);
  below(C, LARGE);
  byte(wasm.I32_AND);
  getT(PRODUCT);
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
  getT(PRODUCT);
  getT(C);
  byte(wasm.F64_ADD);
  setT(RESULT);
  close();
}

/** Likewise where the parts below neither overflow nor lose bits to underflow. */
function fuseMiddling(site: i32): void {
  upper(A, A_HIGH);
  upper(B, B_HIGH);
  getT(A);
  getT(A_HIGH);
  byte(wasm.F64_SUB);
  setT(A); // its lower part from here on
  getT(B);
  getT(B_HIGH);
  byte(wasm.F64_SUB);
  setT(B);
  getT(PRODUCT);
  getT(C);
  byte(wasm.F64_ADD);
  setT(SUM);
  // The error of the product ...
  product(A_HIGH, B_HIGH);
  getT(PRODUCT);
  byte(wasm.F64_SUB);
  product(A_HIGH, B);
  byte(wasm.F64_ADD);
  product(A, B_HIGH);
  byte(wasm.F64_ADD);
  product(A, B);
  byte(wasm.F64_ADD);
  // ... and that of the sum.
  getT(SUM);
  getT(PRODUCT);
  byte(wasm.F64_SUB);
  setT(REST);
  getT(PRODUCT);
  getT(SUM);
  getT(REST);
  byte(wasm.F64_SUB);
  byte(wasm.F64_SUB);
  getT(C);
  getT(REST);
  byte(wasm.F64_SUB);
  byte(wasm.F64_ADD);
  byte(wasm.F64_ADD);
  setT(REST);
  rounded(f64.EPSILON * 2);
  setT(RESULT);
  getT(RESULT);
  rounded(-f64.EPSILON * 2);
  byte(wasm.F64_NE);
  exitIf(site);
}

function fused(u: usize, op: i32, site: i32): void {
  operands(u);
  getF(rs3OfUop(u));
  if (op == ops.OP_FMSUB_D || op == ops.OP_FNMADD_D) byte(wasm.F64_NEG);
  setT(C);
  if (op == ops.OP_FNMSUB_D || op == ops.OP_FNMADD_D) {
    getT(A);
    byte(wasm.F64_NEG);
    setT(A);
  }
  fuse(site);
  getT(RESULT);
  setF(rdOfUop(u));
}

/** Exits if rs1 or rs2 is NaN. */
function ordered(u: usize, site: i32): void {
  getF(rs1OfUop(u));
  getF(rs1OfUop(u));
  byte(wasm.F64_NE);
  getF(rs2OfUop(u));
  getF(rs2OfUop(u));
  byte(wasm.F64_NE);
  byte(wasm.I32_OR);
  exitIf(site);
}

function compare(u: usize, opcode: u32, site: i32): void {
  ordered(u, site);
  getF(rs1OfUop(u));
  getF(rs2OfUop(u));
  byte(opcode);
  byte(wasm.I64_EXTEND_I32_U);
  setX(rdOfUop(u));
}

function signs(u: usize, op: i32): void {
  if (op == ops.OP_FSGNJX_D) {
    getF(rs1OfUop(u));
    byte(wasm.I64_REINTERPRET_F64);
    getF(rs2OfUop(u));
    byte(wasm.I64_REINTERPRET_F64);
    const64((<i64>1) << 63);
    byte(wasm.I64_AND);
    byte(wasm.I64_XOR);
    byte(wasm.F64_REINTERPRET_I64);
  } else {
    getF(rs1OfUop(u));
    getF(rs2OfUop(u));
    if (op == ops.OP_FSGNJN_D) byte(wasm.F64_NEG);
    byte(wasm.F64_COPYSIGN);
  }
  setF(rdOfUop(u));
}

/** To an integer, toward zero; exits if it does not fit. */
function truncate(u: usize, opcode: u32, limit: f64, site: i32): void {
  getF(rs1OfUop(u));
  setT(A);
  below(A, limit);
  byte(wasm.I32_EQZ);
  exitIf(site);
  getT(A);
  byte(opcode);
  if (opcode == wasm.I32_TRUNC_F64_S) byte(wasm.I64_EXTEND_I32_S);
  setX(rdOfUop(u));
}

function squareRoot(u: usize, site: i32): void {
  getF(rs1OfUop(u));
  tee(temporary(A));
  byte(wasm.F64_SQRT);
  safe(false, site);
  getT(RESULT);
  setF(rdOfUop(u));
}

/** OP_FLOAT: the kinds that `knowsFloat` admits. */
function other(u: usize, site: i32): void {
  const kind = kindOf(Uop.raw(u));
  if (kind == SQRT) return squareRoot(u, site);
  if (kind == TO_W) return truncate(u, wasm.I32_TRUNC_F64_S, 2147483648, site);
  if (kind == TO_L) return truncate(u, wasm.I64_TRUNC_F64_S, 9223372036854775808, site);
  ordered(u, site);
  getF(rs1OfUop(u));
  getF(rs2OfUop(u));
  byte(kind == MIN ? wasm.F64_MIN : wasm.F64_MAX);
  setF(rdOfUop(u));
}

/** The operation at `u`, which `knowsFloat`; exits through `site` if it needs more care. */
export function float(u: usize, site: i32): void {
  const op = Uop.op(u);
  switch (op) {
    case ops.OP_FLOAT:
      return other(u, site);
    case ops.OP_FADD_D:
      return arithmetic(u, wasm.F64_ADD, site);
    case ops.OP_FSUB_D:
      return arithmetic(u, wasm.F64_SUB, site);
    case ops.OP_FMUL_D:
      return arithmetic(u, wasm.F64_MUL, site);
    case ops.OP_FDIV_D:
      return arithmetic(u, wasm.F64_DIV, site);
    case ops.OP_FSGNJ_D:
    case ops.OP_FSGNJN_D:
    case ops.OP_FSGNJX_D:
      return signs(u, op);
    case ops.OP_FEQ_D:
      return compare(u, wasm.F64_EQ, site);
    case ops.OP_FLT_D:
      return compare(u, wasm.F64_LT, site);
    case ops.OP_FLE_D:
      return compare(u, wasm.F64_LE, site);
    case ops.OP_FMV_X_D:
      getF(rs1OfUop(u));
      byte(wasm.I64_REINTERPRET_F64);
      return setX(rdOfUop(u));
    case ops.OP_FMV_D_X:
      getX(rs1OfUop(u));
      byte(wasm.F64_REINTERPRET_I64);
      return setF(rdOfUop(u));
    case ops.OP_FCVT_D_W:
      getX(rs1OfUop(u));
      byte(wasm.I32_WRAP_I64);
      byte(wasm.F64_CONVERT_I32_S);
      return setF(rdOfUop(u));
    case ops.OP_FCVT_D_L:
      getX(rs1OfUop(u));
      byte(wasm.F64_CONVERT_I64_S);
      return setF(rdOfUop(u));
    default:
      return fused(u, op, site);
  }
}
