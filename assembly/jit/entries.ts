/**
 * Where translated code is entered: the first micro-operation of a decoded block becomes OP_ENTER, with
 * the address of its entry here as immediate. Beside it a copy of the block, for when the interpreter
 * has to run it after all.
 */

import { buildBlock, MAX_BLOCK_BYTES } from "../code/block";
import { Arena } from "../code/cache";
import { OP_ENTER } from "../isa/ops";
import { Uop } from "../isa/uop";

const ENTRY_BYTES: usize = 12;
/** Misses weigh this much, each instruction between them 1: a region whose score rises misses often. */
const MISS: i32 = 512;
const OFTEN: i32 = 256 * MISS;
const ENTRY_SLOT: usize = 0;
const ENTRY_COPY: usize = 4;
const ENTRY_SCORE: usize = 8;

export abstract class Entries {
  static base: usize = 0;
  static max: i32 = 0;
  static count: i32 = 0;
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

/** Translated anew: the entry that the block at `u` has become leads to `slot` from now on. */
export function replaceEntry(u: usize, slot: u32): void {
  Entries.count++;
  store<u32>(<usize>Uop.raw(u) + ENTRY_SLOT, slot);
}

/** Is there room for the copies of `count` blocks? */
export function hasRoom(count: i32): bool {
  return (
    Entries.count + count <= Entries.max && Arena.next + <usize>count * MAX_BLOCK_BYTES <= Arena.end
  );
}

/** Makes the block at `u`, decoded from offset `from` of `frame`, an entry: its function is in `slot`. */
export function addEntry(u: usize, frame: usize, from: u32, slot: u32): void {
  const entry = Entries.base + <usize>Entries.count * ENTRY_BYTES;
  Entries.count++;
  store<u32>(entry, slot, ENTRY_SLOT);
  store<i32>(entry, 0, ENTRY_SCORE);
  store<u32>(entry, <u32>Arena.next, ENTRY_COPY);
  Arena.next = buildBlock(frame, from, 255, Arena.next);
  Uop.set(u, OP_ENTER, <i32>entry);
}
