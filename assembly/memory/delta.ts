/**
 * XBZRLE: what a page has become, as differences to what it was. Runs follow each other to the end of
 * the page; what is not named has not changed:
 *
 *   unchanged bytes, changed bytes (at least 1), each as LEB128 of 1 or 2 bytes; the changed bytes
 */
import { PAGE_BYTES } from "../../bindings/abi";

/** Longest two numbers before a run. */
const RUN_HEADER: u32 = 4;
/** A changed run ends before as many bytes that have not changed: less is cheaper to send along. */
const GAP: u32 = 4;

function putNumber(at: usize, value: u32): usize {
  if (value < 0x80) {
    store<u8>(at, <u8>value);
    return at + 1;
  }
  store<u8>(at, <u8>(value | 0x80));
  store<u8>(at, <u8>(value >> 7), 1);
  return at + 2;
}

/** First byte from `from` on in which the pages differ, or PAGE_BYTES. */
function nextChange(old: usize, fresh: usize, from: u32): u32 {
  let i = from;
  while (i + 8 <= <u32>PAGE_BYTES && load<u64>(old + i) == load<u64>(fresh + i)) i += 8;
  while (i < <u32>PAGE_BYTES && load<u8>(old + i) == load<u8>(fresh + i)) i++;
  return i;
}

/** First byte from `from` on after which `GAP` bytes are equal, or PAGE_BYTES. */
function endOfChange(old: usize, fresh: usize, from: u32): u32 {
  let i = from;
  while (i + GAP <= <u32>PAGE_BYTES && load<u32>(old + i) != load<u32>(fresh + i)) i++;
  return i + GAP <= <u32>PAGE_BYTES ? i : PAGE_BYTES;
}

/** Writes the differences of the page at `fresh` to that at `old`. Returns their bytes; -1: more than `max`. */
export function encodeDelta(old: usize, fresh: usize, out: usize, max: u32): i32 {
  let at = out;
  let done: u32 = 0;
  for (let from = nextChange(old, fresh, 0); from < <u32>PAGE_BYTES; ) {
    const to = endOfChange(old, fresh, from);
    if (<u32>(at - out) + RUN_HEADER + (to - from) > max) return -1;
    at = putNumber(putNumber(at, from - done), to - from);
    memory.copy(at, fresh + from, to - from);
    at += to - from;
    done = to;
    from = nextChange(old, fresh, to);
  }
  return <i32>(at - out);
}

/** A number as it was read, and where the next byte is; `at` 0: it is cut, or longer than a page needs. */
abstract class Read {
  static value: u32 = 0;
  static at: usize = 0;
}

function readNumber(at: usize, end: usize): bool {
  Read.at = 0;
  if (at >= end) return false;
  const low: u32 = load<u8>(at);
  if (low < 0x80) {
    Read.value = low;
    Read.at = at + 1;
    return true;
  }
  if (at + 1 >= end) return false;
  const high: u32 = load<u8>(at, 1);
  Read.value = (low & 0x7f) | (high << 7);
  Read.at = at + 2;
  return high < 0x80;
}

/** Applies the differences of `bytes` bytes at `from` to `page`. False: they are none; the page is spoilt. */
export function applyDelta(page: usize, from: usize, bytes: u32): bool {
  const end = from + bytes;
  let at = from;
  let done: u32 = 0;
  while (at < end) {
    if (!readNumber(at, end)) return false;
    done += Read.value;
    if (!readNumber(Read.at, end)) return false;
    const run = Read.value;
    at = Read.at;
    if (run == 0 || done + run > <u32>PAGE_BYTES || at + run > end) return false;
    memory.copy(page + done, at, run);
    at += run;
    done += run;
  }
  return true;
}
