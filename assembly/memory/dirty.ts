/**
 * The dirty log: one bit a page, set by the first store of a round (the store TLB has an entry only for
 * a page that is marked already). Its memory exists only while a space is logged.
 */
import * as abi from "../../bindings/abi";
import { Cpu } from "../hart/state";
import { emptyStores } from "../mmu/tlb";
import { allocRegion, freeRegion } from "./frames";

/** Bytes of the bitmap of a space, in whole u64 words. */
function logBytes(space: usize): u32 {
  return ((load<u32>(space, abi.SPACE_PAGES) + 63) >> 6) << 3;
}

/** Frames of the log's bitmap. */
export function logFrames(space: usize): u32 {
  return (logBytes(space) + abi.PAGE_BYTES - 1) >> abi.PAGE_SHIFT;
}

/** Page `index` was written; the space is logged. */
export function markDirty(space: usize, index: u32): void {
  const at = <usize>load<u32>(space, abi.SPACE_DIRTY) + (index >> 3);
  store<u8>(at, load<u8>(at) | <u8>((<u32>1) << (index & 7)));
}

/** Was page `index` written since the last harvest? False in a space that is not logged. */
export function isDirty(space: usize, index: u32): bool {
  if (!load<u32>(space, abi.SPACE_LOGGING)) return false;
  const at = <usize>load<u32>(space, abi.SPACE_DIRTY) + (index >> 3);
  return ((load<u8>(at) >> <u8>(index & 7)) & 1) != 0;
}

/** SPACE_DIRTY_QUOTA of a space whose guest may dirty what it likes. */
export const NO_QUOTA: u32 = ~0;

/** May the guest write page `index` of a space that is logged? Not if the page is fresh and its quota used up. */
export function mayDirty(space: usize, index: u32): bool {
  const quota = load<u32>(space, abi.SPACE_DIRTY_QUOTA);
  if (quota == NO_QUOTA) return true;
  const at = <usize>load<u32>(space, abi.SPACE_DIRTY) + (index >> 3);
  if ((load<u8>(at) >> <u8>(index & 7)) & 1) return true;
  if (quota) {
    store<u32>(space, quota - 1, abi.SPACE_DIRTY_QUOTA);
    return true;
  }
  Cpu.exit = abi.EXIT_DIRTY_LIMIT;
  return false;
}

/** Ends the log of a space, if it has one. */
export function dropDirtyLog(space: usize): void {
  const dirty = load<u32>(space, abi.SPACE_DIRTY);
  if (dirty) freeRegion(dirty, logFrames(space));
  store<u32>(space, 0, abi.SPACE_DIRTY);
  store<u32>(space, 0, abi.SPACE_LOGGING);
}

/** Starts (1) or stops (0) the dirty log; starting clears it. Returns 0 if there is no memory for it. */
export function logDirty(space: usize, on: u32): u32 {
  dropDirtyLog(space);
  if (!on) return 1;
  const dirty = allocRegion(logFrames(space));
  if (!dirty) return 0;
  store<u32>(space, <u32>dirty, abi.SPACE_DIRTY);
  store<u32>(space, 1, abi.SPACE_LOGGING);
  emptyStores();
  return 1;
}

/**
 * Moves the dirty bits into the bitmap at `into` (OR) and starts a new round. Returns how many pages
 * were written since the last call.
 */
export function harvestDirty(space: usize, into: usize): u32 {
  if (!load<u32>(space, abi.SPACE_LOGGING)) return 0;
  const dirty: usize = load<u32>(space, abi.SPACE_DIRTY);
  const bytes: usize = logBytes(space);
  let pages: i32 = 0;
  for (let at: usize = 0; at < bytes; at += 8) {
    const word = load<u64>(dirty + at);
    if (!word) continue;
    pages += <i32>popcnt(word);
    store<u64>(into + at, load<u64>(into + at) | word);
    store<u64>(dirty + at, 0);
  }
  emptyStores();
  return pages;
}
