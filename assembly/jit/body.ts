/**
 * Writes the body of one translated function: control flow as nested blocks and loops, made from the
 * dominator tree (Ramsey, "Beyond Relooper", ICFP 2022).
 */
import {
  HART_BASE,
  HART_PC,
  JIT_BASE,
  JIT_FETCH_TAG,
  TLB_FETCH_BASE,
  TLB_FETCH_ENTRIES,
} from "../../bindings/abi";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Tlb } from "../mmu/tlb";
import { memoryAccess } from "./access";
import { atomic } from "./atomic";
import { callee, ENTER_AT, RESUME } from "./calls";
import { csr, isCsr, loadTag } from "./csr";
import { LEFT_FLAGS, NOT_ENTERED } from "./enter";
import { checkFloat, float, loadFloatState } from "./float";
import { floatNeeds } from "./float-kinds";
import { hintOf } from "./hints";
import { integer } from "./integer";
import {
  address,
  brTable,
  brTo,
  brToIf,
  close,
  exit,
  exitIf,
  leave,
  leaveTo,
  openBlock,
  openExits,
  openIf,
  openLoop,
  siteOf,
} from "./labels";
import {
  BASE,
  DEPTH,
  getX,
  LEFT,
  loadRegisters,
  PC,
  SITE,
  SLOT,
  setX,
  storeRegisters,
  T0,
} from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { mergeChildBefore, orderOf, successor } from "./order";
import { access, byte, const32, const64, get, Out, set, tee } from "./out";
import { Targets, writeMap } from "./targets";
import {
  BLOCK_CALLEE,
  BLOCK_COUNT,
  BLOCK_END,
  BLOCK_ENDS,
  BLOCK_FIRST,
  BLOCK_FLAGS,
  BLOCK_REL,
  BLOCK_TAKEN_REL,
  ENDS_BRANCH,
  ENDS_CALL,
  ENDS_CALL_REGISTER,
  ENDS_FALL,
  ENDS_INDIRECT,
  ENDS_INTERPRET,
  ENDS_TABLE,
  IS_LOOP,
  IS_MERGE,
  Work,
} from "./work";
import { isZero, MAY_ZERO, zero } from "./zero";

/** What the dispatch loop may run beyond its window without asking, in instructions (`hart/run.ts`). */
const MARGIN: i32 = 255;

abstract class Body {
  /** The window must be larger than this to run on to the next place where it is looked at. */
  static bias: i32 = 0;
  /** Blocks in order. */
  static count: i32 = 0;
  static hasMap: bool = false;
}

/** Exits to the interpreter in front of `rel` unless the window is large enough. */
function checkWindow(rel: i32): void {
  get(LEFT);
  const32(Body.bias);
  byte(wasm.I32_LE_S);
  exitIf(siteOf(rel, 0));
}

/** The table of decoded blocks of the page of `rel`, which is in the fetch TLB. */
function tableFor(rel: i32): usize {
  return load<u32>(Tlb.fetch(Work.base + <u64>(<i64>rel)), 8);
}

/** Leaves for `rel` unless its page is where it was when this was translated. */
function guardPage(rel: i32): void {
  address(rel & ~0xfff);
  tee(T0);
  byte(wasm.I32_WRAP_I64);
  const32(8);
  byte(wasm.I32_SHR_U);
  const32((TLB_FETCH_ENTRIES - 1) << 4);
  byte(wasm.I32_AND);
  tee(SLOT);
  access(wasm.I64_LOAD, 3, TLB_FETCH_BASE);
  get(T0);
  const32(0);
  access(wasm.I64_LOAD, 3, JIT_BASE + JIT_FETCH_TAG);
  byte(wasm.I64_OR);
  byte(wasm.I64_NE);
  get(SLOT);
  access(wasm.I32_LOAD, 2, TLB_FETCH_BASE + 8);
  const32(<i32>tableFor(rel));
  byte(wasm.I32_NE);
  byte(wasm.I32_OR);
  openIf();
  leaveTo(rel);
  close();
}

/** Does control that comes from `from` have to make sure of the page of `to`? */
function needsGuard(from: i32, to: i32): bool {
  return to >> 12 != 0 && from >> 12 != to >> 12;
}

