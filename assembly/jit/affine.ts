/**
 * Accesses of an innermost loop whose address grows by the same *step* each time round. Those with one
 * base make a *group*: one look says that all of them stay in one page for the next rounds, whatever
 * they access there.
 *
 * A base is followed back to registers that the loop does not write, or that it only steps: by a constant
 * (ADDI r, r, c) or by a register that it does not write (ADD r, r, q).
 */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { isAccess, isLoad, offsetOf, sizeOf } from "./access-kinds";
import { getX } from "./locals";
import { isInner } from "./nests";
import * as wasm from "./opcodes";
import { rs1OfUop, rs2OfUop, writtenBy } from "./operands";
import { blockAtOrder, dominates } from "./order";
import { byte, const64 } from "./out";
import { BLOCK_COUNT, BLOCK_FIRST, Work } from "./work";

export const GROUPS_MAX: i32 = 6;
/** All that a group accesses before the next look lies within so many bytes. */
export const SPAN_MAX: i32 = 2048;
/** How far a base is followed back. */
const DEPTH_MAX: i32 = 4;
const SHIFT_MAX: i32 = 12;

// Where the register at hand was written last, as seen from an instruction of the loop.
const NOWHERE: i32 = -1;
const UNKNOWN: i32 = -2;

/** For each register how often the loop writes it, and where it does so last. */
const COUNTS: usize = memory.data(32);
const DEFINITIONS: usize = memory.data(32 * 4);
const BLOCKS: usize = memory.data(32);
const GROUPS: usize = memory.data(GROUPS_MAX * 40);

abstract class Loop {
  /** The block that leads back. */
  static latch: i32 = 0;
}

/** What the address at hand grows by: a constant and a register << shift. */
abstract class Step {
  static constant: i64 = 0;
  static register: u32 = 0;
  static shift: i32 = 0;
  /** Where `follow` is: how often it went back, by how much what it finds is shifted, and whether it writes code. */
  static depth: i32 = 0;
  static scale: i32 = 0;
  static writes: bool = false;
}

function clearStep(writes: bool): void {
  Step.constant = 0;
  Step.register = 0;
  Step.shift = 0;
  Step.writes = writes;
}

/** A base, and what is accessed with it. */
@unmanaged
export class Group {
  /** First access, and its block. */
  index: i32;
  block: i32;
  register: u32;
  isLoad: bool;
  /** Where the base was written last (an instruction, or how the loop steps it). */
  definition: i32;
  step: i32;
  /** The register, shifted, that is a step, too; 0: none. */
  stepRegister: u32;
  shift: i32;
  /** First byte that is accessed in the first round and the one behind the last, from the base on. */
  low: i32;
  high: i32;

  @inline static at(index: i32): Group {
    return changetype<Group>(GROUPS + <usize>index * 40);
  }
}

export abstract class Groups {
  static count: i32 = 0;
}

function countOf(register: u32): i32 {
  return load<u8>(COUNTS + register);
}
function definitionOf(register: u32): i32 {
  return load<i32>(DEFINITIONS + ((<usize>register) << 2));
}
function blockOf(register: u32): i32 {
  return load<u8>(BLOCKS + register);
}

/** Notes what block `id` writes. */
function noteBlock(id: i32): void {
  const first = Work.get(id, BLOCK_FIRST);
  const end = first + Work.get(id, BLOCK_COUNT);
  for (let index = first; index < end; index++) {
    const written = writtenBy(Work.uop(index));
    if (!written) continue;
    const register = <u32>ctz(written);
    store<u8>(COUNTS + register, <u8>min(countOf(register) + 1, 255));
    store<i32>(DEFINITIONS + ((<usize>register) << 2), index);
    store<u8>(BLOCKS + register, <u8>id);
  }
}

/** The register that the operation at `u` adds to `register`, itself its target; 0: it does something else. */
function addend(u: usize, register: u32): u32 {
  if (Uop.op(u) != ops.OP_ADD) return 0;
  if (rs1OfUop(u) == register) return rs2OfUop(u);
  return rs2OfUop(u) == register ? rs1OfUop(u) : 0;
}

