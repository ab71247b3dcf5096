/** Control and status registers: who may read and write what (privileged manual, 2), and M-mode's own. */
import * as abi from "../../bindings/abi";
import { FpFlags } from "../float/flags";
import { flushAll } from "../mmu/contexts";
import { counterValue, hpmEvent, refreshTimer, setCounter, setHpmEvent } from "./counters";
import {
  Csr,
  ENVCFG,
  ENVCFG_MEMORY,
  envcfg,
  FS,
  give,
  redirected,
  refuseGuest,
  statusAsRead,
  TVM,
  VS_INTERRUPTS,
  VSSI,
  writeInterruptEnable,
  writeInterruptPending,
} from "./csr-base";
import { readGuest, writeGuest } from "./csr-guest";
import { readHypervisor, writeHypervisor } from "./csr-hypervisor";
import { readSupervisor, writeStatus, writeSupervisor } from "./csr-supervisor";
import { hart, hyp } from "./state";

/** All that sstatus has, and TSR TW TVM MPRV MPP MPIE MIE, and MPV GVA. */
const MSTATUS_WRITABLE: u64 = 0xc0007e79aa;
const SXL: u64 = (<u64>2) << 34;
const MISA: u64 = ((<u64>2) << 62) | 0x1411ad; // RV64 A C D F H I M S U
const DELEGABLE_EXCEPTIONS: u64 = 0xf0b7ff;
const DELEGABLE_INTERRUPTS: u64 = 0x222;
const M_INTERRUPTS: u64 = 0xaaa;
const PMP_ADDRESS: u64 = (1 << 54) - 1;
/** What turns the number of a supervisor CSR into that of the guest's. */
const TO_GUESTS: u32 = 0x100;

/** Floating point state may be used (mstatus.FS is not Off). */
export function floatOn(): bool {
  return (hart.mstatus & FS) != 0;
}

/** Floating point state may be changed without a note: it is Dirty already. */
export function isFloatDirty(): bool {
  return (hart.mstatus & FS) == FS && !hart.virt;
}

/** Floating point state was changed. */
export function floatDirty(): void {
  hart.mstatus |= FS;
}

/** May counter `index` (0 cycle, 1 time, 2 instret, ...) be read from the present privilege? */
function counterAllowed(index: u32): bool {
  if (hart.priv == abi.PRIV_M) return true;
  if (!((hart.mcounteren >> index) & 1)) return false;
  const fromUser = hart.priv != abi.PRIV_U || ((hart.scounteren >> index) & 1) != 0;
  if (!hart.virt) return fromUser;
  return fromUser && (hyp.hcounteren >> index) & 1 ? true : refuseGuest();
}

function readCounter(csr: u32): bool {
  const index = csr & 31;
  if (csr >= 0xc00 ? !counterAllowed(index) : index == 1) return false;
  return give(counterValue(index));
}

function readFloat(csr: u32): bool {
  if (!floatOn()) return false;
  if (csr == 1) return give(FpFlags.bits);
  return give(csr == 2 ? hart.frm : (hart.frm << 5) | FpFlags.bits);
}

function readMachine(csr: u32): bool {
  switch (csr) {
    case 0x300:
      return give(statusAsRead(hart.mstatus) | SXL);
    case 0x301:
      return give(MISA);
    case 0x302:
      return give(hart.medeleg);
    case 0x303:
      return give(hart.mideleg | VS_INTERRUPTS);
    case 0x304:
      return give(hart.mie);
    case 0x305:
      return give(hart.mtvec);
    case 0x306:
      return give(hart.mcounteren);
    case 0x30a:
      return give(hart.menvcfg);
    case 0x320:
      return give(0);
    case 0x340:
      return give(hart.mscratch);
    case 0x341:
      return give(hart.mepc);
    case 0x342:
      return give(hart.mcause);
    case 0x343:
      return give(hart.mtval);
    case 0x34a:
      return give(hyp.mtinst);
    case 0x34b:
      return give(hyp.mtval2);
    case 0x344:
      return give(hart.mip | hart.lines);
    case 0xf11:
    case 0xf12:
    case 0xf13:
    case 0xf15:
      return give(0);
    case 0xf14:
      return give(hart.id);
    default:
      return readMachineArray(csr);
  }
}

