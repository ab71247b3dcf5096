/**
 * The map of an address space, index of a page -> entry (a frame and its flags), in two levels:
 *
 *   directory   one u32 for each chunk: its address, 0 if no page of it was ever touched, UNMADE if the
 *               bitmap of expected pages still says all there is to say
 *   chunk       a frame of 1024 entries, so it maps 4 MiB
 *
 * Forks share chunks, and the frame of a chunk counts its sharers. So a fork copies the directory and
 * nothing else (measured: see docs/performance.md); the first change of an entry copies its chunk and
 * marks what both copies lead to as shared.
 */
import * as abi from "../../bindings/abi";
import { allocCopy, allocFrame, Frames, freeRegion, releaseFrame, retainFrame } from "./frames";

/** log2 of the entries in a chunk. */
const CHUNK_SHIFT: u32 = abi.PAGE_SHIFT - 2;
export const CHUNK_ENTRIES: u32 = 1 << CHUNK_SHIFT;
/** Bytes of a bitmap that are about one chunk. */
const CHUNK_BITS: u32 = CHUNK_ENTRIES >> 3;
const UNMADE: u32 = 1;

export abstract class PageMap {
  /** Chunks of a map of `pages` pages. */
  @inline static chunks(pages: u32): u32 {
    return (pages + CHUNK_ENTRIES - 1) >> CHUNK_SHIFT;
  }
  /** Address of the directory's word for the chunk with page `index`. */
  @inline static slot(space: usize, index: u32): usize {
    return space + abi.SPACE_BYTES + ((<usize>(index >> CHUNK_SHIFT)) << 2);
  }
  @inline static offset(index: u32): usize {
    return (<usize>(index & (CHUNK_ENTRIES - 1))) << 2;
  }
}

/** Is a frame, or a chunk, in use more than once? */
export function hasSharers(frame: usize): bool {
  return load<u32>(Frames.refsOf(frame)) > 1;
}

/** Address of the chunk of page `index`, 0 if there is none. */
export function chunkOf(space: usize, index: u32): usize {
  const chunk = load<u32>(PageMap.slot(space, index));
  return chunk == UNMADE ? 0 : <usize>chunk;
}

/** Frames of the bitmap of expected pages. */
export function expectedFrames(pages: u32): u32 {
  return (((pages + 7) >> 3) + abi.PAGE_BYTES - 1) >> abi.PAGE_SHIFT;
}

/** Where the bitmap speaks of the chunk of page `index`. */
function expectedBits(space: usize, index: u32): usize {
  return <usize>load<u32>(space, abi.SPACE_EXPECTED) + (index >> CHUNK_SHIFT) * CHUNK_BITS;
}

/** Pages of the chunk of page `index` that are expected, if the chunk is not made yet. */
export function countExpected(space: usize, index: u32): u32 {
  if (load<u32>(PageMap.slot(space, index)) != UNMADE) return 0;
  const bits = expectedBits(space, index);
  let pages: u64 = 0;
  for (let at = bits; at < bits + CHUNK_BITS; at += 8) pages += popcnt(load<u64>(at));
  return <u32>pages;
}

/** The entry of page `index`; 0: nothing is known of the page. */
export function entryOf(space: usize, index: u32): u32 {
  const chunk = load<u32>(PageMap.slot(space, index));
  if (chunk == UNMADE) {
    const byte = load<u8>(<usize>load<u32>(space, abi.SPACE_EXPECTED) + (index >> 3));
    return (byte >> <u8>(index & 7)) & 1 ? abi.ENTRY_MISSING : 0;
  }
  return chunk ? load<u32>(<usize>chunk + PageMap.offset(index)) : 0;
}

/** Makes the chunk of page `index` from the bitmap of expected pages. 0: no memory. */
function makeChunk(space: usize, index: u32): usize {
  const chunk = allocFrame();
  if (!chunk) return 0;
  const bits = expectedBits(space, index);
  for (let word: u32 = 0; word < CHUNK_ENTRIES >> 6; word++)
    for (let left = load<u64>(bits + (word << 3)); left; left &= left - 1)
      store<u32>(chunk + (((word << 6) + <u32>ctz(left)) << 2), abi.ENTRY_MISSING);
  store<u32>(PageMap.slot(space, index), <u32>chunk);
  return chunk;
}

