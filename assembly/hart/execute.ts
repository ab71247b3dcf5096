/**
 * Runs micro-operations: the dispatch loop in `loop.ts` does all that needs no call, this file the
 * rest, one operation at a time.
 */
import * as abi from "../../bindings/abi";
import { Arena, pageOffsetBehind, pcOf } from "../code/cache";
import { firstOf } from "../code/fuse";
import { immI, immS } from "../isa/fields";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { callEntry, INTERPRET, Left, resume } from "../jit/enter";
import { copyOf, isWorthwhile, noteMiss } from "../jit/entries";
import { giveUp, Heat, sample, translateAgain } from "../jit/heat";
import { clearHints } from "../jit/hints";
import { loadHalf, loadSlow, loadX0, storeSlow } from "../mmu/access";
import { currentTag } from "../mmu/contexts";
import { Data } from "../mmu/data";
import { Tlb } from "../mmu/tlb";
import { atomic } from "./atomic";
import { bitManipulation } from "./bits";
import { floatDirty, floatOn } from "./csr";
import { floatOperation } from "./float";
import { runFloats } from "./float-run";
import { AT_PC, loop, RARE, Spot, USED } from "./loop";
import { permissions } from "./permissions";
import { Cpu, hart, NEXT, REDIRECT, RETRY, STRADDLES, WINDOW } from "./state";
import { fenceI, illegalAt, system } from "./system";
import { pendingInterrupts, raise } from "./traps";

/** How deep translated calls may be nested. */
const CALLS_DEEP: i32 = 256;
/** What is no address of code. */
const NOWHERE: u64 = ~0;

/** Ends the loop at `u` before its instruction; `left` is what remains of the window. */
function leaveAt(u: usize, left: i32): i32 {
  hart.pc = pcOf(u);
  Cpu.remain = left;
  return WINDOW;
}

/** Ends the loop because a handler said so; what it did counts unless it will be tried again. */
function leaveWith(status: i32, left: i32): i32 {
  Cpu.remain = status == RETRY ? left : left - 8;
  return status;
}

/** Finds the target of the OP_LINK at `u`, and lets its branch lead there from now on. */
function link(u: usize): usize {
  const target = Arena.find(Cpu.page + <u64>(<i64>Uop.imm(u)));
  if (target) store<u32>(load<u32>(u, 8), <u32>target, 4);
  return target;
}

/** An F or D load or store with mstatus.FS Off. */
function illegalFloat(u: usize): i32 {
  hart.pc = pcOf(u);
  return raise(2, rawFloatAccess(u));
}

/** The encoding of the F or D load or store at `u`, for mtval. */
function rawFloatAccess(u: usize): u32 {
  const compressed = load<u16>(u, 6);
  if (compressed) return compressed;
  const imm = <u32>load<i16>(u, 4);
  const wide: u32 = 2 + (<u32>(Uop.op(u) - ops.OP_FLW) & 1);
  const rest = ((<u32>load<u8>(u, 2)) << 12) | (wide << 12);
  if (Uop.op(u) <= ops.OP_FLD) return (imm << 20) | rest | ((<u32>load<u8>(u, 1)) << 4) | 0x07;
  const high = ((imm >> 5) & 0x7f) << 25;
  return high | ((<u32>load<u8>(u, 3)) << 17) | rest | ((imm & 31) << 7) | 0x27;
}

/** An F or D load or store that misses the TLB, or for which mstatus.FS is Off. */
function floatAccess(u: usize): i32 {
  if (!floatOn()) return illegalFloat(u);
  const gva = Uop.rs1(u) + <u64>(<i64>load<i16>(u, 4));
  if (Uop.op(u) >= ops.OP_FSW) return storeSlow(u, Uop.op(u), gva);
  const status = loadSlow(u, Uop.op(u), gva);
  if (!status) floatDirty();
  return status;
}

