/**
 * Operations that are too long as WebAssembly: translated code calls the interpreter's function for them
 * and goes on. Their operands go through the hart's registers, which nobody else reads meanwhile: all
 * that the region writes is written again where it ends.
 */
import { HART_BASE, HART_F, HART_X } from "../../bindings/abi";
import { bitManipulation } from "../hart/bits";
import { doFloat } from "../hart/float";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { callee, PERFORM } from "./calls";
import { FLOAT_1, FLOAT_2, FLOAT_3, INTEGER_1, INTEGER_RESULT, operandsOf } from "./float-kinds";
import { exitIf } from "./labels";
import { getF, getX, setF, setX } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop, rs3OfUop } from "./operands";
import { access, byte, const32, const64 } from "./out";

/** The micro-operation that is called for. */
const UOP: usize = memory.data(8, 8);

/** Does `uop`, whose operands are in the hart. 0: it is illegal, nothing was done. */
export function perform(uop: u64): u32 {
  store<u64>(UOP, uop);
  const op = Uop.op(UOP);
  if (op == ops.OP_FLOAT || op < ops.OP_CLMUL) return doFloat(UOP) ? 1 : 0;
  bitManipulation(UOP);
  return 1;
}

function giveX(register: u32): void {
  const32(0);
  getX(register);
  access(wasm.I64_STORE, 3, HART_BASE + HART_X + (register << 3));
}
function giveF(register: u32): void {
  const32(0);
  getF(register);
  access(wasm.F64_STORE, 3, HART_BASE + HART_F + (register << 3));
}

function call(u: usize): void {
  const64(load<u64>(u));
  byte(wasm.CALL);
  callee(PERFORM);
}

function takeX(register: u32): void {
  if (!register) return;
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_X + (register << 3));
  setX(register);
}

/** The bit manipulation at `u`, by a call. */
export function performBits(u: usize): void {
  giveX(rs1OfUop(u));
  giveX(rs2OfUop(u));
  call(u);
  byte(wasm.DROP);
  takeX(rdOfUop(u));
}

/** The floating-point operation at `u`, by a call; exits through `site` if it is illegal. */
export function performFloat(u: usize, site: i32): void {
  const operands = operandsOf(Uop.raw(u));
  if (operands & INTEGER_1) giveX(rs1OfUop(u));
  if (operands & FLOAT_1) giveF(rs1OfUop(u));
  if (operands & FLOAT_2) giveF(rs2OfUop(u));
  if (operands & FLOAT_3) giveF(rs3OfUop(u));
  call(u);
  byte(wasm.I32_EQZ);
  exitIf(site);
  if (operands & INTEGER_RESULT) return takeX(rdOfUop(u));
  const32(0);
  access(wasm.F64_LOAD, 3, HART_BASE + HART_F + (rdOfUop(u) << 3));
  setF(rdOfUop(u));
}
