/**
 * Address spaces: gfn -> frame, one per guest. A space is a block of fields (SPACE_*) and the directory
 * of its map (map.ts). Every access to guest memory that is not a TLB hit, the guest's own or a
 * device's, comes through here.
 */
import * as abi from "../../bindings/abi";
import { Cpu } from "../hart/state";
import { flushAll } from "../mmu/contexts";
import { dropFrame, emptyFetches, emptyStores } from "../mmu/tlb";
import { dropDirtyLog, markDirty, mayDirty, NO_QUOTA } from "./dirty";
import { allocCopy, allocFrame, allocRegion, Frames, freeRegion, releaseFrame } from "./frames";
import {
  chunkOf,
  dropChunks,
  entryOf,
  expectChunks,
  hasSharers,
  ownEntry,
  PageMap,
  shareChunks,
  sharedEntry,
} from "./map";
import { forgetSharing } from "./share";

const RAM_BASE: u64 = (<u64>abi.RAM_BASE_PAGE) << abi.PAGE_SHIFT;
/** SPACE_HTIF of a space that watches nothing. */
const NOTHING: u32 = ~0;

export abstract class Space {
  @inline static pages(space: usize): u32 {
    return load<u32>(space, abi.SPACE_PAGES);
  }
  /** Page number inside RAM of a gpa; not less than `pages` when it is not RAM. */
  @inline static indexOf(gpa: u64): u64 {
    return (gpa - RAM_BASE) >> abi.PAGE_SHIFT;
  }
}

/** Frames of the fields and the directory. */
export function spaceFrames(pages: u32): u32 {
  return (abi.SPACE_BYTES + (PageMap.chunks(pages) << 2) + abi.PAGE_BYTES - 1) >> abi.PAGE_SHIFT;
}

/** A new space of `pages` unpopulated pages, or 0 if the host has no memory for its directory. */
export function createSpace(pages: u32): usize {
  const space = allocRegion(spaceFrames(pages));
  if (!space) return 0;
  store<u32>(space, pages, abi.SPACE_PAGES);
  store<u32>(space, NOTHING, abi.SPACE_HTIF);
  store<u32>(space, NO_QUOTA, abi.SPACE_DIRTY_QUOTA);
  return space;
}

/** Gives all frames of a space back. Its harts must not run any more. */
export function destroySpace(space: usize): void {
  const pages = Space.pages(space);
  forgetSharing();
  dropDirtyLog(space);
  dropChunks(space, pages);
  freeRegion(space, spaceFrames(pages));
  flushAll();
  emptyFetches();
  emptyStores();
}

/** A copy-on-write copy of a space: only the directory is copied. 0: no memory. */
export function forkSpace(space: usize): usize {
  const pages = Space.pages(space);
  const child = createSpace(pages);
  if (!child) return 0;
  if (!shareChunks(space, child, pages)) {
    destroySpace(child);
    return 0;
  }
  store<u32>(child, load<u32>(space, abi.SPACE_HTIF), abi.SPACE_HTIF);
  emptyStores();
  return child;
}

/** Says why there is no frame: 0. */
function noMemory(): usize {
  Cpu.exit = abi.EXIT_NO_MEMORY;
  return 0;
}

function missing(index: u32): usize {
  store<u32>(abi.MAILBOX_BASE + abi.MAILBOX_GFN, index);
  Cpu.exit = abi.EXIT_MISSING_PAGE;
  return 0;
}

/** Brings a zeroed frame to a page that has none. 0: `Cpu.exit` says why not. */
function populate(space: usize, index: u32): usize {
  const at = ownEntry(space, index);
  const frame = at ? allocFrame() : 0;
  if (!frame) return noMemory();
  store<u32>(at, <u32>frame | abi.ENTRY_PRESENT);
  return frame;
}

/** The frame of a page that has one, private from now on. 0: no memory. */
function unshare(space: usize, index: u32): usize {
  const at = ownEntry(space, index);
  if (!at) return noMemory();
  const entry = load<u32>(at);
  const old: usize = entry & ~0xfff;
  if (!(entry & abi.ENTRY_SHARED)) return old;
  if (!hasSharers(old)) {
    store<u32>(at, <u32>old | abi.ENTRY_PRESENT);
    return old;
  }
  const copy = allocCopy();
  if (!copy) return noMemory();
  memory.copy(copy, old, abi.PAGE_BYTES);
  releaseFrame(old);
  dropFrame(old);
  store<u32>(space, load<u32>(space, abi.SPACE_COPIES) + 1, abi.SPACE_COPIES);
  store<u32>(at, <u32>copy | abi.ENTRY_PRESENT);
  return copy;
}

