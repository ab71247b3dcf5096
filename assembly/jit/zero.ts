/** CBO.ZERO (Zicboz) as WebAssembly: how Linux clears pages. */
import { TLB_STORE_BASE } from "../../bindings/abi";
import { OP_SYSTEM } from "../isa/ops";
import { Uop } from "../isa/uop";
import { lookUp } from "./access";
import { ADDR, getX, SLOT, T32 } from "./locals";
import * as wasm from "./opcodes";
import { rs1OfUop } from "./operands";
import { access, byte, const64, get, set } from "./out";

const BLOCK: i64 = 64;
/** In JIT_FLOAT: it may be used. */
export const MAY_ZERO: i32 = 4;

/** Is the operation at `u` a CBO.ZERO? */
export function isZero(u: usize): bool {
  return Uop.op(u) == OP_SYSTEM && (Uop.raw(u) & 0xfff07fff) == 0x0040200f;
}

/** The CBO.ZERO at `u`; exits through `site` if the TLB does not have its page. */
export function zero(u: usize, site: i32): void {
  getX(rs1OfUop(u));
  const64(-BLOCK);
  byte(wasm.I64_AND);
  set(ADDR);
  lookUp(3, TLB_STORE_BASE, site);
  get(ADDR);
  byte(wasm.I32_WRAP_I64);
  get(SLOT);
  access(wasm.I32_LOAD, 2, TLB_STORE_BASE + 8);
  byte(wasm.I32_ADD);
  set(T32);
  for (let at: usize = 0; at < <usize>BLOCK; at += 8) {
    get(T32);
    const64(0);
    access(wasm.I64_STORE, 3, at);
  }
}
