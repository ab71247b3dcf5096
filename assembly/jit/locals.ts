/**
 * The locals of a translated function. Registers that the region uses live in locals: loaded at the
 * entry, written back where the function ends or calls.
 *
 *   param 0 i32  window in bytes of micro-operations (8 an instruction), falls as instructions are done
 *   param 1 i64  gva of the entry's page: all addresses of code are said relative to it
 *   param 2 i32  how many calls may be nested
 *   result  i32  what is left of the window | 1 if the interpreter must do the instruction at pc
 */
import { HART_BASE, HART_F, HART_X } from "../../bindings/abi";
import * as wasm from "./opcodes";
import { Used } from "./operands";
import { access, byte, const32, const64, get, set, unsigned } from "./out";

export const LEFT: u32 = 0;
export const BASE: u32 = 1;
export const DEPTH: u32 = 2;
/** Which exit was taken: offset from BASE in halfwords << 16 | what LEFT lacks, in instructions (i16). */
export const SITE: u32 = 3;
/** Offset of a TLB entry, and a temporary. */
export const SLOT: u32 = 4;
export const T32: u32 = 5;
/** What floating point may be done here: JIT_FLOAT. */
export const FLOAT: u32 = 6;
/** Address of the access at hand; tag of data accesses; pc to go on at; temporaries. */
export const ADDR: u32 = 7;
export const TAG: u32 = 8;
export const PC: u32 = 9;
export const T0: u32 = 10;
export const T1: u32 = 11;
export const T2: u32 = 12;
export const T3: u32 = 13;
const FIRST: u32 = 14;
const I32_TEMPORARIES: u32 = 4;
const I64_TEMPORARIES: u32 = 7;
const FLOAT_TEMPORARIES: u32 = 9;
const SINGLE_TEMPORARIES: u32 = 4;
/** Pointers into linear memory (`copies.ts`). */
const HOSTS: u32 = 6;

/** Local of each x and f register, and of each single in an f register. */
const LOCALS: usize = memory.data(96);

export abstract class Locals {
  static i64Count: u32 = 0;
  static f64Count: u32 = 0;
  /** f64 temporaries follow the registers. */
  static f0: u32 = 0;
  /** Behind them the singles and their temporaries. */
  static f32Count: u32 = 0;
  static s0: u32 = 0;
  /** Behind all else the pointers. */
  static hosts: u32 = 0;
  /** f registers whose single is up to date in its local, at the place that is being written. */
  static boxed: u32 = 0;
}

/** The local for the pointer of group `index`. */
export function hostOf(index: i32): u32 {
  return Locals.hosts + <u32>index;
}

/** Gives every used register its local. */
export function placeRegisters(): void {
  Used.x &= ~1;
  Used.xWritten &= ~1;
  let next = FIRST;
  for (let r: u32 = 1; r < 32; r++) {
    if (!((Used.x >> r) & 1)) continue;
    store<u8>(LOCALS + r, <u8>next);
    next++;
  }
  Locals.i64Count = next - FIRST + I64_TEMPORARIES;
  const floats = next;
  for (let r: u32 = 0; r < 32; r++) {
    if (!((Used.f >> r) & 1)) continue;
    store<u8>(LOCALS + 32 + r, <u8>next);
    next++;
  }
  Locals.f0 = next;
  Locals.f64Count = next - floats + FLOAT_TEMPORARIES;
  placeSingles(next + FLOAT_TEMPORARIES);
}

function placeSingles(first: u32): void {
  let next = first;
  for (let r: u32 = 0; r < 32; r++) {
    if (!((Used.single >> r) & 1)) continue;
    store<u8>(LOCALS + 64 + r, <u8>next);
    next++;
  }
  Locals.s0 = next;
  Locals.f32Count = Used.f ? next - first + SINGLE_TEMPORARIES : 0;
  Locals.hosts = first + Locals.f32Count;
  Locals.boxed = 0;
}

/** Declares the locals: groups of one type. */
export function declareLocals(): void {
  unsigned(5);
  group(I32_TEMPORARIES, wasm.TYPE_I32);
  group(Locals.i64Count, wasm.TYPE_I64);
  group(Locals.f64Count, wasm.TYPE_F64);
  group(Locals.f32Count, wasm.TYPE_F32);
  group(HOSTS, wasm.TYPE_I32);
}

function group(count: u32, type: u32): void {
  unsigned(count);
  byte(type);
}

export function getX(register: u32): void {
  if (register == 0) return const64(0);
  get(load<u8>(LOCALS + register));
}
export function setX(register: u32): void {
  set(load<u8>(LOCALS + register));
}
export function getF(register: u32): void {
  get(load<u8>(LOCALS + 32 + register));
}
export function setF(register: u32): void {
  set(load<u8>(LOCALS + 32 + register));
  Locals.boxed &= ~((<u32>1) << register);
}
/** The local of the single in f register `register`. */
export function singleOf(register: u32): u32 {
  return load<u8>(LOCALS + 64 + register);
}

/** Loads all used registers from the hart. */
export function loadRegisters(): void {
  for (let r: u32 = 1; r < 32; r++) {
    if (!((Used.x >> r) & 1)) continue;
    const32(0);
    access(wasm.I64_LOAD, 3, HART_BASE + HART_X + (r << 3));
    setX(r);
  }
  for (let r: u32 = 0; r < 32; r++) {
    if (!((Used.f >> r) & 1)) continue;
    const32(0);
    access(wasm.F64_LOAD, 3, HART_BASE + HART_F + (r << 3));
    setF(r);
  }
}

/** Writes the registers back that the region writes. */
export function storeRegisters(): void {
  for (let r: u32 = 1; r < 32; r++) {
    if (!((Used.xWritten >> r) & 1)) continue;
    const32(0);
    getX(r);
    access(wasm.I64_STORE, 3, HART_BASE + HART_X + (r << 3));
  }
  for (let r: u32 = 0; r < 32; r++) {
    if (!((Used.fWritten >> r) & 1)) continue;
    const32(0);
    getF(r);
    access(wasm.F64_STORE, 3, HART_BASE + HART_F + (r << 3));
  }
}
