/** What of the operations of halves is not like that of singles: on their bits. */

import { TLB_LOAD_BASE, TLB_STORE_BASE } from "../../bindings/abi";
import { immI, immS } from "../isa/fields";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { lookUp } from "./access";
import * as kinds from "./float-kinds";
import { A, B, setT } from "./float-pieces";
import { getOrder, getOrdered, halfBits, setHalf } from "./half-pieces";
import { ADDR, getF, getX, SLOT, setX, T32 } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop, rs2OfUop } from "./operands";
import { access, byte, const32, const64, get, set, tee } from "./out";

const SIGN: i32 = 0x8000;
const MAGNITUDE: i32 = 0x7fff;
const BITS: i32 = 0xffff;

/** Leaves both operands, widened, in A and B; exits if one is NaN. */
export function halvesOrdered(u: usize, site: i32): void {
  getOrdered(rs1OfUop(u), site);
  setT(kinds.HALF, A);
  getOrdered(rs2OfUop(u), site);
  setT(kinds.HALF, B);
}

export function halfMinMax(u: usize, site: i32): void {
  getOrder(rs1OfUop(u), site);
  set(SLOT);
  getOrder(rs2OfUop(u), site);
  set(T32);
  get(SLOT);
  get(T32);
  get(SLOT);
  get(T32);
  byte(kinds.modeOf(Uop.raw(u)) ? wasm.I32_GT_S : wasm.I32_LT_S);
  byte(wasm.SELECT);
  // Back from the order to bits.
  tee(T32);
  get(T32);
  const32(31);
  byte(wasm.I32_SHR_S);
  const32(MAGNITUDE);
  byte(wasm.I32_AND);
  byte(wasm.I32_XOR);
  const32(BITS);
  byte(wasm.I32_AND);
  setHalf(rdOfUop(u));
}

/** FSGNJ.H, FSGNJN.H, FSGNJX.H */
export function halfSigns(u: usize, site: i32): void {
  const mode = kinds.modeOf(Uop.raw(u));
  halfBits(rs1OfUop(u), site);
  if (mode < 2) {
    const32(MAGNITUDE);
    byte(wasm.I32_AND);
  }
  halfBits(rs2OfUop(u), site);
  const32(SIGN);
  byte(wasm.I32_AND);
  byte(wasm.I32_XOR);
  if (mode == 1) {
    const32(SIGN);
    byte(wasm.I32_XOR);
  }
  setHalf(rdOfUop(u));
}

export function halfToX(u: usize): void {
  getF(rs1OfUop(u));
  byte(wasm.I64_REINTERPRET_F64);
  byte(wasm.I64_EXTEND16_S);
  setX(rdOfUop(u));
}

export function halfFromX(u: usize): void {
  getX(rs1OfUop(u));
  byte(wasm.I32_WRAP_I64);
  const32(BITS);
  byte(wasm.I32_AND);
  setHalf(rdOfUop(u));
}

/** FLH or FSH; a miss of the TLB exits through `site`. */
export function halfAccess(u: usize, site: i32): void {
  const raw = Uop.raw(u);
  const isLoad = Uop.op(u) == ops.OP_FLH;
  const tlb: usize = isLoad ? TLB_LOAD_BASE : TLB_STORE_BASE;
  getX(rs1OfUop(u));
  const64(<i64>(isLoad ? immI(raw) : immS(raw)));
  byte(wasm.I64_ADD);
  set(ADDR);
  lookUp(1, tlb, site);
  get(SLOT);
  access(wasm.I32_LOAD, 2, tlb + 8);
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  byte(wasm.I32_ADD);
  if (isLoad) {
    access(wasm.I32_LOAD16_U, 1, 0);
    return setHalf(rdOfUop(u));
  }
  getF(rs2OfUop(u));
  byte(wasm.I64_REINTERPRET_F64);
  access(wasm.I64_STORE16, 1, 0);
}
