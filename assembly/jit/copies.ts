/**
 * Small innermost loops have two bodies. The fast one does several rounds in a row: before the first it
 * makes sure that the window is large enough, and of each group of accesses (`affine.ts`) that its page is
 * known and all rounds stay in it; then these accesses need nothing but the host's pointer. Where one of
 * them does not hold, the other body does one round, and each access looks for itself.
 *
 * Nothing changes the TLB but what fills it while translated code runs, so what was known of a page
 * stays true for all rounds. But a store that misses may give its page another frame (copy-on-write): where
 * misses are met by calls, a loop with stores that have no group has one body.
 */
import { TLB_LOAD_BASE, TLB_STORE_BASE } from "../../bindings/abi";
import { OP_SYSTEM } from "../isa/ops";
import { Uop } from "../isa/uop";
import { distance, Misses, move, TO_SLOW } from "./access";
import { mayStore } from "./access-kinds";
import { findGroups, Group, Groups, groupOf, offsetInGroup, SPAN_MAX, writeBase } from "./affine";
import { biasOf } from "./guard";
import { hintOf } from "./hints";
import { close, closeCopy, openCopy, openSlow, slowIf } from "./labels";
import { ADDR, getX, hostOf, LEFT } from "./locals";
import { leads } from "./loops";
import { findLevels, isInner } from "./nests";
import * as wasm from "./opcodes";
import { blockAtOrder, successor } from "./order";
import { byte, const32, const64, get, set } from "./out";
import {
  BLOCK_COUNT,
  BLOCK_ENDS,
  BLOCK_FIRST,
  BLOCK_FLAGS,
  ENDS_BRANCH,
  ENDS_FALL,
  ENDS_JUMP,
  IS_LOOP,
  Work,
} from "./work";

/** Instructions of a loop that is worth it, and of all rounds of its fast body. */
const BODY_MAX: i32 = 48;
const ROUNDS_INSTRUCTIONS: i32 = 40;
const ROUNDS_MAX: i32 = 8;
/** Rounds where the step is in a register: nobody knows how large it is. */
const ROUNDS_STEP_MAX: i32 = 4;
/** Without groups only loops this small gain. */
const BARE_MAX: i32 = 12;

export abstract class Copies {
  /** Is the fast body being written? Its round. */
  static isFast: bool = false;
  static round: i32 = 0;
  static rounds: i32 = 0;
}

/** The only block that leads back to `header`, once, if the loop is plain code without loops in it; else -1. */
function latchOf(header: i32, count: i32): i32 {
  let latch = -1;
  for (let i = 0; i < count; i++) {
    const id = blockAtOrder(i);
    if (!isInner(id)) continue;
    const ends = Work.get(id, BLOCK_ENDS);
    if (ends != ENDS_BRANCH && ends != ENDS_FALL && ends != ENDS_JUMP) return -1;
    if (hasSystem(id)) return -1;
    if (id != header && Work.get(id, BLOCK_FLAGS) & <i32>IS_LOOP) return -1;
    if (!leads(id, header)) continue;
    if (latch >= 0 || successor(id, 0) == successor(id, 1)) return -1;
    latch = id;
  }
  return latch;
}

/** Does block `id` have an instruction that may change what accesses are allowed? */
function hasSystem(id: i32): bool {
  const first = Work.get(id, BLOCK_FIRST);
  const end = first + Work.get(id, BLOCK_COUNT);
  for (let i = first; i < end; i++) if (Uop.op(Work.uop(i)) == OP_SYSTEM) return true;
  return false;
}

/** May a miss in block `id` give a page another frame, and the block go on? */
function mayMove(id: i32): bool {
  const first = Work.get(id, BLOCK_FIRST);
  const end = first + Work.get(id, BLOCK_COUNT);
  for (let i = first; i < end; i++)
    if (mayStore(Uop.op(Work.uop(i))) && groupOf(i) < 0) return true;
  return false;
}

function keepsFrames(count: i32): bool {
  if (!Misses.areFrequent) return true; // Each miss leaves.
  for (let i = 0; i < count; i++)
    if (isInner(blockAtOrder(i)) && mayMove(blockAtOrder(i))) return false;
  return true;
}

function innerInstructions(count: i32): i32 {
  let sum = 0;
  for (let i = 0; i < count; i++)
    if (isInner(blockAtOrder(i))) sum += Work.get(blockAtOrder(i), BLOCK_COUNT);
  return sum;
}

