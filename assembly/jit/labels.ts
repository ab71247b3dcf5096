/**
 * The labels around the code that is being written, innermost last, and the ways out of the function.
 *
 * LEFT is not lowered at each instruction but where control meets other control: at a branch to a label
 * and where the function is left. What is *pending* until then is known when the code is written, and
 * exits to the interpreter carry it in their site.
 */

import { BASE, LEFT, PC, SITE } from "./locals";
import * as wasm from "./opcodes";
import { br, brIf, byte, const32, const64, get, set, unsigned } from "./out";
import { Targets, targetAt } from "./targets";
import { Work } from "./work";

/** Labels by number of the block that they lead to; these two lead out. */
const LEAVE: i32 = -1;
const EXIT: i32 = -2;
/** A label that nobody branches to (an `if`). */
const NOBODY: i32 = -3;

/** The way on to the next copy of a loop's body (`copies.ts`). */
const NEXT: i32 = -4;
/** The way to the body of a loop that checks everything. */
const SLOW: i32 = -5;

export abstract class Labels {
  static depth: i32 = 0;
  /** Instructions that were done and are still in LEFT. */
  static pending: i32 = 0;
  /** The block whose loop is being copied, and what is pending where it goes on to the next copy. */
  static copied: i32 = -1;
  static copiedPending: i32 = 0;
}

function at(index: i32): usize {
  return Work.stack + ((<usize>index) << 3);
}

function push(target: i32): void {
  store<i32>(at(Labels.depth), target);
  store<i32>(at(Labels.depth), Labels.pending, 4);
  Labels.depth++;
}

/** Takes what is pending out of LEFT. */
export function settle(): void {
  if (!Labels.pending) return;
  get(LEFT);
  const32(Labels.pending << 3);
  byte(wasm.I32_SUB);
  set(LEFT);
  Labels.pending = 0;
}

/** How many labels out the innermost one for `target` is. */
function depthOf(target: i32): u32 {
  let out: u32 = 0;
  for (let i = Labels.depth - 1; i >= 0; i--, out++) if (load<i32>(at(i)) == target) return out;
  return unreachable();
}

export function openBlock(target: i32): void {
  byte(wasm.BLOCK);
  byte(wasm.VOID);
  push(target);
}
export function openLoop(target: i32): void {
  settle();
  byte(wasm.LOOP);
  byte(wasm.VOID);
  push(target);
}
/** Takes a condition from the stack. */
export function openIf(): void {
  byte(wasm.IF);
  byte(wasm.VOID);
  push(NOBODY);
}
export function close(): void {
  byte(wasm.END);
  Labels.depth--;
  const target = load<i32>(at(Labels.depth));
  // Behind an `if` it is as if it had not been taken; whoever branches to a label has settled.
  if (target == NOBODY) Labels.pending = load<i32>(at(Labels.depth), 4);
  else Labels.pending = target == NEXT ? Labels.copiedPending : 0;
}

export function brTo(target: i32): void {
  if (target == Labels.copied) return goToNext(wasm.BR);
  settle();
  br(depthOf(target));
}
export function brToIf(target: i32): void {
  if (target == Labels.copied) return goToNext(wasm.BR_IF);
  if (!Labels.pending) return brIf(depthOf(target));
  openIf();
  brTo(target);
  close();
}

/** Goes on to the next copy of the loop: from one place only, so that what is pending there may stay so. */
function goToNext(opcode: u32): void {
  Labels.copiedPending = Labels.pending;
  byte(opcode);
  unsigned(depthOf(NEXT));
}

/** Opens the label behind a copy of the body of the loop of block `header`. */
export function openCopy(header: i32): void {
  openBlock(NEXT);
  Labels.copied = header;
}
export function closeCopy(): void {
  Labels.copied = -1;
  close();
}

export function openSlow(): void {
  openBlock(SLOW);
}
/** Goes to the body that checks everything if the condition on the stack holds. */
export function slowIf(): void {
  brIf(depthOf(SLOW));
}

/** Branches to the target whose number is on the stack; leaves if it is none. */
export function brTable(): void {
  byte(wasm.BR_TABLE);
  unsigned(Targets.count);
  for (let i = 0; i < Targets.count; i++) {
    const id = targetAt(i);
    unsigned(depthOf(id < 0 ? LEAVE : id));
  }
  unsigned(depthOf(LEAVE));
}

/** Opens the two labels that lead out. */
export function openExits(): void {
  Labels.depth = 0;
  Labels.pending = 0;
  Labels.copied = -1;
  openBlock(LEAVE);
  openBlock(EXIT);
}

/**
 * The exit in front of an instruction at `rel`, with `undone` instructions of its block, which are pending,
 * from there on.
 */
export function siteOf(rel: i32, undone: i32): i32 {
  return ((rel >> 1) << 16) | ((undone - Labels.pending) & 0xffff);
}

/** Exits for the interpreter if the condition on the stack holds. */
export function exitIf(site: i32): void {
  const32(site);
  set(SITE);
  brIf(depthOf(EXIT));
}

export function exit(site: i32): void {
  const32(site);
  set(SITE);
  br(depthOf(EXIT));
}

/** Leaves with pc on the stack. */
export function leave(): void {
  set(PC);
  settle();
  br(depthOf(LEAVE));
}

/** Leaves to go on at offset `rel` from the entry's page. */
export function leaveTo(rel: i32): void {
  address(rel);
  leave();
}

/** The gva at offset `rel` from the entry's page. */
export function address(rel: i64): void {
  get(BASE);
  if (!rel) return;
  const64(rel);
  byte(wasm.I64_ADD);
}
