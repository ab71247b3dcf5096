/**
 * Address spaces: gfn -> frame, one per guest. A space is a block of fields (SPACE_*), a map with
 * one u32 entry a page and a dirty bitmap. Every access to guest memory that is not a TLB hit, the
 * guest's own or a device's, comes through here.
 */
import * as abi from "../../bindings/abi";
import { Cpu } from "../hart/state";
import { dropFrame, emptyFetches, emptyStores, flushAll } from "../mmu/tlb";
import { allocFrame, allocRegion, Frames, freeRegion, releaseFrame, retainFrame } from "./frames";

const RAM_BASE: u64 = (<u64>abi.RAM_BASE_PAGE) << abi.PAGE_SHIFT;
/** SPACE_HTIF of a space that watches nothing. */
const NOTHING: u32 = ~0;

export abstract class Space {
  @inline static pages(space: usize): u32 {
    return load<u32>(space, abi.SPACE_PAGES);
  }
  @inline static map(space: usize): usize {
    return load<u32>(space, abi.SPACE_MAP);
  }
  @inline static dirty(space: usize): usize {
    return load<u32>(space, abi.SPACE_DIRTY);
  }
  /** Page number inside RAM of a gpa; not less than `pages` when it is not RAM. */
  @inline static indexOf(gpa: u64): u64 {
    return (gpa - RAM_BASE) >> abi.PAGE_SHIFT;
  }
}

function regionFrames(pages: u32): u32 {
  // Fields and map, then the bitmap, each from a frame boundary on.
  return mapFrames(pages) + (((pages >> 3) + abi.PAGE_BYTES) >> abi.PAGE_SHIFT);
}

function mapFrames(pages: u32): u32 {
  return ((pages << 2) + abi.SPACE_BYTES + abi.PAGE_BYTES - 1) >> abi.PAGE_SHIFT;
}

/** A new space of `pages` unpopulated pages, or 0 if the host has no memory for its map. */
export function createSpace(pages: u32): usize {
  const space = allocRegion(regionFrames(pages));
  if (!space) return 0;
  store<u32>(space, pages, abi.SPACE_PAGES);
  store<u32>(space, <u32>space + abi.SPACE_BYTES, abi.SPACE_MAP);
  store<u32>(space, <u32>space + (mapFrames(pages) << abi.PAGE_SHIFT), abi.SPACE_DIRTY);
  store<u32>(space, NOTHING, abi.SPACE_HTIF);
  return space;
}

/** Gives all frames of a space back. Its harts must not run any more. */
export function destroySpace(space: usize): void {
  const map = Space.map(space);
  const pages = Space.pages(space);
  for (let i: u32 = 0; i < pages; i++) {
    const entry = load<u32>(map + ((<usize>i) << 2));
    if (entry & abi.ENTRY_PRESENT) releaseFrame(entry & ~0xfff);
  }
  freeRegion(space, regionFrames(pages));
  flushAll();
  emptyFetches();
  emptyStores();
}

/** A copy-on-write copy of a space: every frame is shared, only the map is copied. 0: no memory. */
export function forkSpace(space: usize): usize {
  const pages = Space.pages(space);
  const child = createSpace(pages);
  if (!child) return 0;
  const from = Space.map(space);
  const to = Space.map(child);
  for (let at: usize = 0; at < (<usize>pages) << 2; at += 4) {
    let entry = load<u32>(from + at);
    if (entry & abi.ENTRY_PRESENT) {
      retainFrame(entry & ~0xfff);
      entry |= abi.ENTRY_SHARED;
      store<u32>(from + at, entry);
    }
    store<u32>(to + at, entry);
  }
  store<u32>(child, load<u32>(space, abi.SPACE_POPULATED), abi.SPACE_POPULATED);
  store<u32>(child, load<u32>(space, abi.SPACE_HTIF), abi.SPACE_HTIF);
  emptyStores();
  return child;
}

function bump(space: usize, field: usize): void {
  store<u32>(space + field, load<u32>(space + field) + 1);
}

/** Brings a frame to a page that has none. 0: `Cpu.exit` says why not. */
function populate(space: usize, index: u32, at: usize): u32 {
  if (load<u32>(at) & abi.ENTRY_MISSING) {
    store<u32>(abi.MAILBOX_BASE + abi.MAILBOX_GFN, index);
    Cpu.exit = abi.EXIT_MISSING_PAGE;
    return 0;
  }
  const frame = allocFrame();
  if (!frame) {
    Cpu.exit = abi.EXIT_NO_MEMORY;
    return 0;
  }
  bump(space, abi.SPACE_POPULATED);
  const entry = <u32>frame | abi.ENTRY_PRESENT;
  store<u32>(at, entry);
  return entry;
}

