/** Batches of pages for snapshots and migration: collected, applied and hashed without leaving Wasm. */
import {
  BATCH_HEADER_BYTES,
  BATCH_ZERO,
  ENTRY_MISSING,
  ENTRY_PRESENT,
  PAGE_BYTES,
  PAGE_NO_MEMORY,
} from "../../bindings/abi";
import { emptyTlbs } from "../mmu/contexts";
import { hashFrame, isZero, mix } from "./content";
import { isDirty } from "./dirty";
import { releaseFrame } from "./frames";
import { entryOf, ownEntry, sharedEntry } from "./map";
import { doPending, lastPending } from "./pending";
import { Encoded, fillPage, isWhole, putEncoded, putPlain, Rec, readRecord } from "./records";
import { beginSeal, sealRecord } from "./seal";
import { noteSent } from "./sent";
import { arrivePage, discardPage, frameForStore, isMissing, peekFrame, Space } from "./space";

/** Limits of the next `collectPages`, and what the last one did. */
export abstract class Batch {
  static normalMax: u32 = 0;
  static zeroMax: u32 = 0;
  /** No page from this one on. */
  static until: u32 = 0;
  /** Pages that the dirty log has already stay in the bitmap: they will be sent again anyway. */
  static skipsDirty: bool = false;
  /** What makes records of pages (see sent.ts); 0: they are sent as they are, without checksums. */
  static encoder: usize = 0;
  /** Page to go on with; the number of pages when the bitmap is done. */
  static next: u32 = 0;
  static zero: u32 = 0;
  static normal: u32 = 0;
  /** Pages that the last `placePages` brought. */
  static placed: u32 = 0;
}

