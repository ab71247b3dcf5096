/** CSR instructions that translated code does in its place, by a call. */
import { JIT_BASE, JIT_FLOAT, JIT_TAG } from "../../bindings/abi";
import { funct3Of, rdOf, rs1Of } from "../isa/fields";
import { Left } from "../jit/enter";
import { clearHints } from "../jit/hints";
import { currentTag } from "../mmu/contexts";
import { Tlb } from "../mmu/tlb";
import { readCsr, writeCsr } from "./csr";
import { Csr } from "./csr-base";
import { permissions } from "./permissions";
import { Cpu, setX } from "./state";
import { csrValue } from "./system";
import { pendingInterrupts } from "./traps";

/** The instruction is done. */
const DONE: u32 = 0;
/** Nothing was done: it is the interpreter's. */
const NOT_DONE: u32 = 1;
/** It is done, but something has to be looked at behind it. */
const LOOK: u32 = 2;

/** Does translated code hold good after a write that the dispatch loop would have to hear of? */
function goesOn(fetchTag: u64, timer: u64): bool {
  if (pendingInterrupts() || Cpu.timerCycle != timer) return false;
  const tag = currentTag();
  if (Tlb.fetchTag != fetchTag || permissions() != load<u32>(JIT_BASE, JIT_FLOAT)) return false;
  store<u64>(JIT_BASE, tag, JIT_TAG);
  clearHints(tag);
  return true;
}

/**
 * The CSR instruction `raw` with `operand` (register or immediate); `left` is the window in front of it. What it
 * reads is in the hart's register. DONE, NOT_DONE or LOOK.
 */
export function csrInPlace(operand: u64, raw: u32, left: i32): u32 {
  const csr = raw >> 20;
  Cpu.remain = left;
  if (!readCsr(csr)) return NOT_DONE;
  const old = Csr.value;
  const isRead = (funct3Of(raw) & 3) != 1 && rs1Of(raw) == 0;
  if (isRead) {
    setX(rdOf(raw), old);
    return DONE;
  }
  const fetchTag = Tlb.fetchTag;
  const timer = Cpu.timerCycle;
  Csr.redirect = false;
  if (!writeCsr(csr, csrValue(raw, operand, old))) return NOT_DONE;
  setX(rdOf(raw), old);
  if (!Csr.redirect || goesOn(fetchTag, timer)) return DONE;
  Left.isLooking = true;
  return LOOK;
}
