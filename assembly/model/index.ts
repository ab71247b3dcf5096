/**
 * The page-level guest of the sweeps: a set of pages to send, a dirty log, and a writer. One
 * instance holds one guest at a time. Memory, from the end of the static data on:
 *
 *   log     1 bit a page     set      1 bit a page     missing   1 bit a page     layer   1 bit a page
 *   zipf    24 bytes a page, if used
 *   trace   4 bytes a page that is written, if used
 *   sent    4 bytes a slot of the cache of sent pages, if used
 */
import {
  Cursor,
  clearRange,
  countBits,
  fillBits,
  hasBit,
  mergeBits,
  Sent,
  takeRange,
} from "./bitset";
import { Crowd } from "./crowd";
import { seedRandom } from "./random";
import { writeUniform } from "./uniform";
import {
  WRITER_SEQUENTIAL,
  WRITER_TRACE,
  Writer,
  writeLimited,
  writePages,
  writeUntilMissing,
} from "./writer";
import { buildZipf, ZIPF_BYTES } from "./zipf";

/** A guest of 1 TiB: 32 MiB a bitmap. */
const PAGES_MAX: u32 = 1 << 28;

let pageCount: u32 = 0;
/** Of a set, a multiple of 16 bytes. */
let words: u32 = 0;
/** Outside of these pages, multiples of 128, log and set are empty. */
let logFrom: u32 = 0;
let logTo: u32 = 0;
let setFrom: u32 = 0;
let setTo: u32 = 0;
/** Pages in the set, unless somebody else had a hand in it. */
let remaining: u32 = 0;
let isCounted: bool = false;
let isMissingUsed: bool = true;
let log: usize = 0;
let set: usize = 0;
let missing: usize = 0;
let zipfPages: u32 = 0;
let zipfExponent: f64 = 0;
let zipfEnd: usize = 0;
/** Which trace is there; 0: none. */
let traceTag: u32 = 0;
let end: usize = 0;
let takeUntil: u32 = 0;
let takeSkips: bool = false;
let takenNormal: u32 = 0;
let takenZero: u32 = 0;

function ensure(end: usize): bool {
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  return missing <= 0 || memory.grow(missing) >= 0;
}

function clear(bits: usize, from: u32, to: u32): void {
  if (from < to) memory.fill(bits + (from >> 3), 0, (to - from) >> 3);
}

/** The log may have pages `from` to `to` - 1 from now on. */
function logged(from: u32, to: u32): void {
  if (from >= to) return;
  const isEmpty = logFrom == logTo;
  logFrom = isEmpty ? from & ~127 : min(logFrom, from & ~127);
  logTo = max(logTo, (to + 127) & ~127);
}

/** The log may have what the writer writes by `count` writes. */
function loggedBy(count: u32): void {
  if (Writer.pages == 0 || count == 0) return;
  if (Writer.kind == WRITER_TRACE) logged(0, pageCount);
  else if (Writer.kind == WRITER_SEQUENTIAL && count < Writer.pages - Writer.next)
    logged(Writer.base + Writer.next, Writer.base + Writer.next + count);
  else logged(Writer.base, Writer.base + Writer.pages);
}

/** A guest of `pages` pages that has written nothing. 0, or -1 if that is too many. */
export function modelCreate(pages: u32, seedLo: u32, seedHi: u32): i32 {
  if (pages == 0 || pages > PAGES_MAX) return -1;
  if (pages != pageCount) {
    const bytes = (<usize>((pages + 127) >> 7)) << 4;
    log = (__heap_base + 63) & ~63;
    set = log + bytes;
    missing = set + bytes;
    Crowd.layer = missing + bytes;
    if (!ensure(Crowd.layer + bytes)) return -1;
    words = <u32>(bytes >> 3);
    pageCount = pages;
    zipfPages = 0;
    end = Crowd.layer + bytes;
    zipfEnd = end;
    traceTag = 0;
    logFrom = 0;
    logTo = words << 6;
    setFrom = 0;
    setTo = words << 6;
    isMissingUsed = true;
  }
  Sent.slots = 0;
  clear(log, logFrom, logTo);
  clear(set, setFrom, setTo);
  if (isMissingUsed) memory.fill(missing, 0, (<usize>words) << 3);
  isMissingUsed = false;
  logFrom = logTo = setFrom = setTo = remaining = 0;
  isCounted = true;
  seedRandom(((<u64>seedHi) << 32) | seedLo);
  Writer.next = 0;
  Writer.waits = ~0;
  Writer.pages = 0;
  return 0;
}

