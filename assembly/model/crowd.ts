/**
 * Many writes to pages of which each is as likely as another, all at once: exactly as if each had been drawn (but for
 * the rounding of doubles), and ten times as fast.
 *
 * If the number of writes were a Poisson variable, each page would be written, or not, by itself: with probability p,
 * a number of 256ths here, so that 8 random bits a page decide, and those of 128 pages are one vector each. How many
 * writes that was follows from the pages that were written: each had one, of those some a second, of those some a third.
 * If it was no more than there are, that many are done, and where they went is what it had been had their number
 * been fixed; the few that are left are drawn one by one. If it was more, it is drawn again.
 */
import { binomial } from "./binomial";
import { Random } from "./random";

/** Fewer writes than this, or fewer than one to so many pages, are drawn one by one. */
const WRITES_MIN: u32 = 512;
const PAGES_PER_WRITE: u32 = 6;
/** Of fewer pages all are soon written. */
const PAGES_MIN: u32 = 256;
/** Beyond this many writes a page has none to be counted: of Poisson variables with a mean of at most ln 256. */
const REPEATS_MAX: i32 = 40;
/** Standard deviations that are left to be drawn one by one, so that seldom all is drawn again. */
const SLACK: f64 = 2;
/** A page is left out with less probability than a double can tell from none. */
const SURELY: f64 = 45;

/** Chance of one more write, at a page that has had j. */
const again: usize = memory.data(40 * 8, 16);
/** The pages of a try, until it is known to count: a piece of the log at a time cannot be taken back. */
export abstract class Crowd {
  /** Where as many bits as the guest has pages have room. */
  static layer: usize = 0;
}

/** Is drawing at once worth it? */
export function isCrowd(pages: u32, count: u32): bool {
  return count >= WRITES_MIN && pages >= PAGES_MIN && count >= pages / PAGES_PER_WRITE;
}

/** Does a page of which each write hits with `chance` surely get one of `count`, and so all of `pages` such pages? */
export function hitsAll(pages: u32, count: f64, chance: f64): bool {
  return count * chance > SURELY + Math.log(<f64>pages);
}

/** Writes of `count` to the pages from `base` on, as many as it does; the rest is to be drawn one by one. */
export function writeCrowd(log: usize, base: u32, pages: u32, count: u32): u32 {
  if (hitsAll(pages, <f64>count, 1 / <f64>pages)) {
    setRange(log, base, base + pages);
    return count;
  }
  let left = count;
  while (isCrowd(pages, left)) {
    left -= writeLayer(log, base, pages, left);
    if (left > pages && isFull(log, base, pages)) return count;
  }
  return count - left;
}

/** Are all pages from `base` on in the log? Then more writes to them change nothing. */
export function isFull(log: usize, base: u32, pages: u32): bool {
  const low = base >> 6;
  const high = (base + pages - 1) >> 6;
  const outLow = ((<u64>1) << (base & 63)) - 1;
  const outHigh = (<u64>-2) << ((base + pages - 1) & 63);
  for (let word = low; word <= high; word++) {
    const out = (word == low ? outLow : 0) | (word == high ? outHigh : 0);
    if (~(load<u64>(log + (word << 3)) | out)) return false;
  }
  return true;
}

/** Some of `count` writes; returns how many. */
function writeLayer(log: usize, base: u32, pages: u32, count: u32): u32 {
  const mean = <f64>count - SLACK * Math.sqrt(<f64>count) - SLACK * SLACK;
  const chance = <u32>min(255.0, Math.floor(256 * (1 - Math.exp(-mean / <f64>pages))));
  const rate = Math.log(256 / <f64>(256 - chance));
  let chain: f64 = 1;
  for (let j = REPEATS_MAX - 1; j > 0; j--) {
    chain = 1 + (rate / <f64>(j + 1)) * chain;
    store<f64>(again + (j << 3), (chain - 1) / chain);
  }
  let writes: u32;
  do writes = writesOf(drawLayer(base, pages, chance));
  while (writes > count);
  addLayer(log, base, pages);
  return writes;
}

/** How many writes it took, if `written` pages were. */
function writesOf(written: u32): u32 {
  let writes = written;
  let some = written;
  for (let j = 1; j < REPEATS_MAX && some > 0; j++) {
    some = binomial(some, load<f64>(again + (j << 3)));
    writes += some;
  }
  return writes;
}

/** Draws each page with a probability of `chance` 256ths into the layer; returns how many there are. */
function drawLayer(base: u32, pages: u32, chance: u32): u32 {
  const first = base >> 7;
  const last = (base + pages - 1) >> 7;
  const end = Crowd.layer + ((last - first + 1) << 4);
  const lowest = <u32>ctz(chance);
  let x = v128.load(Random.bits);
  let y = v128.load(Random.bits, 16);
  for (let at = Crowd.layer; at < end; at += 16) {
    let drawn = i64x2.splat(0);
    for (let bit = lowest; bit < 8; bit++) {
      const t = v128.xor(x, i64x2.shl(x, 23));
      x = y;
      y = v128.xor(v128.xor(t, y), v128.xor(i64x2.shr_u(t, 17), i64x2.shr_u(y, 26)));
      const fresh = i64x2.add(x, y);
      if ((chance >> bit) & 1) drawn = v128.or(drawn, fresh);
      else drawn = v128.and(drawn, fresh);
    }
    v128.store(at, drawn);
  }
  v128.store(Random.bits, x);
  v128.store(Random.bits, y, 16);
  clearOutside(Crowd.layer, base & 127, (base & 127) + pages, (last - first + 1) << 7);
  let count: u64 = 0;
  for (let at = Crowd.layer; at < end; at += 16)
    count += popcnt<u64>(load<u64>(at)) + popcnt<u64>(load<u64>(at, 8));
  return <u32>count;
}

/** Leaves of the first `all` bits at `bits` those from `from` to `to` - 1. */
function clearOutside(bits: usize, from: u32, to: u32, all: u32): void {
  for (let bit = from & ~63; bit > 0; bit -= 64) store<u64>(bits + ((bit - 64) >> 3), 0);
  const low = bits + ((from >> 6) << 3);
  store<u64>(low, load<u64>(low) & ((<u64>-1) << (from & 63)));
  if (to & 63) {
    const high = bits + ((to >> 6) << 3);
    store<u64>(high, load<u64>(high) & (((<u64>1) << (to & 63)) - 1));
  }
  for (let bit = (to + 63) & ~63; bit < all; bit += 64) store<u64>(bits + (bit >> 3), 0);
}

/** `log` |= the layer. */
function addLayer(log: usize, base: u32, pages: u32): void {
  const from = base >> 7;
  const blocks = ((base + pages - 1) >> 7) - from + 1;
  const at = log + (from << 4);
  for (let i: u32 = 0; i < blocks << 4; i += 16)
    v128.store(at + i, v128.or(v128.load(at + i), v128.load(Crowd.layer + i)));
}

/** Sets the bits from `from` to `to` - 1. */
export function setRange(log: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const low = log + ((from >> 6) << 3);
  const high = log + ((to >> 6) << 3);
  const atLow = (<u64>-1) << (from & 63);
  const atHigh = ((<u64>1) << (to & 63)) - 1;
  if (low == high) {
    store<u64>(low, load<u64>(low) | (atLow & atHigh));
    return;
  }
  store<u64>(low, load<u64>(low) | atLow);
  memory.fill(low + 8, 0xff, high - low - 8);
  if (to & 63) store<u64>(high, load<u64>(high) | atHigh);
}
