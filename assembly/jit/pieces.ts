/** Pieces that the translations of integer operations are made of: each leaves its value on the stack. */
import { Uop } from "../isa/uop";
import { getX, T0 } from "./locals";
import * as wasm from "./opcodes";
import { rs1OfUop, rs2OfUop } from "./operands";
import { byte, const32, const64, get, set } from "./out";

export const LOW: i64 = 0xffffffff;

export function rs1(u: usize): void {
  getX(rs1OfUop(u));
}
export function rs2(u: usize): void {
  getX(rs2OfUop(u));
}
export function imm(u: usize): void {
  const64(<i64>Uop.imm(u));
}
/** rs1 op rs2 */
export function both(u: usize, opcode: u32): void {
  rs1(u);
  rs2(u);
  byte(opcode);
}
/** rs1 op immediate */
export function withImm(u: usize, opcode: u32): void {
  rs1(u);
  imm(u);
  byte(opcode);
}
export function shiftImm(u: usize, opcode: u32): void {
  rs1(u);
  const64(<i64>(Uop.imm(u) & 63));
  byte(opcode);
}
export function wrap(register: u32): void {
  getX(register);
  byte(wasm.I32_WRAP_I64);
}
/** Sign-extends the i32 on the stack. */
export function widen(): void {
  byte(wasm.I64_EXTEND_I32_S);
}
export function truth(): void {
  byte(wasm.I64_EXTEND_I32_U);
}
export function shiftImm32(u: usize, opcode: u32): void {
  wrap(rs1OfUop(u));
  const32(Uop.imm(u) & 31);
  byte(opcode);
  widen();
}
/** The low halves of rs1 op rs2, sign-extended. Shift counts are taken modulo 32, as Wasm does. */
export function both32(u: usize, opcode: u32): void {
  wrap(rs1OfUop(u));
  wrap(rs2OfUop(u));
  byte(opcode);
  widen();
}
export function low(u: usize): void {
  rs1(u);
  const64(LOW);
  byte(wasm.I64_AND);
}

/** Neighbouring groups of `count` bits of the value on the stack change places; `mask` has the lower ones. */
export function swap(mask: i64, count: i64): void {
  set(T0);
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
}
