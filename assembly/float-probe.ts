// Compiled only by test/float.test.ts and scripts/float-oracle.mjs: the arithmetic of assembly/float
// as exports, and loops that time it.
import { f64Add, f64Div, f64Fma, f64Mul, f64Sqrt } from "./float/f64";
import { FpFlags } from "./float/flags";

export * from "./float/f16";
export * from "./float/f32";
export * from "./float/f64";

export function flags(): u32 {
  return FpFlags.bits;
}

export function setFlags(bits: u32): void {
  FpFlags.bits = bits;
}

/** Where the timed loops find their operands: the caller fills one page. */
export const OPERANDS: usize = 1024;
const MASK: usize = 4095;

function operand(index: usize): u64 {
  return load<u64>(OPERANDS + ((index << 3) & MASK));
}

/** Loads and combines operands only: what the loops below cost themselves. */
export function timeNothing(count: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) all ^= operand(i) + operand(i + 1);
  return all;
}

export function timeAdd(count: u32, rm: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) all ^= f64Add(operand(i), operand(i + 1), rm);
  return all;
}

export function timeMul(count: u32, rm: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) all ^= f64Mul(operand(i), operand(i + 1), rm);
  return all;
}

export function timeDiv(count: u32, rm: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) all ^= f64Div(operand(i), operand(i + 1), rm);
  return all;
}

export function timeSqrt(count: u32, rm: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) all ^= f64Sqrt(operand(i), rm);
  return all;
}

export function timeFma(count: u32, rm: u32): u64 {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++)
    all ^= f64Fma(operand(i), operand(i + 1), operand(i + 2), rm);
  return all;
}
