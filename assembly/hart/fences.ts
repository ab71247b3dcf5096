/**
 * Fences of address translation: SFENCE.VMA, HFENCE.VVMA, HFENCE.GVMA, and the parts that Svinval
 * takes them apart into. SINVAL and HINVAL do what the whole fence does; their brackets do nothing.
 */
import { PRIV_M, PRIV_U } from "../../bindings/abi";
import { funct7Of, rdOf, rs1Of, rs2Of } from "../isa/fields";
import { ANY, fenceAddress, fenceGuest, fenceNative, vmidOf } from "../mmu/contexts";
import { getX, hart, hyp, REDIRECT } from "./state";
import { raise } from "./traps";

const ILLEGAL: u64 = 2;
const VIRTUAL: u64 = 22;
const TVM: u64 = 1 << 20;
const VTVM: u64 = 1 << 20;
const ASID: u64 = 0xffff;

const SFENCE_VMA: u32 = 0x09;
const SINVAL_VMA: u32 = 0x0b;
const SINVAL_BRACKET: u32 = 0x0c;
const HFENCE_VVMA: u32 = 0x11;
const HINVAL_VVMA: u32 = 0x13;
const HFENCE_GVMA: u32 = 0x31;
const HINVAL_GVMA: u32 = 0x33;

/** Is funct7 of a SYSTEM instruction with funct3 = 0 that of a fence? */
export function isFence(raw: u32): bool {
  switch (funct7Of(raw)) {
    case SFENCE_VMA:
    case SINVAL_VMA:
    case HFENCE_VVMA:
    case HINVAL_VVMA:
    case HFENCE_GVMA:
    case HINVAL_GVMA:
      return rdOf(raw) == 0;
    case SINVAL_BRACKET:
      return rdOf(raw) == 0 && rs1Of(raw) == 0 && rs2Of(raw) < 2;
    default:
      return false;
  }
}

/** The exception that the fence `raw` is from here; 0: it may run. */
function refused(raw: u32): u64 {
  const funct7 = funct7Of(raw);
  const isOfSupervisor = funct7 <= SINVAL_BRACKET;
  if (hart.virt) {
    if (!isOfSupervisor || hart.priv == PRIV_U) return VIRTUAL;
    return funct7 != SINVAL_BRACKET && hyp.hstatus & VTVM ? VIRTUAL : 0;
  }
  if (hart.priv == PRIV_U) return ILLEGAL;
  if (hart.priv == PRIV_M || !(hart.mstatus & TVM)) return 0;
  const isTrapped = funct7 == SFENCE_VMA || funct7 == SINVAL_VMA;
  return isTrapped || funct7 == HFENCE_GVMA || funct7 == HINVAL_GVMA ? ILLEGAL : 0;
}

/** The only stage, or the guest's first one, of the present VMID. */
function fenceFirst(raw: u32, isGuests: bool): void {
  if (rs1Of(raw) && fenceAddress(getX(rs1Of(raw)))) return;
  const asid = rs2Of(raw) ? getX(rs2Of(raw)) & ASID : ANY;
  if (isGuests) fenceGuest(vmidOf(hyp.hgatp), asid);
  else fenceNative(asid);
}

/** The second stage: entries do not remember which guest physical address they came by, so all go. */
function fenceSecond(raw: u32): void {
  fenceGuest(rs2Of(raw) ? vmidOf(getX(rs2Of(raw)) << 44) : ANY, ANY);
}

/** The fence `raw` at `hart.pc`. */
export function fence(raw: u32): i32 {
  const cause = refused(raw);
  if (cause) return raise(cause, raw);
  switch (funct7Of(raw)) {
    case SFENCE_VMA:
    case SINVAL_VMA:
      fenceFirst(raw, hart.virt != 0);
      break;
    case HFENCE_VVMA:
    case HINVAL_VVMA:
      fenceFirst(raw, true);
      break;
    case HFENCE_GVMA:
    case HINVAL_GVMA:
      fenceSecond(raw);
      break;
    default:
      break;
  }
  hart.pc += 4;
  return REDIRECT;
}
