/**
 * Decides what is translated. The interpreter's window is cut into samples: where each ends, a block
 * begins that takes its share of the time; a block that is met often enough becomes the entry of a
 * region. All counts are of instructions, so the same run translates the same things.
 */

import * as abi from "../../bindings/abi";
import { Arena, pcOf } from "../code/cache";
import { Cpu } from "../hart/state";
import * as host from "../host";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Tlb } from "../mmu/tlb";
import { Misses } from "./access";
import { countOf, forgetCounts, NEVER, setCount } from "./counters";
import { addEntry, hasRoom, moveEntry } from "./entries";
import { forgetGenerations, makeRoom, nextSlot, noteModule, openGeneration } from "./generations";
import { FUNCTIONS_MAX, Module, writeModule } from "./module";
import { Out } from "./out";

/** Samples that are enough for the first module, and how many more each further one takes. */
const EARLY: u32 = 64;
const EARLY_STEP: u32 = 64;

export abstract class Heat {
  /** Bytes of micro-operations between samples; 0: nothing is translated. */
  static interval: i32 = 0;
  /** How many are left until the next one. */
  static left: i32 = 0;
  /** That of the arena when the counts were begun: when it was emptied, they are void. */
  static generation: u32 = 0;
  /** No room for copies of blocks: all decoded code is to be dropped as soon as none of it runs. */
  static isFull: bool = false;
  /** Samples that make a block worth translating; 0: everything is, before it runs (for tests). */
  static threshold: u32 = 3;
  /** Modules that were made so far. */
  static modules: u32 = 0;
  /** Everything is translated, but this one instruction is the interpreter's. */
  static isSingle: bool = false;

  /** Samples that are enough for now: the first modules come early, while V8 has nothing else to optimize. */
  @inline static due(): u32 {
    return min(Heat.threshold, EARLY + Heat.modules * EARLY_STEP);
  }
  @inline static isForced(): bool {
    return Heat.threshold == 0 && Heat.interval != 0;
  }
}

/** Forgets all entries and counts: the decoded blocks are gone. */
function forgetTranslations(): void {
  Heat.generation = Arena.generation;
  forgetGenerations();
  forgetCounts();
}

function field(offset: usize, value: u32): void {
  store<u32>(abi.JIT_BASE + offset, value);
}

/** Tells the host where the module is, and where its functions belong. */
function describe(slot: u32): void {
  field(abi.JIT_MODULE_HEAD, <u32>Module.head);
  field(abi.JIT_MODULE_HEAD_BYTES, <u32>(Module.headEnd - Module.head));
  field(abi.JIT_MODULE_CODE, <u32>Module.code);
  field(abi.JIT_MODULE_CODE_BYTES, <u32>(Out.at - Module.code));
  field(abi.JIT_MODULE_SLOT, slot);
  field(abi.JIT_MODULE_COUNT, Module.functionCount);
  field(abi.JIT_MODULE_IMPORTS, <u32>Module.imports);
  field(abi.JIT_MODULE_IMPORT_COUNT, Module.importCount);
}

/** Translates the region of the block at `u` again: it misses the TLB so often that calls are better. */
export function translateAgain(u: usize): void {
  Misses.areFrequent = true;
  translate(u);
  Misses.areFrequent = false;
}

function translate(u: usize): bool {
  const pc = pcOf(u);
  openGeneration(FUNCTIONS_MAX);
  if (!writeModule(pc, u, Heat.due() >> 1)) return false;
  const count = Module.functionCount;
  if (!hasRoom(count)) {
    Heat.isFull = true;
    return false;
  }
  const bytes = <u32>(Module.headEnd - Module.head) + <u32>(Out.at - Module.code);
  if (!makeRoom(bytes)) return false;
  const slot = nextSlot();
  describe(slot);
  if (!host.install()) return false;
  noteModule(count, bytes);
  Heat.modules++;
  for (let i = 0; i < count; i++) {
    const at = Module.pc(i);
    if (Uop.op(Module.block(i)) == ops.OP_ENTER) moveEntry(Module.block(i), slot + i);
    else addEntry(Module.block(i), load<u32>(Tlb.fetch(at), 12), <u32>at & 0xfff, slot + i);
  }
  return true;
}

/** The block at `u` is the interpreter's for good. */
export function giveUp(u: usize): void {
  setCount(u, NEVER, 0);
}

/** A sample ended in front of the block at `u`. */
export function sample(u: usize): void {
  const op = Uop.op(u);
  if (op == ops.OP_ENTER) return; // Nothing to learn: the next way out of translated code is looked at.
  Heat.left = Heat.interval;
  if (Heat.generation != Arena.generation) forgetTranslations();
  if (op == ops.OP_LINK || op == ops.OP_GOTO) return;
  const count = countOf(u) + 1;
  setCount(u, count, Cpu.page);
  if (count >= Heat.due() && count < NEVER && !translate(u)) setCount(u, NEVER, Cpu.page);
}
