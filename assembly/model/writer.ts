/**
 * Page-level writers: each write sets one bit of the dirty log. Many at once are drawn as a crowd, the rest one by one, at
 * 1.3 ns a write (measured, Node 20).
 */
import { binomial } from "./binomial";
import { hasBit, markPage } from "./bitset";
import { isCrowd, setRange } from "./crowd";
import { Random, randomWords } from "./random";
import { writeUniform } from "./uniform";
import { drawRank, writeRanks } from "./zipf";

export const WRITER_UNIFORM: u32 = 0;
export const WRITER_HOT_COLD: u32 = 1;
export const WRITER_SEQUENTIAL: u32 = 2;
export const WRITER_ZIPF: u32 = 3;
export const WRITER_TRACE: u32 = 4;

export abstract class Writer {
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
}

function writeHotCold(log: usize, count: u32): void {
  const hot = Writer.hotPages;
  const cold = Writer.pages - hot;
  if (isCrowd(hot, count)) {
    const hits = cold == 0 ? count : binomial(count, <f64>Writer.hotShare / 4294967296.0);
    writeUniform(log, Writer.base, hot, hits);
    if (cold > 0) writeUniform(log, Writer.base + hot, cold, count - hits);
  } else writeHotColdSingly(log, count);
}

function writeHotColdSingly(log: usize, count: u32): void {
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
      const page = Random.scale(load<u32>(at, 4), select<u32>(hot, cold, isHot));
      markPage(log, base + select<u32>(0, hot, isHot) + page);
    }
    count -= writes;
  }
}

function writeSequential(log: usize, count: u32): void {
  const first = Writer.next;
  const last = first + min(count, Writer.pages);
  setRange(log, Writer.base + first, Writer.base + min(last, Writer.pages));
  if (last > Writer.pages) setRange(log, Writer.base, Writer.base + (last - Writer.pages));
  Writer.next = <u32>((<u64>first + count) % Writer.pages);
}

/** The next page of the trace; behind the last one comes the first. */
function nextTraced(): u32 {
  const next = Writer.traceNext;
  Writer.traceNext = next + 1 == Writer.tracePages ? 0 : next + 1;
  return load<u32>(Writer.trace + ((<usize>next) << 2));
}

function writeTrace(log: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) markPage(log, nextTraced());
}

/** The page that the next write goes to. */
function nextPage(): u32 {
  if (Writer.kind == WRITER_TRACE) return nextTraced();
  if (Writer.kind == WRITER_SEQUENTIAL) {
    const page = Writer.next;
    Writer.next = page + 1 == Writer.pages ? 0 : page + 1;
    return page;
  }
  if (Writer.kind == WRITER_UNIFORM) return Random.scale(load<u32>(randomWords(1)), Writer.pages);
  const at = randomWords(2);
  if (Writer.kind == WRITER_ZIPF) return drawRank(at, Writer.pages);
  const hot = Writer.hotPages;
  const cold = Writer.pages - hot;
  const isHot = cold == 0 || <u64>load<u32>(at) < Writer.hotShare;
  return isHot ? Random.scale(load<u32>(at, 4), hot) : hot + Random.scale(load<u32>(at, 4), cold);
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
    markPage(log, page);
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
    markPage(log, page);
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
  else writeRanks(log, Writer.base, Writer.pages, count);
}
