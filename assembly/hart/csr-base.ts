/** What reading and writing any CSR shares: the result, and floating point's switch in mstatus. */
import { IRQ_SSI, IRQ_STI, IRQ_VSEI, IRQ_VSSI, IRQ_VSTI, PRIV_M } from "../../bindings/abi";
import { guestSstcOn, refreshTimer, sstcOn } from "./counters";
import { hart, hyp } from "./state";

export const FS: u64 = 3 << 13;
export const TVM: u64 = 1 << 20;
/** SD UXL MXR SUM FS SPP SPIE SIE, and those of them that can be written. */
export const SSTATUS: u64 = 0x80000003000c6122;
export const SSTATUS_WRITABLE: u64 = 0xc6122;
/** Interrupts of supervisors, of their guests, and of both in mip and mie. */
export const S_INTERRUPTS: u64 = 0x222;
export const VS_INTERRUPTS: u64 = IRQ_VSSI | IRQ_VSTI | IRQ_VSEI;
/** FIOM, CBIE, CBCFE, CBZE: what all three of menvcfg, henvcfg and senvcfg have. */
export const ENVCFG: u64 = 0xf1;
/** ADUE, PBMTE, STCE: what menvcfg and henvcfg have beside it. */
export const ENVCFG_MEMORY: u64 = (<u64>7) << 61;
export const VSSI: u64 = IRQ_VSSI;
const CBIE: u64 = 0x30;
/** CBIE takes no value that is none. */
const CBIE_RESERVED: u64 = 0x20;

export abstract class Csr {
  /** Value of the last read. */
  static value: u64 = 0;
  /** The last write changed something that the dispatch loop must hear of. */
  static redirect: bool = false;
  /** The last access that was refused is a virtual instruction, not an illegal one. */
  static isVirtual: bool = false;
}

export function give(value: u64): bool {
  Csr.value = value;
  return true;
}

/** Refuses an access that HS-mode would be allowed, but its guest is not. */
export function refuseGuest(): bool {
  Csr.isVirtual = true;
  return false;
}

/** A write changed what the dispatch loop depends on. */
export function redirected(): bool {
  Csr.redirect = true;
  return true;
}

/** mstatus, sstatus or vsstatus as read: SD says that FS is Dirty, UXL is 64 bits. */
export function statusAsRead(status: u64): u64 {
  const value = status | ((<u64>2) << 32);
  return (value & FS) == FS ? value | (1 << 63) : value;
}

/** The new value of an xenvcfg register of which `mask` can be written. */
export function envcfg(old: u64, value: u64, mask: u64): u64 {
  const writable = (value & CBIE) == CBIE_RESERVED ? mask & ~CBIE : mask;
  return (old & ~writable) | (value & writable);
}

export function writeInterruptEnable(value: u64, mask: u64): bool {
  hart.mie = (hart.mie & ~mask) | (value & mask);
  return redirected();
}

export function writeInterruptPending(value: u64, mask: u64): bool {
  const writable = sstcOn() ? mask & ~(<u64>IRQ_STI) : mask;
  hart.mip = (hart.mip & ~writable) | (value & writable);
  return redirected();
}

/** What of sip a supervisor may write. */
export function writableSip(): u64 {
  return hart.mideleg & IRQ_SSI;
}

/** May stimecmp or vstimecmp be touched from here with V = 0, or by a guest as far as M-mode has a say? */
function timerAllowed(): bool {
  return hart.priv == PRIV_M || (sstcOn() && (hart.mcounteren & 2) != 0);
}

/** Likewise, by number: 0x14d is the guest's own when V = 1. */
export function comparatorAllowed(): bool {
  if (!timerAllowed()) return false;
  if (!hart.virt || (guestSstcOn() && (hyp.hcounteren & 2) != 0)) return true;
  return refuseGuest();
}

export function writeComparator(value: u64, isGuests: bool): bool {
  if (isGuests) hyp.vstimecmp = value;
  else hart.stimecmp = value;
  refreshTimer();
  return redirected();
}