/** Who writes where: the working set begins at page `base`. 0, or -1 if it does not fit. */
export function modelWriter(kind: u32, base: u32, pages: u32): i32 {
  if (pages > pageCount || base > pageCount - pages || kind > WRITER_TRACE) return -1;
  Writer.kind = kind;
  Writer.base = base;
  Writer.pages = pages;
  return 0;
}

/** Where a sequential writer goes on, in pages of its working set. */
export function modelNext(): u32 {
  return Writer.next;
}
export function modelGoOn(next: u32): void {
  Writer.next = next < Writer.pages ? next : 0;
}

/** From now on {@link modelTake} knows what the target has, in a cache of `slots` pages. 0, or -1. */
export function modelCache(slots: u32): i32 {
  Sent.slots = 0;
  if (slots == 0) return 0;
  const tags = end;
  if (!ensure(tags + ((<usize>slots) << 2))) return -1;
  memory.fill(tags, 0, (<usize>slots) << 2);
  Sent.tags = tags;
  Sent.slots = slots;
  return 0;
}

/** The dirty log, for what is written by other means. */
export function modelLog(): usize {
  logged(0, pageCount);
  return log;
}

/** For hot-cold: the first `pages` pages get `share` (0 to 1) of the writes. */
export function modelHot(pages: u32, share: f64): void {
  Writer.hotPages = max<u32>(1, min(pages, Writer.pages));
  Writer.hotShare = <u64>(share * 4294967296.0);
}

/** For Zipf: builds the table for the working set, unless it is there from the guest before. */
export function modelZipf(exponent: f64): i32 {
  const pages = Writer.pages;
  if (pages == zipfPages && exponent == zipfExponent) return 0;
  const table = Crowd.layer + ((<usize>words) << 3);
  const tableEnd = table + <usize>pages * ZIPF_BYTES;
  if (!ensure(tableEnd)) return -1;
  if (tableEnd > zipfEnd) {
    // Where a trace may have been.
    zipfEnd = tableEnd;
    end = tableEnd;
    traceTag = 0;
  }
  buildZipf(table, pages, exponent);
  zipfPages = pages;
  zipfExponent = exponent;
  return 0;
}

/** The trace whose pages are there; 0: none. */
export function modelTraceTag(): u32 {
  return traceTag;
}

/** Room for the pages of trace `tag`, in the order in which they are written; 0 if there is none. */
export function modelTrace(tag: u32, pages: u32): usize {
  const trace = (zipfEnd + 15) & ~15;
  traceTag = 0;
  if (!ensure(trace + ((<usize>pages) << 2))) return 0;
  end = trace + ((<usize>pages) << 2);
  Writer.trace = trace;
  Writer.tracePages = pages;
  traceTag = tag;
  return trace;
}

/** The writer goes on with number `next` of the pages of the trace. */
export function modelReplay(next: u32): void {
  Writer.traceNext = next < Writer.tracePages ? next : 0;
}

/** `count` writes to the working set. */
export function modelWrite(count: u32): void {
  loggedBy(count);
  writePages(log, count);
}

/** `count` writes to pages below `pages`, whatever the writer is: the kernel's own. */
export function modelBackground(pages: u32, count: u32): void {
  if (count == 0) return;
  logged(0, pages);
  writeUniform(log, 0, pages, count);
}

/** Every page is to be sent, the log is empty. */
export function modelFill(): void {
  clear(log, logFrom, logTo);
  logFrom = logTo = 0;
  fillBits(set, pageCount);
  setFrom = 0;
  setTo = words << 6;
  remaining = pageCount;
  isCounted = true;
}