/** The last byte of block `id`, for which page it ends in. */
function lastRel(id: i32): i32 {
  const count = Work.get(id, BLOCK_COUNT);
  return count ? Work.rel(Work.get(id, BLOCK_FIRST) + count - 1) : Work.get(id, BLOCK_REL);
}

/** Is the way from `id` to `to` a plain branch to a label? */
function isLabelled(id: i32, to: i32): bool {
  return orderOf(to) <= orderOf(id) || (Work.get(to, BLOCK_FLAGS) & <i32>IS_MERGE) != 0;
}

/** Goes from block `id` to its successor on `side`, which stands at `rel`. */
function goOn(id: i32, side: i32, rel: i32): void {
  const to = successor(id, side);
  if (to < 0) return leaveTo(rel);
  if (needsGuard(lastRel(id), rel)) guardPage(rel);
  if (isLabelled(id, to)) brTo(to);
  else tree(to);
}

function comparison(op: i32): u32 {
  switch (op) {
    case ops.OP_BEQ:
      return wasm.I64_EQ;
    case ops.OP_BNE:
      return wasm.I64_NE;
    case ops.OP_BLT:
      return wasm.I64_LT_S;
    case ops.OP_BGE:
      return wasm.I64_GE_S;
    case ops.OP_BLTU:
      return wasm.I64_LT_U;
    default:
      return wasm.I64_GE_U;
  }
}

function branch(id: i32, u: usize): void {
  getX(rs1OfUop(u));
  getX(rs2OfUop(u));
  byte(comparison(Uop.op(u)));
  const to = successor(id, 0);
  const rel = Work.get(id, BLOCK_TAKEN_REL);
  if (to >= 0 && isLabelled(id, to) && !needsGuard(lastRel(id), rel)) brToIf(to);
  else {
    openIf();
    goOn(id, 0, rel);
    close();
  }
  goOn(id, 1, Work.get(id, BLOCK_END));
}

