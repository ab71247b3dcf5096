/**
 * How often each block was met when a sample of the interpreter's window ended:
 * {u32 address of the block, u32 count, u64 gva of its page}.
 */
const SLOTS: usize = 4096;
/** Bytes that `initCounters` takes. */
export const COUNTERS_BYTES: u32 = <u32>(SLOTS << 4);
/** Count of a block that is not to be looked at again. */
export const NEVER: u32 = 1 << 30;

abstract class Counters {
  static base: usize = 0;
}

export function initCounters(base: usize): void {
  Counters.base = base;
}

export function forgetCounts(): void {
  memory.fill(Counters.base, 0, COUNTERS_BYTES);
}

function counterOf(u: usize): usize {
  return Counters.base + (((u >> 3) & (SLOTS - 1)) << 4);
}

/** How often the block at `u` was met. */
export function countOf(u: usize): u32 {
  return load<u32>(counterOf(u)) == <u32>u ? load<u32>(counterOf(u), 4) : 0;
}

/** The block at `u` was never met, unless it is not to be looked at again. */
export function forgetCount(u: usize): void {
  const at = counterOf(u);
  if (load<u32>(at) == <u32>u && load<u32>(at, 4) < NEVER) store<u32>(at, 0, 4);
}

export function setCount(u: usize, count: u32, page: u64): void {
  store<u32>(counterOf(u), <u32>u);
  store<u32>(counterOf(u), count, 4);
  store<u64>(counterOf(u), page, 8);
}

/** The next counter behind the one at `at` (0: from the first on) that has reached `count`; 0: none. */
export function nextWarm(at: usize, count: u32): usize {
  let next = at ? at + 16 : Counters.base;
  for (; next < Counters.base + (SLOTS << 4); next += 16) {
    const has = load<u32>(next, 4);
    if (has >= count && has < NEVER) return next;
  }
  return 0;
}

/** Block and page of the counter at `at`. */
export function blockAt(at: usize): usize {
  return load<u32>(at);
}
export function pageAt(at: usize): u64 {
  return load<u64>(at, 8);
}
