/**
 * Hints: where a base register points stays in one page for a while, so the last page found and its
 * distance in linear memory are kept at a constant address. A hit costs less than in the TLB, and the
 * address of the access does not wait for a load that waits for it (measured, docs/decisions.md).
 * Nothing changes the TLB while translated code runs, so a hint stays true until it is left; functions
 * may overwrite each other's.
 *
 * Accesses share a hint when they have the same base: the stack pointer anywhere; in a loop, a register
 * that is not computed in their block, or the same computation of it.
 */
import { JIT_BASE, JIT_HINTS, JIT_LOAD_HINTS, JIT_STORE_HINTS } from "../../bindings/abi";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Tlb } from "../mmu/tlb";
import { isAccess, isLoad } from "./access-kinds";
import { rdOfUop, rs1OfUop } from "./operands";
import { blockAtOrder } from "./order";
import { BLOCK_COUNT, BLOCK_DEPTH, BLOCK_FIRST, BLOCK_LOOP, Work } from "./work";

const SP: u32 = 2;
/** What no address matches. */
const NOWHERE: u64 = 0x800;
/** Keys of the hints for loads, then of those for stores. */
const KEYS: usize = memory.data(2 * JIT_HINTS * 8);
/** Loops deeper than this count as this deep. */
const DEPTH_MAX: i32 = 4;

abstract class Hints {
  static loads: i32 = 0;
  static stores: i32 = 0;
  /** Some may be true from the last time that translated code ran: with these tags, TLBs unchanged. */
  static tag: u64 = 0;
  static changes: u32 = 0;
}

/** No page is known, unless nothing changed since the last call; `tag` is that of data accesses. */
export function clearHints(tag: u64): void {
  if (Hints.tag == tag && Hints.changes == Tlb.changes) return;
  Hints.tag = tag;
  Hints.changes = Tlb.changes;
  for (let at: usize = 0; at < (<usize>JIT_HINTS) << 4; at += 16) {
    store<u64>(at, NOWHERE, JIT_BASE + JIT_LOAD_HINTS);
    store<u64>(at, NOWHERE, JIT_BASE + JIT_STORE_HINTS);
  }
}

/** The hint of the access at instruction `index`; -1: none. */
export function hintOf(index: i32): i32 {
  return <i32>load<u8>(Work.hints + index) - 1;
}

/** Does the operation at `u` write x register `register`, other than by a step? */
function computes(u: usize, register: u32): bool {
  const op = Uop.op(u);
  if (rdOfUop(u) != register || op >= ops.OP_FLW || (op >= ops.OP_SB && op <= ops.OP_SD))
    return false;
  if (op == ops.OP_ADDI && rs1OfUop(u) == register) return false;
  return op < ops.OP_J || op > ops.OP_BGEU;
}

/** The instruction of its block that computes the base of the access at `index`; -1: none does. */
function definition(first: i32, index: i32): i32 {
  const register = rs1OfUop(Work.uop(index));
  for (let i = index - 1; i >= first; i--) if (computes(Work.uop(i), register)) return i;
  return -1;
}

/** The number of the hint with this key + 1; 0: there are too many. */
function numberOf(key: u64, isRead: bool): u8 {
  const keys = isRead ? KEYS : KEYS + (JIT_HINTS << 3);
  const count = isRead ? Hints.loads : Hints.stores;
  for (let i = 0; i < count; i++)
    if (load<u64>(keys + ((<usize>i) << 3)) == key) return <u8>(i + 1);
  if (count == JIT_HINTS) return 0;
  store<u64>(keys + ((<usize>count) << 3), key);
  if (isRead) Hints.loads++;
  else Hints.stores++;
  return <u8>(count + 1);
}

function give(id: i32, first: i32, index: i32): void {
  const u = Work.uop(index);
  const register = rs1OfUop(u);
  if (!isAccess(Uop.op(u)) || !register) return;
  const loop = register == SP ? -1 : Work.get(id, BLOCK_LOOP);
  const from = register == SP ? -1 : definition(first, index);
  const key = ((<u64>register) << 48) | ((<u64>(<u16>loop)) << 32) | <u64>(<u32>from);
  if (register == SP || loop >= 0) store<u8>(Work.hints + index, numberOf(key, isLoad(Uop.op(u))));
}

/** Gives the accesses of the `count` blocks their hints, those in the innermost loops first. */
export function placeHints(count: i32): void {
  Hints.loads = 0;
  Hints.stores = 0;
  memory.fill(Work.hints, 0, Work.instructionCount);
  for (let depth = DEPTH_MAX; depth >= 0; depth--) {
    for (let i = 0; i < count; i++) {
      const id = blockAtOrder(i);
      if (min(Work.get(id, BLOCK_DEPTH), DEPTH_MAX) != depth) continue;
      const first = Work.get(id, BLOCK_FIRST);
      const end = first + Work.get(id, BLOCK_COUNT);
      for (let index = first; index < end; index++) give(id, first, index);
    }
  }
}
