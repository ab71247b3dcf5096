/** Which registers an operation reads and writes, by its number. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import {
  FLOAT_1,
  FLOAT_2,
  FLOAT_3,
  INTEGER_1,
  INTEGER_RESULT,
  isFloat,
  isInPlace,
  operandsOf,
  readsSingles,
  writesSingle,
} from "./float-kinds";

/** The registers of a region: bit r of each set is register r. */
export abstract class Used {
  static x: u32 = 0;
  static xWritten: u32 = 0;
  static f: u32 = 0;
  static fWritten: u32 = 0;
  /** f registers that are read or written as singles. */
  static single: u32 = 0;
}

export function clearUsed(): void {
  Used.x = 0;
  Used.xWritten = 0;
  Used.f = 0;
  Used.fWritten = 0;
  Used.single = 0;
}

export function rdOfUop(u: usize): u32 {
  return load<u8>(u, 1) >> 3;
}
export function rs1OfUop(u: usize): u32 {
  return load<u8>(u, 2) >> 3;
}
export function rs2OfUop(u: usize): u32 {
  return load<u8>(u, 3) >> 3;
}
export function rs3OfUop(u: usize): u32 {
  return Uop.raw(u) >> 27;
}

function x(register: u32): void {
  Used.x |= (<u32>1) << register;
}
function writesX(register: u32): void {
  x(register);
  Used.xWritten |= (<u32>1) << register;
}
function f(register: u32): void {
  Used.f |= (<u32>1) << register;
}
function writesF(register: u32): void {
  f(register);
  Used.fWritten |= (<u32>1) << register;
}

function noteFloat(u: usize): void {
  const operands = operandsOf(Uop.raw(u));
  if (operands & INTEGER_1) x(rs1OfUop(u));
  if (operands & FLOAT_1) f(rs1OfUop(u));
  if (operands & FLOAT_2) f(rs2OfUop(u));
  if (operands & FLOAT_3) f(rs3OfUop(u));
  if (operands & INTEGER_RESULT) writesX(rdOfUop(u));
  else writesF(rdOfUop(u));
  Used.single |= singlesReadBy(u) | singleWrittenBy(u);
}

function isInPlaceFloat(u: usize): bool {
  return isFloat(Uop.op(u)) && isInPlace(Uop.raw(u));
}

/** f registers that the operation at `u` reads as singles, so that they are boxed behind it. */
export function singlesReadBy(u: usize): u32 {
  if (!isInPlaceFloat(u) || !readsSingles(Uop.raw(u))) return 0;
  const operands = operandsOf(Uop.raw(u));
  let all: u32 = 0;
  if (operands & FLOAT_1) all |= (<u32>1) << rs1OfUop(u);
  if (operands & FLOAT_2) all |= (<u32>1) << rs2OfUop(u);
  if (operands & FLOAT_3) all |= (<u32>1) << rs3OfUop(u);
  return all;
}

/** The f register that it writes a single to, as a set. */
export function singleWrittenBy(u: usize): u32 {
  const isOne = Uop.op(u) == ops.OP_FLW || (isInPlaceFloat(u) && writesSingle(Uop.raw(u)));
  return isOne ? (<u32>1) << rdOfUop(u) : 0;
}

/** The f register that it writes, as a set. */
export function floatWrittenBy(u: usize): u32 {
  const op = Uop.op(u);
  const isOne =
    op == ops.OP_FLW ||
    op == ops.OP_FLD ||
    op == ops.OP_FLH ||
    (isFloat(op) && !(operandsOf(Uop.raw(u)) & INTEGER_RESULT));
  return isOne ? (<u32>1) << rdOfUop(u) : 0;
}

function noteAccess(op: i32, u: usize): void {
  x(rs1OfUop(u));
  if (op == ops.OP_FLW || op == ops.OP_FLD || op == ops.OP_FLH) writesF(rdOfUop(u));
  else if (op >= ops.OP_FSW) f(rs2OfUop(u));
  else if (op >= ops.OP_SB) x(rs2OfUop(u));
  else writesX(rdOfUop(u));
  Used.single |= singleWrittenBy(u);
}

/** Adds the registers of the operation at `u` to `Used`. */
export function noteOperands(u: usize): void {
  const op = Uop.op(u);
  if (op == ops.OP_NOP || op == ops.OP_J) return;
  if (op == ops.OP_JAL || op == ops.OP_LI || op == ops.OP_AUIPC) return writesX(rdOfUop(u));
  if (isFloat(op)) return noteFloat(u);
  if ((op >= ops.OP_LB && op <= ops.OP_FSD) || op == ops.OP_FLH || op == ops.OP_FSH)
    return noteAccess(op, u);
  x(rs1OfUop(u));
  if (op == ops.OP_JR) return;
  if (op == ops.OP_JALR || (op <= ops.OP_SRAIW && op != ops.OP_AMO)) return writesX(rdOfUop(u));
  x(rs2OfUop(u)); // Some have an immediate or nothing there: one load too many at the entry.
  if (op >= ops.OP_BEQ && op <= ops.OP_BGEU) return;
  writesX(rdOfUop(u));
}

/** The x register that the operation at `u` writes, as a bit; 0: none. Its operands must have been noted before. */
export function writtenBy(u: usize): u32 {
  const before = Used.xWritten;
  Used.xWritten = 0;
  noteOperands(u);
  const written = Used.xWritten & ~1;
  Used.xWritten = before;
  return written;
}