/** Does the loop write `register` once each time round, by a step? */
function isStepped(register: u32): bool {
  if (countOf(register) != 1 || !dominates(blockOf(register), Loop.latch)) return false;
  const u = Work.uop(definitionOf(register));
  if (Uop.op(u) == ops.OP_ADDI) return rs1OfUop(u) == register;
  const by = addend(u, register);
  return by != 0 && by != register && countOf(by) == 0;
}

/** The instruction that wrote `register` in this round, as seen from instruction `index` of block `id`. */
function reaching(register: u32, index: i32, id: i32): i32 {
  const bit = (<u32>1) << register;
  for (let i = index - 1; i >= Work.get(id, BLOCK_FIRST); i--)
    if (writtenBy(Work.uop(i)) & bit) return i;
  if (countOf(register) > 1) return UNKNOWN;
  if (countOf(register) == 0 || blockOf(register) == id) return NOWHERE;
  return dominates(blockOf(register), id) ? definitionOf(register) : NOWHERE;
}

/** Adds what the operation at `u` adds to `register` each time round; false: two registers are too many. */
function addStep(u: usize, register: u32): bool {
  if (Uop.op(u) == ops.OP_ADDI) {
    Step.constant += (<i64>Uop.imm(u)) << Step.scale;
    return true;
  }
  if (Step.register) return false;
  Step.register = addend(u, register);
  Step.shift = Step.scale;
  return true;
}

/** Writes the step that the operation at `u` makes of `register`. */
function writeStep(u: usize, register: u32): void {
  if (Uop.op(u) == ops.OP_ADDI) const64(Uop.imm(u));
  else getX(addend(u, register));
  byte(wasm.I64_ADD);
}

/**
 * Adds the step of `register`, as seen from instruction `index` of block `id`, to `Step`; false if it has
 * none. `Step.writes`: leaves its value in the first round on the stack, made of what registers are at the head.
 */
function follow(register: u32, index: i32, id: i32): bool {
  const from = register ? reaching(register, index, id) : NOWHERE;
  if (from == UNKNOWN) return false;
  if (register == 0 || countOf(register) == 0) {
    if (Step.writes) getX(register);
    return true;
  }
  if (isStepped(register)) {
    const u = Work.uop(definitionOf(register));
    if (Step.writes) getX(register);
    if (Step.writes && from >= 0) writeStep(u, register);
    return addStep(u, register);
  }
  if (from < 0 || Step.depth == DEPTH_MAX) return false;
  Step.depth++;
  const isKnown = followOperation(from, countOf(register) == 1 ? blockOf(register) : id);
  Step.depth--;
  return isKnown;
}

/** By how much the operation at `u` shifts its first operand, if it is a shift or a sum; else -1. */
function shiftOf(u: usize): i32 {
  const op = Uop.op(u);
  if (op == ops.OP_SLLI) return Uop.imm(u) <= SHIFT_MAX ? Uop.imm(u) : -1;
  if (op >= ops.OP_SH1ADD && op <= ops.OP_SH3ADD) return op - ops.OP_SH1ADD + 1;
  return op == ops.OP_ADD || op == ops.OP_ADDI || op == ops.OP_MV ? 0 : -1;
}

/** Likewise of what the operation at `index` of block `id` computes. */
function followOperation(index: i32, id: i32): bool {
  const u = Work.uop(index);
  const op = Uop.op(u);
  if (op == ops.OP_LI) {
    if (Step.writes) const64(Uop.imm(u));
    return true;
  }
  const by = shiftOf(u);
  if (by < 0 || Step.scale + by > SHIFT_MAX) return false;
  Step.scale += by;
  const isKnown = follow(rs1OfUop(u), index, id);
  Step.scale -= by;
  if (!isKnown) return false;
  if (Step.writes && by) {
    const64(by);
    byte(wasm.I64_SHL);
  }
  if (op == ops.OP_SLLI || op == ops.OP_MV) return true;
  if (op == ops.OP_ADDI) {
    if (Step.writes) const64(Uop.imm(u));
  } else if (!follow(rs2OfUop(u), index, id)) return false;
  if (Step.writes) byte(wasm.I64_ADD);
  return true;
}

