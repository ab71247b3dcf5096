/** Taking traps: exceptions, interrupts, delegation (privileged manual, 3.1.6-3.1.9, 4.1). */
import * as abi from "../../bindings/abi";
import { dataIsGuests } from "../mmu/contexts";
import { Walk } from "../mmu/walk";
import { enterGuest, guestStatus, leaveGuest, setGuestStatus } from "./guest-mode";
import { Cpu, count, hart, hyp, LEAVE, REDIRECT } from "./state";
import { transformed } from "./transformed";

const SIE: u64 = 1 << 1;
const MIE: u64 = 1 << 3;
const SPIE: u64 = 1 << 5;
const MPIE: u64 = 1 << 7;
const SPP: u64 = 1 << 8;
const MPP_SHIFT: u32 = 11;
const MPP: u64 = 3 << 11;
const INTERRUPT: u64 = 1 << 63;

function vector(base: u64, cause: u64): u64 {
  const start = base & ~3;
  if (base & 1 && cause & INTERRUPT) return start + ((cause & 63) << 2);
  return start;
}

const SPP_BIT: u32 = 8;
const MPRV: u64 = 1 << 17;
const MPV: u64 = 1 << 39;
const MGVA: u64 = 1 << 38;
const HSTATUS_GVA: u64 = 1 << 6;
const SPV: u64 = 1 << 7;
const SPVP: u64 = 1 << 8;
/** Exceptions by what tval holds: the address of a load or store, an address of code. */
const OF_DATA: u64 = 0xa0a0f0;
const OF_CODE: u64 = 0x10100b;
const GUEST_PAGE_FAULTS: u64 = 0xb00000;

/** What a trap leaves beside cause, epc and tval. */
abstract class Detail {
  /** tval holds an address of the guest's. */
  static ofGuest: bool = false;
  /** For htval and mtval2, and for htinst and mtinst. */
  static gpa: u64 = 0;
  static inst: u64 = 0;
}

function noDetail(): void {
  Detail.ofGuest = false;
  Detail.gpa = 0;
  Detail.inst = 0;
}

/** Before the mode changes: what the H extension tells about this exception. */
function findDetail(cause: u64, tval: u64): void {
  noDetail();
  const bit = (<u64>1) << cause;
  const isData = (bit & OF_DATA) != 0;
  if (isData) Detail.ofGuest = Walk.forced != 0 || dataIsGuests();
  else if (bit & OF_CODE) Detail.ofGuest = hart.virt != 0;
  let pseudo: u64 = 0;
  if (bit & GUEST_PAGE_FAULTS) {
    Detail.gpa = Walk.faultGpa >> 2;
    pseudo = Walk.pseudo;
  }
  if (pseudo) Detail.inst = pseudo;
  else if (isData) Detail.inst = transformed(tval);
  Walk.forced = 0;
}

/** The status register of the mode that a trap enters, from its value before. */
function stacked(status: u64): u64 {
  let next = status & ~(SPIE | SPP | SIE);
  if (status & SIE) next |= SPIE;
  return hart.priv ? next | SPP : next;
}

function enterSupervisor(cause: u64, tval: u64): void {
  hart.scause = cause;
  hart.sepc = hart.pc;
  hart.stval = tval;
  let status = hyp.hstatus & ~(SPV | HSTATUS_GVA);
  if (hart.virt) status = (status & ~SPVP) | SPV | ((<u64>hart.priv) << SPP_BIT);
  if (Detail.ofGuest) status |= HSTATUS_GVA;
  hyp.hstatus = status;
  hyp.htval = Detail.gpa;
  hyp.htinst = Detail.inst;
  leaveGuest();
  hart.mstatus = stacked(hart.mstatus);
  hart.priv = abi.PRIV_S;
  hart.pc = vector(hart.stvec, cause);
}

/** A trap that HS-mode has delegated to its guest. */
function enterGuestSupervisor(cause: u64, tval: u64): void {
  hyp.vscause = cause;
  hyp.vsepc = hart.pc;
  hyp.vstval = tval;
  setGuestStatus(stacked(guestStatus()));
  hart.priv = abi.PRIV_S;
  hart.pc = vector(hyp.vstvec, cause);
}

function enterMachine(cause: u64, tval: u64): void {
  hart.mcause = cause;
  hart.mepc = hart.pc;
  hart.mtval = tval;
  hyp.mtval2 = Detail.gpa;
  hyp.mtinst = Detail.inst;
  const wasGuest = hart.virt;
  leaveGuest();
  let status = hart.mstatus & ~(MPIE | MPP | MIE | MPV | MGVA);
  if (hart.mstatus & MIE) status |= MPIE;
  if (wasGuest) status |= MPV;
  if (Detail.ofGuest) status |= MGVA;
  hart.mstatus = status | ((<u64>hart.priv) << MPP_SHIFT);
  hart.priv = abi.PRIV_M;
  hart.pc = vector(hart.mtvec, cause);
}

