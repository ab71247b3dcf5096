/**
 * Pieces that the translations of floating-point operations are made of. Values of singles and of halves,
 * which are widened, are f32 on the stack and in temporaries, doubles are f64.
 */
import { JIT_BASE, JIT_FLOAT } from "../../bindings/abi";
import { getSingle, setSingle } from "./boxed";
import { DOUBLE, HALF } from "./float-kinds";
import { getHalf } from "./half-pieces";
import { close, exitIf, openIf } from "./labels";
import { FLOAT, getF, Locals, setF } from "./locals";
import * as wasm from "./opcodes";
import { access, byte, const32, const64, constF32, constF64, get, set } from "./out";

const EXPONENT: i64 = 0x7ff0000000000000;
const EXPONENT32: i32 = 0x7f800000;
/** How far the operations of f32 stand in front of those of f64, and likewise comparisons. */
const TO_F32: u32 = wasm.F64_ADD - wasm.F32_ADD;
const COMPARISON_TO_F32: u32 = wasm.F64_EQ - wasm.F32_EQ;

/** Temporaries, behind the registers: of both types, then of f64 only. */
export const A: u32 = 0;
export const B: u32 = 1;
export const C: u32 = 2;
export const RESULT: u32 = 3;
export const PRODUCT: u32 = 4;
export const SUM: u32 = 5;
export const A_HIGH: u32 = 6;
export const B_HIGH: u32 = 7;
export const REST: u32 = 8;

function temporary(format: u32, index: u32): u32 {
  return (format == DOUBLE ? Locals.f0 : Locals.s0) + index;
}
export function getT(format: u32, index: u32): void {
  get(temporary(format, index));
}
export function setT(format: u32, index: u32): void {
  set(temporary(format, index));
}
/** The arithmetic `opcode`, which is that of f64. */
export function operate(format: u32, opcode: u32): void {
  byte(format == DOUBLE ? opcode : opcode - TO_F32);
}
/** Likewise a comparison. */
export function relate(format: u32, opcode: u32): void {
  byte(format == DOUBLE ? opcode : opcode - COMPARISON_TO_F32);
}

/** The value in an f register; exits through `site` unless it is boxed, or if a half is infinite or NaN. */
export function value(format: u32, register: u32, site: i32): void {
  if (format == DOUBLE) getF(register);
  else if (format == HALF) getHalf(register, site);
  else getSingle(register, site);
}
/** Takes a double or single from the stack. */
export function result(format: u32, register: u32): void {
  if (format == DOUBLE) setF(register);
  else setSingle(register);
}

export function bits(format: u32, index: u32): void {
  getT(format, index);
  byte(format == DOUBLE ? wasm.I64_REINTERPRET_F64 : wasm.I32_REINTERPRET_F32);
}

export function isNonzero(format: u32, index: u32): void {
  getT(format, index);
  if (format == DOUBLE) constF64(0);
  else constF32(0);
  relate(format, wasm.F64_NE);
}

/** Is |temporary `index`| below `limit`? NaN is not. */
export function below(index: u32, limit: f64): void {
  getT(DOUBLE, index);
  byte(wasm.F64_ABS);
  constF64(limit);
  byte(wasm.F64_LT);
}

/** Exits if one of the temporaries A and B is NaN. */
export function ordered(format: u32, site: i32): void {
  getT(format, A);
  getT(format, A);
  relate(format, wasm.F64_NE);
  getT(format, B);
  getT(format, B);
  relate(format, wasm.F64_NE);
  byte(wasm.I32_OR);
  exitIf(site);
}

/** Exits if the number on the stack, RESULT, is infinite or NaN. */
export function finite(format: u32, site: i32): void {
  setT(format, RESULT);
  bits(format, RESULT);
  if (format == DOUBLE) {
    const64(EXPONENT);
    byte(wasm.I64_AND);
    const64(EXPONENT);
    byte(wasm.I64_EQ);
  } else {
    const32(EXPONENT32);
    byte(wasm.I32_AND);
    const32(EXPONENT32);
    byte(wasm.I32_EQ);
  }
  exitIf(site);
}

/** Opens an `if` for a RESULT that is not normal and well above the smallest. */
export function ifUnsafe(format: u32): void {
  bits(format, RESULT);
  if (format == DOUBLE) {
    const64(1);
    byte(wasm.I64_SHL);
    const64((<i64>2) << 53);
    byte(wasm.I64_SUB);
    const64((<i64>0x7fd) << 53);
    byte(wasm.I64_GE_U);
  } else {
    const32(1);
    byte(wasm.I32_SHL);
    const32(2 << 24);
    byte(wasm.I32_SUB);
    const32(0xfd << 24);
    byte(wasm.I32_GE_U);
  }
  openIf();
}

/**
 * Takes RESULT from the stack. Exits unless it is normal and well above the smallest, or zero because A (or
 * B, if `or`) is.
 */
export function safe(format: u32, or: bool, site: i32): void {
  setT(format, RESULT);
  ifUnsafe(format);
  isNonzero(format, RESULT);
  isNonzero(format, A);
  if (or) {
    isNonzero(format, B);
    byte(wasm.I32_AND);
  }
  byte(wasm.I32_OR);
  exitIf(site);
  close();
}

/** Exits through `site` unless JIT_FLOAT has what is needed. */
export function checkFloat(needs: i32, site: i32): void {
  get(FLOAT);
  const32(needs);
  byte(wasm.I32_AND);
  const32(needs);
  byte(wasm.I32_NE);
  exitIf(site);
}

export function loadFloatState(): void {
  const32(0);
  access(wasm.I32_LOAD, 2, JIT_BASE + JIT_FLOAT);
  set(FLOAT);
}
