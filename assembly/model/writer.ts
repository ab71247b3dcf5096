/**
 * Page-level writers: each write sets one bit of the dirty log. Random numbers come from two
 * xorshift128+ generators in one vector, 512 words at a time into a buffer, and are scaled to a
 * range by multiply and shift: 1.3 ns a write instead of 2.0 with splitmix64 in scalars (measured,
 * Node 20).
 */
import { hasBit } from "./bitset";

export const WRITER_UNIFORM: u32 = 0;
export const WRITER_HOT_COLD: u32 = 1;
export const WRITER_SEQUENTIAL: u32 = 2;
export const WRITER_ZIPF: u32 = 3;
export const WRITER_TRACE: u32 = 4;

export abstract class Writer {
  /** {u64 x two words of state} of two generators, then the buffer. */
  static bits: usize = memory.data(32 + 512 * 4, 16);
  /** Bytes of the buffer that are still unused, at its end. */
  static unused: u32 = 0;
  static kind: u32 = 0;
  /** First page and pages of the working set. */
  static base: u32 = 0;
  static pages: u32 = 0;
  /** Hot pages, and the share of the writes that goes to them, in 2^-32. */
  static hotPages: u32 = 0;
  static hotShare: u64 = 0;
  /** Sequential: pages from `base` to the next write. */
  static next: u32 = 0;
  /** Page that the next write goes to, because it was missing; ~0: none. */
  static waits: u32 = ~0;
  /** Pages that the last `writeLimited` put into the log. */
  static fresh: u32 = 0;
  /** Trace: u32 pages in the order in which they are written, how many, and which is the next. */
  static trace: usize = 0;
  static tracePages: u32 = 0;
  static traceNext: u32 = 0;
  /** Zipf: alias table of {u32 share in 2^-32, u32 alias} per rank. */
  static alias: usize = 0;

  /** A number below `range` from the top of 32 random bits. */
  @inline static scale(bits: u32, range: u32): u32 {
    return <u32>((<u64>bits * <u64>range) >> 32);
  }

  @inline static mark(log: usize, gfn: u32): void {
    const at = log + ((gfn >> 5) << 2);
    store<u32>(at, load<u32>(at) | (1 << (gfn & 31)));
  }
}

/** Two independent streams from one seed, by splitmix64. */
export function seedWriter(seed: u64): void {
  const at = Writer.bits;
  for (let i: u32 = 0; i < 4; i++) store<u64>(at + (i << 3), splitmix(seed, i + 1) | 1);
  Writer.unused = 0;
}

/** Where `words` (at most 512) fresh words of 32 random bits are. */
function randomWords(words: u32): usize {
  const buffer = Writer.bits + 32;
  if (Writer.unused < words << 2) {
    let x = v128.load(Writer.bits);
    let y = v128.load(Writer.bits, 16);
    for (let at = buffer; at < buffer + 2048; at += 16) {
      const t = v128.xor(x, i64x2.shl(x, 23));
      x = y;
      y = v128.xor(v128.xor(t, y), v128.xor(i64x2.shr_u(t, 17), i64x2.shr_u(y, 26)));
      v128.store(at, i64x2.add(x, y));
    }
    v128.store(Writer.bits, x);
    v128.store(Writer.bits, y, 16);
    Writer.unused = 2048;
  }
  const from = buffer + (2048 - Writer.unused);
  Writer.unused -= words << 2;
  return from;
}

// biome-ignore-start lint/correctness/noPrecisionLoss: asc reads these as exact 64-bit integers.
function splitmix(seed: u64, step: u64): u64 {
  let z = seed + step * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
// biome-ignore-end lint/correctness/noPrecisionLoss: see above.

/** `count` writes to random pages from `base` on, each page as likely as another. */
export function writeUniform(log: usize, base: u32, pages: u32, count: u32): void {
  while (count > 0) {
    const words = min<u32>(count, 512);
    const from = randomWords(words);
    for (let at = from; at < from + (words << 2); at += 4)
      Writer.mark(log, base + Writer.scale(load<u32>(at), pages));
    count -= words;
  }
}

function writeHotCold(log: usize, count: u32): void {
  const base = Writer.base;
  const hot = Writer.hotPages;
  const cold = Writer.pages - hot;
  const share: u64 = cold == 0 ? 1 << 32 : Writer.hotShare;
  while (count > 0) {
    const writes = min<u32>(count, 256);
    const from = randomWords(writes << 1);
    for (let at = from; at < from + (writes << 3); at += 8) {
      // Without a branch: a coin toss is mispredicted half of the time.
      const isHot = <u64>load<u32>(at) < share;
      const page = Writer.scale(load<u32>(at, 4), select<u32>(hot, cold, isHot));
      Writer.mark(log, base + select<u32>(0, hot, isHot) + page);
    }
    count -= writes;
  }
}

function writeSequential(log: usize, count: u32): void {
  let next = Writer.next;
  for (let i: u32 = 0; i < count; i++) {
    Writer.mark(log, Writer.base + next);
    next++;
    if (next == Writer.pages) next = 0;
  }
  Writer.next = next;
}

function writeZipf(log: usize, count: u32): void {
  while (count > 0) {
    const writes = min<u32>(count, 256);
    const from = randomWords(writes << 1);
    for (let at = from; at < from + (writes << 3); at += 8) {
      const rank = Writer.scale(load<u32>(at), Writer.pages);
      const entry = Writer.alias + (rank << 3);
      const isOwn = load<u32>(at, 4) < load<u32>(entry);
      Writer.mark(log, Writer.base + select<u32>(rank, load<u32>(entry, 4), isOwn));
    }
    count -= writes;
  }
}

/** The next page of the trace; behind the last one comes the first. */
function nextTraced(): u32 {
  const next = Writer.traceNext;
  Writer.traceNext = next + 1 == Writer.tracePages ? 0 : next + 1;
  return load<u32>(Writer.trace + ((<usize>next) << 2));
}

function writeTrace(log: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) Writer.mark(log, nextTraced());
}

