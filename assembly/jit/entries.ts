/**
 * Where translated code is entered: the first micro-operation of a decoded block becomes OP_ENTER, with
 * the address of its entry here as immediate. Beside it a copy of the block, for when the interpreter
 * has to run it after all.
 */

import { buildBlock, MAX_BLOCK_BYTES } from "../code/block";
import { Arena } from "../code/cache";
import { OP_ENTER } from "../isa/ops";
import { Uop } from "../isa/uop";

const ENTRY_BYTES: usize = 20;
/** Misses weigh this much, each instruction between them 1: a region whose score rises misses often. */
const MISS: i32 = 512;
const OFTEN: i32 = 256 * MISS;
const ENTRY_SLOT: usize = 0;
const ENTRY_COPY: usize = 4;
const ENTRY_SCORE: usize = 8;
/** How often it was entered, and the instructions that were done. */
const ENTRY_RUNS: usize = 12;
const ENTRY_DONE: usize = 16;
/** After so many runs the instructions of one are looked at: fewer than this are not worth the way. */
const RUNS: u32 = 2048;
const WORTH: u32 = 12;
/** Bytes of modules beyond which all are dropped: V8 makes about four times as much of them. */
const BYTES_MAX: u32 = 16 << 20;

export abstract class Entries {
  static base: usize = 0;
  static max: i32 = 0;
  static count: i32 = 0;
  /** Bytes of the modules. */
  static bytes: u32 = 0;
}

/** Entries that a core can have. */
const ENTRIES_MAX: i32 = 16_384;
/** Bytes that `initEntries` takes. */
export const ENTRIES_BYTES: u32 = <u32>ENTRIES_MAX * <u32>ENTRY_BYTES;

export function initEntries(base: usize): void {
  Entries.base = base;
  Entries.max = ENTRIES_MAX;
}

/** The slot in the table of functions of the entry that the block at `u` has become. */
export function slotOf(u: usize): u32 {
  return load<u32>(<usize>Uop.raw(u) + ENTRY_SLOT);
}

/** The copy of the block at `u` that has become an entry. */
export function copyOf(u: usize): usize {
  return load<u32>(<usize>Uop.raw(u) + ENTRY_COPY);
}

/**
 * Translated code that was entered at the block at `u` left at a miss after `done` instructions. True,
 * once: it does so often.
 */
export function noteMiss(u: usize, done: i32): bool {
  const at = <usize>Uop.raw(u) + ENTRY_SCORE;
  const score = load<i32>(at);
  if (score < 0) return false;
  const next = max(0, score + MISS - done);
  store<i32>(at, next > OFTEN ? -1 : next);
  return next > OFTEN;
}

/**
 * Translated code that was entered at the block at `u` has done `done` instructions. False: as a rule it does
 * so few that the interpreter is faster (measured: see docs/decisions.md), and the block is its again.
 */
export function isWorthwhile(u: usize, done: u32): bool {
  const entry = <usize>Uop.raw(u);
  const runs = load<u32>(entry, ENTRY_RUNS) + 1;
  const total = load<u32>(entry, ENTRY_DONE) + done;
  const isDue = runs == RUNS;
  store<u32>(entry, isDue ? 0 : runs, ENTRY_RUNS);
  store<u32>(entry, isDue ? 0 : total, ENTRY_DONE);
  if (!isDue || total >= RUNS * WORTH) return true;
  store<u64>(u, load<u64>(load<u32>(entry, ENTRY_COPY)));
  return false;
}

/** Translated anew: the entry that the block at `u` has become leads to `slot` from now on. */
export function replaceEntry(u: usize, slot: u32): void {
  Entries.count++;
  store<u32>(<usize>Uop.raw(u) + ENTRY_SLOT, slot);
}

/** Is there room for `count` more functions, and for the copies of their blocks? */
export function hasRoom(count: i32): bool {
  return (
    Entries.count + count <= Entries.max &&
    Entries.bytes < BYTES_MAX &&
    Arena.next + <usize>count * MAX_BLOCK_BYTES <= Arena.end
  );
}

/** Makes the block at `u`, decoded from offset `from` of `frame`, an entry: its function is in `slot`. */
export function addEntry(u: usize, frame: usize, from: u32, slot: u32): void {
  const entry = Entries.base + <usize>Entries.count * ENTRY_BYTES;
  Entries.count++;
  store<u32>(entry, slot, ENTRY_SLOT);
  store<i32>(entry, 0, ENTRY_SCORE);
  store<u32>(entry, 0, ENTRY_RUNS);
  store<u32>(entry, 0, ENTRY_DONE);
  store<u32>(entry, <u32>Arena.next, ENTRY_COPY);
  Arena.next = buildBlock(frame, from, 255, Arena.next);
  Uop.set(u, OP_ENTER, <i32>entry);
}
