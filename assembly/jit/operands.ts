/** Which registers an operation reads and writes, by its number. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { givesInteger } from "./float-kinds";

/** The registers of a region: bit r of each set is register r. */
export abstract class Used {
  static x: u32 = 0;
  static xWritten: u32 = 0;
  static f: u32 = 0;
  static fWritten: u32 = 0;
}

export function clearUsed(): void {
  Used.x = 0;
  Used.xWritten = 0;
  Used.f = 0;
  Used.fWritten = 0;
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

function noteFloat(op: i32, u: usize): void {
  if (op == ops.OP_FMV_D_X || op == ops.OP_FCVT_D_W || op == ops.OP_FCVT_D_L) {
    x(rs1OfUop(u));
    writesF(rdOfUop(u));
    return;
  }
  f(rs1OfUop(u));
  if (op == ops.OP_FLOAT && givesInteger(Uop.raw(u))) return writesX(rdOfUop(u));
  if (op == ops.OP_FMV_X_D) return writesX(rdOfUop(u));
  f(rs2OfUop(u));
  if (op >= ops.OP_FEQ_D && op <= ops.OP_FLE_D) return writesX(rdOfUop(u));
  if (op >= ops.OP_FMADD_D && op <= ops.OP_FNMADD_D) f(rs3OfUop(u));
  writesF(rdOfUop(u));
}

function noteAccess(op: i32, u: usize): void {
  x(rs1OfUop(u));
  if (op == ops.OP_FLW || op == ops.OP_FLD) writesF(rdOfUop(u));
  else if (op >= ops.OP_FSW) f(rs2OfUop(u));
  else if (op >= ops.OP_SB) x(rs2OfUop(u));
  else writesX(rdOfUop(u));
}

/** Adds the registers of the operation at `u` to `Used`. */
export function noteOperands(u: usize): void {
  const op = Uop.op(u);
  if (op == ops.OP_NOP || op == ops.OP_J) return;
  if (op == ops.OP_JAL || op == ops.OP_LI || op == ops.OP_AUIPC) return writesX(rdOfUop(u));
  if (op >= ops.OP_FADD_D || op == ops.OP_FLOAT) return noteFloat(op, u);
  if (op >= ops.OP_LB && op <= ops.OP_FSD) return noteAccess(op, u);
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
