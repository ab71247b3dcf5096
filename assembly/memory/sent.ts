/**
 * What the other side of a migration has: so that a page that changed little is sent as differences, and
 * one that is there already under another number as that number. An encoder is a block of fields:
 *
 *   cache     frames of what was sent last of some pages, by page modulo their number, each with a tag
 *             (page + 1; 0: nothing)
 *   digests   u64 for every page: of what was sent last; 0: nothing, or zeros
 *   table     u32 for every page, by digest: page + 1 that was sent with it
 */
import { PAGE_BYTES, PAGE_SHIFT } from "../../bindings/abi";
import { allocRegion, freeRegion } from "./frames";

const CACHE_PAGES: usize = 0;
const CACHE: usize = 4;
const TAGS: usize = 8;
const DIGESTS: usize = 12;
const TABLE: usize = 16;
const MASK: usize = 20;
const PAGES: usize = 24;

function framesOf(bytes: u32): u32 {
  return (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

function tableSlots(pages: u32): u32 {
  let slots: u32 = 1024;
  while (slots < pages) slots <<= 1;
  return slots;
}

/**
 * An encoder for a guest of `pages` pages with a cache of `cachePages` (0: no differences); `twins`: finds
 * equal pages. 0: no memory.
 */
export function openEncoder(pages: u32, cachePages: u32, twins: u32): usize {
  const encoder = allocRegion(1);
  if (!encoder) return 0;
  store<u32>(encoder, pages, PAGES);
  store<u32>(encoder, cachePages, CACHE_PAGES);
  let isComplete = true;
  if (cachePages) {
    store<u32>(encoder, <u32>allocRegion(cachePages), CACHE);
    store<u32>(encoder, <u32>allocRegion(framesOf(cachePages << 2)), TAGS);
    isComplete = load<u32>(encoder, CACHE) != 0 && load<u32>(encoder, TAGS) != 0;
  }
  if (twins) {
    const slots = tableSlots(pages);
    store<u32>(encoder, slots - 1, MASK);
    store<u32>(encoder, <u32>allocRegion(framesOf(pages << 3)), DIGESTS);
    store<u32>(encoder, <u32>allocRegion(framesOf(slots << 2)), TABLE);
    if (!load<u32>(encoder, DIGESTS) || !load<u32>(encoder, TABLE)) isComplete = false;
  }
  if (isComplete) return encoder;
  closeEncoder(encoder);
  return 0;
}

function drop(encoder: usize, field: usize, frames: u32): void {
  const region = load<u32>(encoder + field);
  if (region) freeRegion(region, frames);
}

export function closeEncoder(encoder: usize): void {
  const cachePages = load<u32>(encoder, CACHE_PAGES);
  const pages = load<u32>(encoder, PAGES);
  drop(encoder, CACHE, cachePages);
  drop(encoder, TAGS, framesOf(cachePages << 2));
  drop(encoder, DIGESTS, framesOf(pages << 3));
  drop(encoder, TABLE, framesOf((load<u32>(encoder, MASK) + 1) << 2));
  freeRegion(encoder, 1);
}

function tagOf(encoder: usize, index: u32): usize {
  return <usize>load<u32>(encoder, TAGS) + ((index % load<u32>(encoder, CACHE_PAGES)) << 2);
}

/** What was sent last of page `index`, if that is known; else 0. */
export function sentPage(encoder: usize, index: u32): usize {
  const cachePages = load<u32>(encoder, CACHE_PAGES);
  if (!cachePages || load<u32>(tagOf(encoder, index)) != index + 1) return 0;
  return <usize>load<u32>(encoder, CACHE) + ((<usize>(index % cachePages)) << PAGE_SHIFT);
}

/** A page that the other side has with the contents whose digest is `digest`; -1: none is known. */
export function twinOf(encoder: usize, index: u32, digest: u64): i32 {
  const digests: usize = load<u32>(encoder, DIGESTS);
  if (!digests) return -1;
  const slot = <usize>load<u32>(encoder, TABLE) + ((<u32>digest & load<u32>(encoder, MASK)) << 2);
  const twin = load<u32>(slot) - 1;
  if (twin == ~0 || twin == index || load<u64>(digests + ((<usize>twin) << 3)) != digest) return -1;
  return <i32>twin;
}

/** Page `index` goes to the other side as it is at `frame` (0: zeros), with this digest. */
export function noteSent(encoder: usize, index: u32, frame: usize, digest: u64): void {
  const cachePages = load<u32>(encoder, CACHE_PAGES);
  if (cachePages && frame) {
    store<u32>(tagOf(encoder, index), index + 1);
    const at = <usize>load<u32>(encoder, CACHE) + ((<usize>(index % cachePages)) << PAGE_SHIFT);
    memory.copy(at, frame, PAGE_BYTES);
  } else if (cachePages && load<u32>(tagOf(encoder, index)) == index + 1) {
    store<u32>(tagOf(encoder, index), 0);
  }
  const digests: usize = load<u32>(encoder, DIGESTS);
  if (!digests) return;
  store<u64>(digests + ((<usize>index) << 3), frame ? digest : 0);
  if (!frame) return;
  const slot = <usize>load<u32>(encoder, TABLE) + ((<u32>digest & load<u32>(encoder, MASK)) << 2);
  store<u32>(slot, index + 1);
}