/** The pages in `bitmap` are expected in an empty space, whose the bitmap is from now on. */
export function expectChunks(space: usize, bitmap: usize, pages: u32): void {
  store<u32>(space, <u32>bitmap, abi.SPACE_EXPECTED);
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    store<u32>(PageMap.slot(space, index), UNMADE);
    if (!countExpected(space, index)) store<u32>(PageMap.slot(space, index), 0);
  }
}

/** Makes all chunks that are not made yet: the bitmap is not needed any more. False: no memory. */
function makeChunks(space: usize, pages: u32): bool {
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES)
    if (load<u32>(PageMap.slot(space, index)) == UNMADE && !makeChunk(space, index)) return false;
  dropExpected(space, pages);
  return true;
}

function dropExpected(space: usize, pages: u32): void {
  const bitmap = load<u32>(space, abi.SPACE_EXPECTED);
  if (bitmap) freeRegion(bitmap, expectedFrames(pages));
  store<u32>(space, 0, abi.SPACE_EXPECTED);
}

/** Copies a chunk that others use, too: what it leads to has one more user from now on. 0: no memory. */
function copyChunk(chunk: usize): usize {
  const copy = allocCopy();
  if (!copy) return 0;
  for (let at: usize = 0; at < <usize>abi.PAGE_BYTES; at += 4) {
    let entry = load<u32>(chunk + at);
    if (entry & abi.ENTRY_PRESENT) {
      retainFrame(entry & ~0xfff);
      entry |= abi.ENTRY_SHARED;
      store<u32>(chunk + at, entry);
    }
    store<u32>(copy + at, entry);
  }
  releaseFrame(chunk);
  return copy;
}

/** Address of the entry of page `index`, which only this space uses from now on. 0: no memory. */
export function ownEntry(space: usize, index: u32): usize {
  const slot = PageMap.slot(space, index);
  let chunk: usize = load<u32>(slot);
  if (<u32>chunk == UNMADE) {
    chunk = makeChunk(space, index);
    if (!chunk) return 0;
  } else if (!chunk || hasSharers(chunk)) {
    chunk = chunk ? copyChunk(chunk) : allocFrame();
    if (!chunk) return 0;
    store<u32>(slot, <u32>chunk);
  }
  return chunk + PageMap.offset(index);
}

/**
 * Address of the entry of page `index` in its chunk, whoever shares it: for changes that are the same
 * to all sharers. 0: there is no chunk, or no memory to make it.
 */
export function sharedEntry(space: usize, index: u32): usize {
  const known: usize = load<u32>(PageMap.slot(space, index));
  const chunk = <u32>known == UNMADE ? makeChunk(space, index) : known;
  return chunk ? chunk + PageMap.offset(index) : 0;
}

/** Lets `child`, which is empty, share all chunks of `parent`. False: no memory. */
export function shareChunks(parent: usize, child: usize, pages: u32): bool {
  if (!makeChunks(parent, pages)) return false;
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk = load<u32>(PageMap.slot(parent, index));
    if (chunk) retainFrame(chunk);
    store<u32>(PageMap.slot(child, index), chunk);
  }
  return true;
}

/** Gives all chunks back, and with the last user of a chunk the frames that it leads to. */
export function dropChunks(space: usize, pages: u32): void {
  dropExpected(space, pages);
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk = chunkOf(space, index);
    if (!chunk) continue;
    if (!hasSharers(chunk))
      for (let at: usize = 0; at < <usize>abi.PAGE_BYTES; at += 4) {
        const entry = load<u32>(chunk + at);
        if (entry & abi.ENTRY_PRESENT) releaseFrame(entry & ~0xfff);
      }
    releaseFrame(chunk);
  }
}