/** Finds the step of the base of the access at `index` of block `id`; false if it has none. */
function findStep(index: i32, id: i32): bool {
  clearStep(false);
  if (!follow(rs1OfUop(Work.uop(index)), index, id)) return false;
  return Step.constant >= -SPAN_MAX && Step.constant <= SPAN_MAX;
}

/** The group with this base, or a new one; -1: there are too many. `Step` is that of the base. */
function groupFor(index: i32, id: i32, definition: i32): i32 {
  const u = Work.uop(index);
  const register = rs1OfUop(u);
  const isRead = isLoad(Uop.op(u));
  for (let i = 0; i < Groups.count; i++) {
    const known = Group.at(i);
    const isSame = known.register == register && known.definition == definition;
    if (isSame && known.isLoad == isRead) return i;
  }
  if (Groups.count == GROUPS_MAX) return -1;
  const group = Group.at(Groups.count);
  group.index = index;
  group.block = id;
  group.register = register;
  group.isLoad = isRead;
  group.definition = definition;
  group.step = <i32>Step.constant;
  group.stepRegister = Step.register;
  group.shift = Step.shift;
  group.low = i32.MAX_VALUE;
  group.high = i32.MIN_VALUE;
  return Groups.count++;
}

/** The access at `index` of block `id` joins the group that has its base. */
function join(index: i32, id: i32): void {
  const u = Work.uop(index);
  if (!isAccess(Uop.op(u)) || !findStep(index, id)) return;
  const register = rs1OfUop(u);
  const from = register ? reaching(register, index, id) : NOWHERE;
  const isMoved = from >= 0 && isPlain(register);
  const at = groupFor(index, id, isMoved ? NOWHERE : from);
  if (at < 0) return;
  const group = Group.at(at);
  const low = offsetOf(u) + (isMoved ? group.step : 0);
  const high = low + (1 << sizeOf(Uop.op(u)));
  if (<i64>max(group.high, high) - min(group.low, low) > SPAN_MAX) return;
  group.low = min(group.low, low);
  group.high = max(group.high, high);
  store<u8>(Work.groups + index, <u8>(at + 1));
  store<i16>(Work.offsets + ((<usize>index) << 1), <i16>low);
}

/** Is `register` stepped by a constant, so that it says itself where it is? */
function isPlain(register: u32): bool {
  return isStepped(register) && Uop.op(Work.uop(definitionOf(register))) == ops.OP_ADDI;
}

/** Finds the groups of the innermost level of the loop that block `latch` leads back in. */
export function findGroups(latch: i32, count: i32): void {
  Loop.latch = latch;
  Groups.count = 0;
  memory.fill(COUNTS, 0, 32);
  memory.fill(Work.groups, 0, Work.instructionCount);
  for (let i = 0; i < count; i++) if (isInner(blockAtOrder(i))) noteBlock(blockAtOrder(i));
  for (let i = 0; i < count; i++) {
    const id = blockAtOrder(i);
    if (!isInner(id)) continue;
    const first = Work.get(id, BLOCK_FIRST);
    const end = first + Work.get(id, BLOCK_COUNT);
    for (let index = first; index < end; index++) join(index, id);
  }
}

/** The group of the access at instruction `index`; -1: none. */
export function groupOf(index: i32): i32 {
  return <i32>load<u8>(Work.groups + index) - 1;
}

/** Where the access at `index` is in the first round, from the base of its group on. */
export function offsetInGroup(index: i32): i32 {
  return load<i16>(Work.offsets + ((<usize>index) << 1));
}

/** Leaves the base of `group` on the stack, as of the head of the loop. */
export function writeBase(group: Group): void {
  if (isPlain(group.register)) return getX(group.register);
  clearStep(true);
  follow(group.register, group.index, group.block);
}
