/** Integer operations as WebAssembly: each leaves its result in rd's local. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { bitsValue } from "./bits";
import { cryptoValue, isPerformed } from "./crypto";
import { getX, setX, T0, T1, T2, T3 } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { byte, const32, const64, get, set, tee } from "./out";
import { performBits } from "./perform";
import {
  both,
  both32,
  imm,
  LOW,
  low,
  rs1,
  rs2,
  shiftImm,
  shiftImm32,
  truth,
  widen,
  withImm,
  wrap,
} from "./pieces";

/** High half of the unsigned product of rs1 and rs2, by four products of halves. */
function mulHighUnsigned(u: usize): void {
  low(u);
  set(T0);
  rs1(u);
  const64(32);
  byte(wasm.I64_SHR_U);
  set(T1);
  rs2(u);
  const64(LOW);
  byte(wasm.I64_AND);
  tee(T2);
  get(T0);
  byte(wasm.I64_MUL);
  const64(32);
  byte(wasm.I64_SHR_U);
  get(T1);
  get(T2);
  byte(wasm.I64_MUL);
  byte(wasm.I64_ADD);
  tee(T2); // ah * bl + carry
  const64(LOW);
  byte(wasm.I64_AND);
  rs2(u);
  const64(32);
  byte(wasm.I64_SHR_U);
  tee(T3);
  get(T0);
  byte(wasm.I64_MUL);
  byte(wasm.I64_ADD);
  const64(32);
  byte(wasm.I64_SHR_U);
  get(T1);
  get(T3);
  byte(wasm.I64_MUL);
  byte(wasm.I64_ADD);
  get(T2);
  const64(32);
  byte(wasm.I64_SHR_U);
  byte(wasm.I64_ADD);
}

/** Takes `other` away from the product on the stack if `signed` is negative. */
function correct(signed: u32, other: u32): void {
  getX(signed);
  const64(63);
  byte(wasm.I64_SHR_S);
  getX(other);
  byte(wasm.I64_AND);
  byte(wasm.I64_SUB);
}

function mulHigh(u: usize, op: i32): void {
  mulHighUnsigned(u);
  if (op != ops.OP_MULHU) correct(rs1OfUop(u), rs2OfUop(u));
  if (op == ops.OP_MULH) correct(rs2OfUop(u), rs1OfUop(u));
}

/** if (cond) a; else b; all on the stack as i64. */
function choose(): void {
  byte(wasm.IF);
  byte(wasm.TYPE_I64);
}
function otherwise(): void {
  byte(wasm.ELSE);
}
function end(): void {
  byte(wasm.END);
}

/** Division of 64 bits; a zero divisor gives -1 or the dividend, an overflow wraps (manual, 7.2). */
function divide(u: usize, opcode: u32, isSigned: bool, isRemainder: bool): void {
  rs2(u);
  byte(wasm.I64_EQZ);
  choose();
  if (isRemainder) rs1(u);
  else const64(-1);
  otherwise();
  if (isSigned && !isRemainder) {
    rs2(u);
    const64(-1);
    byte(wasm.I64_EQ);
    choose();
    const64(0);
    rs1(u);
    byte(wasm.I64_SUB);
    otherwise();
    both(u, opcode);
    end();
  } else both(u, opcode);
  end();
}

/** Likewise of 32 bits; done in 64 bits if signed, where it cannot overflow. */
function divide32(u: usize, opcode: u32, isSigned: bool, isRemainder: bool): void {
  wrap(rs2OfUop(u));
  byte(wasm.I32_EQZ);
  choose();
  if (isRemainder) wrap(rs1OfUop(u));
  else const32(-1);
  widen();
  otherwise();
  wrap(rs1OfUop(u));
  byte(isSigned ? wasm.I64_EXTEND_I32_S : wasm.I64_EXTEND_I32_U);
  wrap(rs2OfUop(u));
  byte(isSigned ? wasm.I64_EXTEND_I32_S : wasm.I64_EXTEND_I32_U);
  byte(opcode);
  byte(wasm.I64_EXTEND32_S);
  end();
}

