/**
 * The map of an address space, index of a page -> entry (a frame and its flags), in two levels:
 *
 *   directory   one u32 for each chunk: its address, 0 if no page of it was ever touched
 *   chunk       a frame of 1024 entries, so it maps 4 MiB
 *
 * Forks share chunks, and the frame of a chunk counts its sharers. So a fork copies the directory and
 * nothing else (measured: see docs/performance.md); the first change of an entry copies its chunk and
 * marks what both copies lead to as shared.
 */
import * as abi from "../../bindings/abi";
import { allocCopy, allocFrame, Frames, releaseFrame, retainFrame } from "./frames";

/** log2 of the entries in a chunk. */
const CHUNK_SHIFT: u32 = abi.PAGE_SHIFT - 2;
export const CHUNK_ENTRIES: u32 = 1 << CHUNK_SHIFT;

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

/** The entry of page `index`; 0: nothing is known of the page. */
export function entryOf(space: usize, index: u32): u32 {
  const chunk: usize = load<u32>(PageMap.slot(space, index));
  return chunk ? load<u32>(chunk + PageMap.offset(index)) : 0;
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
  if (!chunk || hasSharers(chunk)) {
    chunk = chunk ? copyChunk(chunk) : allocFrame();
    if (!chunk) return 0;
    store<u32>(slot, <u32>chunk);
  }
  return chunk + PageMap.offset(index);
}

/**
 * Address of the entry of page `index` in its chunk, whoever shares it: for changes that are the same
 * to all sharers. 0: there is no chunk.
 */
export function sharedEntry(space: usize, index: u32): usize {
  const chunk: usize = load<u32>(PageMap.slot(space, index));
  return chunk ? chunk + PageMap.offset(index) : 0;
}

/** Lets `child`, which is empty, share all chunks of `parent`. */
export function shareChunks(parent: usize, child: usize, pages: u32): void {
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk = load<u32>(PageMap.slot(parent, index));
    if (chunk) retainFrame(chunk);
    store<u32>(PageMap.slot(child, index), chunk);
  }
}

/** Gives all chunks back, and with the last user of a chunk the frames that it leads to. */
export function dropChunks(space: usize, pages: u32): void {
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk: usize = load<u32>(PageMap.slot(space, index));
    if (!chunk) continue;
    if (!hasSharers(chunk))
      for (let at: usize = 0; at < <usize>abi.PAGE_BYTES; at += 4) {
        const entry = load<u32>(chunk + at);
        if (entry & abi.ENTRY_PRESENT) releaseFrame(entry & ~0xfff);
      }
    releaseFrame(chunk);
  }
}
