/**
 * The order in which blocks are written: reverse postorder, immediate dominators (Cooper, Harvey and
 * Kennedy, "A Simple, Fast Dominance Algorithm"), loop headers and merge points, and the edges that
 * structured code cannot say, which leave the region.
 */

import { dropTarget, Targets, targetAt } from "./targets";
import {
  BLOCK_BEHIND,
  BLOCK_ENDS,
  BLOCK_FLAGS,
  BLOCK_IDOM,
  BLOCK_NEXT,
  BLOCK_ORDER,
  BLOCK_TAKEN,
  ENDS_BRANCH,
  ENDS_CALL,
  ENDS_CALL_REGISTER,
  ENDS_FALL,
  ENDS_JUMP,
  ENDS_TABLE,
  IS_LOOP,
  IS_MERGE,
  Work,
} from "./work";

abstract class Order {
  static count: i32 = 0;
  static changed: bool = false;
}

/** How many sides block `id` has: its branch, its end, and the targets of a jump through a table. */
export function sidesOf(id: i32): i32 {
  return Work.get(id, BLOCK_ENDS) == ENDS_TABLE ? 2 + Targets.count : 2;
}

/**
 * Successor of block `id` when it is left by its branch (`side` 0), at its end (1), or to a target of
 * its jump; -1: none.
 */
export function successor(id: i32, side: i32): i32 {
  const ends = Work.get(id, BLOCK_ENDS);
  if (ends == ENDS_TABLE) return side < 2 ? -1 : targetAt(side - 2);
  if (side == 0) return ends == ENDS_JUMP || ends == ENDS_BRANCH ? Work.get(id, BLOCK_TAKEN) : -1;
  const goesOn =
    ends == ENDS_FALL || ends == ENDS_BRANCH || ends == ENDS_CALL || ends == ENDS_CALL_REGISTER;
  return goesOn ? Work.get(id, BLOCK_NEXT) : -1;
}

/** Takes an edge away; if its end is a target of jumps, that stops to be one instead. */
function cut(id: i32, side: i32): void {
  const next = successor(id, side);
  for (let i = 0; i < Targets.count; i++) if (targetAt(i) == next) return dropTarget(i);
  Work.set(id, side == 0 ? BLOCK_TAKEN : BLOCK_NEXT, -1);
}

/** Block number at place `order`. */
export function blockAtOrder(order: i32): i32 {
  return load<i32>(Work.order + ((<usize>order) << 2));
}
export function orderOf(id: i32): i32 {
  return Work.get(id, BLOCK_ORDER);
}

/** Depth first; leaves the blocks in `Work.order` from the end on. */
function visit(id: i32): void {
  Work.set(id, BLOCK_ORDER, 0);
  for (let side = 0; side < sidesOf(id); side++) {
    const next = successor(id, side);
    if (next >= 0 && orderOf(next) < 0) visit(next);
  }
  Order.count--;
  store<i32>(Work.order + ((<usize>Order.count) << 2), id);
}

/** Numbers the blocks that are reached from block 0. Returns their count. */
function number(): i32 {
  const blocks = Work.blockCount;
  for (let id = 0; id < blocks; id++) {
    Work.set(id, BLOCK_ORDER, -1);
    Work.set(id, BLOCK_IDOM, -1);
    Work.set(id, BLOCK_FLAGS, 0);
  }
  Order.count = blocks;
  visit(0);
  const first = Order.count;
  const count = blocks - first;
  for (let i = 0; i < count; i++) {
    const id = blockAtOrder(first + i);
    store<i32>(Work.order + ((<usize>i) << 2), id);
    Work.set(id, BLOCK_ORDER, i);
  }
  return count;
}

function intersect(a: i32, b: i32): i32 {
  while (a != b) {
    while (orderOf(a) > orderOf(b)) a = Work.get(a, BLOCK_IDOM);
    while (orderOf(b) > orderOf(a)) b = Work.get(b, BLOCK_IDOM);
  }
  return a;
}

function meet(id: i32, next: i32): void {
  const before = Work.get(next, BLOCK_IDOM);
  const now = before < 0 ? id : intersect(id, before);
  if (now == before) return;
  Work.set(next, BLOCK_IDOM, now);
  Order.changed = true;
}

function findDominators(count: i32): void {
  Work.set(0, BLOCK_IDOM, 0);
  Order.changed = true;
  while (Order.changed) {
    Order.changed = false;
    for (let i = 0; i < count; i++) {
      const id = blockAtOrder(i);
      for (let side = 0; side < sidesOf(id); side++) {
        const next = successor(id, side);
        if (next > 0) meet(id, next);
      }
    }
  }
}

export function dominates(a: i32, b: i32): bool {
  while (orderOf(b) > orderOf(a)) b = Work.get(b, BLOCK_IDOM);
  return a == b;
}

/** Cuts the first way back to a block that does not dominate it; false if there is none. */
function cutIrreducible(count: i32): bool {
  for (let i = 0; i < count; i++) {
    const id = blockAtOrder(i);
    for (let side = 0; side < sidesOf(id); side++) {
      const next = successor(id, side);
      if (next < 0 || orderOf(next) > i || dominates(next, id)) continue;
      cut(id, side);
      return true;
    }
  }
  return false;
}

function addFlag(id: i32, flag: u32): void {
  Work.set(id, BLOCK_FLAGS, Work.get(id, BLOCK_FLAGS) | <i32>flag);
}

/** Marks loop headers and the blocks that several edges lead forward to. */
function findShape(count: i32): void {
  const seen = Work.stack;
  memory.fill(seen, 0, Work.blockCount);
  for (let i = 0; i < count; i++) {
    const id = blockAtOrder(i);
    for (let side = 0; side < sidesOf(id); side++) {
      const next = successor(id, side);
      if (next < 0) continue;
      if (side > 1) addFlag(next, IS_MERGE);
      if (orderOf(next) <= i) addFlag(next, IS_LOOP);
      else if (load<u8>(seen + next)) addFlag(next, IS_MERGE);
      else store<u8>(seen + next, 1);
    }
  }
}

/** Puts the blocks of the region in order. Returns how many are reached. */
export function orderBlocks(): i32 {
  let count = number();
  findDominators(count);
  while (cutIrreducible(count)) {
    count = number();
    findDominators(count);
  }
  findShape(count);
  return count;
}

/**
 * The last block in order, before place `order`, that `id` dominates at once, that is a merge and that is
 * not written behind a loop; -1: none.
 */
export function mergeChildBefore(id: i32, order: i32): i32 {
  for (let i = order - 1; i > orderOf(id); i--) {
    const child = blockAtOrder(i);
    if (Work.get(child, BLOCK_IDOM) != id || Work.get(child, BLOCK_BEHIND) >= 0) continue;
    if (Work.get(child, BLOCK_FLAGS) & <i32>IS_MERGE) return child;
  }
  return -1;
}
