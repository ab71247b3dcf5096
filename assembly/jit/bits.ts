/** Bit manipulation (Zba, Zbb, Zbs) as WebAssembly. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import * as wasm from "./opcodes";
import { rs1OfUop } from "./operands";
import { byte, const64 } from "./out";
import { both, both32, low, rs1, rs2, shiftImm, shiftImm32, swap, truth, wrap } from "./pieces";

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

function reverseBytes(u: usize): void {
  rs1(u);
  swap(0x00ff00ff00ff00ff, 8);
  swap(0x0000ffff0000ffff, 16);
  const64(32);
  byte(wasm.I64_ROTL);
}

/** Zba, Zbb, Zbs: the value of the operation at `u`. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one switch
export function bitsValue(u: usize, op: i32): void {
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
      // clz, ctz and popcnt stand in this order on both sides, of 64 bits and below of 32.
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
