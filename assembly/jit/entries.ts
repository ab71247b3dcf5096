/**
 * Where translated code is entered: the first micro-operation of a decoded block becomes OP_ENTER, with
 * the address of its entry here as immediate. Beside it what stood there before, for when the block is the
 * interpreter's again, and a copy of the block, for when the interpreter has to run it once. The entry of
 * the function in slot n of the table of functions is entry n.
 */

import { buildBlock, MAX_BLOCK_BYTES } from "../code/block";
import { Arena } from "../code/cache";
import { OP_ENTER } from "../isa/ops";
import { Uop } from "../isa/uop";

const ENTRY_SHIFT: usize = 5;
/** Misses weigh this much, each instruction between them 1: a region whose score rises misses often. */
const MISS: i32 = 512;
const OFTEN: i32 = 256 * MISS;
/** What stood at the start of the block (u64), and where the block is. */
const ENTRY_FIRST: usize = 0;
const ENTRY_BLOCK: usize = 8;
const ENTRY_COPY: usize = 12;
const ENTRY_SCORE: usize = 16;
/** How often it was entered, and the instructions that were done. */
const ENTRY_RUNS: usize = 20;
const ENTRY_DONE: usize = 24;
/** After so many runs the instructions of one are looked at: fewer than this are not worth the way. */
const RUNS: u32 = 2048;
const WORTH: u32 = 24;

abstract class Entries {
  static base: usize = 0;

  @inline static at(slot: u32): usize {
    return Entries.base + ((<usize>slot) << ENTRY_SHIFT);
  }
}

/** Entries that a core can have: enough for a cache of 64 MiB (3 KiB a function in a Linux boot). */
export const ENTRIES_MAX: u32 = 24_576;
/** Bytes that `initEntries` takes. */
export const ENTRIES_BYTES: u32 = ENTRIES_MAX << (<u32>ENTRY_SHIFT);

export function initEntries(base: usize): void {
  Entries.base = base;
}

/** The slot in the table of functions of the entry that the block at `u` has become. */
export function slotOf(u: usize): u32 {
  return <u32>((<usize>Uop.raw(u) - Entries.base) >> ENTRY_SHIFT);
}

/** The copy of the block at `u` that has become an entry. */
export function copyOf(u: usize): usize {
  return load<u32>(<usize>Uop.raw(u), ENTRY_COPY);
}

/**
 * Translated code that was entered at the block at `u` left at a miss after `done` instructions. True,
 * once: it does so often.
 */
export function noteMiss(u: usize, done: i32): bool {
  const entry = <usize>Uop.raw(u);
  const score = load<i32>(entry, ENTRY_SCORE);
  if (score < 0) return false;
  const next = max(0, score + MISS - done);
  store<i32>(entry, next > OFTEN ? -1 : next, ENTRY_SCORE);
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
  store<u64>(u, load<u64>(entry, ENTRY_FIRST));
  return false;
}

/** Is there room for the copies of `count` more blocks? */
export function hasRoom(count: i32): bool {
  return Arena.next + <usize>count * MAX_BLOCK_BYTES <= Arena.end;
}

function writeEntry(slot: u32, u: usize, first: u64, copy: usize): void {
  const entry = Entries.at(slot);
  store<u64>(entry, first, ENTRY_FIRST);
  store<u32>(entry, <u32>u, ENTRY_BLOCK);
  store<u32>(entry, <u32>copy, ENTRY_COPY);
  store<u32>(entry, 0, ENTRY_RUNS);
  store<u32>(entry, 0, ENTRY_DONE);
  Uop.set(u, OP_ENTER, <i32>entry);
}

/** Makes the block at `u`, decoded from offset `from` of `frame`, an entry: its function is in `slot`. */
export function addEntry(u: usize, frame: usize, from: u32, slot: u32): void {
  const copy = Arena.next;
  Arena.next = buildBlock(frame, from, 255, copy);
  writeEntry(slot, u, load<u64>(u), copy);
  store<i32>(Entries.at(slot), 0, ENTRY_SCORE);
}

/** Translated anew: the entry that the block at `u` has become leads to `slot` from now on. */
export function moveEntry(u: usize, slot: u32): void {
  const before = <usize>Uop.raw(u);
  writeEntry(slot, u, load<u64>(before, ENTRY_FIRST), load<u32>(before, ENTRY_COPY));
  store<i32>(Entries.at(slot), load<i32>(before, ENTRY_SCORE), ENTRY_SCORE);
}

/** The function in `slot` goes: the block that it was for is the interpreter's again. Where that block is. */
export function dropEntry(slot: u32): usize {
  const entry = Entries.at(slot);
  const u: usize = load<u32>(entry, ENTRY_BLOCK);
  if (Uop.op(u) == OP_ENTER && <usize>Uop.raw(u) == entry)
    store<u64>(u, load<u64>(entry, ENTRY_FIRST));
  return u;
}
