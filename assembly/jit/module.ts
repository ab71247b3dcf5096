/**
 * A module of translated functions: those that the entry calls, and what they call, come along, so
 * that guest calls are Wasm calls. Functions that other modules of its generation have already are imported.
 *
 *   import 0     memory     m.m
 *   import k     function   f.k
 *   export i     function   named by its number in the module, imports not counted
 */

import { decodeAt } from "../code/block";
import { pageOffsetOf } from "../code/side";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Tlb } from "../mmu/tlb";
import { writeBody } from "./body";
import { findBoxed } from "./boxed";
import { CALLS_MAX, Calls, IMPORTED, IMPORTS_FIRST, patchCalls } from "./calls";
import { blockAt, countOf, nextWarm, pageAt } from "./counters";
import { canTranslate } from "./coverage";
import { slotOf } from "./entries";
import { isOfNow } from "./generations";
import { findRegion } from "./graph";
import { placeHints } from "./hints";
import { declareLocals, placeRegisters } from "./locals";
import { findLoops } from "./loops";
import { findNests } from "./nests";
import * as wasm from "./opcodes";
import { clearUsed } from "./operands";
import { orderBlocks } from "./order";
import { byte, closeSize, Out, openSize, padded, unsigned } from "./out";
import { BLOCK_CALLEE, BLOCK_ENDS, BLOCK_REL, BLOCK_TAKEN_REL, ENDS_CALL, Work } from "./work";

/** Functions of one module, and functions it may import. */
export const FUNCTIONS_MAX: i32 = 32;
const IMPORTS_MAX: i32 = 64;
/** Guest instructions of one module, beyond which it takes in no more functions. */
const MODULE_INSTRUCTIONS: i32 = 3000;
/** Blocks of a module that are known to be in it. */
const COVERED_MAX: i32 = 1024;

export abstract class Module {
  static pcs: usize = 0;
  static blocks: usize = 0;
  static imports: usize = 0;
  static functionCount: i32 = 0;
  static importCount: i32 = 0;
  static instructions: i32 = 0;
  /** How many of the functions are written. */
  static written: i32 = 0;
  /** pcs of the blocks in them. */
  static covered: usize = 0;
  static coveredCount: i32 = 0;
  /** Room for the code section, and for what stands in front of it. */
  static code: usize = 0;
  static codeEnd: usize = 0;
  static head: usize = 0;
  static headEnd: usize = 0;
  static scratch: usize = 0;

  @inline static pc(index: i32): u64 {
    return load<u64>(Module.pcs + ((<usize>index) << 3));
  }
  @inline static block(index: i32): usize {
    return load<u32>(Module.blocks + ((<usize>index) << 2));
  }
}

const CODE_BYTES: usize = 384 * 1024;
const HEAD_BYTES: usize = 4096;
/** Bytes that `initModule` takes. */
export const MODULE_BYTES: u32 = <u32>(CODE_BYTES + HEAD_BYTES + 24 * 1024);

/** Takes MODULE_BYTES from `base` on. */
export function initModule(base: usize): void {
  Module.code = base;
  Module.codeEnd = base + CODE_BYTES;
  Module.head = Module.codeEnd;
  Module.pcs = Module.head + HEAD_BYTES;
  Module.blocks = Module.pcs + (FUNCTIONS_MAX << 3);
  Module.imports = Module.blocks + (FUNCTIONS_MAX << 2);
  Calls.base = Module.imports + (IMPORTS_MAX << 2);
  Module.covered = Calls.base + (CALLS_MAX << 2);
  Module.scratch = Module.covered + (COVERED_MAX << 3);
}

/** The block that was decoded for `pc`, if the fetch TLB has its page; else 0. */
function blockOf(pc: u64): usize {
  const entry = Tlb.fetch(pc);
  if (pc & 1 || load<u64>(entry) != ((pc & ~0xfff) | Tlb.fetchTag)) return 0;
  return load<u32>(<usize>load<u32>(entry, 8) + ((<usize>pc & 0xffe) << 1));
}

function startsWell(pc: u64): bool {
  const frame: usize = load<u32>(Tlb.fetch(pc), 12);
  return decodeAt(frame, <i32>pc & 0xfff, Module.scratch) != 0 && canTranslate(Module.scratch);
}

function importOf(slot: u32): i32 {
  for (let i = 0; i < Module.importCount; i++)
    if (load<u32>(Module.imports + ((<usize>i) << 2)) == slot)
      return IMPORTED | (i + IMPORTS_FIRST);
  if (Module.importCount == IMPORTS_MAX) return -1;
  store<u32>(Module.imports + ((<usize>Module.importCount) << 2), slot);
  Module.importCount++;
  return IMPORTED | (Module.importCount - 1 + IMPORTS_FIRST);
}

function addFunction(pc: u64, block: usize): i32 {
  store<u64>(Module.pcs + ((<usize>Module.functionCount) << 3), pc);
  store<u32>(Module.blocks + ((<usize>Module.functionCount) << 2), <u32>block);
  return Module.functionCount++;
}

/** The function for calls to `pc`: imported, in this module, or -1: the call leaves. */
function calleeOf(pc: u64): i32 {
  for (let i = 0; i < Module.functionCount; i++) if (Module.pc(i) == pc) return i;
  const block = blockOf(pc);
  if (!block) return -1;
  if (Uop.op(block) == ops.OP_ENTER) return isOfNow(slotOf(block)) ? importOf(slotOf(block)) : -1;
  if (!countOf(block)) return -1; // Cold as far as one knows.
  const isFull = Module.functionCount == FUNCTIONS_MAX || Module.instructions > MODULE_INSTRUCTIONS;
  return isFull || !startsWell(pc) ? -1 : addFunction(pc, block);
}

