/** Batches of pages for snapshots and migration: collected, applied and hashed without leaving Wasm. */
import { BATCH_HEADER_BYTES, BATCH_ZERO, PAGE_BYTES } from "../../bindings/abi";
import { frameForStore, peekFrame, Space } from "./space";

/** Is the page at `frame` all zero? Four 128-bit words at a time. */
function isZero(frame: usize): bool {
  for (let at = frame; at < frame + PAGE_BYTES; at += 64) {
    const a = v128.or(v128.load(at), v128.load(at, 16));
    const b = v128.or(v128.load(at, 32), v128.load(at, 48));
    if (v128.any_true(v128.or(a, b))) return false;
  }
  return true;
}

/** State of the last `collectPages`. */
export abstract class Batch {
  /** Page to go on with; the number of pages when the bitmap is done. */
  static next: u32 = 0;
  static zero: u32 = 0;
  static normal: u32 = 0;
}

/** First set bit of `bitmap` from `from` on, or `pages`. */
function nextSet(bitmap: usize, from: u32, pages: u32): u32 {
  let i = from;
  while (i < pages) {
    const word = load<u64>(bitmap + ((i >> 6) << 3)) >> (i & 63);
    if (word) return min(pages, i + <u32>ctz(word));
    i = (i | 63) + 1;
  }
  return pages;
}

/**
 * Writes pages whose bit is set in `bitmap` (8-byte aligned, whole words) to `out`, in order from page
 * `from` on, as long as they fit `room` bytes, and clears their bits. Returns the bytes written.
 */
export function collectPages(space: usize, bitmap: usize, from: u32, out: usize, room: u32): u32 {
  const pages = Space.pages(space);
  let at = out;
  const end = out + room;
  Batch.zero = 0;
  Batch.normal = 0;
  let i = nextSet(bitmap, from, pages);
  for (; i < pages; i = nextSet(bitmap, i + 1, pages)) {
    const frame = peekFrame(space, i);
    const zero = !frame || isZero(frame);
    const bytes: usize = BATCH_HEADER_BYTES + (zero ? 0 : PAGE_BYTES);
    if (at + bytes > end) break;
    store<u32>(at, zero ? i | BATCH_ZERO : i);
    if (zero) Batch.zero++;
    else {
      memory.copy(at + BATCH_HEADER_BYTES, frame, PAGE_BYTES);
      Batch.normal++;
    }
    at += bytes;
    const word = bitmap + (i >> 3);
    store<u8>(word, load<u8>(word) & <u8>(~((<u32>1) << (i & 7))));
  }
  Batch.next = i;
  return <u32>(at - out);
}

/**
 * Writes the pages of a batch of `bytes` bytes at `from` to `space`. Returns the bytes that were
 * understood: less than `bytes` if a record is cut or names no page, or if memory ran out.
 */
export function applyPages(space: usize, from: usize, bytes: u32): u32 {
  const end = from + bytes;
  let at = from;
  while (at + BATCH_HEADER_BYTES <= end) {
    const head = load<u32>(at);
    const index = head & ~BATCH_ZERO;
    const zero = (head & BATCH_ZERO) != 0;
    if (index >= Space.pages(space)) break;
    if (!zero && at + BATCH_HEADER_BYTES + PAGE_BYTES > end) break;
    // A page that is not there reads as zero already.
    if (!zero || peekFrame(space, index)) {
      const frame = frameForStore(space, index);
      if (!frame) break;
      if (zero) memory.fill(frame, 0, PAGE_BYTES);
      else memory.copy(frame, at + BATCH_HEADER_BYTES, PAGE_BYTES);
    }
    at += BATCH_HEADER_BYTES + (zero ? 0 : PAGE_BYTES);
  }
  return <u32>(at - from);
}

/** 64-bit hash of the pages `from` to `to`, contents and place; a page without a frame is a zero page. */
export function hashPages(space: usize, from: u32, to: u32): u64 {
  let hash: u64 = 0x9e3779b97f4a7c15;
  for (let i = from; i < to; i++) {
    const frame = peekFrame(space, i);
    if (!frame || isZero(frame)) continue;
    hash = mix(hash ^ i);
    for (let at = frame; at < frame + PAGE_BYTES; at += 8) hash = (rotl(hash, 5) ^ load<u64>(at)) * 0x517cc1b727220a95;
  }
  return mix(hash);
}

function mix(value: u64): u64 {
  const a = (value ^ (value >> 32)) * 0xd6e8feb86659fd93;
  return a ^ (a >> 32);
}