/** tselect, tdata1-3: there are no triggers, and type 0 in tdata1 says so. */
function isTrigger(csr: u32): bool {
  return csr >= 0x7a0 && csr <= 0x7a3;
}

function readMachineArray(csr: u32): bool {
  if (csr >= 0x323 && csr <= 0x33f) return give(hpmEvent(csr & 31));
  if (isTrigger(csr)) return give(0);
  if (csr == 0x3a0) return give(hart.pmpcfg0);
  if (csr == 0x3a2) return give(hart.pmpcfg2);
  if (csr >= 0x3b0 && csr <= 0x3bf) return give(load<u64>(pmpaddrAt(csr - 0x3b0)));
  return false;
}

function pmpaddrAt(index: u32): usize {
  return <usize>(abi.HART_BASE + abi.HART_PMPADDR) + ((<usize>index) << 3);
}

function writeFloat(csr: u32, value: u64): bool {
  if (csr == 1 || csr == 3) FpFlags.bits = <u32>value & 31;
  if (csr == 2) hart.frm = <u32>value & 7;
  if (csr == 3) hart.frm = <u32>(value >> 5) & 7;
  floatDirty();
  return true;
}

function writeMachine(csr: u32, value: u64): bool {
  switch (csr) {
    case 0x300:
      return writeStatus(value, MSTATUS_WRITABLE);
    case 0x301:
    case 0x320:
      return true;
    case 0x302:
      hart.medeleg = value & DELEGABLE_EXCEPTIONS;
      return true;
    case 0x303:
      hart.mideleg = (value & DELEGABLE_INTERRUPTS) | VS_INTERRUPTS;
      return redirected();
    case 0x304:
      return writeInterruptEnable(value, M_INTERRUPTS | VS_INTERRUPTS);
    case 0x305:
      if ((value & 3) < 2) hart.mtvec = value;
      return true;
    case 0x306:
      hart.mcounteren = <u32>value;
      return true;
    case 0x30a:
      return writeMenvcfg(value);
    case 0x340:
      hart.mscratch = value;
      return true;
    case 0x341:
      hart.mepc = value & ~1;
      return true;
    case 0x342:
      hart.mcause = value;
      return true;
    case 0x343:
      hart.mtval = value;
      return true;
    case 0x34a:
      hyp.mtinst = value;
      return true;
    case 0x34b:
      hyp.mtval2 = value;
      return true;
    case 0x344:
      return writeInterruptPending(value, DELEGABLE_INTERRUPTS | VSSI);
    default:
      return writeMachineArray(csr, value);
  }
}

function writeMenvcfg(value: u64): bool {
  const before = hart.menvcfg;
  hart.menvcfg = envcfg(before, value, ENVCFG | ENVCFG_MEMORY);
  // No entry should outlive the rules that it was made by.
  if ((before ^ hart.menvcfg) & ENVCFG_MEMORY) flushAll();
  refreshTimer();
  return redirected();
}

function writeMachineArray(csr: u32, value: u64): bool {
  if (csr >= 0xb00 && csr <= 0xb1f) setCounter(csr & 31, value);
  else if (csr >= 0x323 && csr <= 0x33f) setHpmEvent(csr & 31, value);
  else if (isTrigger(csr)) return true;
  else if (csr == 0x3a0 || csr == 0x3a2) writePmpConfig((csr & 2) << 2, value);
  else if (csr >= 0x3b0 && csr <= 0x3bf) writePmpAddress(csr - 0x3b0, value);
  else return false;
  return true;
}

function pmpcfgAt(index: u32): usize {
  return abi.HART_BASE + abi.HART_PMPCFG + index;
}

