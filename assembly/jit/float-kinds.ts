/**
 * Floating-point operations by their encoding: what they do, on which registers, and whether they are
 * written as WebAssembly or called for (`perform.ts`).
 */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";

/** What an operation asks of JIT_FLOAT: state on and dirty; also NX set and rounding to nearest. */
const ON: i32 = 1;
const EXACT: i32 = 3;

// Kinds: bits 31 to 27 of OP-FP, and one for the fused ones, which have major opcodes.
// 0x00: ADD
export const SUB: u32 = 0x01;
export const MUL: u32 = 0x02;
export const DIV: u32 = 0x03;
export const SIGN: u32 = 0x04;
export const MIN_MAX: u32 = 0x05;
export const CONVERT: u32 = 0x08;
export const SQRT: u32 = 0x0b;
export const COMPARE: u32 = 0x14;
export const TO_INTEGER: u32 = 0x18;
export const FROM_INTEGER: u32 = 0x1a;
/** FMV to an x register, or FCLASS. */
export const TO_X: u32 = 0x1c;
export const FROM_X: u32 = 0x1e;
export const FUSED: u32 = 0x20;

/** Formats, as the encodings number them. */
export const SINGLE: u32 = 0;
export const DOUBLE: u32 = 1;
export const HALF: u32 = 2;

/** Rounding modes of instructions. */
const NEAREST: u32 = 0;
export const ZERO: u32 = 1;
export const DOWN: u32 = 2;
export const UP: u32 = 3;
const MAX_MAGNITUDE: u32 = 4;
/** As frm says; code that needs EXACT runs only if it says to nearest. */
const DYNAMIC: u32 = 7;

export function isFloat(op: i32): bool {
  return op == ops.OP_FLOAT || (op >= ops.OP_FADD_D && op <= ops.OP_FCVT_D_L);
}

export function kindOf(raw: u32): u32 {
  return (raw & 0x7f) == 0x53 ? raw >> 27 : FUSED;
}
export function formatOf(raw: u32): u32 {
  return (raw >> 25) & 3;
}
/** The format that a conversion between formats begins with. */
export function sourceOf(raw: u32): u32 {
  return (raw >> 20) & 3;
}
export function modeOf(raw: u32): u32 {
  return (raw >> 12) & 7;
}
function isNearest(raw: u32): bool {
  return modeOf(raw) == NEAREST || modeOf(raw) == DYNAMIC;
}
function hasRd(raw: u32): bool {
  return ((raw >> 7) & 31) != 0;
}

function isRounding(kind: u32): bool {
  return (
    kind <= DIV ||
    kind == SQRT ||
    kind == CONVERT ||
    kind == TO_INTEGER ||
    kind == FROM_INTEGER ||
    kind == FUSED
  );
}

/** Is the conversion to a wider format, or of 32-bit integers to double? */
function isExact(raw: u32): bool {
  if (kindOf(raw) == FROM_INTEGER) return formatOf(raw) == DOUBLE && ((raw >> 20) & 31) < 2;
  if (kindOf(raw) != CONVERT) return false;
  return formatOf(raw) == DOUBLE || sourceOf(raw) == HALF;
}

/** Is the floating-point operation at `u` translated? Not with a rounding mode that does not exist. */
export function knowsFloat(u: usize): bool {
  const mode = modeOf(Uop.raw(u));
  return !isRounding(kindOf(Uop.raw(u))) || mode <= MAX_MAGNITUDE || mode == DYNAMIC;
}

/** Is the operation written as WebAssembly? Else it is called for. */
export function isInPlace(raw: u32): bool {
  switch (kindOf(raw)) {
    case SIGN:
    case MIN_MAX:
    case FROM_X:
      return true;
    case COMPARE:
      return hasRd(raw);
    case TO_X:
      return hasRd(raw) && modeOf(raw) == 0;
    case TO_INTEGER:
      return hasRd(raw) && modeOf(raw) != MAX_MAGNITUDE;
    default:
      return isExact(raw) || isNearest(raw);
  }
}

/** What the operation at `u` asks of JIT_FLOAT; 0: nothing. */
export function floatNeeds(u: usize): i32 {
  const op = Uop.op(u);
  if ((op >= ops.OP_FLW && op <= ops.OP_FSD) || op == ops.OP_FLH || op == ops.OP_FSH) return ON;
  if (!isFloat(op)) return 0;
  const raw = Uop.raw(u);
  if (!isInPlace(raw) || !isRounding(kindOf(raw))) return ON;
  return isExact(raw) && modeOf(raw) != DYNAMIC ? ON : EXACT;
}

// Which of its registers an operation reads; what is not an integer result is in an f register.
export const INTEGER_1: u32 = 1;
export const FLOAT_1: u32 = 2;
export const FLOAT_2: u32 = 4;
export const FLOAT_3: u32 = 8;
export const INTEGER_RESULT: u32 = 16;

export function operandsOf(raw: u32): u32 {
  switch (kindOf(raw)) {
    case CONVERT:
    case SQRT:
      return FLOAT_1;
    case COMPARE:
      return FLOAT_1 | FLOAT_2 | INTEGER_RESULT;
    case TO_INTEGER:
    case TO_X:
      return FLOAT_1 | INTEGER_RESULT;
    case FROM_INTEGER:
    case FROM_X:
      return INTEGER_1;
    case FUSED:
      return FLOAT_1 | FLOAT_2 | FLOAT_3;
    default:
      return FLOAT_1 | FLOAT_2;
  }
}

/** Does the operation read singles where it is written as WebAssembly? */
export function readsSingles(raw: u32): bool {
  const kind = kindOf(raw);
  if (kind == CONVERT) return sourceOf(raw) == SINGLE;
  return formatOf(raw) == SINGLE && kind != TO_X && kind != FROM_INTEGER && kind != FROM_X;
}

/** Does it write one? */
export function writesSingle(raw: u32): bool {
  return formatOf(raw) == SINGLE && !(operandsOf(raw) & INTEGER_RESULT);
}
