/** Integer and bit-manipulation operations as WebAssembly: each leaves its result in rd's local. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { getX, setX, T0, T1, T2, T3 } from "./locals";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import * as wasm from "./opcodes";
import { byte, const32, const64, get, set, tee } from "./out";

const LOW: i64 = 0xffffffff;

function rs1(u: usize): void {
  getX(rs1OfUop(u));
}
function rs2(u: usize): void {
  getX(rs2OfUop(u));
}
function imm(u: usize): void {
  const64(<i64>Uop.imm(u));
}
/** rs1 op rs2 */
function both(u: usize, opcode: u32): void {
  rs1(u);
  rs2(u);
  byte(opcode);
}
/** rs1 op immediate */
function withImm(u: usize, opcode: u32): void {
  rs1(u);
  imm(u);
  byte(opcode);
}
function shiftImm(u: usize, opcode: u32): void {
  rs1(u);
  const64(<i64>(Uop.imm(u) & 63));
  byte(opcode);
}
function wrap(register: u32): void {
  getX(register);
  byte(wasm.I32_WRAP_I64);
}
/** Sign-extends the i32 on the stack. */
function widen(): void {
  byte(wasm.I64_EXTEND_I32_S);
}
function truth(): void {
  byte(wasm.I64_EXTEND_I32_U);
}
function shiftImm32(u: usize, opcode: u32): void {
  wrap(rs1OfUop(u));
  const32(Uop.imm(u) & 31);
  byte(opcode);
  widen();
}
/** The low halves of rs1 op rs2, sign-extended. Shift counts are taken modulo 32, as Wasm does. */
function both32(u: usize, opcode: u32): void {
  wrap(rs1OfUop(u));
  wrap(rs2OfUop(u));
  byte(opcode);
  widen();
}
function low(u: usize): void {
  rs1(u);
  const64(LOW);
  byte(wasm.I64_AND);
}
/** The low half of rs1, shifted left, + rs2; or rs1 whole. */
function shiftAdd(u: usize, count: i64, isWord: bool): void {
  if (isWord) low(u);
  else rs1(u);
  if (count) {
    const64(count);
    byte(wasm.I64_SHL);
  }
  rs2(u);
  byte(wasm.I64_ADD);
}

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

/** The larger or smaller of rs1 and rs2. */
function select(u: usize, comparison: u32): void {
  rs1(u);
  rs2(u);
  both(u, comparison);
  byte(wasm.SELECT);
}

/** 1 << the index in rs2 or in the immediate. */
function bit(u: usize, isImm: bool): void {
  if (isImm) return const64((<i64>1) << (Uop.imm(u) & 63));
  const64(1);
  rs2(u);
  byte(wasm.I64_SHL);
}

function singleBit(u: usize, op: i32): void {
  const isImm = op >= ops.OP_BCLRI;
  if (op == ops.OP_BEXT || op == ops.OP_BEXTI) {
    if (isImm) shiftImm(u, wasm.I64_SHR_U);
    else both(u, wasm.I64_SHR_U);
    const64(1);
    return byte(wasm.I64_AND);
  }
  rs1(u);
  bit(u, isImm);
  if (op == ops.OP_BCLR || op == ops.OP_BCLRI) {
    const64(-1);
    byte(wasm.I64_XOR);
    return byte(wasm.I64_AND);
  }
  byte(op == ops.OP_BINV || op == ops.OP_BINVI ? wasm.I64_XOR : wasm.I64_OR);
}

/** 0xff for each byte of rs1 that is not 0: bit 7 of each byte says so, then it is spread. */
function orCombine(u: usize): void {
  rs1(u);
  const64(0x7f7f7f7f7f7f7f7f);
  byte(wasm.I64_AND);
  const64(0x7f7f7f7f7f7f7f7f);
  byte(wasm.I64_ADD);
  rs1(u);
  byte(wasm.I64_OR);
  const64(7);
  byte(wasm.I64_SHR_U);
  const64(0x0101010101010101);
  byte(wasm.I64_AND);
  const64(255);
  byte(wasm.I64_MUL);
}

