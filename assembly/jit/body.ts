/**
 * Writes the body of one translated function: control flow as nested blocks and loops, made from the
 * dominator tree (Ramsey, "Beyond Relooper", ICFP 2022).
 */
import { HART_BASE, HART_PC } from "../../bindings/abi";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { takeSingles } from "./boxed";
import { Copies, closeFast, closeRound, openFast, openRound, planCopies } from "./copies";
import { loadTag } from "./csr";
import { checkFloat, loadFloatState } from "./float-pieces";
import { checkWindow, guardPage, guardSecondHalf, lastRel, needsGuard } from "./guard";
import { instruction, needsOf } from "./instruction";
import {
  brTo,
  brToIf,
  close,
  exit,
  Labels,
  leaveTo,
  openBlock,
  openExits,
  openIf,
  openLoop,
  siteOf,
} from "./labels";
import { BASE, getX, LEFT, Locals, loadRegisters, PC, SITE, storeRegisters } from "./locals";
import { behind } from "./nests";
import * as wasm from "./opcodes";
import { rs1OfUop, rs2OfUop } from "./operands";
import { blockAtOrder, mergeChildBefore, orderOf, successor } from "./order";
import { access, byte, const32, const64, get, Out, set } from "./out";
import { writeMap } from "./targets";
import { call, callRegister, indirect, link } from "./transfer";
import {
  BLOCK_BEHIND,
  BLOCK_BOXED,
  BLOCK_COUNT,
  BLOCK_END,
  BLOCK_ENDS,
  BLOCK_FIRST,
  BLOCK_FLAGS,
  BLOCK_LEVELS,
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

abstract class Body {
  /** Blocks in order. */
  static count: i32 = 0;
  static hasMap: bool = false;
}

/** Is the way from `id` to `to` a plain branch to a label? */
function isLabelled(id: i32, to: i32): bool {
  if (orderOf(to) <= orderOf(id) || Work.get(to, BLOCK_BEHIND) >= 0) return true;
  return (Work.get(to, BLOCK_FLAGS) & <i32>IS_MERGE) != 0;
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

function terminator(id: i32): void {
  const ends = Work.get(id, BLOCK_ENDS);
  const behind = Work.get(id, BLOCK_END);
  if (ends == ENDS_FALL) return goOn(id, 1, behind);
  if (ends == ENDS_INTERPRET) return exit(siteOf(behind, 0));
  const u = Work.uop(Work.get(id, BLOCK_FIRST) + Work.get(id, BLOCK_COUNT) - 1);
  if (ends == ENDS_BRANCH) return branch(id, u);
  if (ends == ENDS_INDIRECT || ends == ENDS_TABLE)
    return indirect(id, u, ends == ENDS_TABLE && Body.hasMap);
  if (ends == ENDS_CALL) {
    call(id, u);
    return goOn(id, 1, behind);
  }
  if (ends == ENDS_CALL_REGISTER) {
    callRegister(id, u);
    return goOn(id, 1, behind);
  }
  if (Uop.op(u) == ops.OP_JAL) link(id, u);
  goOn(id, 0, Work.get(id, BLOCK_TAKEN_REL));
}

function straight(id: i32): void {
  const count = Work.get(id, BLOCK_COUNT);
  const first = Work.get(id, BLOCK_FIRST);
  const isHead = id == 0 || (Work.get(id, BLOCK_FLAGS) & <i32>IS_LOOP) != 0;
  if (isHead && !Copies.isFast) checkWindow(Work.get(id, BLOCK_REL));
  guardSecondHalf(id);
  Locals.boxed = <u32>Work.get(id, BLOCK_BOXED);
  let needs = 0;
  for (let i = 0; i < count; i++) needs |= needsOf(Work.uop(first + i));
  if (needs) checkFloat(needs, siteOf(Work.get(id, BLOCK_REL), 0));
  Labels.pending += count;
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

/** The last block in order, before place `order`, that is written behind `loop`; -1: none. */
function lastBehind(loop: i32, order: i32): i32 {
  for (let i = order - 1; i >= 0; i--)
    if (Work.get(blockAtOrder(i), BLOCK_BEHIND) == loop) return blockAtOrder(i);
  return -1;
}

/** The body of the innermost loop of `id`, or both if it has two. */
function loop(id: i32): void {
  const rounds = planCopies(id, Body.count);
  if (rounds) {
    openFast(rounds, Body.count);
    for (let round = 0; round < rounds; round++) {
      openRound(id, round);
      within(id, Body.count);
      closeRound();
    }
    closeFast();
  }
  within(id, Body.count);
}

/** Level `index` of the loop of `id`, with what is behind it from the last such block before `order` on. */
function nest(id: i32, index: i32, order: i32): void {
  const child = lastBehind(behind(id, index), order);
  if (child >= 0) {
    openBlock(child);
    nest(id, index, orderOf(child));
    close();
    return tree(child);
  }
  openLoop(id);
  if (index > 0) nest(id, index - 1, Body.count);
  else loop(id);
  close();
  byte(wasm.UNREACHABLE);
}

/** Block `id` and all that it dominates. */
function tree(id: i32): void {
  if (!(Work.get(id, BLOCK_FLAGS) & <i32>IS_LOOP)) return within(id, Body.count);
  nest(id, Work.get(id, BLOCK_LEVELS) - 1, Body.count);
}

/** Writes the code of the region that was found and ordered; `count` blocks are reached. */
export function writeBody(count: i32): void {
  Body.count = count;
  Body.hasMap = writeMap();
  openExits();
  loadTag();
  loadFloatState();
  loadRegisters();
  takeSingles(siteOf(Work.entryRel, 0));
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
  const32(16);
  byte(wasm.I32_SHL);
  const32(13);
  byte(wasm.I32_SHR_S);
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
