/** How often each block was met when a sample of the interpreter's window ended. */
const SLOTS: usize = 4096;
/** Bytes that `initCounters` takes. */
export const COUNTERS_BYTES: u32 = <u32>(SLOTS << 3);

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
  return Counters.base + (((u >> 3) & (SLOTS - 1)) << 3);
}

/** How often the block at `u` was met. */
export function countOf(u: usize): u32 {
  return load<u32>(counterOf(u)) == <u32>u ? load<u32>(counterOf(u), 4) : 0;
}

export function setCount(u: usize, count: u32): void {
  store<u32>(counterOf(u), <u32>u);
  store<u32>(counterOf(u), count, 4);
}