/** Bytes that a batch within the limits can take. */
export function batchBytes(normalMax: u32, zeroMax: u32): u32 {
  return normalMax * (BATCH_HEADER_BYTES + 4 + PAGE_BYTES) + zeroMax * BATCH_HEADER_BYTES;
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
 * Writes the record of page `index` at `at`; returns the address behind it, 0 if the limit is reached or
 * the page has not arrived yet.
 */
function putRecord(space: usize, index: u32, at: usize): usize {
  if (isMissing(space, index)) return 0;
  const frame = peekFrame(space, index);
  if (!frame || isZero(frame)) {
    if (Batch.zero == Batch.zeroMax) return 0;
    Batch.zero++;
    if (Batch.encoder) noteSent(Batch.encoder, index, 0, 0);
    store<u32>(at, index | BATCH_ZERO);
    return at + BATCH_HEADER_BYTES;
  }
  if (Batch.normal == Batch.normalMax) return 0;
  Batch.normal++;
  return Batch.encoder ? putEncoded(Batch.encoder, index, frame, at) : putPlain(index, frame, at);
}

/**
 * Writes pages whose bit is set in `bitmap` (8-byte aligned, whole words) to `out`, in order from page
 * `from` on, within the limits in `Batch`, and clears their bits. Returns the bytes written. Where to go on
 * is `Batch.until` (or the number of pages) when no more are set below it.
 */
export function collectPages(space: usize, bitmap: usize, from: u32, out: usize): u32 {
  const pages = min(Batch.until, Space.pages(space));
  let at = out;
  Batch.zero = 0;
  Batch.normal = 0;
  Encoded.deltas = 0;
  Encoded.twins = 0;
  Encoded.overflows = 0;
  beginSeal();
  let i = nextSet(bitmap, from, pages);
  for (; i < pages; i = nextSet(bitmap, i + 1, pages)) {
    if (Batch.skipsDirty && isDirty(space, i)) continue;
    const behind = putRecord(space, i, at);
    if (!behind) break;
    if (Batch.encoder && readRecord(space, at, behind)) sealRecord(at);
    at = behind;
    const byte = bitmap + (i >> 3);
    store<u8>(byte, load<u8>(byte) & <u8>~((<u32>1) << (i & 7)));
  }
  Batch.next = i;
  return <u32>(at - out);
}

/** Sets the bit of every page that has a frame, or has not arrived yet. */
export function addPopulated(space: usize, bitmap: usize): void {
  for (let i: u32 = 0; i < Space.pages(space); i++) {
    if (!(entryOf(space, i) & (ENTRY_PRESENT | ENTRY_MISSING))) continue;
    const byte = bitmap + (i >> 3);
    store<u8>(byte, load<u8>(byte) | <u8>((<u32>1) << (i & 7)));
  }
}

/** Sets the bit of every page that has not arrived yet. */
export function addMissing(space: usize, bitmap: usize): void {
  for (let i: u32 = 0; i < Space.pages(space); i++) {
    if (!isMissing(space, i)) continue;
    const byte = bitmap + (i >> 3);
    store<u8>(byte, load<u8>(byte) | <u8>((<u32>1) << (i & 7)));
  }
}

/**
 * The pages whose bit is set in `bitmap` have not arrived yet, whatever is there now. 0: no memory for the
 * map, some of them are as they were.
 */
export function awaitPages(space: usize, bitmap: usize): u32 {
  const pages = Space.pages(space);
  for (let i = nextSet(bitmap, 0, pages); i < pages; i = nextSet(bitmap, i + 1, pages)) {
    const at = ownEntry(space, i);
    if (!at) return 0;
    const entry = load<u32>(at);
    if (entry & ENTRY_PRESENT) releaseFrame(entry & ~0xfff);
    store<u32>(at, ENTRY_MISSING);
  }
  emptyTlbs();
  return 1;
}

/** Set bits in `bytes` bytes (a multiple of 8) of a bitmap. */
export function countPages(bitmap: usize, bytes: u32): u32 {
  let pages: u64 = 0;
  for (let at = bitmap; at < bitmap + bytes; at += 8) pages += popcnt(load<u64>(at));
  return <u32>pages;
}

/**
 * Counts and seals the records of a batch of `bytes` bytes at `from`, and changes nothing. Returns the bytes that
 * were understood: less than `bytes` if a record is wrong (see `readRecord`).
 */
export function checkPages(space: usize, from: usize, bytes: u32): u32 {
  const end = from + bytes;
  let at = from;
  Batch.zero = 0;
  Batch.normal = 0;
  beginSeal();
  for (; at < end && readRecord(space, at, end); at = Rec.end) {
    if (Rec.kind & BATCH_ZERO) Batch.zero++;
    else Batch.normal++;
    sealRecord(at);
  }
  return <u32>(at - from);
}

/**
 * Writes the pages of a batch of `bytes` bytes at `from` to `space`. Returns the bytes that were
 * understood: less than `bytes` if a record is wrong (see `readRecord` and `fillPage`), or memory ran out.
 */
export function applyPages(space: usize, from: usize, bytes: u32): u32 {
  const end = from + bytes;
  let at = from;
  while (at < end && readRecord(space, at, end)) {
    // What has not arrived yet is not needed any more.
    if (isMissing(space, Rec.index)) discardPage(space, Rec.index);
    // A page that is not there reads as zero already.
    if (!(Rec.kind & BATCH_ZERO) || peekFrame(space, Rec.index)) {
      const frame = frameForStore(space, Rec.index);
      if (!frame || !fillPage(space, frame)) break;
    }
    at = Rec.end;
  }
  return <u32>(at - from);
}

/**
 * Brings the page of the record, which has not arrived yet, and does what was stored to it meanwhile. False:
 * no memory, or it is not what it says; it is as missing as before.
 */
function placePage(space: usize): bool {
  const index = Rec.index;
  const last = lastPending(space, index);
  if (Rec.kind & BATCH_ZERO && !last) {
    discardPage(space, index);
    return !isMissing(space, index);
  }
  const frame = arrivePage(space, index);
  if (<u32>frame == PAGE_NO_MEMORY) return false;
  if (!fillPage(space, frame)) {
    store<u32>(sharedEntry(space, index), <u32>last | ENTRY_MISSING);
    releaseFrame(frame);
    return false;
  }
  if (last) doPending(space, index, frame, last);
  return true;
}

/**
 * Likewise, but only for pages that have not arrived yet: the others belong to the guest, and so a record
 * that builds on them is none. They are no stores of the guest: the dirty log does not see them.
 */
export function placePages(space: usize, from: usize, bytes: u32): u32 {
  const end = from + bytes;
  let at = from;
  Batch.placed = 0;
  while (at < end && readRecord(space, at, end) && isWhole()) {
    if (isMissing(space, Rec.index)) {
      if (!placePage(space)) break;
      Batch.placed++;
    }
    at = Rec.end;
  }
  return <u32>(at - from);
}

/** 64-bit hash of the pages `from` to `to`, contents and place; a page without a frame is a zero page. */
export function hashPages(space: usize, from: u32, to: u32): u64 {
  let hash: u64 = 0x9e3779b97f4a7c15;
  for (let i = from; i < to; i++) {
    const frame = peekFrame(space, i);
    if (!frame || isZero(frame)) continue;
    hash = hashFrame(mix(hash ^ i), frame);
  }
  return mix(hash);
}
