/** What translated code makes sure of on its way: that the window is large enough, and that pages are where they were. */
import { JIT_BASE, JIT_FETCH_TAG, TLB_FETCH_BASE, TLB_FETCH_ENTRIES } from "../../bindings/abi";
import { Tlb } from "../mmu/tlb";
import { address, close, exitIf, leaveTo, openIf, siteOf } from "./labels";
import { LEFT, SLOT, T0 } from "./locals";
import * as wasm from "./opcodes";
import { access, byte, const32, get, tee } from "./out";
import { BLOCK_COUNT, BLOCK_END, BLOCK_FIRST, BLOCK_REL, Work } from "./work";

/** What the dispatch loop may run beyond its window without asking, in instructions (`hart/run.ts`). */
const MARGIN: i32 = 255;

/** The window must be larger than this to run `extra` instructions and on to the next place where it is looked at. */
export function biasOf(extra: i32): i32 {
  return max(0, Work.instructionCount + extra - MARGIN) << 3;
}

/** Exits to the interpreter in front of `rel` unless the window is large enough. */
export function checkWindow(rel: i32): void {
  get(LEFT);
  const32(biasOf(0));
  byte(wasm.I32_LE_S);
  exitIf(siteOf(rel, 0));
}

/** The table of decoded blocks of the page of `rel`, which is in the fetch TLB. */
function tableFor(rel: i32): usize {
  return load<u32>(Tlb.fetch(Work.base + <u64>(<i64>rel)), 8);
}

/** Is the page of `rel` elsewhere than it was when this was translated? On the stack. */
function isElsewhere(rel: i32): void {
  address(rel & ~0xfff);
  tee(T0);
  byte(wasm.I32_WRAP_I64);
  const32(8);
  byte(wasm.I32_SHR_U);
  const32((TLB_FETCH_ENTRIES - 1) << 4);
  byte(wasm.I32_AND);
  tee(SLOT);
  access(wasm.I64_LOAD, 3, TLB_FETCH_BASE);
  get(T0);
  const32(0);
  access(wasm.I64_LOAD, 3, JIT_BASE + JIT_FETCH_TAG);
  byte(wasm.I64_OR);
  byte(wasm.I64_NE);
  get(SLOT);
  access(wasm.I32_LOAD, 2, TLB_FETCH_BASE + 8);
  const32(<i32>tableFor(rel));
  byte(wasm.I32_NE);
  byte(wasm.I32_OR);
}

/** Leaves for `rel` unless its page is where it was when this was translated. */
export function guardPage(rel: i32): void {
  isElsewhere(rel);
  openIf();
  leaveTo(rel);
  close();
}

/** Block `id`, where it begins: if it is an instruction on two pages, the second one must be where it was, too. */
export function guardSecondHalf(id: i32): void {
  const rel = Work.get(id, BLOCK_REL);
  if (rel >> 12 == (Work.get(id, BLOCK_END) - 1) >> 12 || Work.get(id, BLOCK_COUNT) != 1) return;
  isElsewhere(rel + 2);
  exitIf(siteOf(rel, 0));
}

/** Does control that comes from `from` have to make sure of the page of `to`? */
export function needsGuard(from: i32, to: i32): bool {
  return to >> 12 != 0 && from >> 12 != to >> 12;
}

/** The last byte of block `id`, for which page it ends in. */
export function lastRel(id: i32): i32 {
  const count = Work.get(id, BLOCK_COUNT);
  return count ? Work.rel(Work.get(id, BLOCK_FIRST) + count - 1) : Work.get(id, BLOCK_REL);
}
