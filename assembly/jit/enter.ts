/** Entering translated code, from the interpreter and from translated calls whose function is not known. */
import { JIT_TABLE_FIRST } from "../../bindings/abi";
import { Arena } from "../code/cache";
import { hart } from "../hart/state";
import { OP_ENTER } from "../isa/ops";
import { Uop } from "../isa/uop";
import { slotOf } from "./entries";

/** Flags in what a function returns beside the window that is left, which is a multiple of 8. */
export const INTERPRET: i32 = 1;
/** Nothing was done: there is no translation of pc. */
export const NOT_ENTERED: i32 = 2;
export const LEFT_FLAGS: i32 = INTERPRET | NOT_ENTERED;

/** Runs the function of the entry that the block at `u` is; `page` is the gva of its page. */
export function callEntry(u: usize, left: i32, page: u64, depth: i32): i32 {
  return call_indirect<i32>(slotOf(u) + JIT_TABLE_FIRST, left, page, depth);
}

export abstract class Left {
  /** The entry of the region that was left for the interpreter, its page, and the window that it had. */
  static u: usize = 0;
  static page: u64 = 0;
  static window: i32 = 0;
  /** Left behind an instruction after which there may be an interrupt, or other rules for translated code. */
  static isLooking: bool = false;
  /** Some region that was resumed has left for the interpreter. */
  static isKnown: bool = false;

  /** The region with this entry will do, unless one that is resumed says that it was it. */
  static at(u: usize, page: u64, window: i32): void {
    Left.u = u;
    Left.page = page;
    Left.window = window;
    Left.isLooking = false;
    Left.isKnown = false;
  }
}

/** A translated call of `pc`, whose function its caller does not know. */
export function enterAt(left: i32, pc: u64, depth: i32): i32 {
  hart.pc = pc;
  const u = Arena.misses(pc) ? 0 : Arena.block(pc);
  if (!u || Uop.op(u) != OP_ENTER) return left | NOT_ENTERED;
  return callEntry(u, left, pc & ~0xfff, depth);
}

/**
 * A translated call left its function elsewhere than at `back`, with `result`: goes on from region to
 * region until it is there, so that the caller need not be left as well (measured: docs/decisions.md).
 */
export function resume(result: i32, back: u64, depth: i32): i32 {
  let left = result;
  while (!(left & LEFT_FLAGS) && left > 0) {
    const pc = hart.pc;
    if (pc == back || Arena.misses(pc)) break;
    const u = Arena.block(pc);
    if (!u || Uop.op(u) != OP_ENTER) break;
    const window = left;
    left = callEntry(u, left, pc & ~0xfff, depth);
    if (!(left & INTERPRET) || Left.isKnown || Left.isLooking) continue;
    Left.at(u, pc & ~0xfff, window);
    Left.isKnown = true;
  }
  return left;
}
