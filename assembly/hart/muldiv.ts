/** M extension: results that are more than one Wasm instruction (unprivileged manual, 12). */

import { mulHigh } from "../float/exact64";

/** Sign-extends the low 32 bits. */
export function sext(value: u32): u64 {
  return <u64>(<i64>(<i32>value));
}

export function mulhu(a: u64, b: u64): u64 {
  return mulHigh(a, b);
}

export function mulh(a: u64, b: u64): u64 {
  return mulhu(a, b) - (<i64>a < 0 ? b : 0) - (<i64>b < 0 ? a : 0);
}

export function mulhsu(a: u64, b: u64): u64 {
  return mulhu(a, b) - (<i64>a < 0 ? b : 0);
}

export function div(a: u64, b: u64): u64 {
  if (!b) return ~0;
  if (b == ~0) return 0 - a;
  return <u64>(<i64>a / <i64>b);
}

export function divu(a: u64, b: u64): u64 {
  return b ? a / b : ~0;
}

export function rem(a: u64, b: u64): u64 {
  if (!b) return a;
  return b == ~0 ? 0 : <u64>(<i64>a % <i64>b);
}

export function remu(a: u64, b: u64): u64 {
  return b ? a % b : a;
}

export function divw(a: i32, b: i32): u64 {
  if (!b) return ~0;
  return sext(b == -1 ? 0 - a : a / b);
}

export function divuw(a: u32, b: u32): u64 {
  return b ? sext(a / b) : ~0;
}

export function remw(a: i32, b: i32): u64 {
  if (!b) return sext(a);
  return b == -1 ? 0 : sext(a % b);
}

export function remuw(a: u32, b: u32): u64 {
  return sext(b ? a % b : a);
}