/** Raises exception `cause` at `hart.pc`. REDIRECT, or LEAVE if only the VMM could handle it. */
export function raise(cause: u64, tval: u64): i32 {
  hart.unretired++;
  count(abi.HART_TRAPS);
  findDetail(cause, tval);
  if (hart.priv <= abi.PRIV_S && (hart.medeleg >> cause) & 1) {
    if (hart.virt && (hyp.hedeleg >> cause) & 1) enterGuestSupervisor(cause, tval);
    else enterSupervisor(cause, tval);
    return REDIRECT;
  }
  if (hart.firmware == abi.FIRMWARE_VMM) {
    hart.mcause = cause;
    hart.mepc = hart.pc;
    hart.mtval = tval;
    Cpu.exit = abi.EXIT_FATAL_TRAP;
    return LEAVE;
  }
  enterMachine(cause, tval);
  return REDIRECT;
}

/** The most urgent of the interrupts in `pending` (3.1.9). */
function mostUrgent(pending: u64): u64 {
  if (pending & abi.IRQ_MEI) return 11;
  if (pending & abi.IRQ_MSI) return 3;
  if (pending & abi.IRQ_MTI) return 7;
  if (pending & abi.IRQ_SEI) return 9;
  if (pending & abi.IRQ_SSI) return 1;
  if (pending & abi.IRQ_STI) return 5;
  if (pending & abi.IRQ_VSEI) return 10;
  return pending & abi.IRQ_VSSI ? 2 : 6;
}

/** Interrupts that are pending and enabled in mie, whatever the privilege. */
export function pendingInterrupts(): u64 {
  return (hart.mip | hart.lines) & hart.mie;
}

/** Are the interrupts of a supervisor open that has `status`? */
function isOpen(status: u64): bool {
  return hart.priv == abi.PRIV_U || (hart.priv == abi.PRIV_S && (status & SIE) != 0);
}

/** Takes the most urgent interrupt, if there is one that may be taken now. */
export function takeInterrupt(): bool {
  const pending = pendingInterrupts();
  if (!pending) return false;
  noDetail();
  const forMachine = pending & ~hart.mideleg;
  if (forMachine && (hart.priv < abi.PRIV_M || hart.mstatus & MIE)) {
    count(abi.HART_INTERRUPTS);
    enterMachine(INTERRUPT | mostUrgent(forMachine), 0);
    return true;
  }
  const delegated = pending & hart.mideleg;
  const forSupervisor = delegated & ~hyp.hideleg;
  if (forSupervisor && (hart.virt || isOpen(hart.mstatus))) {
    count(abi.HART_INTERRUPTS);
    enterSupervisor(INTERRUPT | mostUrgent(forSupervisor), 0);
    return true;
  }
  const forGuest = delegated & hyp.hideleg;
  if (!forGuest || !hart.virt || !isOpen(hyp.vsstatus)) return false;
  count(abi.HART_INTERRUPTS);
  // The guest sees them one number lower: as SEI, SSI and STI.
  enterGuestSupervisor(INTERRUPT | (mostUrgent(forGuest) - 1), 0);
  return true;
}

/** MRET at `hart.pc`. */
export function returnFromMachine(): void {
  const to = <i32>(hart.mstatus >> MPP_SHIFT) & 3;
  const isGuest = to != abi.PRIV_M && (hart.mstatus & MPV) != 0;
  let status = hart.mstatus & ~(MIE | MPP | MPV);
  if (hart.mstatus & MPIE) status |= MIE;
  if (to != abi.PRIV_M) status &= ~MPRV;
  hart.mstatus = status | MPIE;
  hart.priv = to;
  hart.pc = hart.mepc;
  if (isGuest) enterGuest();
}

/** A supervisor's status register after its SRET. */
function unstacked(status: u64): u64 {
  const next = (status & ~(SIE | SPP)) | SPIE;
  return status & SPIE ? next | SIE : next;
}

/** SRET at `hart.pc`. */
export function returnFromSupervisor(): void {
  if (hart.virt) {
    hart.priv = guestStatus() & SPP ? 1 : 0;
    setGuestStatus(unstacked(hyp.vsstatus));
    hart.mstatus &= ~MPRV;
    hart.pc = hyp.vsepc;
    return;
  }
  hart.priv = hart.mstatus & SPP ? 1 : 0;
  hart.mstatus = unstacked(hart.mstatus) & ~MPRV;
  hart.pc = hart.sepc;
  if (hyp.hstatus & SPV) enterGuest();
  hyp.hstatus &= ~SPV;
}
