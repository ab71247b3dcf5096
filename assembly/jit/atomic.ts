/**
 * AMO, LR and SC as WebAssembly. Harts of a guest run in turn, so an AMO is a load and a store; a
 * reservation does not outlive a slice.
 */
import {
  HART_BASE,
  HART_RESERVATION,
  HART_RESERVED_VALUE,
  TLB_LOAD_BASE,
  TLB_STORE_BASE,
} from "../../bindings/abi";
import { Uop } from "../isa/uop";
import { gfnsOf } from "../mmu/tlb";
import { lookUp } from "./access";
import { ADDR, getX, SLOT, setX, T0, T32 } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { access, byte, const32, const64, get, set, tee } from "./out";

const ADD: u32 = 0x00;
const SWAP: u32 = 0x01;
const LR: u32 = 0x02;
const SC: u32 = 0x03;
const XOR: u32 = 0x04;
const OR: u32 = 0x08;
const MIN: u32 = 0x10;
const MAX: u32 = 0x14;
const MINU: u32 = 0x18;
const MAXU: u32 = 0x1c;

function funct5Of(raw: u32): u32 {
  return raw >> 27;
}

/** Does this file know the OP_AMO at `u`? */
export function knowsAtomic(u: usize): bool {
  const raw = Uop.raw(u);
  const funct5 = funct5Of(raw);
  if (funct5 == LR) return !rs2OfUop(u);
  return funct5 <= SC || ((funct5 & 3) == 0 && funct5 <= MAXU);
}

/** Leaves rs2 on the stack as the operand: the low half sign-extended if the access is of 32 bits. */
function operand(u: usize, wide: bool): void {
  getX(rs2OfUop(u));
  if (!wide) byte(wasm.I64_EXTEND32_S);
}

/** The new value, from the old one in T0 and the operand. */
function combine(u: usize, funct5: u32, wide: bool): void {
  if (funct5 == SWAP) return operand(u, wide);
  get(T0);
  operand(u, wide);
  if (funct5 < MIN) return byte(plain(funct5));
  get(T0);
  operand(u, wide);
  byte(comparison(funct5));
  byte(wasm.SELECT);
}

function plain(funct5: u32): u32 {
  if (funct5 == ADD) return wasm.I64_ADD;
  if (funct5 == XOR) return wasm.I64_XOR;
  return funct5 == OR ? wasm.I64_OR : wasm.I64_AND;
}

function comparison(funct5: u32): u32 {
  if (funct5 == MIN) return wasm.I64_LT_S;
  if (funct5 == MAX) return wasm.I64_GT_S;
  return funct5 == MINU ? wasm.I64_LT_U : wasm.I64_GT_U;
}

function address(tlb: usize): void {
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  get(SLOT);
  access(wasm.I32_LOAD, 2, tlb + 8);
  byte(wasm.I32_ADD);
}

function loadOld(wide: bool): void {
  access(wide ? wasm.I64_LOAD : wasm.I64_LOAD32_S, wide ? 3 : 2, 0);
}

function storeNew(wide: bool): void {
  access(wide ? wasm.I64_STORE : wasm.I64_STORE32, wide ? 3 : 2, 0);
}

/** Leaves the guest physical address of the access, found in the TLB at `tlb`, on the stack. */
function physical(tlb: usize): void {
  get(SLOT);
  const32(2);
  byte(wasm.I32_SHR_U);
  access(wasm.I64_LOAD32_U, 2, gfnsOf(tlb));
  const64(12);
  byte(wasm.I64_SHL);
  get(ADDR);
  const64(0xfff);
  byte(wasm.I64_AND);
  byte(wasm.I64_OR);
}

function loadReserved(u: usize, wide: bool): void {
  address(TLB_LOAD_BASE);
  loadOld(wide);
  set(T0);
  const32(0);
  physical(TLB_LOAD_BASE);
  access(wasm.I64_STORE, 3, HART_BASE + HART_RESERVATION);
  const32(0);
  get(T0);
  access(wasm.I64_STORE, 3, HART_BASE + HART_RESERVED_VALUE);
  result(u);
}

/** rd gets T0. */
function result(u: usize): void {
  if (!rdOfUop(u)) return;
  get(T0);
  setX(rdOfUop(u));
}

function storeConditional(u: usize, wide: bool): void {
  address(TLB_STORE_BASE);
  tee(T32);
  loadOld(wide);
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_RESERVED_VALUE);
  byte(wasm.I64_NE);
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_RESERVATION);
  physical(TLB_STORE_BASE);
  byte(wasm.I64_NE);
  byte(wasm.I32_OR);
  byte(wasm.I64_EXTEND_I32_U);
  set(T0);
  const32(0);
  const64(-1);
  access(wasm.I64_STORE, 3, HART_BASE + HART_RESERVATION);
  get(T0);
  byte(wasm.I64_EQZ);
  byte(wasm.IF);
  byte(wasm.VOID);
  get(T32);
  getX(rs2OfUop(u));
  storeNew(wide);
  byte(wasm.END);
  result(u);
}

/** The AMO, LR or SC at `u`; exits through `site` if the TLB does not have its page. */
export function atomic(u: usize, site: i32): void {
  const raw = Uop.raw(u);
  const funct5 = funct5Of(raw);
  const wide = ((raw >> 12) & 1) != 0;
  getX(rs1OfUop(u));
  set(ADDR);
  const tlb: usize = funct5 == LR ? TLB_LOAD_BASE : TLB_STORE_BASE;
  lookUp(wide ? 3 : 2, tlb, site);
  if (funct5 == LR) return loadReserved(u, wide);
  if (funct5 == SC) return storeConditional(u, wide);
  address(tlb);
  tee(T32);
  loadOld(wide);
  set(T0);
  get(T32);
  combine(u, funct5, wide);
  storeNew(wide);
  result(u);
}
