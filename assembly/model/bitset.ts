/** Sets of pages as bits in 64-bit words: count, merge, take out in order. */

/** Behind the last page that {@link takeRange} looked at or took. */
export abstract class Cursor {
  static next: u32 = 0;
  /** A set whose pages {@link takeRange} leaves; 0: none. */
  static except: usize = 0;
  /** Pages that the last {@link mergeBits} put into the set and that were not in it. */
  static fresh: u32 = 0;
}

/** What the target has, of pages that were sent: page + 1 in slot page % slots, as the core's encoder. */
export abstract class Sent {
  static tags: usize = 0;
  /** 0: nobody wants to know. */
  static slots: u32 = 0;
  /** Pages that were taken and that the target had an older version of. */
  static known: u32 = 0;
}

/** The pages `bits` from page `base` on are sent. */
function noteSent(bits: u64, base: u32): void {
  while (bits) {
    const page = base + <u32>ctz<u64>(bits);
    bits &= bits - 1;
    const slot = Sent.tags + ((page % Sent.slots) << 2);
    if (load<u32>(slot) == page + 1) Sent.known++;
    else store<u32>(slot, page + 1);
  }
}

/** Notes page `gfn` in `log`. */
export function markPage(log: usize, gfn: u32): void {
  const at = log + ((gfn >> 5) << 2);
  store<u32>(at, load<u32>(at) | (1 << (gfn & 31)));
}

/** Pages in the set of `words` words at `set`. */
export function countBits(set: usize, words: u32): u32 {
  let count: u64 = 0;
  for (let i: u32 = 0; i < words; i++) count += popcnt<u64>(load<u64>(set + (i << 3)));
  return <u32>count;
}

/**
 * The pages `from` to `to` - 1 of `log` go to `set`; both numbers are multiples of 128. Returns how many there were;
 * `Cursor.fresh` is how many were not in `set`.
 */
export function mergeBits(set: usize, log: usize, from: u32, to: u32): u32 {
  let count: u64 = 0;
  let fresh: u64 = 0;
  const offset = set - log;
  for (let at = log + (from >> 3); at < log + (to >> 3); at += 16) {
    const low = load<u64>(at);
    const high = load<u64>(at, 8);
    if ((low | high) == 0) continue;
    const other = at + offset;
    const lowBefore = load<u64>(other);
    const highBefore = load<u64>(other, 8);
    count += popcnt<u64>(low) + popcnt<u64>(high);
    fresh += popcnt<u64>(low & ~lowBefore) + popcnt<u64>(high & ~highBefore);
    store<u64>(other, low | lowBefore);
    store<u64>(other, high | highBefore, 8);
    store<u64>(at, 0);
    store<u64>(at, 0, 8);
  }
  Cursor.fresh = <u32>fresh;
  return <u32>count;
}

/** Sets the bits of the pages 0 to `pages` - 1. */
export function fillBits(set: usize, pages: u32): void {
  const whole = pages >> 6;
  memory.fill(set, 0xff, (<usize>whole) << 3);
  if (pages & 63) store<u64>(set + (whole << 3), ((<u64>1) << (pages & 63)) - 1);
}

/**
 * Takes at most `max` pages of `from` to `to` - 1 out of the set, lowest first, but none that is in
 * `Cursor.except`. Returns how many; `Cursor.next` is behind the last one taken, or `to` if there are no more.
 */
export function takeRange(set: usize, from: u32, to: u32, max: u32): u32 {
  let left = max;
  let gfn = from;
  const isPlain = Cursor.except == 0 && Sent.slots == 0;
  while (gfn < to) {
    // Whole words of which all pages may go, one after the other.
    const whole = isPlain && (gfn & 63) == 0 ? min(left, to - gfn) >> 6 : 0;
    if (whole > 0) {
      left -= takeWords(set + ((gfn >> 6) << 3), whole);
      gfn += whole << 6;
      continue;
    }
    const word = (gfn >> 6) << 3;
    const at = set + word;
    const first = gfn & 63;
    const end = min<u32>(64, to - (gfn - first));
    let bits = load<u64>(at) & ((<u64>-1) << first);
    if (Cursor.except) bits &= ~load<u64>(Cursor.except + word);
    if (end < 64) bits &= ((<u64>1) << end) - 1;
    const count = <u32>popcnt<u64>(bits);
    if (count > left) {
      const before = load<u64>(at);
      Cursor.next = takeSome(at, bits, left, gfn - first);
      if (Sent.slots) noteSent(before & ~load<u64>(at), gfn - first);
      return max;
    }
    store<u64>(at, load<u64>(at) & ~bits);
    if (Sent.slots) noteSent(bits, gfn - first);
    left -= count;
    gfn += end - first;
  }
  Cursor.next = to;
  return max - left;
}

/** Takes all pages of so many words; returns how many. */
function takeWords(at: usize, words: u32): u32 {
  let count: u64 = 0;
  const end = at + (words << 3);
  for (; at + 16 <= end; at += 16) {
    const low = load<u64>(at);
    const high = load<u64>(at, 8);
    if ((low | high) == 0) continue;
    count += popcnt<u64>(low) + popcnt<u64>(high);
    store<u64>(at, 0);
    store<u64>(at, 0, 8);
  }
  if (at < end) {
    count += popcnt<u64>(load<u64>(at));
    store<u64>(at, 0);
  }
  return <u32>count;
}

/** Takes the lowest `count` of `bits` out of the word at `at`; returns the page behind the last. */
function takeSome(at: usize, bits: u64, count: u32, base: u32): u32 {
  let next = base;
  for (let i: u32 = 0; i < count; i++) {
    const bit = <u32>ctz<u64>(bits);
    bits &= bits - 1;
    store<u64>(at, load<u64>(at) & ~((<u64>1) << bit));
    next = base + bit + 1;
  }
  return next;
}

/** Is page `gfn` in the set? */
export function hasBit(set: usize, gfn: u32): bool {
  return ((load<u64>(set + ((gfn >> 6) << 3)) >> (gfn & 63)) & 1) != 0;
}

/** Takes the pages `from` to `to` - 1 out of the set. Returns how many were in it. */
export function clearRange(set: usize, from: u32, to: u32): u32 {
  return takeRange(set, from, to, to - from);
}
