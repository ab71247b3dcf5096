/** Zba, Zbb, Zbs, Zbc, Zbkb, Zbkx, Zicond: micro-operations that compiled code for plain RV64GC does not contain. */
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

const EVERY_FOURTH: u64 = 0x1111111111111111;

/** The sum without carries of those partial products whose bits fall on `at`, `at` + 4, ... */
function column(a: u64, b: u64, at: u64): u64 {
  // With three zeros between any two bits of the operands, the carries of a product stay in those:
  // at most 16 ones meet in a place, and 16 only in the last one.
  let sum: u64 = 0;
  for (let i: u64 = 0; i < 4; i++)
    sum ^= (a & (EVERY_FOURTH << i)) * (b & (EVERY_FOURTH << ((at - i) & 3)));
  return sum & (EVERY_FOURTH << at);
}

/** The low half of the product without carries. */
function carryless(a: u64, b: u64): u64 {
  return column(a, b, 0) | column(a, b, 1) | column(a, b, 2) | column(a, b, 3);
}

/** Bits 63 to 126 of it: the low half for operands read backwards. */
function carrylessReversed(a: u64, b: u64): u64 {
  return bswap(reverseBits(carryless(bswap(reverseBits(a)), bswap(reverseBits(b)))));
}

/** Reverses the bits of each byte. */
function reverseBits(a: u64): u64 {
  let x = ((a >> 1) & 0x5555555555555555) | ((a & 0x5555555555555555) << 1);
  x = ((x >> 2) & 0x3333333333333333) | ((x & 0x3333333333333333) << 2);
  return ((x >> 4) & 0x0f0f0f0f0f0f0f0f) | ((x & 0x0f0f0f0f0f0f0f0f) << 4);
}

/** Takes for each `width` bits of `indices` those that they choose of `a`; 0 if there are none. */
function permute(a: u64, indices: u64, width: u64): u64 {
  const mask = ((<u64>1) << width) - 1;
  let result: u64 = 0;
  for (let at: u64 = 0; at < 64; at += width) {
    const from = ((indices >> at) & mask) * width;
    if (from < 64) result |= ((a >> from) & mask) << at;
  }
  return result;
}

/** Zbc, Zbkb, Zbkx, Zicond. */
function scalarCrypto(op: i32, a: u64, b: u64): u64 {
  switch (op) {
    case ops.OP_CLMUL:
      return carryless(a, b);
    case ops.OP_CLMULR:
      return carrylessReversed(a, b);
    case ops.OP_CLMULH:
      return carrylessReversed(a, b) >> 1;
    case ops.OP_PACK:
      return (a & 0xffffffff) | (b << 32);
    case ops.OP_PACKH:
      return (a & 0xff) | ((b & 0xff) << 8);
    case ops.OP_PACKW:
      return sext((<u32>a & 0xffff) | ((<u32>b) << 16));
    case ops.OP_BREV8:
      return reverseBits(a);
    case ops.OP_XPERM4:
      return permute(a, b, 4);
    case ops.OP_XPERM8:
      return permute(a, b, 8);
    case ops.OP_CZERO_EQZ:
      return b ? a : 0;
    default:
      return b ? 0 : a; // CZERO.NEZ
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
  else if (op >= ops.OP_CLMUL) Uop.setRd(u, scalarCrypto(op, a, Uop.rs2(u)));
  else if (op < ops.OP_SLLI_UW) Uop.setRd(u, addresses(op, a, Uop.rs2(u)));
  else if (op >= ops.OP_BCLRI) Uop.setRd(u, singleBit(op, a, <u64>Uop.imm(u)));
  else if (op >= ops.OP_BCLR) Uop.setRd(u, singleBit(op, a, Uop.rs2(u)));
  else if (isUnary(op)) Uop.setRd(u, unary(op, a));
  else if (op == ops.OP_RORI || op == ops.OP_RORIW) Uop.setRd(u, binary(op, a, <u64>Uop.imm(u)));
  else Uop.setRd(u, binary(op, a, Uop.rs2(u)));
}
