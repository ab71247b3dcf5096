/** F, D and Zfh: register access with NaN boxing, rounding modes, then the arithmetic of `float/`. */

import { pcOf } from "../code/cache";
import { f16ToF32, f16ToF64 } from "../float/f16";
import * as s from "../float/f32";
import * as d from "../float/f64";
import { funct3Of, funct7Of, rdOf, rs1Of, rs2Of } from "../isa/fields";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { floatDirty, floatOn } from "./csr";
import { fusedHalf, halfOf, roundedHalf, unroundedHalf } from "./half";
import { sext } from "./muldiv";
import { getF, getX, hart, NEXT, setF, setX } from "./state";
import { raise } from "./traps";

const BOX: u64 = 0xffffffff00000000;
const CANONICAL_S: u32 = 0x7fc00000;
const SIGN_S: u32 = 1 << 31;
const SIGN_D: u64 = 1 << 63;
/** No such rounding mode. */
const INVALID: u32 = 8;

/** The single in a register: the canonical NaN unless it is boxed. */
function unbox(value: u64): u32 {
  return value >= BOX ? <u32>value : CANONICAL_S;
}
function single(index: u32): u32 {
  return unbox(getF(index));
}
function setSingle(index: u32, value: u32): void {
  setF(index, BOX | <u64>value);
}

/** The rounding mode that an instruction asks for, INVALID if it is reserved. */
function roundingOf(raw: u32): u32 {
  const mode = funct3Of(raw) == 7 ? hart.frm : funct3Of(raw);
  return mode > 4 ? INVALID : mode;
}

/** The frequent operations, with a valid rounding mode and FS on. */
function frequent(u: usize, rm: u32): void {
  switch (Uop.op(u)) {
    case ops.OP_FADD_D:
      return Uop.setFd(u, d.f64Add(Uop.fs1(u), Uop.fs2(u), rm));
    case ops.OP_FSUB_D:
      return Uop.setFd(u, d.f64Sub(Uop.fs1(u), Uop.fs2(u), rm));
    case ops.OP_FMUL_D:
      return Uop.setFd(u, d.f64Mul(Uop.fs1(u), Uop.fs2(u), rm));
    case ops.OP_FDIV_D:
      return Uop.setFd(u, d.f64Div(Uop.fs1(u), Uop.fs2(u), rm));
    case ops.OP_FMADD_D:
      return Uop.setFd(u, d.f64Fma(Uop.fs1(u), Uop.fs2(u), Uop.fs3(u), rm));
    case ops.OP_FMSUB_D:
      return Uop.setFd(u, d.f64Fma(Uop.fs1(u), Uop.fs2(u), Uop.fs3(u) ^ SIGN_D, rm));
    case ops.OP_FNMSUB_D:
      return Uop.setFd(u, d.f64Fma(Uop.fs1(u) ^ SIGN_D, Uop.fs2(u), Uop.fs3(u), rm));
    case ops.OP_FNMADD_D:
      return Uop.setFd(u, d.f64Fma(Uop.fs1(u) ^ SIGN_D, Uop.fs2(u), Uop.fs3(u) ^ SIGN_D, rm));
    case ops.OP_FADD_S:
      return boxed(u, s.f32Add(unbox(Uop.fs1(u)), unbox(Uop.fs2(u)), rm));
    case ops.OP_FSUB_S:
      return boxed(u, s.f32Sub(unbox(Uop.fs1(u)), unbox(Uop.fs2(u)), rm));
    case ops.OP_FMUL_S:
      return boxed(u, s.f32Mul(unbox(Uop.fs1(u)), unbox(Uop.fs2(u)), rm));
    case ops.OP_FDIV_S:
      return boxed(u, s.f32Div(unbox(Uop.fs1(u)), unbox(Uop.fs2(u)), rm));
    default:
      return boxed(u, s.f32Fma(unbox(Uop.fs1(u)), unbox(Uop.fs2(u)), unbox(Uop.fs3(u)), rm));
  }
}

function boxed(u: usize, value: u32): void {
  Uop.setFd(u, BOX | <u64>value);
}

/** Operations without rounding that have a micro-operation of their own. False: not one of them. */
function exact(u: usize): bool {
  switch (Uop.op(u)) {
    case ops.OP_FSGNJ_D:
      Uop.setFd(u, (Uop.fs1(u) & ~SIGN_D) | (Uop.fs2(u) & SIGN_D));
      return true;
    case ops.OP_FSGNJN_D:
      Uop.setFd(u, (Uop.fs1(u) & ~SIGN_D) | (~Uop.fs2(u) & SIGN_D));
      return true;
    case ops.OP_FSGNJX_D:
      Uop.setFd(u, Uop.fs1(u) ^ (Uop.fs2(u) & SIGN_D));
      return true;
    case ops.OP_FMV_D_X:
      Uop.setFd(u, Uop.rs1(u));
      return true;
    default:
      return false;
  }
}

