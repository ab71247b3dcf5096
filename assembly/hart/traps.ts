/** Taking traps: exceptions, interrupts, delegation (privileged manual, 3.1.6-3.1.9, 4.1). */
import * as abi from "../../bindings/abi";
import { Cpu, count, hart, LEAVE, REDIRECT } from "./state";

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

function enterSupervisor(cause: u64, tval: u64): void {
  hart.scause = cause;
  hart.sepc = hart.pc;
  hart.stval = tval;
  let status = hart.mstatus & ~(SPIE | SPP | SIE);
  if (hart.mstatus & SIE) status |= SPIE;
  if (hart.priv) status |= SPP;
  hart.mstatus = status;
  hart.priv = abi.PRIV_S;
  hart.pc = vector(hart.stvec, cause);
}

function enterMachine(cause: u64, tval: u64): void {
  hart.mcause = cause;
  hart.mepc = hart.pc;
  hart.mtval = tval;
  let status = hart.mstatus & ~(MPIE | MPP | MIE);
  if (hart.mstatus & MIE) status |= MPIE;
  hart.mstatus = status | ((<u64>hart.priv) << MPP_SHIFT);
  hart.priv = abi.PRIV_M;
  hart.pc = vector(hart.mtvec, cause);
}

/** Raises exception `cause` at `hart.pc`. REDIRECT, or LEAVE if only the VMM could handle it. */
export function raise(cause: u64, tval: u64): i32 {
  hart.unretired++;
  count(abi.HART_TRAPS);
  if (hart.priv <= abi.PRIV_S && (hart.medeleg >> cause) & 1) {
    enterSupervisor(cause, tval);
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
  return pending & abi.IRQ_SSI ? 1 : 5;
}

/** Interrupts that are pending and enabled in mie, whatever the privilege. */
export function pendingInterrupts(): u64 {
  return (hart.mip | hart.lines) & hart.mie;
}

/** Takes the most urgent interrupt, if there is one that may be taken now. */
export function takeInterrupt(): bool {
  const pending = pendingInterrupts();
  if (!pending) return false;
  const forMachine = pending & ~hart.mideleg;
  if (forMachine && (hart.priv < abi.PRIV_M || hart.mstatus & MIE)) {
    count(abi.HART_INTERRUPTS);
    enterMachine(INTERRUPT | mostUrgent(forMachine), 0);
    return true;
  }
  const forSupervisor = pending & hart.mideleg;
  const open = hart.priv < abi.PRIV_S || (hart.priv == abi.PRIV_S && (hart.mstatus & SIE) != 0);
  if (!forSupervisor || !open) return false;
  count(abi.HART_INTERRUPTS);
  enterSupervisor(INTERRUPT | mostUrgent(forSupervisor), 0);
  return true;
}

/** MRET at `hart.pc`. */
export function returnFromMachine(): void {
  const to = <i32>(hart.mstatus >> MPP_SHIFT) & 3;
  let status = hart.mstatus & ~(MIE | MPP);
  if (hart.mstatus & MPIE) status |= MIE;
  if (to != abi.PRIV_M) status &= ~((<u64>1) << 17);
  hart.mstatus = status | MPIE;
  hart.priv = to;
  hart.pc = hart.mepc;
}

/** SRET at `hart.pc`. */
export function returnFromSupervisor(): void {
  const to: i32 = hart.mstatus & SPP ? 1 : 0;
  let status = hart.mstatus & ~(SIE | SPP | ((<u64>1) << 17));
  if (hart.mstatus & SPIE) status |= SIE;
  hart.mstatus = status | SPIE;
  hart.priv = to;
  hart.pc = hart.sepc;
}