/** Writes the link register of the call or jump at `u`. */
function link(id: i32, u: usize): void {
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

/** JR or JALR that is no call. */
function indirect(id: i32, u: usize): void {
  targetToPc(id, u);
  if (Work.get(id, BLOCK_ENDS) == ENDS_TABLE && Body.hasMap) table();
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

/** A call of what the register of the JALR at `u` says. */
function callRegister(id: i32, u: usize): void {
  targetToPc(id, u);
  callPc(id);
}

/** A call of a known address: of its function, if that is there. */
function call(id: i32, u: usize): void {
  const to = Work.get(id, BLOCK_TAKEN_REL);
  link(id, u);
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

/** Leaves on the stack if the call that left LEFT did not come back to where it should. */
function hasStrayed(back: i32): void {
  get(LEFT);
  const32(LEFT_FLAGS);
  byte(wasm.I32_AND);
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_PC);
  address(back);
  byte(wasm.I64_NE);
  byte(wasm.I32_OR);
}

/** Behind a call: goes on when it has come back to where it should, else lets its caller see to it. */
function returned(id: i32): void {
  const back = Work.get(id, BLOCK_END);
  set(LEFT);
  hasStrayed(back);
  openIf();
  get(LEFT);
  address(back);
  get(DEPTH);
  const32(1);
  byte(wasm.I32_SUB);
  byte(wasm.CALL);
  callee(RESUME);
  set(LEFT);
  hasStrayed(back);
  openIf();
  get(LEFT);
  const32(~NOT_ENTERED);
  byte(wasm.I32_AND);
  byte(wasm.RETURN);
  close();
  close();
  loadRegisters();
  loadTag();
  checkWindow(back);
  goOn(id, 1, back);
}

function terminator(id: i32): void {
  const ends = Work.get(id, BLOCK_ENDS);
  const behind = Work.get(id, BLOCK_END);
  if (ends == ENDS_FALL) return goOn(id, 1, behind);
  if (ends == ENDS_INTERPRET) return exit(siteOf(behind, 0));
  const u = Work.uop(Work.get(id, BLOCK_FIRST) + Work.get(id, BLOCK_COUNT) - 1);
  if (ends == ENDS_BRANCH) return branch(id, u);
  if (ends == ENDS_CALL) return call(id, u);
  if (ends == ENDS_CALL_REGISTER) return callRegister(id, u);
  if (ends == ENDS_INDIRECT || ends == ENDS_TABLE) return indirect(id, u);
  if (Uop.op(u) == ops.OP_JAL) link(id, u);
  goOn(id, 0, Work.get(id, BLOCK_TAKEN_REL));
}

/** One instruction that does not end its block; `undone` counts it and those behind it. */
function instruction(index: i32, undone: i32): void {
  const u = Work.uop(index);
  const rel = Work.rel(index);
  const op = Uop.op(u);
  if (op == ops.OP_NOP) return;
  if (op == ops.OP_AUIPC) {
    address(<i64>(rel & ~0xfff) + <i64>Uop.imm(u));
    setX(rdOfUop(u));
    return;
  }
  if (op >= ops.OP_J && op <= ops.OP_BGEU) return; // The terminator.
  const site = siteOf(rel, undone);
  if (op >= ops.OP_LB && op <= ops.OP_FSD) return memoryAccess(u, hintOf(index), site);
  if (op == ops.OP_AMO) return atomic(u, site);
  if (isCsr(u)) return csr(u, undone, site, siteOf(rel + 4, undone - 1));
  if (op == ops.OP_SYSTEM) return zero(u, site);
  if (op == ops.OP_FLOAT || op >= ops.OP_FADD_D) return float(u, site);
  integer(u);
}

/** What the operation at `u` needs of JIT_FLOAT. */
function needsOf(u: usize): i32 {
  return isZero(u) ? MAY_ZERO : floatNeeds(u);
}

function straight(id: i32): void {
  const count = Work.get(id, BLOCK_COUNT);
  const first = Work.get(id, BLOCK_FIRST);
  if (id == 0 || Work.get(id, BLOCK_FLAGS) & <i32>IS_LOOP) checkWindow(Work.get(id, BLOCK_REL));
  let needs = 0;
  for (let i = 0; i < count; i++) needs |= needsOf(Work.uop(first + i));
  if (needs) checkFloat(needs, siteOf(Work.get(id, BLOCK_REL), 0));
  if (count) {
    get(LEFT);
    const32(count << 3);
    byte(wasm.I32_SUB);
    set(LEFT);
  }
  for (let i = 0; i < count; i++) {
    if (Out.isFull()) return;
    instruction(first + i, count - i);
  }
  terminator(id);
}

/** Block `id` with the merge points that it dominates, from the last one before `order` on. */
function within(id: i32, order: i32): void {
  const child = mergeChildBefore(id, order);
  if (child < 0) return straight(id);
  openBlock(child);
  within(id, orderOf(child));
  close();
  tree(child);
}

/** Block `id` and all that it dominates. */
function tree(id: i32): void {
  if (!(Work.get(id, BLOCK_FLAGS) & <i32>IS_LOOP)) return within(id, Body.count);
  openLoop(id);
  within(id, Body.count);
  close();
  byte(wasm.UNREACHABLE);
}

/** Writes the code of the region that was found and ordered; `count` blocks are reached. */
export function writeBody(count: i32): void {
  Body.count = count;
  Body.bias = max(0, Work.instructionCount - MARGIN) << 3;
  Body.hasMap = writeMap();
  openExits();
  loadTag();
  loadFloatState();
  loadRegisters();
  tree(0);
  close();
  // Here with SITE: the interpreter goes on at its pc.
  get(SITE);
  const32(16);
  byte(wasm.I32_SHR_S);
  byte(wasm.I64_EXTEND_I32_S);
  const64(1);
  byte(wasm.I64_SHL);
  get(BASE);
  byte(wasm.I64_ADD);
  set(PC);
  get(SITE);
  const32(0xffff);
  byte(wasm.I32_AND);
  const32(3);
  byte(wasm.I32_SHL);
  const32(1);
  byte(wasm.I32_OR);
  get(LEFT);
  byte(wasm.I32_ADD);
  set(LEFT);
  close();
  // Here with PC.
  storeRegisters();
  const32(0);
  get(PC);
  access(wasm.I64_STORE, 3, HART_BASE + HART_PC);
  get(LEFT);
}
