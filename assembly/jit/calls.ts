/** Call instructions whose function gets its number when all imports of the module are known. */
import { Out, padded } from "./out";

/** Calls of one module. */
export const CALLS_MAX: i32 = 2048;
/** The callee is imported; else it is in the module. */
export const IMPORTED: i32 = 1 << 16;

/** The function of the core that fills the TLB: the first import. */
export const REFILL: i32 = IMPORTED | 0;
/** The one that enters the translation of a pc: the second import. */
export const ENTER_AT: i32 = IMPORTED | 1;
/** The one that does an operation that is too long as WebAssembly: the third import. */
export const PERFORM: i32 = IMPORTED | 2;
/** Imported functions in front of those that are translated. */
export const IMPORTS_FIRST: i32 = 3;

export abstract class Calls {
  /** Where each wants its number. */
  static base: usize = 0;
  static count: i32 = 0;
}

/** Leaves room for the number of the callee `index`. */
export function callee(index: i32): void {
  if (Calls.count == CALLS_MAX) {
    Out.at = Out.end; // Full: the module is given up.
    return;
  }
  store<u32>(Calls.base + ((<usize>Calls.count) << 2), <u32>Out.at);
  Calls.count++;
  store<i32>(Out.at, index);
  Out.at += 5;
}

/** Writes all numbers: imported functions come first. */
export function patchCalls(importCount: i32): void {
  for (let i = 0; i < Calls.count; i++) {
    const at: usize = load<u32>(Calls.base + ((<usize>i) << 2));
    const index = load<i32>(at);
    padded(at + 5, index & IMPORTED ? index & ~IMPORTED : index + importCount);
  }
}