/** Makes the frame of a shared entry private. 0: no memory. */
function unshare(space: usize, at: usize): u32 {
  const old: usize = load<u32>(at) & ~0xfff;
  if (load<u32>(Frames.refsOf(old)) > 1) {
    const copy = allocFrame();
    if (!copy) {
      Cpu.exit = abi.EXIT_NO_MEMORY;
      return 0;
    }
    memory.copy(copy, old, abi.PAGE_BYTES);
    releaseFrame(old);
    dropFrame(old);
    bump(space, abi.SPACE_COPIES);
    store<u32>(at, <u32>copy | abi.ENTRY_PRESENT);
  } else store<u32>(at, <u32>old | abi.ENTRY_PRESENT);
  return load<u32>(at);
}

function entryAt(space: usize, index: u64): usize {
  return index < Space.pages(space) ? Space.map(space) + ((<usize>index) << 2) : 0;
}

/** The frame behind page `index` for reading. 0: not RAM (`Cpu.exit` 0), or `Cpu.exit` says why. */
export function frameForLoad(space: usize, index: u64): usize {
  const at = entryAt(space, index);
  Cpu.exit = 0;
  if (!at) return 0;
  let entry = load<u32>(at);
  if (!(entry & abi.ENTRY_PRESENT)) entry = populate(space, <u32>index, at);
  return entry & ~0xfff;
}

/** Forgets the decoded code of a frame that is about to change. */
export function dropCode(frame: usize): void {
  store<u32>(Frames.codeOf(frame), 0);
  emptyFetches();
}

/** Likewise for writing: the page is private, marked dirty and without decoded code afterwards. */
export function frameForStore(space: usize, index: u64): usize {
  const at = entryAt(space, index);
  Cpu.exit = 0;
  if (!at) return 0;
  let entry = load<u32>(at);
  if (!(entry & abi.ENTRY_PRESENT)) entry = populate(space, <u32>index, at);
  else if (entry & abi.ENTRY_SHARED) entry = unshare(space, at);
  if (!entry) return 0;
  const frame: usize = entry & ~0xfff;
  if (load<u32>(Frames.codeOf(frame))) dropCode(frame);
  if (load<u32>(space, abi.SPACE_LOGGING)) markDirty(space, <u32>index);
  return frame;
}

function markDirty(space: usize, index: u32): void {
  const at = Space.dirty(space) + (index >> 3);
  store<u8>(at, load<u8>(at) | <u8>((<u32>1) << (index & 7)));
}

/** The frame behind page `index` if it has one, without populating it; else 0. */
export function peekFrame(space: usize, index: u64): usize {
  const at = entryAt(space, index);
  if (!at) return 0;
  const entry = load<u32>(at);
  return entry & abi.ENTRY_PRESENT ? <usize>(entry & ~0xfff) : 0;
}

/** Starts (1) or stops (0) the dirty log; starting clears it. */
export function logDirty(space: usize, on: u32): void {
  store<u32>(space, on, abi.SPACE_LOGGING);
  memory.fill(Space.dirty(space), 0, (Space.pages(space) + 7) >> 3);
  emptyStores();
}

/**
 * Moves the dirty bits into the bitmap at `into` (OR) and starts a new round. Returns how many pages
 * were written since the last call.
 */
export function harvestDirty(space: usize, into: usize): u32 {
  const dirty = Space.dirty(space);
  const bytes: usize = (Space.pages(space) + 7) >> 3;
  let pages: i32 = 0;
  let at: usize = 0;
  for (; at + 8 <= bytes; at += 8) {
    const word = load<u64>(dirty + at);
    if (!word) continue;
    pages += <i32>popcnt(word);
    store<u64>(into + at, load<u64>(into + at) | word);
    store<u64>(dirty + at, 0);
  }
  for (; at < bytes; at++) {
    pages += popcnt<i32>(load<u8>(dirty + at));
    store<u8>(into + at, load<u8>(into + at) | load<u8>(dirty + at));
    store<u8>(dirty + at, 0);
  }
  emptyStores();
  return pages;
}

/** Gives a page's frame back (balloon): the next touch brings a zeroed one. */
export function discardPage(space: usize, index: u64): void {
  const frame = peekFrame(space, index);
  if (!frame) return;
  if (releaseFrame(frame)) emptyFetches();
  dropFrame(frame);
  store<u32>(entryAt(space, index), 0);
  store<u32>(space, load<u32>(space, abi.SPACE_POPULATED) - 1, abi.SPACE_POPULATED);
}