/** Division and remainder. */
function division(u: usize, op: i32): void {
  switch (op) {
    case ops.OP_DIV:
      return divide(u, wasm.I64_DIV_S, true, false);
    case ops.OP_DIVU:
      return divide(u, wasm.I64_DIV_U, false, false);
    case ops.OP_REM:
      return divide(u, wasm.I64_REM_S, true, true);
    case ops.OP_REMU:
      return divide(u, wasm.I64_REM_U, false, true);
    case ops.OP_DIVW:
      return divide32(u, wasm.I64_DIV_S, true, false);
    case ops.OP_DIVUW:
      return divide32(u, wasm.I64_DIV_U, false, false);
    case ops.OP_REMW:
      return divide32(u, wasm.I64_REM_S, true, true);
    default:
      return divide32(u, wasm.I64_REM_U, false, true);
  }
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one switch
function value(u: usize, op: i32): void {
  switch (op) {
    case ops.OP_LI:
      return imm(u);
    case ops.OP_MV:
      return rs1(u);
    case ops.OP_ADDI:
      return withImm(u, wasm.I64_ADD);
    case ops.OP_SLTI:
      withImm(u, wasm.I64_LT_S);
      return truth();
    case ops.OP_SLTIU:
      withImm(u, wasm.I64_LT_U);
      return truth();
    case ops.OP_XORI:
      return withImm(u, wasm.I64_XOR);
    case ops.OP_ORI:
      return withImm(u, wasm.I64_OR);
    case ops.OP_ANDI:
      return withImm(u, wasm.I64_AND);
    case ops.OP_SLLI:
      return shiftImm(u, wasm.I64_SHL);
    case ops.OP_SRLI:
      return shiftImm(u, wasm.I64_SHR_U);
    case ops.OP_SRAI:
      return shiftImm(u, wasm.I64_SHR_S);
    case ops.OP_ADDIW:
      withImm(u, wasm.I64_ADD);
      return byte(wasm.I64_EXTEND32_S);
    case ops.OP_SLLIW:
      return shiftImm32(u, wasm.I32_SHL);
    case ops.OP_SRLIW:
      return shiftImm32(u, wasm.I32_SHR_U);
    case ops.OP_SRAIW:
      return shiftImm32(u, wasm.I32_SHR_S);
    case ops.OP_ADD:
      return both(u, wasm.I64_ADD);
    case ops.OP_SUB:
      return both(u, wasm.I64_SUB);
    case ops.OP_SLL:
      return both(u, wasm.I64_SHL);
    case ops.OP_SLT:
      both(u, wasm.I64_LT_S);
      return truth();
    case ops.OP_SLTU:
      both(u, wasm.I64_LT_U);
      return truth();
    case ops.OP_XOR:
      return both(u, wasm.I64_XOR);
    case ops.OP_SRL:
      return both(u, wasm.I64_SHR_U);
    case ops.OP_SRA:
      return both(u, wasm.I64_SHR_S);
    case ops.OP_OR:
      return both(u, wasm.I64_OR);
    case ops.OP_AND:
      return both(u, wasm.I64_AND);
    case ops.OP_ADDW:
      both(u, wasm.I64_ADD);
      return byte(wasm.I64_EXTEND32_S);
    case ops.OP_SUBW:
      both(u, wasm.I64_SUB);
      return byte(wasm.I64_EXTEND32_S);
    case ops.OP_SLLW:
      return both32(u, wasm.I32_SHL);
    case ops.OP_SRLW:
      return both32(u, wasm.I32_SHR_U);
    case ops.OP_SRAW:
      return both32(u, wasm.I32_SHR_S);
    case ops.OP_MUL:
      return both(u, wasm.I64_MUL);
    case ops.OP_MULW:
      both(u, wasm.I64_MUL);
      return byte(wasm.I64_EXTEND32_S);
    case ops.OP_MULH:
    case ops.OP_MULHSU:
    case ops.OP_MULHU:
      return mulHigh(u, op);
    default:
      if (op >= ops.OP_CLMUL) return cryptoValue(u, op);
      return op >= ops.OP_ADD_UW ? bitsValue(u, op) : division(u, op);
  }
}

/** The operation at `u`: OP_LI to OP_REMUW (but AUIPC), bit manipulation, Zicond. */
export function integer(u: usize): void {
  if (isPerformed(Uop.op(u))) return performBits(u);
  value(u, Uop.op(u));
  setX(rdOfUop(u));
}