/** Swaps neighbouring groups of `count` bits of T0. */
function swap(count: i64, mask: i64): void {
  get(T0);
  const64(count);
  byte(wasm.I64_SHR_U);
  const64(mask);
  byte(wasm.I64_AND);
  get(T0);
  const64(mask);
  byte(wasm.I64_AND);
  const64(count);
  byte(wasm.I64_SHL);
  byte(wasm.I64_OR);
  set(T0);
}

function reverseBytes(u: usize): void {
  rs1(u);
  set(T0);
  swap(8, 0x00ff00ff00ff00ff);
  swap(16, 0x0000ffff0000ffff);
  get(T0);
  const64(32);
  byte(wasm.I64_ROTL);
}

/** Zba, Zbb, Zbs. */
function bits(u: usize, op: i32): void {
  switch (op) {
    case ops.OP_ADD_UW:
      return shiftAdd(u, 0, true);
    case ops.OP_SH1ADD:
    case ops.OP_SH2ADD:
    case ops.OP_SH3ADD:
      return shiftAdd(u, op - ops.OP_SH1ADD + 1, false);
    case ops.OP_SH1ADD_UW:
    case ops.OP_SH2ADD_UW:
    case ops.OP_SH3ADD_UW:
      return shiftAdd(u, op - ops.OP_SH1ADD_UW + 1, true);
    case ops.OP_SLLI_UW:
      low(u);
      const64(<i64>(Uop.imm(u) & 63));
      return byte(wasm.I64_SHL);
    case ops.OP_ANDN:
    case ops.OP_ORN:
      rs1(u);
      rs2(u);
      const64(-1);
      byte(wasm.I64_XOR);
      return byte(op == ops.OP_ANDN ? wasm.I64_AND : wasm.I64_OR);
    case ops.OP_XNOR:
      both(u, wasm.I64_XOR);
      const64(-1);
      return byte(wasm.I64_XOR);
    case ops.OP_CLZ:
    case ops.OP_CTZ:
    case ops.OP_CPOP:
      rs1(u);
      return byte(wasm.I64_CLZ + <u32>(op - ops.OP_CLZ));
    case ops.OP_CLZW:
    case ops.OP_CTZW:
    case ops.OP_CPOPW:
      wrap(rs1OfUop(u));
      byte(wasm.I32_CLZ + <u32>(op - ops.OP_CLZW));
      return truth();
    case ops.OP_MAX:
      return select(u, wasm.I64_GT_S);
    case ops.OP_MAXU:
      return select(u, wasm.I64_GT_U);
    case ops.OP_MIN:
      return select(u, wasm.I64_LT_S);
    case ops.OP_MINU:
      return select(u, wasm.I64_LT_U);
    case ops.OP_SEXT_B:
      rs1(u);
      return byte(wasm.I64_EXTEND8_S);
    case ops.OP_SEXT_H:
      rs1(u);
      return byte(wasm.I64_EXTEND16_S);
    case ops.OP_ZEXT_H:
      rs1(u);
      const64(0xffff);
      return byte(wasm.I64_AND);
    case ops.OP_ROL:
      return both(u, wasm.I64_ROTL);
    case ops.OP_ROR:
      return both(u, wasm.I64_ROTR);
    case ops.OP_RORI:
      return shiftImm(u, wasm.I64_ROTR);
    case ops.OP_ROLW:
      return both32(u, wasm.I32_ROTL);
    case ops.OP_RORW:
      return both32(u, wasm.I32_ROTR);
    case ops.OP_RORIW:
      return shiftImm32(u, wasm.I32_ROTR);
    case ops.OP_ORC_B:
      return orCombine(u);
    case ops.OP_REV8:
      return reverseBytes(u);
    default:
      return singleBit(u, op);
  }
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
      return op >= ops.OP_ADD_UW ? bits(u, op) : division(u, op);
  }
}

/** The operation at `u`, which is one of OP_LI to OP_REMUW (but AUIPC) or of Zba, Zbb, Zbs. */
export function integer(u: usize): void {
  value(u, Uop.op(u));
  setX(rdOfUop(u));
}