/** Bytes from the first to the last that `group` accesses in `rounds` rounds, steps in registers aside. */
function spanOf(group: Group, rounds: i32): i32 {
  return group.high - group.low + (rounds - 1) * abs(group.step);
}
/** The lowest byte that it accesses, from its base on. */
function lowOf(group: Group, rounds: i32): i32 {
  return group.low + (rounds - 1) * min(0, group.step);
}

function isWithin(rounds: i32): bool {
  for (let i = 0; i < Groups.count; i++) if (spanOf(Group.at(i), rounds) > SPAN_MAX) return false;
  return true;
}

/** How many rounds the fast body of the loop of `header` does; 0: it has none. Finds its groups. */
export function planCopies(header: i32, count: i32): i32 {
  findLevels(header, count);
  const latch = latchOf(header, count);
  const instructions = innerInstructions(count);
  if (latch < 0 || instructions > BODY_MAX || !instructions) return 0;
  findGroups(latch, count);
  if (!keepsFrames(count)) return 0;
  let rounds = max(1, min(ROUNDS_INSTRUCTIONS / instructions, ROUNDS_MAX));
  for (let i = 0; i < Groups.count; i++)
    if (Group.at(i).stepRegister) rounds = min(rounds, ROUNDS_STEP_MAX);
  while (rounds > 1 && !isWithin(rounds)) rounds--;
  if (Groups.count == 0 && instructions > BARE_MAX) return 0;
  return rounds > 1 ? rounds : 0;
}

/** Goes to the slow body unless the window is large enough for all rounds. */
function checkRounds(instructions: i32): void {
  get(LEFT);
  const32(biasOf(instructions));
  byte(wasm.I32_LE_S);
  slowIf();
}

/** Goes to the slow body unless what `group` accesses at ADDR and behind it stays in one page. */
function checkSpan(group: Group): void {
  if (group.stepRegister) {
    getX(group.stepRegister);
    const64(<i64>(4096 >> group.shift));
    byte(wasm.I64_GT_U);
    slowIf();
  }
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  const32(0xfff);
  byte(wasm.I32_AND);
  if (group.stepRegister) {
    getX(group.stepRegister);
    byte(wasm.I32_WRAP_I64);
    const32((Copies.rounds - 1) << group.shift);
    byte(wasm.I32_MUL);
    byte(wasm.I32_ADD);
  }
  const32(4096 - spanOf(group, Copies.rounds));
  byte(wasm.I32_GT_U);
  slowIf();
}

/** Finds the host's pointer for `group`, number `index`, or goes to the slow body. */
function enter(group: Group, index: i32): void {
  writeBase(group);
  const64(lowOf(group, Copies.rounds));
  byte(wasm.I64_ADD);
  set(ADDR);
  checkSpan(group);
  const tlb: usize = group.isLoad ? TLB_LOAD_BASE : TLB_STORE_BASE;
  distance(hintOf(group.index), 0, tlb, TO_SLOW);
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  byte(wasm.I32_ADD);
  set(hostOf(index));
}

/** Opens the fast body of the loop that was planned, with `rounds` rounds. */
export function openFast(rounds: i32, count: i32): void {
  Copies.rounds = rounds;
  openSlow();
  checkRounds(rounds * innerInstructions(count));
  for (let i = 0; i < Groups.count; i++) enter(Group.at(i), i);
  Copies.isFast = true;
}

/** Begins a round of the loop of block `header`. */
export function openRound(header: i32, round: i32): void {
  Copies.round = round;
  if (round < Copies.rounds - 1) openCopy(header);
  for (let i = 0; i < Groups.count && round; i++) {
    const group = Group.at(i);
    if (!group.stepRegister) continue;
    get(hostOf(i));
    getX(group.stepRegister);
    byte(wasm.I32_WRAP_I64);
    if (group.shift) {
      const32(group.shift);
      byte(wasm.I32_SHL);
    }
    byte(wasm.I32_ADD);
    set(hostOf(i));
  }
}

export function closeRound(): void {
  if (Copies.round < Copies.rounds - 1) closeCopy();
}

export function closeFast(): void {
  Copies.isFast = false;
  close();
}

/** Is the access at instruction `index` one that needs no look? */
export function isGrouped(index: i32): bool {
  return Copies.isFast && groupOf(index) >= 0;
}

/** That access, which is at `u`. */
export function groupedAccess(u: usize, index: i32): void {
  const group = Group.at(groupOf(index));
  const from = offsetInGroup(index) - lowOf(group, Copies.rounds);
  get(hostOf(groupOf(index)));
  move(u, <usize>(from + Copies.round * group.step));
}
