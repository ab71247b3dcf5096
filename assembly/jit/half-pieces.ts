/** Halves: 16 bits, boxed in an f register. On the stack they are i32, or f32 with the same value. */
import { close, exitIf, openIf } from "./labels";
import { getF, setF, T0, T32 } from "./locals";
import * as wasm from "./opcodes";
import { byte, const32, const64, constF32, get, set, tee } from "./out";

const BOX: i64 = ~(<i64>0xffff);
const SIGN: i32 = 0x8000;
const MAGNITUDE: i32 = 0x7fff;
const INFINITY: i32 = 0x7c00;
/** From here on a result is normal and was not tiny before it was rounded. */
const SAFE: i32 = 2 << 10;
/** 2^112: between the smallest exponents of half and single. */
const SCALE: f32 = 5192296858534827628530496329220096.0;

/** The bits of the half in `register`; exits through `site` unless it is boxed. */
export function halfBits(register: u32, site: i32): void {
  getF(register);
  byte(wasm.I64_REINTERPRET_F64);
  tee(T0);
  const64(BOX);
  byte(wasm.I64_LT_U);
  exitIf(site);
  get(T0);
  byte(wasm.I32_WRAP_I64);
  const32(SIGN | MAGNITUDE);
  byte(wasm.I32_AND);
}

/** Takes the bits of a half from the stack. */
export function setHalf(register: u32): void {
  byte(wasm.I64_EXTEND_I32_U);
  const64(BOX);
  byte(wasm.I64_OR);
  byte(wasm.F64_REINTERPRET_I64);
  setF(register);
}

/** Exits if the half whose bits are in T32 is NaN, or infinite too if `limit` is INFINITY - 1. */
function exitAbove(limit: i32, site: i32): void {
  get(T32);
  const32(MAGNITUDE);
  byte(wasm.I32_AND);
  const32(limit);
  byte(wasm.I32_GT_U);
  exitIf(site);
}

/** T32 as f32: its exponent and fraction where those of a single are, scaled. Infinity becomes 65536. */
function widen(): void {
  get(T32);
  const32(SIGN);
  byte(wasm.I32_AND);
  const32(16);
  byte(wasm.I32_SHL);
  get(T32);
  const32(MAGNITUDE);
  byte(wasm.I32_AND);
  const32(13);
  byte(wasm.I32_SHL);
  byte(wasm.I32_OR);
  byte(wasm.F32_REINTERPRET_I32);
  constF32(SCALE);
  byte(wasm.F32_MUL);
}

/** The half in `register` as f32; exits through `site` unless it is finite and boxed. */
export function getHalf(register: u32, site: i32): void {
  halfBits(register, site);
  set(T32);
  exitAbove(INFINITY - 1, site);
  widen();
}

/** Likewise for comparisons: 65536 stands for infinity. */
export function getOrdered(register: u32, site: i32): void {
  halfBits(register, site);
  set(T32);
  exitAbove(INFINITY, site);
  widen();
}

/** The half in `register` as an integer in the order of halves, -0 just below 0; exits if it is NaN. */
export function getOrder(register: u32, site: i32): void {
  halfBits(register, site);
  set(T32);
  exitAbove(INFINITY, site);
  get(T32);
  byte(wasm.I32_EXTEND16_S);
  tee(T32);
  get(T32);
  const32(31);
  byte(wasm.I32_SHR_S);
  const32(MAGNITUDE);
  byte(wasm.I32_AND);
  byte(wasm.I32_XOR);
}

/**
 * The f32 on the stack, rounded to a half and put into `register`; exits if it is not finite or tiny. A
 * single rounds sums, products, quotients and roots of halves without harm: it has 24 >= 2 * 11 + 2 bits.
 */
export function setNarrowed32(register: u32, site: i32): void {
  byte(wasm.I32_REINTERPRET_F32);
  byte(wasm.I64_EXTEND_I32_U);
  const64(32);
  byte(wasm.I64_SHL);
  narrow(register, 45, 127 - 15, site);
}

/** Likewise from f64. */
export function setNarrowed64(register: u32, site: i32): void {
  byte(wasm.I64_REINTERPRET_F64);
  narrow(register, 42, 1023 - 15, site);
}

/**
 * Rounds to a half what the i64 on the stack is, from the left: a sign, an exponent larger by `bias`, a
 * fraction with `cut` bits too many in all.
 */
function narrow(register: u32, cut: i64, bias: i32, site: i32): void {
  set(T0);
  const32(0);
  set(T32);
  magnitude();
  byte(wasm.I64_EQZ);
  byte(wasm.I32_EQZ);
  openIf();
  magnitude();
  get(T0);
  const64(cut);
  byte(wasm.I64_SHR_U);
  const64(1);
  byte(wasm.I64_AND);
  byte(wasm.I64_ADD);
  const64(((<i64>1) << (cut - 1)) - 1);
  byte(wasm.I64_ADD);
  const64(cut);
  byte(wasm.I64_SHR_U);
  byte(wasm.I32_WRAP_I64);
  const32(bias << 10);
  byte(wasm.I32_SUB);
  tee(T32);
  const32(SAFE);
  byte(wasm.I32_SUB);
  const32(INFINITY - SAFE);
  byte(wasm.I32_GE_U);
  exitIf(site);
  close();
  get(T0);
  const64(48);
  byte(wasm.I64_SHR_U);
  byte(wasm.I32_WRAP_I64);
  const32(SIGN);
  byte(wasm.I32_AND);
  get(T32);
  byte(wasm.I32_OR);
  setHalf(register);
}

function magnitude(): void {
  get(T0);
  const64(i64.MAX_VALUE);
  byte(wasm.I64_AND);
}
