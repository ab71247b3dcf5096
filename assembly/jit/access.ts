/**
 * Loads and stores as WebAssembly: the hit in the TLB, as in `mmu/data.ts`. A miss leaves the function
 * in front of the instruction; the interpreter does it and fills the TLB. Nothing is called: a call in
 * a loop, however cold, costs V8 its registers (measured, docs/decisions.md). A region that turns out
 * to miss all the time is translated again, with calls.
 */
import {
  JIT_BASE,
  JIT_LOAD_HINTS,
  JIT_STORE_HINTS,
  TLB_ENTRIES,
  TLB_LOAD_BASE,
  TLB_STORE_BASE,
} from "../../bindings/abi";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { isLoad, offsetOf, sizeOf } from "./access-kinds";
import { isBoxed, setSingle } from "./boxed";
import { callee, REFILL } from "./calls";
import { close, exitIf, openIf, slowIf } from "./labels";
import { ADDR, getF, getX, SLOT, setF, setX, singleOf, TAG } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { access, byte, const32, const64, get, set, tee } from "./out";

/** How misses of the TLB are met. */
export abstract class Misses {
  /** The region misses so often that a call is better than to leave. */
  static areFrequent: bool = false;
}

function hintsOf(tlb: usize): usize {
  return JIT_BASE + (tlb == TLB_LOAD_BASE ? JIT_LOAD_HINTS : JIT_STORE_HINTS);
}

/** ADDR without the offset in its page, but with the bits that say that it is misaligned. */
function masked(size: u32): void {
  get(ADDR);
  const64(~(<i64>0xfff) | (((<i64>1) << size) - 1));
  byte(wasm.I64_AND);
}

/** Instead of a site: to the slow body of a loop (`copies.ts`). No site is that far from its page. */
export const TO_SLOW: i32 = i32.MIN_VALUE;

/** Looks ADDR up in the TLB at `tlb`; exits through `site` unless it is there. SLOT says where. */
export function lookUp(size: u32, tlb: usize, site: i32): void {
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  const32(8);
  byte(wasm.I32_SHR_U);
  const32((TLB_ENTRIES - 1) << 4);
  byte(wasm.I32_AND);
  tee(SLOT);
  access(wasm.I64_LOAD, 3, tlb);
  masked(size);
  get(TAG);
  byte(wasm.I64_OR);
  byte(wasm.I64_NE);
  if (site == TO_SLOW) return slowIf();
  if (!Misses.areFrequent) return exitIf(site);
  openIf();
  get(ADDR);
  const32(tlb == TLB_LOAD_BASE ? 0 : 1);
  const32(<i32>size);
  byte(wasm.CALL);
  callee(REFILL);
  byte(wasm.I32_EQZ);
  exitIf(site);
  close();
}

/** Leaves the distance of the page of ADDR in linear memory on the stack, by the hint. */
function hinted(hint: i32, size: u32, tlb: usize, site: i32): void {
  const known = hintsOf(tlb) + ((<usize>hint) << 4);
  const32(0);
  access(wasm.I64_LOAD, 3, known);
  masked(size);
  byte(wasm.I64_NE);
  openIf();
  lookUp(size, tlb, site);
  const32(0);
  get(ADDR);
  const64(~(<i64>0xfff));
  byte(wasm.I64_AND);
  access(wasm.I64_STORE, 3, known);
  const32(0);
  get(SLOT);
  access(wasm.I32_LOAD, 2, tlb + 8);
  access(wasm.I32_STORE, 2, known + 8);
  close();
  const32(0);
  access(wasm.I32_LOAD, 2, known + 8);
}

/** Likewise by the TLB. */
function looked(size: u32, tlb: usize, site: i32): void {
  lookUp(size, tlb, site);
  get(SLOT);
  access(wasm.I32_LOAD, 2, tlb + 8);
}

/**
 * Leaves the distance of the page of ADDR, where 1 << `size` bytes are accessed through the TLB at `tlb`, in
 * linear memory on the stack; exits through `site` unless the page is known. `hint` is its hint or -1.
 */
export function distance(hint: i32, size: u32, tlb: usize, site: i32): void {
  if (hint < 0) looked(size, tlb, site);
  else hinted(hint, size, tlb, site);
}

/**
 * Leaves the address in linear memory of the access at `u` on the stack; exits through `site` unless
 * the TLB has it. `hint` is its hint, or -1.
 */
function host(u: usize, hint: i32, site: i32): void {
  const op = Uop.op(u);
  const imm = offsetOf(u);
  const tlb: usize = isLoad(op) ? TLB_LOAD_BASE : TLB_STORE_BASE;
  getX(rs1OfUop(u));
  if (imm) {
    const64(imm);
    byte(wasm.I64_ADD);
  }
  set(ADDR);
  distance(hint, sizeOf(op), tlb, site);
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  byte(wasm.I32_ADD);
}

function loadOpcode(op: i32): u32 {
  switch (op) {
    case ops.OP_LB:
      return wasm.I64_LOAD8_S;
    case ops.OP_LH:
      return wasm.I64_LOAD16_S;
    case ops.OP_LW:
      return wasm.I64_LOAD32_S;
    case ops.OP_LD:
      return wasm.I64_LOAD;
    case ops.OP_LBU:
      return wasm.I64_LOAD8_U;
    case ops.OP_LHU:
      return wasm.I64_LOAD16_U;
    default:
      return wasm.I64_LOAD32_U;
  }
}

function storeOpcode(op: i32): u32 {
  switch (op) {
    case ops.OP_SB:
      return wasm.I64_STORE8;
    case ops.OP_SH:
      return wasm.I64_STORE16;
    case ops.OP_SW:
      return wasm.I64_STORE32;
    default:
      return wasm.I64_STORE;
  }
}

/** The load or store at `u`; `hint` is its hint or -1. A miss exits through `site`. */
export function memoryAccess(u: usize, hint: i32, site: i32): void {
  host(u, hint, site);
  move(u, 0);
}

/** Moves between the register of the access at `u` and the address on the stack + `offset`. */
export function move(u: usize, offset: usize): void {
  const op = Uop.op(u);
  if (op >= ops.OP_FLW) return moveFloat(u, op, offset);
  if (isLoad(op)) {
    access(loadOpcode(op), sizeOf(op), offset);
    return setX(rdOfUop(u));
  }
  getX(rs2OfUop(u));
  access(storeOpcode(op), sizeOf(op), offset);
}

/** Likewise an f register. Singles are boxed. */
function moveFloat(u: usize, op: i32, offset: usize): void {
  if (op == ops.OP_FLD) {
    access(wasm.F64_LOAD, 3, offset);
    return setF(rdOfUop(u));
  }
  if (op == ops.OP_FLW) {
    access(wasm.F32_LOAD, 2, offset);
    return setSingle(rdOfUop(u));
  }
  if (op == ops.OP_FSW && isBoxed(rs2OfUop(u))) {
    get(singleOf(rs2OfUop(u)));
    return access(wasm.F32_STORE, 2, offset);
  }
  getF(rs2OfUop(u));
  if (op == ops.OP_FSD) return access(wasm.F64_STORE, 3, offset);
  byte(wasm.I64_REINTERPRET_F64);
  access(wasm.I64_STORE32, 2, offset);
}
