/** Contents of pages: zero test, comparison, hashes; at the speed of memory. */
import { PAGE_BYTES } from "../../bindings/abi";

/** Is the page at `frame` all zero? Four 128-bit words at a time. */
export function isZero(frame: usize): bool {
  for (let at = frame; at < frame + PAGE_BYTES; at += 64) {
    const a = v128.or(v128.load(at), v128.load(at, 16));
    const b = v128.or(v128.load(at, 32), v128.load(at, 48));
    if (v128.any_true(v128.or(a, b))) return false;
  }
  return true;
}

/** Have two frames the same contents? */
export function isEqual(a: usize, b: usize): bool {
  for (let at: usize = 0; at < <usize>PAGE_BYTES; at += 32) {
    const low = v128.xor(v128.load(a + at), v128.load(b + at));
    const high = v128.xor(v128.load(a + at, 16), v128.load(b + at, 16));
    if (v128.any_true(v128.or(low, high))) return false;
  }
  return true;
}

export const FACTOR: u64 = 0x517cc1b727220a95;

/** Goes on with `hash` over the page at `frame`. */
export function hashFrame(hash: u64, frame: usize): u64 {
  let result = hash;
  for (let at = frame; at < frame + PAGE_BYTES; at += 8)
    result = (rotl(result, 5) ^ load<u64>(at)) * FACTOR;
  return result;
}

/** Hash of one page: four lanes, because a multiplication waits for the one before. */
export function digestFrame(frame: usize): u64 {
  let a: u64 = 1;
  let b: u64 = 2;
  let c: u64 = 3;
  let d: u64 = 4;
  for (let at = frame; at < frame + PAGE_BYTES; at += 32) {
    a = (rotl(a, 5) ^ load<u64>(at)) * FACTOR;
    b = (rotl(b, 5) ^ load<u64>(at, 8)) * FACTOR;
    c = (rotl(c, 5) ^ load<u64>(at, 16)) * FACTOR;
    d = (rotl(d, 5) ^ load<u64>(at, 24)) * FACTOR;
  }
  return mix(mix(a ^ rotl(b, 16)) ^ mix(c ^ rotl(d, 16)));
}

export function mix(value: u64): u64 {
  const a = (value ^ (value >> 32)) * 0xd6e8feb86659fd93;
  return a ^ (a >> 32);
}
