/**
 * Sharing of identical pages. A pass visits every page once and looks for its contents in a hash table
 * of pages seen before; equal pages get one frame, which is copied before the next store like that of
 * a fork. A page of zeros gives its frame back: it reads as zeros without.
 *
 * Guests may run between two batches of a pass. So the table says where a page was (hash u64, space
 * u32, index u32), not what is there now: that is looked up, and compared, before pages are merged.
 */
import * as abi from "../../bindings/abi";
import { emptyTlbs } from "../mmu/contexts";
import { digestFrame, isEqual, isZero } from "./content";
import { allocRegion, Frames, freeRegion, releaseFrame, retainFrame } from "./frames";
import { CHUNK_ENTRIES, chunkOf, entryOf, hasSharers, PageMap } from "./map";

const SLOT_SHIFT: u32 = 4;

export abstract class Sharing {
  static table: usize = 0;
  static frames: u32 = 0;
  static mask: u32 = 0;
  /** Slots that may still be filled: a full table would have no end of a search. */
  static left: u32 = 0;
  /** One bit a frame: its contents are in the table, or it is a chunk that was visited. */
  static seen: usize = 0;
  /** Of the last batch: pages looked at, frames that came back from equal pages and from zero pages. */
  static scanned: u32 = 0;
  static merged: u32 = 0;
  static zero: u32 = 0;

  /** Takes note of a frame; false if it was known already. */
  @inline static isNew(frame: usize): bool {
    const n = <u32>(frame >> abi.PAGE_SHIFT);
    const at = Sharing.seen + (n >> 3);
    const bit: u8 = <u8>((<u32>1) << (n & 7));
    if (load<u8>(at) & bit) return false;
    store<u8>(at, load<u8>(at) | bit);
    return true;
  }
  /** The frame must be looked at again where else it is used. */
  @inline static forget(frame: usize): void {
    const n = <u32>(frame >> abi.PAGE_SHIFT);
    const at = Sharing.seen + (n >> 3);
    store<u8>(at, load<u8>(at) & ~(<u8>((<u32>1) << (n & 7))));
  }
}

function seenFrames(): u32 {
  return ((Frames.end >> 3) + abi.PAGE_BYTES) >> abi.PAGE_SHIFT;
}

/** Starts a pass with a table of `frames` frames (a power of two). Returns 0 if there is no memory. */
export function beginSharing(frames: u32): u32 {
  endSharing();
  const seen = allocRegion(seenFrames());
  const table = seen ? allocRegion(frames) : 0;
  if (!table) {
    if (seen) freeRegion(seen, seenFrames());
    return 0;
  }
  Sharing.seen = seen;
  Sharing.table = table;
  Sharing.frames = frames;
  const slots = frames << (abi.PAGE_SHIFT - SLOT_SHIFT);
  Sharing.mask = slots - 1;
  Sharing.left = slots - (slots >> 2);
  return 1;
}

/** Ends a pass. Harmless if there is none. */
export function endSharing(): void {
  if (!Sharing.table) return;
  freeRegion(Sharing.table, Sharing.frames);
  freeRegion(Sharing.seen, seenFrames());
  Sharing.table = 0;
}

/** A space is about to go: the table must not name it any more. */
export function forgetSharing(): void {
  if (!Sharing.table) return;
  const slots = Sharing.mask + 1;
  memory.fill(Sharing.table, 0, (<usize>slots) << SLOT_SHIFT);
  Sharing.left = slots - (slots >> 2);
}

/** Lets the entry at `at`, of `frame`, lead to `twin`, which has the same contents. */
function merge(at: usize, frame: usize, twin: usize): void {
  retainFrame(twin);
  store<u32>(at, <u32>twin | abi.ENTRY_PRESENT | abi.ENTRY_SHARED);
  if (hasSharers(frame)) Sharing.forget(frame);
  else Sharing.merged++;
  releaseFrame(frame);
}

/** Address of the entry that `slot` of the table names, if its page still has a frame; else 0. */
function candidate(slot: usize): usize {
  const space: usize = load<u32>(slot, 8);
  const index = load<u32>(slot, 12);
  if (!(entryOf(space, index) & abi.ENTRY_PRESENT)) return 0;
  return chunkOf(space, index) + PageMap.offset(index);
}

/** The slot of the table for `hash`: the one that has it, or a free one. */
function slotOf(hash: u64): usize {
  let n = <u32>(hash >> 32);
  let slot = Sharing.table + ((<usize>(n & Sharing.mask)) << SLOT_SHIFT);
  while (load<u64>(slot) && load<u64>(slot) != hash)
    slot = Sharing.table + ((<usize>(++n & Sharing.mask)) << SLOT_SHIFT);
  return slot;
}

/** Finds a twin for page `index`, whose entry is at `at`, or puts it into the table. */
function shareFrame(space: usize, index: u32, at: usize, frame: usize): void {
  const hash = digestFrame(frame) | 1;
  const slot = slotOf(hash);
  if (load<u64>(slot)) {
    const other = candidate(slot);
    const twin: usize = other ? <usize>(load<u32>(other) & ~0xfff) : 0;
    if (twin == frame) return;
    if (twin && isEqual(twin, frame)) {
      store<u32>(other, load<u32>(other) | abi.ENTRY_SHARED);
      merge(at, frame, twin);
    } else put(slot, space, index); // What was there has changed.
  } else if (Sharing.left) {
    Sharing.left--;
    store<u64>(slot, hash);
    put(slot, space, index);
  }
}

function put(slot: usize, space: usize, index: u32): void {
  store<u32>(slot, <u32>space, 8);
  store<u32>(slot, index, 12);
}

function visit(space: usize, index: u32, at: usize): void {
  const frame: usize = load<u32>(at) & ~0xfff;
  if (!Sharing.isNew(frame)) return;
  Sharing.scanned++;
  if (!hasSharers(frame) && isZero(frame)) {
    store<u32>(at, 0);
    releaseFrame(frame);
    Sharing.zero++;
  } else shareFrame(space, index, at, frame);
}

/** Looks at pages of `space` from page `from` on, about `pagesMax` of them. Returns where to go on. */
export function sharePages(space: usize, from: u32, pagesMax: u32): u32 {
  const pages = load<u32>(space, abi.SPACE_PAGES);
  Sharing.scanned = 0;
  Sharing.merged = 0;
  Sharing.zero = 0;
  let index = from;
  while (Sharing.table && index < pages && Sharing.scanned < pagesMax) {
    const chunk = chunkOf(space, index);
    const offset = PageMap.offset(index);
    if (!chunk || (!offset && !Sharing.isNew(chunk))) {
      index = (index | (CHUNK_ENTRIES - 1)) + 1; // Nothing there, or a fork's that was looked at.
      continue;
    }
    if (load<u32>(chunk + offset) & abi.ENTRY_PRESENT) visit(space, index, chunk + offset);
    index++;
  }
  if (Sharing.merged + Sharing.zero) emptyTlbs();
  return min(index, pages);
}
