/**
 * Machine memory in frames of 4 KiB, with reference counts. A frame is named by its address in
 * linear memory. Tables, one element a frame, lie below the frames themselves:
 *
 *   refs     u32   how many map entries (for a chunk of a map: directories) lead here
 *   code     u32   table of decoded blocks in this frame, 0 if none (see code/cache.ts)
 *   entries  u32   which entries of the TLBs lead here (see mmu/tlb.ts)
 *   free     bit   1 = free
 */
import { PAGE_BYTES, PAGE_SHIFT } from "../../bindings/abi";

export abstract class Frames {
  static refs: usize = 0;
  static code: usize = 0;
  static entries: usize = 0;
  static bitmap: usize = 0;
  /** First and behind-last frame number. */
  static first: u32 = 0;
  static end: u32 = 0;
  static free: u32 = 0;
  /** Frames from this number on were never used, so they are still zero. */
  static untouched: u32 = 0;
  /** No frame below this number is free. */
  static hint: u32 = 0;

  @inline static refsOf(frame: usize): usize {
    return Frames.refs + ((frame >> PAGE_SHIFT) << 2);
  }
  @inline static codeOf(frame: usize): usize {
    return Frames.code + ((frame >> PAGE_SHIFT) << 2);
  }
  @inline static entriesOf(frame: usize): usize {
    return Frames.entries + ((frame >> PAGE_SHIFT) << 2);
  }
}

/** Bytes of the tables for a memory of `frames` frames. */
export function frameTableBytes(frames: u32): u32 {
  return frames * 12 + ((frames + 63) >> 3) + 8;
}

/** Takes the tables at `tables` and the frames `first` to `end` (frame numbers) under management. */
export function initFrames(tables: usize, first: u32, end: u32): void {
  Frames.refs = tables;
  Frames.code = tables + ((<usize>end) << 2);
  Frames.entries = Frames.code + ((<usize>end) << 2);
  Frames.bitmap = Frames.entries + ((<usize>end) << 2);
  Frames.first = first;
  Frames.end = end;
  Frames.untouched = first;
  Frames.hint = first;
  Frames.free = end - first;
  for (let n = first; n < end; n++) setFree(n, true);
}

/** Is frame number `n` in nobody's use? */
export function isFreeFrame(n: u32): bool {
  return (load<u8>(Frames.bitmap + (n >> 3)) & (1 << (n & 7))) != 0;
}

function setFree(n: u32, free: bool): void {
  const at = Frames.bitmap + (n >> 3);
  const bit: u8 = <u8>((<u32>1) << (n & 7));
  store<u8>(at, free ? load<u8>(at) | bit : load<u8>(at) & ~bit);
}

/** Hands out frame `n` with one reference; `zeroed`, or with whatever is in it. */
function take(n: u32, zeroed: bool): usize {
  setFree(n, false);
  Frames.free--;
  const frame = (<usize>n) << PAGE_SHIFT;
  if (n >= Frames.untouched) Frames.untouched = n + 1;
  else if (zeroed) memory.fill(frame, 0, PAGE_BYTES);
  store<u32>(Frames.refsOf(frame), 1);
  store<u32>(Frames.codeOf(frame), 0);
  store<u32>(Frames.entriesOf(frame), 0);
  return frame;
}

/** The number of a free frame; there must be one. */
function findFree(): u32 {
  let n = Frames.hint;
  while (!isFreeFrame(n)) {
    // Skip eight used frames at a time.
    if ((n & 7) == 0 && load<u8>(Frames.bitmap + (n >> 3)) == 0) n += 8;
    else n++;
  }
  Frames.hint = n + 1;
  return n;
}

/** A zeroed frame with one reference, or 0 if none is free. */
export function allocFrame(): usize {
  return Frames.free ? take(findFree(), true) : 0;
}

/** A frame with one reference, whose 4096 bytes the caller writes at once; 0 if none is free. */
export function allocCopy(): usize {
  return Frames.free ? take(findFree(), false) : 0;
}

/** `count` zeroed frames in a row, or 0 if there is no such run. */
export function allocRegion(count: u32): usize {
  let run: u32 = 0;
  for (let n = Frames.hint; n < Frames.end; n++) {
    run = isFreeFrame(n) ? run + 1 : 0;
    if (run < count) continue;
    const start = n + 1 - count;
    for (let k = start; k <= n; k++) take(k, true);
    return (<usize>start) << PAGE_SHIFT;
  }
  return 0;
}

/** Gives one more reference to a frame. */
export function retainFrame(frame: usize): void {
  const at = Frames.refsOf(frame);
  store<u32>(at, load<u32>(at) + 1);
}

/** Takes a reference away; the last one frees the frame. True if it had decoded code. */
export function releaseFrame(frame: usize): bool {
  const at = Frames.refsOf(frame);
  const refs = load<u32>(at) - 1;
  store<u32>(at, refs);
  if (refs) return false;
  const hadCode = load<u32>(Frames.codeOf(frame)) != 0;
  store<u32>(Frames.codeOf(frame), 0);
  const n = <u32>(frame >> PAGE_SHIFT);
  setFree(n, true);
  Frames.free++;
  if (n < Frames.hint) Frames.hint = n;
  return hadCode;
}

/** Gives back what `allocRegion` handed out. */
export function freeRegion(start: usize, count: u32): void {
  for (let k: u32 = 0; k < count; k++) releaseFrame(start + ((<usize>k) << PAGE_SHIFT));
}
