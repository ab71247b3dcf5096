/** The labels around the code that is being written, innermost last, and the ways out of the function. */

import { BASE, PC, SITE } from "./locals";
import * as wasm from "./opcodes";
import { br, brIf, byte, const32, const64, get, set, unsigned } from "./out";
import { Targets, targetAt } from "./targets";
import { Work } from "./work";

/** Labels by number of the block that they lead to; these two lead out. */
const LEAVE: i32 = -1;
const EXIT: i32 = -2;
/** A label that nobody branches to (an `if`). */
const NOBODY: i32 = -3;

abstract class Labels {
  static depth: i32 = 0;
}

function push(target: i32): void {
  store<i32>(Work.stack + ((<usize>Labels.depth) << 2), target);
  Labels.depth++;
}

/** How many labels out the innermost one for `target` is. */
function depthOf(target: i32): u32 {
  let out: u32 = 0;
  for (let i = Labels.depth - 1; i >= 0; i--, out++)
    if (load<i32>(Work.stack + ((<usize>i) << 2)) == target) return out;
  return unreachable();
}

export function openBlock(target: i32): void {
  byte(wasm.BLOCK);
  byte(wasm.VOID);
  push(target);
}
export function openLoop(target: i32): void {
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
}
export function brTo(target: i32): void {
  br(depthOf(target));
}
export function brToIf(target: i32): void {
  brIf(depthOf(target));
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
  openBlock(LEAVE);
  openBlock(EXIT);
}

/** The exit in front of an instruction at `rel`, with `undone` instructions of its block from there on. */
export function siteOf(rel: i32, undone: i32): i32 {
  return ((rel >> 1) << 16) | undone;
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