/** FLH or FSH. */
function halfAccess(u: usize): i32 {
  if (!floatOn()) return illegalAt(u);
  const raw = Uop.raw(u);
  if (Uop.op(u) == ops.OP_FSH) return storeSlow(u, ops.OP_FSH, Uop.rs1(u) + <u64>(<i64>immS(raw)));
  const status = loadHalf(u, Uop.rs1(u) + <u64>(<i64>immI(raw)));
  if (!status) floatDirty();
  return status;
}

/** Is `op` most likely for `rare`, when translated code has left in front of it? */
function isRare(op: i32): bool {
  return (op >= ops.OP_ILLEGAL && op <= ops.OP_LOAD_X0) || (op >= ops.OP_LB && op <= ops.OP_FSD);
}

/** The operation at `u`, which the loop does not do by itself. */
function rare(u: usize): i32 {
  const op = firstOf(Uop.op(u));
  if (op >= ops.OP_FLW) {
    if (op <= ops.OP_FSD) return floatAccess(u);
    if (op >= ops.OP_FLH) return halfAccess(u);
    if (op >= ops.OP_FADD_D && op <= ops.OP_FCVT_D_L) return floatOperation(u);
    bitManipulation(u);
    return NEXT;
  }
  if (op >= ops.OP_SB) return storeSlow(u, op, Data.gva(u));
  if (op >= ops.OP_LB) return loadSlow(u, op, Data.gva(u));
  switch (op) {
    case ops.OP_SYSTEM:
      return system(u);
    case ops.OP_FENCE_I:
      return fenceI(u);
    case ops.OP_AMO:
      return atomic(u);
    case ops.OP_FLOAT:
      return floatOperation(u);
    case ops.OP_LOAD_X0:
      return loadX0(u);
    default:
      return illegalAt(u);
  }
}

/**
 * Likewise. Behind a store that changed decoded code, what follows is decoded anew: the block at hand may be what it
 * changed, and both engines have to go on with the same code.
 */
function rareOrChange(u: usize): i32 {
  const status = rare(u);
  if (status != NEXT || !Cpu.codeChanged) return status;
  Cpu.codeChanged = false;
  hart.pc = Cpu.page + pageOffsetBehind(u);
  return REDIRECT;
}

/** The window is cut at samples: `given` is with the loop, `bytes` are held back. */
abstract class Reserve {
  static bytes: i32 = 0;
  static given: i32 = 0;

  /** The loop came back with `rest` of what it was given. */
  @inline static note(rest: i32): void {
    Heat.left -= Reserve.given - rest;
    Reserve.given = rest;
  }
  /** What it is given in addition: up to the next sample, or all. */
  static take(): i32 {
    const bytes = Heat.interval ? min(max(Heat.left, 0), Reserve.bytes) : Reserve.bytes;
    Reserve.bytes -= bytes;
    Reserve.given += bytes;
    return bytes;
  }
  /** Begins with a window of `bytes`. */
  static begin(bytes: i32): i32 {
    Reserve.bytes = bytes;
    Reserve.given = 0;
    return Reserve.take();
  }
}

/** Translates the region that has left for the interpreter again. */
function again(): void {
  const page = Cpu.page;
  Cpu.page = Left.page;
  translateAgain(Left.u);
  Cpu.page = page;
}

function isAccess(op: i32): bool {
  return (op >= ops.OP_LB && op <= ops.OP_FSD) || op == ops.OP_AMO;
}

