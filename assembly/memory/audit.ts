/**
 * An auditor of machine memory: counts again who leads to each frame, and compares that with what the
 * frame table says; looks whether the TLBs say what the maps say. Nothing is changed. For soaks and tests.
 */
import * as abi from "../../bindings/abi";
import { spaceOf } from "../mmu/contexts";
import { gpaOf } from "../mmu/tlb";
import { logFrames } from "./dirty";
import { allocRegion, Frames, freeRegion, isFreeFrame } from "./frames";
import { CHUNK_ENTRIES, chunkOf, entryOf, expectedFrames, hasSharers } from "./map";
import { Space, spaceFrames } from "./space";

abstract class Audit {
  /** One u32 a machine frame: how many lead to it. */
  static counts: usize = 0;
  static countFrames: u32 = 0;
  /** What was found wrong so far. */
  static faults: u32 = 0;
}

function countOf(frame: usize): usize {
  return Audit.counts + ((frame >> abi.PAGE_SHIFT) << 2);
}

function lead(frame: usize): u32 {
  const n = <u32>(frame >> abi.PAGE_SHIFT);
  if (n < Frames.first || n >= Frames.end) {
    Audit.faults++;
    return 0;
  }
  const at = countOf(frame);
  store<u32>(at, load<u32>(at) + 1);
  return load<u32>(at);
}

/** Begins an audit. 0: there is no memory for it. */
export function beginAudit(): u32 {
  Audit.faults = 0;
  Audit.countFrames = ((Frames.end << 2) + abi.PAGE_BYTES - 1) >> abi.PAGE_SHIFT;
  Audit.counts = allocRegion(Audit.countFrames);
  if (!Audit.counts) return 0;
  auditRegion(Audit.counts, Audit.countFrames);
  return 1;
}

/** `frames` frames from `at` on are somebody's: a hart, a bitmap, a buffer. */
export function auditRegion(at: usize, frames: u32): void {
  for (let i: u32 = 0; i < frames; i++) lead(at + ((<usize>i) << abi.PAGE_SHIFT));
}

/** The entries of a chunk that was not met before. */
function auditChunk(chunk: usize): void {
  for (let at = chunk; at < chunk + abi.PAGE_BYTES; at += 4) {
    const entry = load<u32>(at);
    if (!(entry & abi.ENTRY_PRESENT)) continue;
    const frame: usize = entry & ~0xfff;
    lead(frame);
    // A frame with several users is copied before a store only if each of them knows.
    if (entry & abi.ENTRY_MISSING || (hasSharers(frame) && !(entry & abi.ENTRY_SHARED)))
      Audit.faults++;
  }
}

/** A space that is alive: its fields and directory, its bitmaps, its chunks and what they lead to. */
export function auditSpace(space: usize): void {
  const pages = Space.pages(space);
  auditRegion(space, spaceFrames(pages));
  const dirty = load<u32>(space, abi.SPACE_DIRTY);
  if (dirty) auditRegion(dirty, logFrames(space));
  const expected = load<u32>(space, abi.SPACE_EXPECTED);
  if (expected) auditRegion(expected, expectedFrames(pages));
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk = chunkOf(space, index);
    if (chunk && lead(chunk) == 1) auditChunk(chunk);
  }
  auditEntries(space, abi.TLB_LOAD_BASE, false);
  auditEntries(space, abi.TLB_STORE_BASE, true);
}

/** May stores to page `index` go without the slow path? */
function mayStore(space: usize, index: u32, entry: u32): bool {
  if (entry & abi.ENTRY_SHARED || hasSharers(chunkOf(space, index))) return false;
  if (load<u32>(Frames.codeOf(entry & ~0xfff))) return false;
  if (!load<u32>(space, abi.SPACE_LOGGING)) return true;
  const byte = load<u8>(<usize>load<u32>(space, abi.SPACE_DIRTY) + (index >> 3));
  return ((byte >> <u8>(index & 7)) & 1) != 0;
}

/** The TLB from `base` on: what is for `space` must be in its map. */
function auditEntries(space: usize, base: usize, areStores: bool): void {
  const end = base + abi.TLB_ENTRIES * abi.TLB_ENTRY_BYTES;
  for (let at = base; at < end; at += abi.TLB_ENTRY_BYTES) {
    if (spaceOf(at) != space) continue;
    const index = Space.indexOf(gpaOf(at, 0));
    const entry = index < Space.pages(space) ? entryOf(space, <u32>index) : 0;
    const isThere = (entry & abi.ENTRY_PRESENT) != 0 && (entry & ~0xfff) == load<u32>(at, 12);
    if (!isThere || (areStores && !mayStore(space, <u32>index, entry))) Audit.faults++;
  }
}

/** Decoded code that the fetch TLB leads to must be that of its frame. */
function auditFetches(): void {
  const end = abi.TLB_FETCH_BASE + abi.TLB_FETCH_ENTRIES * abi.TLB_ENTRY_BYTES;
  for (let at: usize = abi.TLB_FETCH_BASE; at < <usize>end; at += abi.TLB_ENTRY_BYTES)
    if (spaceOf(at) && load<u32>(at, 8) != load<u32>(Frames.codeOf(load<u32>(at, 12))))
      Audit.faults++;
}

/** Ends the audit, to which all spaces and regions were given: how many things are wrong. */
export function endAudit(): u32 {
  auditFetches();
  let free: u32 = 0;
  for (let n = Frames.first; n < Frames.end; n++) {
    const frame = (<usize>n) << abi.PAGE_SHIFT;
    const refs = isFreeFrame(n) ? 0 : load<u32>(Frames.refsOf(frame));
    if (isFreeFrame(n)) free++;
    if (refs != load<u32>(countOf(frame))) Audit.faults++;
  }
  if (free != Frames.free) Audit.faults++;
  freeRegion(Audit.counts, Audit.countFrames);
  return Audit.faults;
}
