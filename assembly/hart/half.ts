/** Zfh: register access with NaN boxing at 16 bits, then the arithmetic of `float/f16.ts`. */
import * as h from "../float/f16";
import { NAN16, SIGN16 } from "../float/format";
import { funct3Of, funct7Of, rdOf, rs1Of, rs2Of } from "../isa/fields";
import { getF, getX, setF, setX } from "./state";

const BOX: u64 = 0xffffffffffff0000;
const BOX_SINGLE: u64 = 0xffffffff00000000;

/** The half in a register: the canonical NaN unless it is boxed. */
export function halfOf(index: u32): u32 {
  const value = getF(index);
  return value >= BOX ? <u32>value & 0xffff : NAN16;
}
function setHalf(index: u32, value: u32): void {
  setF(index, BOX | <u64>value);
}

/** The four fused multiply-adds. */
export function fusedHalf(raw: u32, rm: u32): void {
  const flipProduct: u32 = (raw & 0x7f) >= 0x4b ? SIGN16 : 0;
  const flipAddend: u32 = (raw & 0x7f) == 0x47 || (raw & 0x7f) == 0x4f ? SIGN16 : 0;
  const product = halfOf(rs1Of(raw)) ^ flipProduct;
  setHalf(rdOf(raw), h.f16Fma(product, halfOf(rs2Of(raw)), halfOf(raw >> 27) ^ flipAddend, rm));
}

function toInteger(raw: u32, rm: u32): u64 {
  const a = halfOf(rs1Of(raw));
  switch (rs2Of(raw)) {
    case 0:
      return h.f16ToI32(a, rm);
    case 1:
      return h.f16ToU32(a, rm);
    case 2:
      return h.f16ToI64(a, rm);
    default:
      return h.f16ToU64(a, rm);
  }
}

function fromInteger(raw: u32, rm: u32): u32 {
  const x = getX(rs1Of(raw));
  switch (rs2Of(raw)) {
    case 0:
      return h.f16FromI32(x, rm);
    case 1:
      return h.f16FromU32(x, rm);
    case 2:
      return h.f16FromI64(x, rm);
    default:
      return h.f16FromU64(x, rm);
  }
}

/** FCVT.H.S, FCVT.H.D */
function narrowed(raw: u32, rm: u32): u32 {
  const value = getF(rs1Of(raw));
  if (rs2Of(raw) == 1) return h.f64ToF16(value, rm);
  return h.f32ToF16(value >= BOX_SINGLE ? <u32>value : 0x7fc00000, rm);
}

/** OP-FP of format H with a rounding mode, by funct7. False: not one of them. */
export function roundedHalf(raw: u32, rm: u32): bool {
  const a = halfOf(rs1Of(raw));
  const b = halfOf(rs2Of(raw));
  const rd = rdOf(raw);
  switch (funct7Of(raw)) {
    case 0x02:
      setHalf(rd, h.f16Add(a, b, rm));
      return true;
    case 0x06:
      setHalf(rd, h.f16Sub(a, b, rm));
      return true;
    case 0x0a:
      setHalf(rd, h.f16Mul(a, b, rm));
      return true;
    case 0x0e:
      setHalf(rd, h.f16Div(a, b, rm));
      return true;
    case 0x2e:
      setHalf(rd, h.f16Sqrt(a, rm));
      return true;
    case 0x22:
      setHalf(rd, narrowed(raw, rm));
      return true;
    case 0x62:
      setX(rd, toInteger(raw, rm));
      return true;
    case 0x6a:
      setHalf(rd, fromInteger(raw, rm));
      return true;
    default:
      return false;
  }
}

function signInjection(raw: u32, a: u32, b: u32): void {
  const kind = funct3Of(raw);
  const sign = kind == 0 ? b & SIGN16 : kind == 1 ? ~b & SIGN16 : (a ^ b) & SIGN16;
  setHalf(rdOf(raw), (a & ~SIGN16) | sign);
}

function compare(raw: u32, a: u32, b: u32): u64 {
  const kind = funct3Of(raw);
  return kind == 0 ? h.f16Le(a, b) : kind == 1 ? h.f16Lt(a, b) : h.f16Eq(a, b);
}

/** FMV.X.H, FCLASS.H */
function moveOrClassify(raw: u32, a: u32): u64 {
  if (funct3Of(raw)) return h.f16Classify(a);
  return <u64>(<i64>(<i16>getF(rs1Of(raw))));
}

/** OP-FP of format H without a rounding mode, by funct7. False: not one of them. */
export function unroundedHalf(raw: u32): bool {
  const a = halfOf(rs1Of(raw));
  const b = halfOf(rs2Of(raw));
  const rd = rdOf(raw);
  switch (funct7Of(raw)) {
    case 0x12:
      signInjection(raw, a, b);
      return true;
    case 0x16:
      setHalf(rd, funct3Of(raw) ? h.f16Max(a, b) : h.f16Min(a, b));
      return true;
    case 0x52:
      setX(rd, compare(raw, a, b));
      return true;
    case 0x72:
      setX(rd, moveOrClassify(raw, a));
      return true;
    case 0x7a:
      setHalf(rd, <u32>getX(rs1Of(raw)) & 0xffff);
      return true;
    default:
      return false;
  }
}