/** Runs translated code from the entry at `start` on; what is left of the window. Ends at `Spot`, see below. */
function enter(start: usize, window: i32, tag: u64): i32 {
  let u = start;
  let left = window;
  store<u64>(abi.JIT_BASE, tag, abi.JIT_TAG);
  store<u64>(abi.JIT_BASE, Tlb.fetchTag, abi.JIT_FETCH_TAG);
  store<u32>(abi.JIT_BASE, permissions(), abi.JIT_FLOAT);
  clearHints(tag);
  do {
    Left.at(u, Cpu.page, left);
    const result = resume(callEntry(u, left, Cpu.page, CALLS_DEEP), NOWHERE, CALLS_DEEP);
    left = result & ~7;
    u = Arena.find(hart.pc);
    Spot.u = u;
    if (Heat.isForced() && u) {
      Heat.isSingle = left > 0 && (result & INTERPRET) != 0;
      Spot.u = 0;
      return left;
    }
    if (Left.isLooking) Spot.u = 0;
    if (!Spot.u || left <= 0) break;
    if (result & INTERPRET) {
      if (Uop.op(u) == ops.OP_ENTER) Spot.u = copyOf(u);
      const first = firstOf(Uop.op(Spot.u));
      if (isAccess(first) && noteMiss(Left.u, (Left.window - left) >> 3)) again();
      break;
    }
    if (Heat.left <= 0 && Heat.interval) sample(u);
  } while (Uop.op(u) == ops.OP_ENTER);
  // Regions that others lead to are as good as those: what counts is how far they come together.
  if (!Heat.isForced() && !isWorthwhile(start, (window - left) >> 3)) giveUp(start);
  return left;
}

/**
 * Where to go on after an instruction that set `hart.pc`: its block, or 0 if there is something to look
 * at first: interrupts, a timer that is due at another time, a block that is not known. `timer` is when it was
 * due before. Saves the way out to the slice and back (measured: docs/decisions.md).
 */
function redirected(timer: u64, left: i32): usize {
  if (left <= 0 || pendingInterrupts() || Cpu.timerCycle != timer) return 0;
  if (Heat.isForced() || Heat.isFull) return 0;
  currentTag();
  return Arena.find(hart.pc);
}

/**
 * Runs from the block at `start` with a window of `window` bytes; `dataTag` is that of data accesses.
 * Returns REDIRECT, WINDOW, STRADDLES, RETRY or LEAVE, and leaves `Cpu.remain` and `hart.pc` behind.
 */
export function execute(start: usize, window: i32, dataTag: u64): i32 {
  let tag = dataTag;
  let why = loop(start, <i32>start + Reserve.begin(window), tag);
  while (true) {
    let u = Spot.u;
    let acc = Spot.acc;
    Reserve.note(acc - <i32>u);
    Cpu.remain = acc - <i32>u + Reserve.bytes;
    if (why == AT_PC) return WINDOW;
    const op = Uop.op(u);
    // A block may have run beyond what was left in all, not only beyond the sample.
    if (why == USED && Cpu.remain > 0) {
      if (Heat.left <= 0) sample(u);
      acc += Reserve.take();
    } else if (why == USED || op == ops.OP_STOP) return leaveAt(u, Cpu.remain);
    else if (op == ops.OP_ENTER) {
      Cpu.remain = enter(u, Cpu.remain, tag);
      tag = Tlb.dataTag;
      u = Spot.u;
      if (!u || Cpu.remain <= 0) return WINDOW;
      acc = <i32>u + Reserve.begin(Cpu.remain);
      if (isRare(Uop.op(u))) {
        Spot.u = u;
        Spot.acc = acc;
        why = RARE;
        continue;
      }
    } else if (op == ops.OP_STRADDLE) {
      hart.pc = pcOf(u);
      return STRADDLES;
    } else if (op == ops.OP_LINK) {
      const target = link(u);
      if (!target) return leaveAt(u, Cpu.remain);
      acc += <i32>target - <i32>u;
      u = target;
    } else {
      const next = op >= ops.OP_FADD_D && op < ops.OP_NOP_NOP ? runFloats(u, tag) : u;
      if (next == u) {
        const timer = Cpu.timerCycle;
        const status = rareOrChange(u);
        if (status) {
          const next = status == REDIRECT ? redirected(timer, Cpu.remain - 8) : 0;
          if (!next) return leaveWith(status, Cpu.remain);
          tag = Tlb.dataTag;
          acc += <i32>next - <i32>u - 8;
          u = next;
          Spot.u = u;
          Spot.acc = acc;
          why = RARE;
          if (Uop.op(u) == ops.OP_ENTER) continue;
        } else u += 8;
      } else u = next;
    }
    why = loop(u, acc, tag);
  }
  return WINDOW; // not reached
}