/** Operations that write an x register. False: not one of them. */
function toInteger(u: usize): bool {
  switch (Uop.op(u)) {
    case ops.OP_FEQ_D:
      Uop.setRd(u, d.f64Eq(Uop.fs1(u), Uop.fs2(u)));
      return true;
    case ops.OP_FLT_D:
      Uop.setRd(u, d.f64Lt(Uop.fs1(u), Uop.fs2(u)));
      return true;
    case ops.OP_FLE_D:
      Uop.setRd(u, d.f64Le(Uop.fs1(u), Uop.fs2(u)));
      return true;
    case ops.OP_FMV_X_D:
      Uop.setRd(u, Uop.fs1(u));
      return true;
    default:
      return false;
  }
}

function fused(raw: u32, rm: u32): bool {
  if ((raw >> 25) & 3) {
    fusedHalf(raw, rm); // Those of double have micro-operations, those of quad do not exist.
    return true;
  }
  const flipProduct: u32 = (raw & 0x7f) >= 0x4b ? SIGN_S : 0;
  const flipAddend: u32 = (raw & 0x7f) == 0x47 || (raw & 0x7f) == 0x4f ? SIGN_S : 0;
  const product = single(rs1Of(raw)) ^ flipProduct;
  const result = s.f32Fma(product, single(rs2Of(raw)), single(raw >> 27) ^ flipAddend, rm);
  setSingle(rdOf(raw), result);
  return true;
}

function convertToInteger(raw: u32, rm: u32): bool {
  const kind = rs2Of(raw);
  if (kind > 3) return false;
  const a = single(rs1Of(raw));
  const wide = getF(rs1Of(raw));
  const isDouble = (funct7Of(raw) & 1) != 0;
  let result: u64 = 0;
  if (kind == 0) result = isDouble ? d.f64ToI32(wide, rm) : s.f32ToI32(a, rm);
  else if (kind == 1) result = isDouble ? d.f64ToU32(wide, rm) : s.f32ToU32(a, rm);
  else if (kind == 2) result = isDouble ? d.f64ToI64(wide, rm) : s.f32ToI64(a, rm);
  else result = isDouble ? d.f64ToU64(wide, rm) : s.f32ToU64(a, rm);
  setX(rdOf(raw), result);
  return true;
}

function convertFromInteger(raw: u32, rm: u32): bool {
  const kind = rs2Of(raw);
  if (kind > 3) return false;
  const x = getX(rs1Of(raw));
  const rd = rdOf(raw);
  if (funct7Of(raw) & 1) {
    if (kind == 0) setF(rd, d.f64FromI32(x, rm));
    else if (kind == 1) setF(rd, d.f64FromU32(x, rm));
    else setF(rd, kind == 2 ? d.f64FromI64(x, rm) : d.f64FromU64(x, rm));
  } else if (kind == 0) setSingle(rd, s.f32FromI32(x, rm));
  else if (kind == 1) setSingle(rd, s.f32FromU32(x, rm));
  else setSingle(rd, kind == 2 ? s.f32FromI64(x, rm) : s.f32FromU64(x, rm));
  return true;
}

/** OP-FP with a rounding mode, by funct7. False: illegal. */
function rounded(raw: u32, rm: u32): bool {
  switch (funct7Of(raw)) {
    case 0x2c:
      if (rs2Of(raw)) return false;
      setSingle(rdOf(raw), s.f32Sqrt(single(rs1Of(raw)), rm));
      return true;
    case 0x2d:
      if (rs2Of(raw)) return false;
      setF(rdOf(raw), d.f64Sqrt(getF(rs1Of(raw)), rm));
      return true;
    case 0x20:
      if (rs2Of(raw) == 1) setSingle(rdOf(raw), d.f64ToF32(getF(rs1Of(raw)), rm));
      else setSingle(rdOf(raw), f16ToF32(halfOf(rs1Of(raw))));
      return true;
    case 0x21:
      if (rs2Of(raw) == 0) setF(rdOf(raw), s.f32ToF64(single(rs1Of(raw))));
      else setF(rdOf(raw), f16ToF64(halfOf(rs1Of(raw))));
      return true;
    case 0x60:
    case 0x61:
      return convertToInteger(raw, rm);
    case 0x68:
    case 0x69:
      return convertFromInteger(raw, rm);
    default:
      return roundedHalf(raw, rm);
  }
}

