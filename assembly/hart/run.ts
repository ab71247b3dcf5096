/**
 * One slice of a hart: deliver interrupts, find the block for pc, run it, until the budget is used
 * up or something has to leave the core. Counts are exact: the last stretch of a budget runs in
 * blocks that are decoded to the very length that is left.
 */
import * as abi from "../../bindings/abi";
import { buildBlock, buildStraddling } from "../code/block";
import { blockAt, resetArena, tableOf } from "../code/cache";
import { FpFlags } from "../float/flags";
import { OP_ENTER } from "../isa/ops";
import { Uop } from "../isa/uop";
import { Heat, sample } from "../jit/heat";
import { frameForLoad, Space } from "../memory/space";
import { currentTag, forgetSlots, noteSuperpage } from "../mmu/contexts";
import { translateGuest } from "../mmu/guest-walk";
import { ACCESS_FETCH, pmpAllows } from "../mmu/pmp";
import { fillFetch, Tlb } from "../mmu/tlb";
import { accessFault, isGlobal, translate, Walk } from "../mmu/walk";
import { refreshTimer } from "./counters";
import { execute } from "./execute";
import { Cpu, hart, LEAVE, REDIRECT, RETRY, STRADDLES, WINDOW } from "./state";
import { pendingInterrupts, raise, takeInterrupt } from "./traps";

/** Longest block, in instructions: a window must leave this much room behind its end. */
const MARGIN: u32 = 255;
/** Longest stretch that is run before the loop looks up. */
const STRETCH: u32 = 1 << 24;
/** Instructions of one exact block. */
const EXACT: u32 = 128;

/** A fetch that found no frame: 0 and `Fetch.status` is what to do. */
abstract class Fetch {
  static status: i32 = 0;
  /** True when only part of the page may be executed (PMP): nothing of it is cached. */
  static partial: bool = false;
}

/** The frame to fetch `bytes` bytes at `pc` from; fills the fetch TLB. */
function fetchFrame(pc: u64, bytes: u64): usize {
  const failed = hart.virt
    ? translateGuest(pc, ACCESS_FETCH, hart.priv)
    : translate(pc, ACCESS_FETCH, hart.priv);
  if (failed) {
    Fetch.status = failed == RETRY ? RETRY : raise(Walk.cause, pc);
    return 0;
  }
  const index = Space.indexOf(Walk.gpa);
  const frame = pmpAllows(Walk.gpa, bytes, ACCESS_FETCH, hart.priv)
    ? frameForLoad(hart.space, index)
    : 0;
  if (!frame) {
    Fetch.status = Cpu.exit == 0 ? raise(accessFault(ACCESS_FETCH), pc) : RETRY;
    return 0;
  }
  Fetch.partial = !pmpAllows(Walk.gpa & ~0xfff, abi.PAGE_BYTES, ACCESS_FETCH, hart.priv);
  if (Walk.shift > <u32>abi.PAGE_SHIFT) noteSuperpage(pc, Walk.shift);
  return frame;
}

/** The block for `hart.pc`, through the TLB or by a walk. 0: see `Fetch.status`. */
function enter(): usize {
  const pc = hart.pc;
  const entry = Tlb.fetch(pc);
  let frame: usize = 0;
  Fetch.partial = false;
  if (load<u64>(entry) == ((pc & ~0xfff) | Tlb.fetchTag)) frame = load<u32>(entry, 12);
  else {
    Cpu.exit = 0;
    frame = fetchFrame(pc, 2);
    if (!frame) return 0;
    if (!Fetch.partial) fillFetch(pc, tableOf(frame), frame, isGlobal());
  }
  Cpu.page = pc & ~0xfff;
  if (Fetch.partial) return exactBlock(frame, 1);
  const generation = blockAt(frame, <u32>pc & 0xffe);
  // Decoding may have emptied the arena and with it the TLB entry: bring it back, no less global than it was.
  if (load<u32>(entry, 8) != <u32>tableOf(frame)) fillFetch(pc, tableOf(frame), frame, true);
  return generation;
}

/**
 * A block of exactly `limit` instructions (or fewer) at `hart.pc`, not cached. If there are several, one may change
 * those behind it: the frame counts as one with decoded code, so that this is noticed.
 */
function exactBlock(frame: usize, limit: u32): usize {
  if (limit > 1) tableOf(frame);
  buildBlock(frame, <u32>hart.pc & 0xffe, min(limit, EXACT), abi.SCRATCH_BASE);
  return abi.SCRATCH_BASE;
}

/** Likewise, finding the frame first. 0: see `Fetch.status`. */
function enterExactly(limit: u32): usize {
  Cpu.exit = 0;
  const frame = fetchFrame(hart.pc, 2);
  if (!frame) return 0;
  Cpu.page = hart.pc & ~0xfff;
  return exactBlock(frame, Fetch.partial ? 1 : limit);
}