/** The page that the next write goes to. */
function nextPage(): u32 {
  if (Writer.kind == WRITER_TRACE) return nextTraced();
  if (Writer.kind == WRITER_SEQUENTIAL) {
    const page = Writer.next;
    Writer.next = page + 1 == Writer.pages ? 0 : page + 1;
    return page;
  }
  if (Writer.kind == WRITER_UNIFORM) return Writer.scale(load<u32>(randomWords(1)), Writer.pages);
  const at = randomWords(2);
  if (Writer.kind == WRITER_ZIPF) {
    const rank = Writer.scale(load<u32>(at), Writer.pages);
    const entry = Writer.alias + (rank << 3);
    return load<u32>(at, 4) < load<u32>(entry) ? rank : load<u32>(entry, 4);
  }
  const hot = Writer.hotPages;
  const cold = Writer.pages - hot;
  const isHot = cold == 0 || <u64>load<u32>(at) < Writer.hotShare;
  return isHot ? Writer.scale(load<u32>(at, 4), hot) : hot + Writer.scale(load<u32>(at, 4), cold);
}

/**
 * `count` writes of the kind that was set up, but none to a page in `missing`: there it stops, and begins
 * with that page the next time. Returns how many were done; `Writer.waits` is the page, ~0 if none.
 */
export function writeUntilMissing(log: usize, missing: usize, count: u32): u32 {
  if (Writer.pages == 0) return count;
  for (let done: u32 = 0; done < count; done++) {
    const page = Writer.waits != ~0 ? Writer.waits : Writer.base + nextPage();
    Writer.waits = page;
    if (hasBit(missing, page)) return done;
    Writer.waits = ~0;
    Writer.mark(log, page);
  }
  return count;
}

/** Likewise, but stops at a page that is not in `log` once `fresh` such pages were written. */
export function writeLimited(log: usize, count: u32, fresh: u32): u32 {
  if (Writer.pages == 0) return count;
  Writer.fresh = 0;
  for (let done: u32 = 0; done < count; done++) {
    const page = Writer.waits != ~0 ? Writer.waits : Writer.base + nextPage();
    Writer.waits = page;
    if (!hasBit(log, page)) {
      if (Writer.fresh == fresh) return done;
      Writer.fresh++;
    }
    Writer.waits = ~0;
    Writer.mark(log, page);
  }
  return count;
}

/** `count` writes of the kind that was set up. */
export function writePages(log: usize, count: u32): void {
  if (Writer.pages == 0) return;
  if (Writer.kind == WRITER_UNIFORM) writeUniform(log, Writer.base, Writer.pages, count);
  else if (Writer.kind == WRITER_HOT_COLD) writeHotCold(log, count);
  else if (Writer.kind == WRITER_SEQUENTIAL) writeSequential(log, count);
  else if (Writer.kind == WRITER_TRACE) writeTrace(log, count);
  else writeZipf(log, count);
}

/**
 * Vose's alias table for weights rank^-exponent at `Writer.alias`, with `scratch` of 12 bytes a
 * page behind it: f64 scaled weights, then a u32 stack that small ranks fill from below and large
 * ones from above. Pages in order of rank: which pages are hot does not matter to a count.
 */
export function buildZipf(pages: u32, exponent: f64, scratch: usize): void {
  let sum: f64 = 0;
  for (let rank: u32 = 0; rank < pages; rank++) {
    const position = <f64>(rank + 1);
    const weight = position ** -exponent;
    store<f64>(scratch + (rank << 3), weight);
    sum += weight;
  }
  const stack = scratch + ((<usize>pages) << 3);
  let small: u32 = 0;
  let large: u32 = pages;
  for (let rank: u32 = 0; rank < pages; rank++) {
    const scaled = (load<f64>(scratch + (rank << 3)) * <f64>pages) / sum;
    store<f64>(scratch + (rank << 3), scaled);
    if (scaled < 1) store<u32>(stack + (small++ << 2), rank);
    else store<u32>(stack + (--large << 2), rank);
  }
  while (small > 0 && large < pages) {
    const low = load<u32>(stack + (--small << 2));
    const high = load<u32>(stack + (large << 2));
    const share = load<f64>(scratch + (low << 3));
    setAlias(low, share, high);
    const rest = load<f64>(scratch + (high << 3)) + share - 1;
    store<f64>(scratch + (high << 3), rest);
    if (rest < 1) {
      large++;
      store<u32>(stack + (small++ << 2), high);
    }
  }
  while (small > 0) setAlias(load<u32>(stack + (--small << 2)), 1, 0);
  while (large < pages) setAlias(load<u32>(stack + (large++ << 2)), 1, 0);
}

function setAlias(rank: u32, share: f64, alias: u32): void {
  const entry = Writer.alias + (rank << 3);
  const isWhole = share >= 1;
  store<u32>(entry, isWhole ? 0xffffffff : <u32>(share * 4294967296.0));
  store<u32>(entry, isWhole ? rank : alias, 4);
}
