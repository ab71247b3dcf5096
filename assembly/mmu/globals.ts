/**
 * Entries of the TLBs for global pages (G in the leaf), which are true in all address spaces of a machine:
 * when another address space becomes the live one, or fences drop that of one ASID, their tags are
 * changed to the new slot. A kernel is global, so neither costs it its entries (measured:
 * docs/decisions.md).
 */
import { TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_FETCH_ENTRIES, TLB_LOAD_BASE } from "../../bindings/abi";

const ALL: usize = 2 * TLB_ENTRIES + TLB_FETCH_ENTRIES;
/** What is known of each entry, by its number from TLB_LOAD_BASE on. */
const FLAGS: usize = memory.data(2 * TLB_ENTRIES + TLB_FETCH_ENTRIES);
const LISTED: u8 = 1;
const GLOBAL: u8 = 2;
/** Addresses of the entries that are or were global. */
const LIST: usize = memory.data(4 * (2 * TLB_ENTRIES + TLB_FETCH_ENTRIES));
/** Where a tag has its slot. */
const SLOT_SHIFT: u32 = 6;
const SLOT_BITS: u64 = 63 << 6;

/** The slot that global entries have, and what kind of address space it is; 0: there are none. */
export abstract class Globals {
  static slot: u32 = 0;
  static space: u32 = 0;
  static mode: u64 = 0;
  static count: usize = 0;
}

function flagsOf(entry: usize): usize {
  return FLAGS + (entry - TLB_LOAD_BASE) / TLB_ENTRY_BYTES;
}

/** The entry at `at` was filled. */
export function noteGlobal(at: usize, isGlobal: bool): void {
  const flags = flagsOf(at);
  const before = load<u8>(flags);
  if (!isGlobal) {
    if (before) store<u8>(flags, LISTED);
    return;
  }
  store<u8>(flags, LISTED | GLOBAL);
  if (before) return;
  store<u32>(LIST + (Globals.count << 2), <u32>at);
  Globals.count++;
}

/** No entry is true any more. */
export function forgetGlobals(): void {
  Globals.slot = 0;
  Globals.count = 0;
  memory.fill(FLAGS, 0, ALL);
}

function carry(to: u32): void {
  let kept: usize = 0;
  for (let i: usize = 0; i < Globals.count; i++) {
    const at: usize = load<u32>(LIST + (i << 2));
    const tag = load<u64>(at);
    const isKept =
      load<u8>(flagsOf(at)) == (LISTED | GLOBAL) &&
      <u32>((tag & SLOT_BITS) >> SLOT_SHIFT) == Globals.slot;
    if (isKept) {
      store<u64>(at, (tag & ~SLOT_BITS) | ((<u64>to) << SLOT_SHIFT));
      store<u32>(LIST + (kept << 2), <u32>at);
      kept++;
    } else store<u8>(flagsOf(at), 0);
  }
  Globals.count = kept;
}

/** The live address space has `slot`; it is one of `mode` (of satp) of the machine in `space`. */
export function moveGlobals(slot: u32, mode: u64, space: u32): void {
  if (Globals.slot == slot || !mode) return;
  if (Globals.slot && Globals.mode == mode && Globals.space == space) carry(slot);
  Globals.slot = slot;
  Globals.mode = mode;
  Globals.space = space;
}
