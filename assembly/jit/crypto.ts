/** Zbkb, Zbkx and Zicond as WebAssembly; Zbc is called for (`perform.ts`). */
import * as ops from "../isa/ops";
import { T0 } from "./locals";
import * as wasm from "./opcodes";
import { byte, const64, get, set } from "./out";
import { LOW, rs1, rs2, swap } from "./pieces";

const NIBBLES: i64 = 0x0f0f0f0f0f0f0f0f;

/** Products without carries: 16 multiplications and more. */
export function isPerformed(op: i32): bool {
  return op >= ops.OP_CLMUL && op <= ops.OP_CLMULH;
}

/** rs1 if rs2 is zero, or unless it is; else 0. */
function conditional(u: usize, isZeroed: bool): void {
  if (isZeroed) const64(0);
  rs1(u);
  if (!isZeroed) const64(0);
  rs2(u);
  byte(wasm.I64_EQZ);
  byte(wasm.SELECT);
}

/** PACK, PACKH: the lower parts of rs1 and rs2, whose bits `mask` has. */
function pack(u: usize, mask: i64, count: i64): void {
  rs1(u);
  const64(mask);
  byte(wasm.I64_AND);
  rs2(u);
  if (count < 32) {
    const64(mask);
    byte(wasm.I64_AND);
  }
  const64(count);
  byte(wasm.I64_SHL);
  byte(wasm.I64_OR);
}

function packWord(u: usize): void {
  rs1(u);
  const64(0xffff);
  byte(wasm.I64_AND);
  rs2(u);
  const64(16);
  byte(wasm.I64_SHL);
  byte(wasm.I64_OR);
  byte(wasm.I64_EXTEND32_S);
}

function simd(opcode: u32): void {
  byte(wasm.SIMD);
  byte(opcode);
}

/** The i64 on the stack as the lower half of a vector, zero above it. */
function widen(): void {
  set(T0);
  simd(wasm.V128_CONST);
  for (let i = 0; i < 16; i++) byte(0);
  get(T0);
  simd(wasm.I64X2_REPLACE_LANE);
  byte(0);
}

/** Looks the bytes of the vector on the stack up in the one below; those beyond 15 give 0. */
function lookUp(): void {
  simd(wasm.I8X16_SWIZZLE);
  simd(wasm.I64X2_EXTRACT_LANE);
  byte(0);
}

/** The lower or upper four bits of each byte on the stack. */
function nibbles(isUpper: bool): void {
  if (isUpper) {
    const64(4);
    byte(wasm.I64_SHR_U);
  }
  const64(NIBBLES);
  byte(wasm.I64_AND);
}

function permuteBytes(u: usize): void {
  rs1(u);
  widen();
  rs2(u);
  widen();
  lookUp();
}

/** What the lower or upper four bits of the bytes of rs2 choose of the sixteen of rs1. */
function chosen(u: usize, isUpper: bool): void {
  rs1(u);
  nibbles(false);
  widen();
  rs1(u);
  nibbles(true);
  widen();
  simd(wasm.I8X16_SHUFFLE);
  for (let i = 0; i < 8; i++) {
    byte(i);
    byte(i + 16);
  }
  rs2(u);
  nibbles(isUpper);
  widen();
  lookUp();
}

function permuteNibbles(u: usize): void {
  chosen(u, false);
  chosen(u, true);
  const64(4);
  byte(wasm.I64_SHL);
  byte(wasm.I64_OR);
}

/** Leaves the result of the operation at `u` on the stack: OP_PACK to OP_CZERO_NEZ. */
export function cryptoValue(u: usize, op: i32): void {
  switch (op) {
    case ops.OP_PACK:
      return pack(u, LOW, 32);
    case ops.OP_PACKH:
      return pack(u, 0xff, 8);
    case ops.OP_PACKW:
      return packWord(u);
    case ops.OP_BREV8:
      rs1(u);
      swap(0x5555555555555555, 1);
      swap(0x3333333333333333, 2);
      return swap(NIBBLES, 4);
    case ops.OP_XPERM4:
      return permuteNibbles(u);
    case ops.OP_XPERM8:
      return permuteBytes(u);
    default:
      return conditional(u, op == ops.OP_CZERO_EQZ);
  }
}