/** The frame behind page `index` for reading. 0: not RAM (`Cpu.exit` 0), or `Cpu.exit` says why. */
export function frameForLoad(space: usize, index: u64): usize {
  Cpu.exit = 0;
  if (index >= Space.pages(space)) return 0;
  const entry = entryOf(space, <u32>index);
  if (entry & abi.ENTRY_PRESENT) return entry & ~0xfff;
  return entry & abi.ENTRY_MISSING ? missing(<u32>index) : populate(space, <u32>index);
}

/** Forgets the decoded code of a frame that is about to change. */
export function dropCode(frame: usize): void {
  store<u32>(Frames.codeOf(frame), 0);
  emptyFetches();
  Cpu.codeChanged = true;
}

/** Likewise for writing: the page is private, marked dirty and without decoded code afterwards. */
export function frameForStore(space: usize, index: u64): usize {
  Cpu.exit = 0;
  if (index >= Space.pages(space)) return 0;
  const entry = entryOf(space, <u32>index);
  if (entry & abi.ENTRY_MISSING) return missing(<u32>index);
  const isLogged = load<u32>(space, abi.SPACE_LOGGING) != 0;
  if (isLogged && !mayDirty(space, <u32>index)) return 0;
  const frame =
    entry & abi.ENTRY_PRESENT ? unshare(space, <u32>index) : populate(space, <u32>index);
  if (!frame) return 0;
  if (load<u32>(Frames.codeOf(frame))) dropCode(frame);
  if (isLogged) markDirty(space, <u32>index);
  return frame;
}

/** Would a store to page `index`, which has a frame, change nothing but its bytes? */
export function isPlain(space: usize, index: u64): bool {
  const chunk = chunkOf(space, <u32>index);
  if (!chunk || hasSharers(chunk) || load<u32>(space, abi.SPACE_LOGGING)) return false;
  const entry = entryOf(space, <u32>index);
  return !(entry & abi.ENTRY_SHARED) && !load<u32>(Frames.codeOf(entry & ~0xfff));
}

/** The frame behind page `index` if it has one, without populating it; else 0. */
export function peekFrame(space: usize, index: u64): usize {
  if (index >= Space.pages(space)) return 0;
  const entry = entryOf(space, <u32>index);
  return entry & abi.ENTRY_PRESENT ? <usize>(entry & ~0xfff) : 0;
}

/** Has page `index` not arrived yet? */
export function isMissing(space: usize, index: u64): bool {
  return index < Space.pages(space) && (entryOf(space, <u32>index) & abi.ENTRY_MISSING) != 0;
}

/**
 * Gives a page's frame back, or does not wait for it any more: the next touch brings a zeroed one. The
 * page stays as it is if there is no memory for a change of the map.
 */
export function discardPage(space: usize, index: u64): void {
  if (index >= Space.pages(space) || !entryOf(space, <u32>index)) return;
  const at = ownEntry(space, <u32>index);
  if (!at) return;
  const entry = load<u32>(at);
  store<u32>(at, 0);
  if (!(entry & abi.ENTRY_PRESENT)) return;
  const frame: usize = entry & ~0xfff;
  if (releaseFrame(frame)) emptyFetches();
  dropFrame(frame);
}

/**
 * Says that every page whose bit is set in `bitmap` (`allocRegion`, one bit a page) has not arrived yet.
 * The space must be empty; the bitmap is the space's from now on.
 */
export function expectPages(space: usize, bitmap: usize): void {
  expectChunks(space, bitmap, Space.pages(space));
}

/**
 * A frame for page `index`, which the caller fills at once: the page has arrived. Whoever shares the
 * entry waits for the same page and gets it, too. 0: nobody waits for it. PAGE_NO_MEMORY: no frame.
 */
export function arrivePage(space: usize, index: u32): usize {
  if (!isMissing(space, index)) return 0;
  const at = sharedEntry(space, index);
  const frame = at ? allocCopy() : 0;
  if (!frame) return abi.PAGE_NO_MEMORY;
  store<u32>(at, <u32>frame | abi.ENTRY_PRESENT);
  return frame;
}

/** First page from `from` on that has not arrived yet, or the number of pages. */
export function nextMissing(space: usize, from: u32): u32 {
  const pages = Space.pages(space);
  let index = from;
  while (index < pages && !isMissing(space, index)) index++;
  return index;
}
