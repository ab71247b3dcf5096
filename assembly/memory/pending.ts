/**
 * Stores to pages that have not arrived (post-copy). They are noted, and done when the page comes, so whoever
 * only writes waits for nothing ("Non-blocking Writes to Files", Campello et al., FAST'15, for the pages of a
 * guest). Whoever reads such a page waits as ever, and finds there what was stored.
 *
 *   SPACE_PENDING -> frame    u32 free slot, u32 next fresh byte, u32 frames of slots, u32 wanted pages,
 *                             frames of slots
 *                    frame    wanted pages: those that were stored to first since they were asked for last
 *   slot (16 bytes)           u32 next, u16 offset, u16 bytes, u64 value
 *
 * The entry of a page that is stored to is the address of its last slot | ENTRY_MISSING; from there the
 * chain goes on with the first one.
 */
import * as abi from "../../bindings/abi";
import { markDirty } from "./dirty";
import { allocCopy, allocRegion, freeRegion, releaseFrame } from "./frames";
import { entryOf, ownEntry } from "./map";

const LOG_FRAMES: u32 = 2;
const FREE: usize = 0;
const FRESH: usize = 4;
const COUNT: usize = 8;
const WANTED: usize = 12;
const FRAMES: usize = 16;
/** Frames of slots at most: a quarter of a million stores. Who stores more waits for a page. */
const FRAMES_MAX: u32 = 1000;
const WANTED_MAX: u32 = <u32>abi.PAGE_BYTES >> 2;
const SLOT_BYTES: u32 = 16;

/** Frames that the log of `space` uses, without those of slots. */
export function pendingFrames(space: usize): u32 {
  return load<u32>(space, abi.SPACE_PENDING) ? LOG_FRAMES : 0;
}

/** How many frames of slots there are, and each of them. */
export function slotFrames(space: usize): u32 {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  return log ? load<u32>(log, COUNT) : 0;
}
export function slotFrame(space: usize, i: u32): usize {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  return load<u32>(log + FRAMES + (i << 2));
}

/** From now on stores to missing pages are noted. 0: no memory, they wait. */
export function openPending(space: usize): u32 {
  closePending(space);
  const log = allocRegion(LOG_FRAMES);
  store<u32>(space, <u32>log, abi.SPACE_PENDING);
  return log ? 1 : 0;
}

/** Nothing is missing any more, or nothing of the space is needed. */
export function closePending(space: usize): void {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  if (!log) return;
  for (let i: u32 = 0; i < slotFrames(space); i++) releaseFrame(slotFrame(space, i));
  freeRegion(log, LOG_FRAMES);
  store<u32>(space, 0, abi.SPACE_PENDING);
}

/** How many pages were stored to first since the last call; their indices are in the second frame of the log. */
export function takeWanted(space: usize): u32 {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  if (!log) return 0;
  const count = load<u32>(log, WANTED);
  store<u32>(log, 0, WANTED);
  return count;
}

/** A slot that nobody uses; 0: no memory. */
function takeSlot(log: usize): usize {
  const free: usize = load<u32>(log, FREE);
  if (free) {
    store<u32>(log, load<u32>(free), FREE);
    return free;
  }
  let fresh: usize = load<u32>(log, FRESH);
  if (!(fresh & (abi.PAGE_BYTES - 1))) {
    const count = load<u32>(log, COUNT);
    fresh = count < FRAMES_MAX ? allocCopy() : 0;
    if (!fresh) return 0;
    store<u32>(log + FRAMES + (count << 2), <u32>fresh);
    store<u32>(log, count + 1, COUNT);
  }
  store<u32>(log, <u32>fresh + SLOT_BYTES, FRESH);
  return fresh;
}

function want(log: usize, index: u32): bool {
  const count = load<u32>(log, WANTED);
  if (count == WANTED_MAX) return false;
  store<u32>(log + abi.PAGE_BYTES + (count << 2), index);
  store<u32>(log, count + 1, WANTED);
  return true;
}

/**
 * Notes a store of `bytes` bytes at `offset` of page `index`, which has not arrived. False: whoever stores
 * has to wait for the page. A space that is logged notes nothing: what is not there yet cannot be in its log.
 */
export function noteStore(
  space: usize,
  index: u32,
  offset: u32,
  bytes: u32,
  value: u64,
): bool {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  if (!log || load<u32>(space, abi.SPACE_LOGGING)) return false;
  const at = ownEntry(space, index);
  if (!at) return false;
  const last: usize = load<u32>(at) & ~<u32>abi.ENTRY_MISSING;
  if (!last && !want(log, index)) return false;
  const slot = takeSlot(log);
  if (!slot) return false;
  store<u32>(slot, <u32>(last ? load<u32>(last) : slot));
  if (last) store<u32>(last, <u32>slot);
  store<u16>(slot, <u16>offset, 4);
  store<u16>(slot, <u16>bytes, 6);
  store<u64>(slot, value, 8);
  store<u32>(at, <u32>slot | abi.ENTRY_MISSING);
  return true;
}

/** Last slot of page `index`, which has not arrived; 0: nothing was stored to it. */
export function lastPending(space: usize, index: u32): usize {
  return entryOf(space, index) & ~<u32>abi.ENTRY_MISSING;
}

function storeSlot(slot: usize, frame: usize): void {
  const at = frame + load<u16>(slot, 4);
  switch (load<u16>(slot, 6)) {
    case 1:
      store<u8>(at, load<u8>(slot, 8));
      break;
    case 2:
      store<u16>(at, load<u16>(slot, 8));
      break;
    case 4:
      store<u32>(at, load<u32>(slot, 8));
      break;
    default:
      store<u64>(at, load<u64>(slot, 8));
  }
}

/** Page `index` has come to `frame`: what was stored up to `last` is done, in order. */
export function doPending(space: usize, index: u32, frame: usize, last: usize): void {
  const first: usize = load<u32>(last);
  for (let slot = first; ; slot = load<u32>(slot)) {
    storeSlot(slot, frame);
    if (slot == last) break;
  }
  dropPending(space, last);
  if (load<u32>(space, abi.SPACE_LOGGING)) markDirty(space, index);
}

/** The slots up to `last` are free. */
export function dropPending(space: usize, last: usize): void {
  const log: usize = load<u32>(space, abi.SPACE_PENDING);
  if (!log) return;
  const first = load<u32>(last);
  store<u32>(last, load<u32>(log, FREE));
  store<u32>(log, first, FREE);
}