/** Eight configuration bytes from entry `first` on; locked ones stay. R=0 W=1 is reserved: W is dropped. */
function writePmpConfig(first: u32, value: u64): void {
  for (let i: u32 = 0; i < 8; i++) {
    const at = pmpcfgAt(first + i);
    if (load<u8>(at) & 0x80) continue;
    let config = <u32>(value >> (i << 3)) & 0x9f;
    if ((config & 3) == 2) config &= ~2;
    store<u8>(at, config);
  }
  hart.pmpActive = ((hart.pmpcfg0 | hart.pmpcfg2) & 0x1818181818181818) != 0 ? 1 : 0;
  flushAll();
  redirected();
}

/** An address is locked with its own entry, and with the next one if that is TOR. */
function writePmpAddress(index: u32, value: u64): void {
  if (load<u8>(pmpcfgAt(index)) & 0x80) return;
  if (index < 15 && (load<u8>(pmpcfgAt(index + 1)) & 0x98) == 0x88) return;
  store<u64>(pmpaddrAt(index), value & PMP_ADDRESS);
  flushAll();
  redirected();
}

/** Privilege that the number of a CSR asks for: 0 U, 1 S, 2 HS, 3 M. */
function levelOf(csr: u32): i32 {
  return <i32>((csr >> 8) & 3);
}

/** Hypervisor CSRs and those of guests share a level. */
function isHypervisors(csr: u32): bool {
  return csr >= 0x600;
}

/** Reads `csr` to `Csr.value`, whatever the privilege. False: there is no such CSR here and now. */
function read(csr: u32): bool {
  if (csr >= 1 && csr <= 3) return readFloat(csr);
  if (csr >= 0xc00 && csr <= 0xc1f) return readCounter(csr);
  if (csr >= 0xb00 && csr <= 0xb1f) return readCounter(csr);
  switch (levelOf(csr)) {
    case 0:
      return false;
    case 1:
      return hart.virt ? readGuest(csr + TO_GUESTS) : readSupervisor(csr);
    case 2:
      return isHypervisors(csr) ? readHypervisor(csr) : readGuest(csr);
    default:
      return readMachine(csr);
  }
}

function privilegeAllows(csr: u32): bool {
  const level = levelOf(csr);
  if (level != 2) return hart.priv >= level;
  return hart.priv == abi.PRIV_M || (hart.priv == abi.PRIV_S && !hart.virt);
}

/** Would HS-mode be allowed to read `csr`, as far as its number says? TVM does not matter. */
function existsForHypervisor(csr: u32): bool {
  const priv = hart.priv;
  const mstatus = hart.mstatus;
  hart.priv = abi.PRIV_S;
  hart.virt = 0;
  hart.mstatus &= ~TVM;
  const exists = read(csr);
  hart.priv = priv;
  hart.virt = 1;
  hart.mstatus = mstatus;
  return exists;
}

/** Reads `csr` to `Csr.value`; false: illegal instruction, or virtual instruction if `Csr.isVirtual`. */
export function readCsr(csr: u32): bool {
  Csr.isVirtual = false;
  if (privilegeAllows(csr)) return read(csr);
  const level = levelOf(csr);
  if (hart.virt && level != 3 && existsForHypervisor(csr)) return refuseGuest();
  return false;
}

/** Writes `csr`, which was read before (so it exists and may be touched); false: illegal instruction. */
export function writeCsr(csr: u32, value: u64): bool {
  if (csr >> 10 == 3) return false; // read-only by number
  if (csr <= 3) return writeFloat(csr, value);
  switch (levelOf(csr)) {
    case 1:
      return hart.virt ? writeGuest(csr + TO_GUESTS, value) : writeSupervisor(csr, value);
    case 2:
      return isHypervisors(csr) ? writeHypervisor(csr, value) : writeGuest(csr, value);
    default:
      return writeMachine(csr, value);
  }
}
