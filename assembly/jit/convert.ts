/** Conversions between formats, and from and to integers, as WebAssembly. */
import { Uop } from "../isa/uop";
import { getSingle, setSingle } from "./boxed";
import * as kinds from "./float-kinds";
import { A, below, finite, getT, ifUnsafe, isNonzero, RESULT, setT, value } from "./float-pieces";
import { getHalf, setNarrowed32, setNarrowed64 } from "./half-pieces";
import { close, exitIf } from "./labels";
import { getF, getX, setF, setX } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop } from "./operands";
import { byte, constF64 } from "./out";

const TWO_31: f64 = 2147483648.0;
const TWO_32: f64 = 4294967296.0;
const TWO_63: f64 = 9223372036854775808.0;
const TWO_64: f64 = 18446744073709551616.0;

/** FCVT between formats: exact to a wider one, rounded to nearest to a narrower one. */
export function convert(u: usize, site: i32): void {
  const raw = Uop.raw(u);
  const from = kinds.sourceOf(raw);
  const to = kinds.formatOf(raw);
  const rd = rdOfUop(u);
  if (from == kinds.HALF) {
    getHalf(rs1OfUop(u), site);
    if (to == kinds.SINGLE) return setSingle(rd);
    byte(wasm.F64_PROMOTE_F32);
    return setF(rd);
  }
  if (to == kinds.HALF) {
    value(from, rs1OfUop(u), site);
    if (from == kinds.SINGLE) return setNarrowed32(rd, site);
    return setNarrowed64(rd, site);
  }
  if (to == kinds.SINGLE) return demote(u, site);
  getSingle(rs1OfUop(u), site);
  finite(kinds.SINGLE, site);
  getT(kinds.SINGLE, RESULT);
  byte(wasm.F64_PROMOTE_F32);
  setF(rd);
}

function demote(u: usize, site: i32): void {
  getF(rs1OfUop(u));
  byte(wasm.F32_DEMOTE_F64);
  setT(kinds.SINGLE, RESULT);
  getF(rs1OfUop(u));
  setT(kinds.DOUBLE, A);
  ifUnsafe(kinds.SINGLE);
  isNonzero(kinds.DOUBLE, A);
  exitIf(site);
  close();
  getT(kinds.SINGLE, RESULT);
  setSingle(rdOfUop(u));
}

/** Is A, after rounding, in what an unsigned integer below `limit` can be? */
function isNatural(limit: f64): void {
  getT(kinds.DOUBLE, A);
  constF64(-1);
  byte(wasm.F64_GT);
  getT(kinds.DOUBLE, A);
  constF64(limit);
  byte(wasm.F64_LT);
  byte(wasm.I32_AND);
}

/** Rounds the f64 on the stack to an integer; toward zero, the conversion itself does so. */
function round(mode: u32): void {
  if (mode == kinds.ZERO) return;
  byte(mode == kinds.DOWN ? wasm.F64_FLOOR : mode == kinds.UP ? wasm.F64_CEIL : wasm.F64_NEAREST);
}

/** FCVT to an integer; exits if it does not fit. */
export function toInteger(u: usize, format: u32, site: i32): void {
  const size = kinds.sourceOf(Uop.raw(u)); // W, WU, L, LU
  value(format, rs1OfUop(u), site);
  if (format != kinds.DOUBLE) byte(wasm.F64_PROMOTE_F32);
  round(kinds.modeOf(Uop.raw(u)));
  setT(kinds.DOUBLE, A);
  if (size & 1) isNatural(size == 1 ? TWO_32 : TWO_64);
  else below(A, size == 0 ? TWO_31 : TWO_63);
  byte(wasm.I32_EQZ);
  exitIf(site);
  getT(kinds.DOUBLE, A);
  byte(size == 3 ? wasm.I64_TRUNC_F64_U : wasm.I64_TRUNC_F64_S);
  if (size == 1) byte(wasm.I64_EXTEND32_S);
  setX(rdOfUop(u));
}

/** FCVT from an integer. */
export function fromInteger(u: usize, format: u32, site: i32): void {
  const size = kinds.sourceOf(Uop.raw(u));
  const base = format == kinds.SINGLE ? wasm.F32_CONVERT_I32_S : wasm.F64_CONVERT_I32_S;
  getX(rs1OfUop(u));
  if (size < 2) byte(wasm.I32_WRAP_I64);
  byte(base + size); // They stand in this order there, too.
  if (format == kinds.SINGLE) setSingle(rdOfUop(u));
  else if (format == kinds.DOUBLE) setF(rdOfUop(u));
  // 53 bits are more than a half can have: what is rounded before is too large for it.
  else setNarrowed64(rdOfUop(u), site);
}
