/** LR, SC and the AMOs (A extension). */
import { pcOf } from "../code/cache";
import { rdOf, rs1Of, rs2Of } from "../isa/fields";
import { Uop } from "../isa/uop";
import { Access, hostOf } from "../mmu/access";
import { ACCESS_LOAD, ACCESS_STORE } from "../mmu/pmp";
import { accessFault, Walk } from "../mmu/walk";
import { getX, hart, NEXT, setX } from "./state";
import { raise } from "./traps";

const LR: u32 = 2;
const SC: u32 = 3;
/** No reservation. */
const NOTHING: u64 = ~0;
const MISALIGNED_LOAD: u64 = 4;
const MISALIGNED_STORE: u64 = 6;

function isKnown(funct5: u32): bool {
  return (funct5 & 3) == 0 || funct5 < 4;
}

/** The new value of an AMO; both operands are sign-extended if the access is of 32 bits. */
function combine(funct5: u32, old: u64, operand: u64): u64 {
  switch (funct5 >> 2) {
    case 0:
      return old + operand;
    case 1:
      return old ^ operand;
    case 2:
      return old | operand;
    case 3:
      return old & operand;
    case 4:
      return <i64>old < <i64>operand ? old : operand;
    case 5:
      return <i64>old > <i64>operand ? old : operand;
    case 6:
      return old < operand ? old : operand;
    default:
      return old > operand ? old : operand;
  }
}

function loadReserved(raw: u32, gva: u64, wide: bool): i32 {
  if (rs2Of(raw)) return raise(2, raw);
  if (gva & (wide ? 7 : 3)) return raise(MISALIGNED_LOAD, gva);
  const host = hostOf(gva, wide ? 8 : 4, ACCESS_LOAD);
  if (!host) return Access.status ? Access.status : raise(accessFault(ACCESS_LOAD), gva);
  const value = wide ? load<u64>(host) : <u64>(<i64>load<i32>(host));
  hart.reservation = Walk.gpa;
  hart.reservedValue = value;
  setX(rdOf(raw), value);
  return NEXT;
}

function storeConditional(raw: u32, host: usize, wide: bool): void {
  const now = wide ? load<u64>(host) : <u64>(<i64>load<i32>(host));
  const held = hart.reservation == Walk.gpa && hart.reservedValue == now;
  hart.reservation = NOTHING;
  if (held) {
    if (wide) store<u64>(host, getX(rs2Of(raw)));
    else store<u32>(host, <u32>getX(rs2Of(raw)));
  }
  setX(rdOf(raw), held ? 0 : 1);
}

/** The AMO, LR or SC at `u`. */
export function atomic(u: usize): i32 {
  const raw = Uop.raw(u);
  hart.pc = pcOf(u);
  const funct5 = raw >> 27;
  const wide = ((raw >> 12) & 1) != 0;
  if (!isKnown(funct5)) return raise(2, raw);
  const gva = getX(rs1Of(raw));
  if (funct5 == LR) return loadReserved(raw, gva, wide);
  if (gva & (wide ? 7 : 3)) return raise(MISALIGNED_STORE, gva);
  const host = hostOf(gva, wide ? 8 : 4, ACCESS_STORE);
  if (!host) return Access.status ? Access.status : raise(accessFault(ACCESS_STORE), gva);
  if (funct5 == SC) {
    storeConditional(raw, host, wide);
    return NEXT;
  }
  const operand = getX(rs2Of(raw));
  const old = wide ? load<u64>(host) : <u64>(<i64>load<i32>(host));
  if (wide) store<u64>(host, funct5 == 1 ? operand : combine(funct5, old, operand));
  else store<u32>(host, <u32>narrow(funct5, old, operand));
  setX(rdOf(raw), old);
  return NEXT;
}

/** A 32-bit AMO: unsigned comparisons look at 32 bits only, which sign extension preserves in order. */
function narrow(funct5: u32, old: u64, operand: u64): u64 {
  if (funct5 == 1) return operand;
  return combine(funct5, old, <u64>(<i64>(<i32>operand)));
}