/** The instruction at `hart.pc`, whose halves lie on two pages. 0: see `Fetch.status`. */
function enterStraddling(): usize {
  const pc = hart.pc;
  Cpu.exit = 0;
  const first = fetchFrame(pc, 2);
  if (!first) return 0;
  const low: u32 = load<u16>(first, 0xffe);
  const second = fetchFrame(pc + 2, 2);
  if (!second) return 0;
  Cpu.page = pc & ~0xfff;
  buildStraddling(low | ((<u32>load<u16>(second)) << 16), 0xffe, abi.SCRATCH_BASE);
  return abi.SCRATCH_BASE;
}

/** Runs the block at `u` with a window of `window` instructions; adds what was used to the cycles. */
function dispatch(u: usize, window: i32): i32 {
  Cpu.window = window << 3;
  Cpu.remain = Cpu.window;
  const status = execute(u, Cpu.window, currentTag());
  hart.cycles += <u64>((Cpu.window - Cpu.remain) >> 3);
  Cpu.window = 0;
  Cpu.remain = 0;
  return status;
}

/** A failed fetch: its trap costs one budget unit, so that nothing can loop for free. */
function afterFetch(): i32 {
  if (Fetch.status != RETRY) hart.cycles++;
  return Fetch.status;
}

function runStraddling(): i32 {
  const u = enterStraddling();
  return u ? dispatch(u, 0) : afterFetch();
}

/** Likewise where everything is translated: what cannot be is interpreted one by one. */
function forcedStretch(left: u32): i32 {
  let u = enter();
  if (!u) return afterFetch();
  if (!Fetch.partial && left > MARGIN && !Heat.isSingle) {
    sample(u);
    if (Uop.op(u) == OP_ENTER) return dispatch(u, <i32>(left - MARGIN));
  }
  Heat.isSingle = false;
  u = enterExactly(1);
  if (!u) return afterFetch();
  const status = dispatch(u, 0);
  return status == STRADDLES ? runStraddling() : status;
}

/** One stretch of at most `left` budget units. Returns a status of the dispatch loop. */
function stretch(left: u32): i32 {
  if (Heat.isFull) {
    resetArena();
    Heat.isFull = false;
  }
  currentTag();
  if (Heat.isForced()) return forcedStretch(left);
  const exact = left <= MARGIN;
  const u = exact ? enterExactly(left) : enter();
  if (!u) return afterFetch();
  const status = dispatch(u, exact || Fetch.partial ? 0 : <i32>(left - MARGIN));
  return status == STRADDLES ? runStraddling() : status;
}

/** Budget units until the timer is due or `left` is used up. */
function untilTimer(left: u64): u32 {
  let limit = min<u64>(left, STRETCH);
  if (Cpu.timerCycle > hart.cycles) limit = min<u64>(limit, Cpu.timerCycle - hart.cycles);
  return <u32>limit;
}

function slice(budget: u32): i32 {
  const end = hart.cycles + budget;
  refreshTimer();
  while (hart.cycles < end) {
    if (hart.cycles >= Cpu.timerCycle) refreshTimer();
    if (hart.waiting && !pendingInterrupts()) return abi.EXIT_WFI;
    hart.waiting = 0;
    takeInterrupt();
    const status = stretch(untilTimer(end - hart.cycles));
    if (status == LEAVE || status == RETRY) return Cpu.exit;
    if (status != REDIRECT && status != WINDOW) unreachable();
  }
  return abi.EXIT_BUDGET;
}

/** Copies the live hart back to where it came from. */
export function saveHart(): void {
  if (!Cpu.loaded) return;
  hart.fflags = FpFlags.bits;
  memory.copy(Cpu.loaded, abi.HART_BASE, abi.HART_BYTES);
}

/** Makes the hart at `at` the live one. */
function loadHart(at: usize): void {
  if (Cpu.loaded != at) {
    saveHart();
    memory.copy(abi.HART_BASE, at, abi.HART_BYTES);
    FpFlags.bits = hart.fflags;
    Cpu.loaded = at;
    forgetSlots();
  }
}

/** Forgets which hart is live without saving it (it is being destroyed or was rewritten). */
export function unloadHart(): void {
  saveHart();
  Cpu.loaded = 0;
}

/** Runs the hart at `at` for at most `budget` units; returns an EXIT_* reason. */
export function runHart(at: usize, budget: u32): i32 {
  loadHart(at);
  hart.reservation = ~0; // Does not survive the end of a slice, so others need not look for it.
  const before = hart.cycles;
  const reason = slice(budget);
  store<u32>(abi.MAILBOX_BASE, <u32>(hart.cycles - before), abi.MAILBOX_USED);
  return reason;
}
