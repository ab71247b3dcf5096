/**
 * Floating point as WebAssembly: right when the rounding is to nearest even, the result is neither tiny
 * nor too large, and the one flag that it can raise, NX, is accrued already (see `hart/float-run.ts`).
 * All else leaves for the interpreter in front of the instruction, or is called for (`perform.ts`).
 */
import { Uop } from "../isa/uop";
import { convert, fromInteger, toInteger } from "./convert";
import * as kinds from "./float-kinds";
import {
  A,
  B,
  finite,
  getT,
  operate,
  ordered,
  RESULT,
  relate,
  result,
  safe,
  setT,
  value,
} from "./float-pieces";
import { fused } from "./fused";
import { halfFromX, halfMinMax, halfSigns, halfToX, halvesOrdered } from "./half";
import { setNarrowed32 } from "./half-pieces";
import { getF, getX, setF, setX } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { byte, const32, const64 } from "./out";
import { performFloat } from "./perform";

function operands(u: usize, format: u32, site: i32): void {
  value(format, rs1OfUop(u), site);
  setT(format, A);
  value(format, rs2OfUop(u), site);
  setT(format, B);
}

/** ADD, SUB, MUL and DIV stand in this order here, too. */
function arithmetic(u: usize, format: u32, site: i32): void {
  const kind = kinds.kindOf(Uop.raw(u));
  operands(u, format, site);
  getT(format, A);
  getT(format, B);
  operate(format, wasm.F64_ADD + kind);
  if (format == kinds.HALF) return setNarrowed32(rdOfUop(u), site);
  if (kind <= kinds.SUB) finite(format, site);
  else safe(format, kind == kinds.MUL, site);
  getT(format, RESULT);
  result(format, rdOfUop(u));
}

function squareRoot(u: usize, format: u32, site: i32): void {
  value(format, rs1OfUop(u), site);
  setT(format, A);
  getT(format, A);
  operate(format, wasm.F64_SQRT);
  if (format == kinds.HALF) return setNarrowed32(rdOfUop(u), site);
  safe(format, false, site);
  getT(format, RESULT);
  result(format, rdOfUop(u));
}

/** FLE, FLT, FEQ */
function compare(u: usize, format: u32, site: i32): void {
  if (format == kinds.HALF) halvesOrdered(u, site);
  else {
    operands(u, format, site);
    ordered(format, site);
  }
  getT(format, A);
  getT(format, B);
  const mode = kinds.modeOf(Uop.raw(u));
  relate(format, mode == 0 ? wasm.F64_LE : mode == 1 ? wasm.F64_LT : wasm.F64_EQ);
  byte(wasm.I64_EXTEND_I32_U);
  setX(rdOfUop(u));
}

function minMax(u: usize, format: u32, site: i32): void {
  if (format == kinds.HALF) return halfMinMax(u, site);
  operands(u, format, site);
  ordered(format, site);
  getT(format, A);
  getT(format, B);
  operate(format, kinds.modeOf(Uop.raw(u)) ? wasm.F64_MAX : wasm.F64_MIN);
  result(format, rdOfUop(u));
}

/** FSGNJ, FSGNJN, FSGNJX; of one register twice they are FMV, FNEG and FABS. */
function signs(u: usize, format: u32, site: i32): void {
  const mode = kinds.modeOf(Uop.raw(u));
  if (format == kinds.HALF) return halfSigns(u, site);
  value(format, rs1OfUop(u), site);
  if (rs1OfUop(u) == rs2OfUop(u)) {
    if (mode) operate(format, mode == 1 ? wasm.F64_NEG : wasm.F64_ABS);
  } else if (mode == 2) return mixSigns(u, format, site);
  else {
    value(format, rs2OfUop(u), site);
    if (mode) operate(format, wasm.F64_NEG);
    operate(format, wasm.F64_COPYSIGN);
  }
  result(format, rdOfUop(u));
}

/** FSGNJX of two registers, with the first on the stack. */
function mixSigns(u: usize, format: u32, site: i32): void {
  if (format == kinds.DOUBLE) {
    byte(wasm.I64_REINTERPRET_F64);
    getF(rs2OfUop(u));
    byte(wasm.I64_REINTERPRET_F64);
    const64((<i64>1) << 63);
    byte(wasm.I64_AND);
    byte(wasm.I64_XOR);
    byte(wasm.F64_REINTERPRET_I64);
  } else {
    byte(wasm.I32_REINTERPRET_F32);
    value(format, rs2OfUop(u), site);
    byte(wasm.I32_REINTERPRET_F32);
    const32(1 << 31);
    byte(wasm.I32_AND);
    byte(wasm.I32_XOR);
    byte(wasm.F32_REINTERPRET_I32);
  }
  result(format, rdOfUop(u));
}

/** FMV.X.D, FMV.X.W, FMV.X.H: the bits as they are, boxed or not. */
function toX(u: usize, format: u32): void {
  if (format == kinds.HALF) return halfToX(u);
  getF(rs1OfUop(u));
  byte(wasm.I64_REINTERPRET_F64);
  if (format == kinds.SINGLE) byte(wasm.I64_EXTEND32_S);
  setX(rdOfUop(u));
}

function fromX(u: usize, format: u32): void {
  if (format == kinds.HALF) return halfFromX(u);
  getX(rs1OfUop(u));
  if (format == kinds.DOUBLE) {
    byte(wasm.F64_REINTERPRET_I64);
    return setF(rdOfUop(u));
  }
  byte(wasm.I32_WRAP_I64);
  byte(wasm.F32_REINTERPRET_I32);
  result(format, rdOfUop(u));
}

/** The operation at `u`, which `knowsFloat`; exits through `site` if it needs more care. */
export function float(u: usize, site: i32): void {
  const raw = Uop.raw(u);
  if (!kinds.isInPlace(raw)) return performFloat(u, site);
  const format = kinds.formatOf(raw);
  switch (kinds.kindOf(raw)) {
    case kinds.SIGN:
      return signs(u, format, site);
    case kinds.MIN_MAX:
      return minMax(u, format, site);
    case kinds.CONVERT:
      return convert(u, site);
    case kinds.SQRT:
      return squareRoot(u, format, site);
    case kinds.COMPARE:
      return compare(u, format, site);
    case kinds.TO_INTEGER:
      return toInteger(u, format, site);
    case kinds.FROM_INTEGER:
      return fromInteger(u, format, site);
    case kinds.TO_X:
      return toX(u, format);
    case kinds.FROM_X:
      return fromX(u, format);
    case kinds.FUSED:
      return fused(u, format, site);
    default:
      return arithmetic(u, format, site);
  }
}