function signInjection(raw: u32): bool {
  const a = single(rs1Of(raw));
  const b = single(rs2Of(raw));
  const kind = funct3Of(raw);
  if (kind > 2) return false;
  const sign = kind == 0 ? b & SIGN_S : kind == 1 ? ~b & SIGN_S : (a ^ b) & SIGN_S;
  setSingle(rdOf(raw), (a & ~SIGN_S) | sign);
  return true;
}

function minMax(raw: u32): bool {
  const kind = funct3Of(raw);
  if (kind > 1) return false;
  if (funct7Of(raw) & 1) {
    const a = getF(rs1Of(raw));
    const b = getF(rs2Of(raw));
    setF(rdOf(raw), kind ? d.f64Max(a, b) : d.f64Min(a, b));
  } else {
    const a = single(rs1Of(raw));
    const b = single(rs2Of(raw));
    setSingle(rdOf(raw), kind ? s.f32Max(a, b) : s.f32Min(a, b));
  }
  return true;
}

function compare(raw: u32): bool {
  const kind = funct3Of(raw);
  if (kind > 2) return false;
  let result: u64 = 0;
  if (funct7Of(raw) & 1) {
    const a = getF(rs1Of(raw));
    const b = getF(rs2Of(raw));
    result = kind == 0 ? d.f64Le(a, b) : kind == 1 ? d.f64Lt(a, b) : d.f64Eq(a, b);
  } else {
    const a = single(rs1Of(raw));
    const b = single(rs2Of(raw));
    result = kind == 0 ? s.f32Le(a, b) : kind == 1 ? s.f32Lt(a, b) : s.f32Eq(a, b);
  }
  setX(rdOf(raw), result);
  return true;
}

/** FMV.X.W, FMV.X.D, FCLASS. */
function moveOrClassify(raw: u32): bool {
  if (rs2Of(raw) || funct3Of(raw) > 1) return false;
  const value = getF(rs1Of(raw));
  const isDouble = (funct7Of(raw) & 1) != 0;
  let result: u64 = 0;
  if (funct3Of(raw)) result = isDouble ? d.f64Classify(value) : s.f32Classify(unbox(value));
  else result = isDouble ? value : sext(<u32>value);
  setX(rdOf(raw), result);
  return true;
}

/** OP-FP without a rounding mode, by funct7. False: not one of them. */
function unrounded(raw: u32): bool {
  switch (funct7Of(raw)) {
    case 0x10:
      return signInjection(raw);
    case 0x14:
    case 0x15:
      return minMax(raw);
    case 0x50:
    case 0x51:
      return compare(raw);
    case 0x70:
    case 0x71:
      return moveOrClassify(raw);
    case 0x78:
      if (rs2Of(raw) || funct3Of(raw)) return false;
      setSingle(rdOf(raw), <u32>getX(rs1Of(raw)));
      return true;
    default:
      return unroundedHalf(raw);
  }
}

/** Does an OP-FP instruction write an x register (so it leaves FS as it is)? */
function writesInteger(raw: u32): bool {
  const funct7 = funct7Of(raw) & ~3;
  return funct7 == 0x50 || funct7 == 0x60 || funct7 == 0x70;
}

/** The rare operations, from the raw encoding. False: illegal. */
function rare(raw: u32): bool {
  const isFused = (raw & 0x7f) != 0x53;
  if (!isFused && unrounded(raw)) {
    if (!writesInteger(raw)) floatDirty();
    return true;
  }
  const rm = roundingOf(raw);
  if (rm == INVALID) return false;
  if (!(isFused ? fused(raw, rm) : rounded(raw, rm))) return false;
  if (isFused || !writesInteger(raw)) floatDirty();
  return true;
}

/** Does the floating-point operation at `u`. False: illegal. */
export function doFloat(u: usize): bool {
  if (!floatOn()) return false;
  const op = Uop.op(u);
  if (op == ops.OP_FLOAT) return rare(Uop.raw(u));
  if (op > ops.OP_FMADD_S) {
    if (toInteger(u)) return true;
    if (!exact(u) && !conversion(u)) return false;
  } else {
    const rm = roundingOf(Uop.raw(u));
    if (rm == INVALID) return false;
    frequent(u, rm);
  }
  floatDirty();
  return true;
}

/** The floating-point operation at `u`, or an exception. */
export function floatOperation(u: usize): i32 {
  if (doFloat(u)) return NEXT;
  hart.pc = pcOf(u);
  return raise(2, Uop.raw(u));
}

/** FCVT.D.W and FCVT.D.L: exact, or rounded by the mode. False: reserved mode. */
function conversion(u: usize): bool {
  const rm = roundingOf(Uop.raw(u));
  if (rm == INVALID) return false;
  const x = Uop.rs1(u);
  Uop.setFd(u, Uop.op(u) == ops.OP_FCVT_D_W ? d.f64FromI32(x, rm) : d.f64FromI64(x, rm));
  return true;
}
