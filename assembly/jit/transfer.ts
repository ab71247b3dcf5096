/** Calls, returns and jumps through registers as WebAssembly. */
import { HART_BASE, HART_PC } from "../../bindings/abi";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { callee, ENTER_AT } from "./calls";
import { LEFT_FLAGS, NOT_ENTERED } from "./enter";
import { checkWindow, guardPage, lastRel, needsGuard } from "./guard";
import { address, brTable, close, leave, leaveTo, openIf, settle } from "./labels";
import { DEPTH, getX, LEFT, loadRegisters, PC, setX, storeRegisters, T0 } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop } from "./operands";
import { access, byte, const32, const64, get, set, tee } from "./out";
import { Targets } from "./targets";
import { BLOCK_CALLEE, BLOCK_END, BLOCK_TAKEN_REL, Work } from "./work";

/** Writes the link register of the call or jump at `u`. */
export function link(id: i32, u: usize): void {
  address(Work.get(id, BLOCK_END));
  setX(rdOfUop(u));
}

/** Reads the target of the JR or JALR at `u`, then writes the link. */
function targetToPc(id: i32, u: usize): void {
  getX(rs1OfUop(u));
  const offset = <i64>load<i16>(u, 4);
  if (offset) {
    const64(offset);
    byte(wasm.I64_ADD);
  }
  const64(-2);
  byte(wasm.I64_AND);
  set(PC);
  if (Uop.op(u) == ops.OP_JALR) link(id, u);
}

/** JR or JALR that is no call; `hasTargets`: it may lead to one of the `Targets`. */
export function indirect(id: i32, u: usize, hasTargets: bool): void {
  targetToPc(id, u);
  settle();
  if (hasTargets) table();
  get(PC);
  leave();
}

/** Goes to the target that PC is, if it is one. */
function table(): void {
  get(PC);
  address(Targets.first);
  byte(wasm.I64_SUB);
  tee(T0);
  const64(Targets.last - Targets.first);
  byte(wasm.I64_LE_U);
  openIf();
  get(T0);
  byte(wasm.I32_WRAP_I64);
  const32(1);
  byte(wasm.I32_SHR_U);
  access(wasm.I32_LOAD8_U, 0, Targets.map);
  brTable();
  close();
}

/** A call of what the register of the JALR at `u` says; control comes back behind it. */
export function callRegister(id: i32, u: usize): void {
  targetToPc(id, u);
  settle();
  callPc(id);
}

/** A call of a known address: of its function, if that is there. Control comes back behind it. */
export function call(id: i32, u: usize): void {
  const to = Work.get(id, BLOCK_TAKEN_REL);
  link(id, u);
  settle();
  const index = Work.get(id, BLOCK_CALLEE);
  if (index < 0) {
    address(to);
    set(PC);
    return callPc(id);
  }
  if (needsGuard(lastRel(id), to)) guardPage(to);
  leaveIfDeep(to);
  storeRegisters();
  get(LEFT);
  address(to & ~0xfff);
  get(DEPTH);
  const32(1);
  byte(wasm.I32_SUB);
  byte(wasm.CALL);
  callee(index);
  returned(id);
}

function leaveIfDeep(to: i32): void {
  get(DEPTH);
  byte(wasm.I32_EQZ);
  openIf();
  leaveTo(to);
  close();
}

/** Calls what PC is, if it is translated; else leaves for it. */
function callPc(id: i32): void {
  get(DEPTH);
  byte(wasm.I32_EQZ);
  openIf();
  get(PC);
  leave();
  close();
  storeRegisters();
  get(LEFT);
  get(PC);
  get(DEPTH);
  const32(1);
  byte(wasm.I32_SUB);
  byte(wasm.CALL);
  callee(ENTER_AT);
  returned(id);
}

/** Behind a call: goes on if it came back to where it should, else lets its caller see to it. */
function returned(id: i32): void {
  const back = Work.get(id, BLOCK_END);
  tee(LEFT);
  const32(LEFT_FLAGS);
  byte(wasm.I32_AND);
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_PC);
  address(back);
  byte(wasm.I64_NE);
  byte(wasm.I32_OR);
  openIf();
  get(LEFT);
  const32(~NOT_ENTERED);
  byte(wasm.I32_AND);
  byte(wasm.RETURN);
  close();
  loadRegisters();
  checkWindow(back);
}
