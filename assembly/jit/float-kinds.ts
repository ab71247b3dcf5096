/** Which floating-point operations are written as WebAssembly, and what they need. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";

/** What an operation asks of JIT_FLOAT: state on and dirty; also NX set and rounding to nearest. */
const ON: i32 = 1;
const EXACT: i32 = 3;

/** Kinds of OP_FLOAT that are known, by their raw encoding. */
const NONE: i32 = 0;
export const SQRT: i32 = 1;
export const MIN: i32 = 2;
const MAX: i32 = 3;
export const TO_W: i32 = 4;
export const TO_L: i32 = 5;

export function kindOf(raw: u32): i32 {
  const rm = (raw >> 12) & 7;
  const rs2 = (raw >> 20) & 31;
  if ((raw & 0x7f) != 0x53) return NONE;
  switch (raw >> 25) {
    case 0x2d:
      return rs2 == 0 && (rm == 0 || rm == 7) ? SQRT : NONE;
    case 0x15:
      return rm == 0 ? MIN : rm == 1 ? MAX : NONE;
    case 0x61:
      if (rm != 1 || !((raw >> 7) & 31)) return NONE;
      return rs2 == 0 ? TO_W : rs2 == 2 ? TO_L : NONE;
    default:
      return NONE;
  }
}

function isNearest(u: usize): bool {
  const rm = (Uop.raw(u) >> 12) & 7;
  return rm == 0 || rm == 7;
}

/** Can `float.ts` write the operation at `u`? */
export function knowsFloat(u: usize): bool {
  const op = Uop.op(u);
  if (op == ops.OP_FLOAT) return kindOf(Uop.raw(u)) != NONE;
  if (op >= ops.OP_FADD_D && op <= ops.OP_FNMADD_D) return isNearest(u);
  if (op == ops.OP_FCVT_D_W || op == ops.OP_FCVT_D_L) return isNearest(u);
  return op >= ops.OP_FSGNJ_D && op <= ops.OP_FMV_D_X;
}

/** Is the result of the OP_FLOAT with this encoding an integer? */
export function givesInteger(raw: u32): bool {
  return kindOf(raw) >= TO_W;
}

/** What the operation at `u` asks of JIT_FLOAT; 0: nothing. */
export function floatNeeds(u: usize): i32 {
  const op = Uop.op(u);
  if (op == ops.OP_FLOAT)
    return kindOf(Uop.raw(u)) == MIN || kindOf(Uop.raw(u)) == MAX ? ON : EXACT;
  if (op >= ops.OP_FLW && op <= ops.OP_FSD) return ON;
  if (op < ops.OP_FADD_D || op > ops.OP_FCVT_D_L) return 0;
  return op >= ops.OP_FSGNJ_D && op <= ops.OP_FMV_D_X ? ON : EXACT;
}
