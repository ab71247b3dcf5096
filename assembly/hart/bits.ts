/** Zba, Zbb, Zbs: micro-operations that compiled code for plain RV64GC does not contain. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { sext } from "./muldiv";

function orCombine(value: u64): u64 {
  let result: u64 = 0;
  for (let i: u64 = 0; i < 64; i += 8) if ((value >> i) & 0xff) result |= (<u64>0xff) << i;
  return result;
}

function addresses(op: i32, a: u64, b: u64): u64 {
  switch (op) {
    case ops.OP_ADD_UW:
      return (a & 0xffffffff) + b;
    case ops.OP_SH1ADD:
      return (a << 1) + b;
    case ops.OP_SH2ADD:
      return (a << 2) + b;
    case ops.OP_SH3ADD:
      return (a << 3) + b;
    case ops.OP_SH1ADD_UW:
      return ((a & 0xffffffff) << 1) + b;
    case ops.OP_SH2ADD_UW:
      return ((a & 0xffffffff) << 2) + b;
    default:
      return ((a & 0xffffffff) << 3) + b;
  }
}

function binary(op: i32, a: u64, b: u64): u64 {
  switch (op) {
    case ops.OP_ANDN:
      return a & ~b;
    case ops.OP_ORN:
      return a | ~b;
    case ops.OP_XNOR:
      return ~(a ^ b);
    case ops.OP_MAX:
      return <i64>a > <i64>b ? a : b;
    case ops.OP_MAXU:
      return a > b ? a : b;
    case ops.OP_MIN:
      return <i64>a < <i64>b ? a : b;
    case ops.OP_MINU:
      return a < b ? a : b;
    case ops.OP_ROL:
      return rotl(a, b & 63);
    case ops.OP_ROR:
    case ops.OP_RORI:
      return rotr(a, b & 63);
    case ops.OP_ROLW:
      return sext(rotl(<u32>a, <u32>b & 31));
    default:
      return sext(rotr(<u32>a, <u32>b & 31)); // RORW, RORIW
  }
}

function unary(op: i32, a: u64): u64 {
  switch (op) {
    case ops.OP_CLZ:
      return clz(a);
    case ops.OP_CTZ:
      return ctz(a);
    case ops.OP_CPOP:
      return popcnt(a);
    case ops.OP_CLZW:
      return clz(<u32>a);
    case ops.OP_CTZW:
      return ctz(<u32>a);
    case ops.OP_CPOPW:
      return popcnt(<u32>a);
    case ops.OP_SEXT_B:
      return <u64>(<i64>(<i8>a));
    case ops.OP_SEXT_H:
      return <u64>(<i64>(<i16>a));
    case ops.OP_ZEXT_H:
      return a & 0xffff;
    case ops.OP_ORC_B:
      return orCombine(a);
    default:
      return bswap(a); // REV8
  }
}

function singleBit(op: i32, a: u64, index: u64): u64 {
  const bit = (<u64>1) << (index & 63);
  switch (op) {
    case ops.OP_BCLR:
    case ops.OP_BCLRI:
      return a & ~bit;
    case ops.OP_BEXT:
    case ops.OP_BEXTI:
      return (a >> (index & 63)) & 1;
    case ops.OP_BINV:
    case ops.OP_BINVI:
      return a ^ bit;
    default:
      return a | bit; // BSET, BSETI
  }
}

function isUnary(op: i32): bool {
  return (
    (op >= ops.OP_CLZ && op <= ops.OP_CPOPW) ||
    (op >= ops.OP_SEXT_B && op <= ops.OP_ZEXT_H) ||
    op >= ops.OP_ORC_B
  );
}

/** The bit manipulation at `u`. */
export function bitManipulation(u: usize): void {
  const op = Uop.op(u);
  const a = Uop.rs1(u);
  if (op == ops.OP_SLLI_UW) Uop.setRd(u, (a & 0xffffffff) << (<u64>Uop.imm(u) & 63));
  else if (op < ops.OP_SLLI_UW) Uop.setRd(u, addresses(op, a, Uop.rs2(u)));
  else if (op >= ops.OP_BCLRI) Uop.setRd(u, singleBit(op, a, <u64>Uop.imm(u)));
  else if (op >= ops.OP_BCLR) Uop.setRd(u, singleBit(op, a, Uop.rs2(u)));
  else if (isUnary(op)) Uop.setRd(u, unary(op, a));
  else if (op == ops.OP_RORI || op == ops.OP_RORIW) Uop.setRd(u, binary(op, a, <u64>Uop.imm(u)));
  else Uop.setRd(u, binary(op, a, Uop.rs2(u)));
}