/** Moves the log into the set; returns how many pages the log had. */
export function modelHarvest(): u32 {
  if (logFrom == logTo) return 0;
  const dirtied = mergeBits(set, log, logFrom, logTo);
  remaining += Cursor.fresh;
  const isEmpty = setFrom == setTo;
  setFrom = isEmpty ? logFrom : min(setFrom, logFrom);
  setTo = max(setTo, logTo);
  logFrom = logTo = 0;
  return dirtied;
}

/** Pages still to be sent. */
export function modelRemaining(): u32 {
  if (!isCounted) remaining = countBits(set, words);
  isCounted = true;
  return remaining;
}

/** Is page `gfn` still to be sent? */
export function modelHas(gfn: u32): i32 {
  return hasBit(set, gfn) ? 1 : 0;
}

/** Where the bitmaps are: pages to be sent, and pages that have not arrived at the target. */
export function modelSet(): usize {
  setFrom = 0;
  setTo = words << 6;
  isCounted = false;
  return set;
}
export function modelMissing(): usize {
  isMissingUsed = true;
  return missing;
}

/** The pages `from` to `to` - 1 have arrived. Returns how many of them had not before. */
export function modelPlace(from: u32, to: u32): u32 {
  Cursor.except = 0;
  return clearRange(missing, from, min(to, pageCount));
}

/** Likewise to {@link modelWrite}, but stops at a page that has not arrived. Returns the writes done. */
export function modelWriteHere(count: u32): u32 {
  loggedBy(count);
  return writeUntilMissing(log, missing, count);
}

/** Likewise to {@link modelWrite}, but dirties no more than `fresh` pages. Returns the writes done. */
export function modelWriteLimited(count: u32, fresh: u32): u32 {
  loggedBy(count);
  return writeLimited(log, count, fresh);
}

/** Pages that the last {@link modelWriteLimited} dirtied. */
export function modelFresh(): u32 {
  return Writer.fresh;
}

/** The page at which {@link modelWriteHere} stopped; -1: none. */
export function modelWaits(): i32 {
  return <i32>Writer.waits;
}

/** The next {@link modelTake} takes no page from `until` on. */
export function modelUntil(until: u32): void {
  takeUntil = min(until, pageCount);
}

/** The next {@link modelTake} leaves pages in the set that were written since the last harvest. */
export function modelSkip(on: u32): void {
  takeSkips = on != 0;
}

/** Takes pages from `from` on; those from `zeroFrom` on are zero. Returns where to go on. */
export function modelTake(from: u32, normalMax: u32, zeroMax: u32, zeroFrom: u32): u32 {
  takenNormal = 0;
  takenZero = 0;
  Sent.known = 0;
  Cursor.except = takeSkips ? log : 0;
  const next = take(from, normalMax, zeroMax, min(zeroFrom, takeUntil));
  remaining -= takenNormal + takenZero;
  if (remaining == 0 && isCounted) setFrom = setTo = 0;
  return next;
}

function take(from: u32, normalMax: u32, zeroMax: u32, border: u32): u32 {
  if (from < border) {
    takenNormal = takeWithin(from, border, normalMax);
    if (Cursor.next < border || takenNormal == normalMax) return Cursor.next;
    from = border;
  }
  const slots = Sent.slots;
  Sent.slots = 0;
  takenZero = takeWithin(from, takeUntil, zeroMax);
  Sent.slots = slots;
  return Cursor.next;
}

/** As {@link takeRange}, but looks only where the set may have pages. */
function takeWithin(from: u32, to: u32, max: u32): u32 {
  const first = from > setFrom ? from : setFrom;
  const last = min(to, setTo);
  Cursor.next = to;
  if (first >= last) return 0;
  const taken = takeRange(set, first, last, max);
  if (Cursor.next == last) Cursor.next = to;
  return taken;
}

/** Of the last {@link modelTake}. */
export function modelTakenNormal(): u32 {
  return takenNormal;
}

/** Of these, pages of which the target had an older version. */
export function modelTakenKnown(): u32 {
  return Sent.known;
}

export function modelTakenZero(): u32 {
  return takenZero;
}