/** Gives every call of the region its callee. */
function resolveCalls(): void {
  for (let id = 0; id < Work.blockCount; id++) {
    if (Work.get(id, BLOCK_ENDS) != ENDS_CALL) continue;
    const callee = calleeOf(Work.base + <u64>(<i64>Work.get(id, BLOCK_TAKEN_REL)));
    Work.set(id, BLOCK_CALLEE, callee);
  }
}

function writeFunction(index: i32): void {
  clearUsed();
  findRegion(Module.pc(index));
  Module.instructions += Work.instructionCount;
  resolveCalls();
  const count = orderBlocks();
  findLoops(count);
  findNests(count);
  placeHints(count);
  placeRegisters();
  findBoxed(count);
  const start = openSize();
  declareLocals();
  writeBody(count);
  byte(wasm.END);
  closeSize(start);
}

function openSection(id: u32): usize {
  byte(id);
  return openSize();
}

function name(char: u32): void {
  byte(1);
  byte(char);
}

/** The name of export `index`: its number in base 16, two digits. */
function exportName(index: u32): void {
  byte(2);
  byte(97 + (index >> 4));
  byte(97 + (index & 15));
}

/** Everything in front of the code section. */
function writeHead(): void {
  Out.at = Module.head;
  Out.end = Module.head + HEAD_BYTES;
  store<u64>(Out.at, 0x000000016d736100);
  Out.at += 8;
  let section = openSection(1);
  unsigned(3);
  byte(wasm.TYPE_FUNC);
  unsigned(3);
  byte(wasm.TYPE_I32);
  byte(wasm.TYPE_I64);
  byte(wasm.TYPE_I32);
  unsigned(1);
  byte(wasm.TYPE_I32);
  byte(wasm.TYPE_FUNC);
  unsigned(3);
  byte(wasm.TYPE_I64);
  byte(wasm.TYPE_I32);
  byte(wasm.TYPE_I32);
  unsigned(1);
  byte(wasm.TYPE_I32);
  byte(wasm.TYPE_FUNC);
  unsigned(1);
  byte(wasm.TYPE_I64);
  unsigned(1);
  byte(wasm.TYPE_I32);
  closeSize(section);

  section = openSection(2);
  unsigned(Module.importCount + IMPORTS_FIRST + 1);
  name(109);
  name(109);
  byte(2);
  byte(0);
  unsigned(1);
  name(109);
  name(114);
  byte(0);
  byte(1);
  name(109);
  name(101);
  byte(0);
  byte(0);
  name(109);
  name(112);
  byte(0);
  byte(2);
  for (let i = 0; i < Module.importCount; i++) {
    name(102);
    exportName(i);
    byte(0);
    byte(0);
  }
  closeSize(section);

  section = openSection(3);
  unsigned(Module.functionCount);
  for (let i = 0; i < Module.functionCount; i++) byte(0);
  closeSize(section);

  section = openSection(7);
  unsigned(Module.functionCount);
  for (let i = 0; i < Module.functionCount; i++) {
    exportName(i);
    byte(0);
    unsigned(Module.importCount + IMPORTS_FIRST + i);
  }
  closeSize(section);
  Module.headEnd = Out.at;
}

/** Notes the blocks of the region at hand as translated. */
function cover(): void {
  for (let id = 0; id < Work.blockCount && Module.coveredCount < COVERED_MAX; id++) {
    const at = Module.covered + ((<usize>Module.coveredCount) << 3);
    store<u64>(at, Work.base + <u64>(<i64>Work.get(id, BLOCK_REL)));
    Module.coveredCount++;
  }
}

function isCovered(pc: u64): bool {
  for (let i = 0; i < Module.coveredCount; i++)
    if (load<u64>(Module.covered + ((<usize>i) << 3)) == pc) return true;
  return false;
}

/** Writes the functions that are listed and not yet written, and those that they call. */
function writeListed(): bool {
  while (Module.written < Module.functionCount) {
    writeFunction(Module.written);
    cover();
    Module.written++;
    if (Out.isFull()) return false;
  }
  return true;
}

/**
 * Takes in blocks that were met at least `count` times, unless they lie in a region of the module: a module
 * costs V8 more than a millisecond, whatever is in it (measured, docs/decisions.md), so those that are
 * warm come along with one that is hot.
 */
function writeWarm(count: u32): bool {
  for (let at = nextWarm(0, count); at; at = nextWarm(at, count)) {
    const block = blockAt(at);
    const pc = pageAt(at) + pageOffsetOf(block);
    if (Module.functionCount >= FUNCTIONS_MAX >> 1) return true;
    if (blockOf(pc) != block || Uop.op(block) == ops.OP_ENTER || isCovered(pc)) continue;
    calleeOf(pc);
    if (!writeListed()) return false;
  }
  return true;
}

/**
 * Writes the module for the entry `pc`, whose decoded block is `block`, and for others that were met
 * `warm` times (0: for none). False if there is nothing to
 * gain or it becomes too large.
 */
export function writeModule(pc: u64, block: usize, warm: u32): bool {
  Module.functionCount = 0;
  Module.importCount = 0;
  Calls.count = 0;
  Module.instructions = 0;
  Module.written = 0;
  Module.coveredCount = 0;
  if (blockOf(pc) != block || !startsWell(pc)) return false;
  addFunction(pc, block);
  Out.at = Module.code;
  Out.end = Module.codeEnd;
  const section = openSection(10);
  // The count has a fixed size, as it is not known yet.
  const count = openSize();
  if (!writeListed() || (warm && !writeWarm(warm))) return false;
  const end = Out.at;
  closeSize(section);
  patchCalls(Module.importCount + IMPORTS_FIRST);
  padded(count, Module.functionCount);
  writeHead();
  Out.at = end;
  return Work.blockCount > 0;
}
