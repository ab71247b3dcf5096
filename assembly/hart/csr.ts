/** Control and status registers: numbers, WARL masks, who may read and write what (privileged manual, 2). */
import * as abi from "../../bindings/abi";
import { FpFlags } from "../float/flags";
import * as host from "../host";
import { flushAll, forgetSlots } from "../mmu/tlb";
import { Cpu, cyclesNow, hart } from "./state";

const SSTATUS: u64 = 0x80000003000c6122; // SD UXL MXR SUM FS SPP SPIE SIE
const SSTATUS_WRITABLE: u64 = 0xc6122; // MXR SUM FS SPP SPIE SIE
const MSTATUS_WRITABLE: u64 = 0x7e79aa; // and TSR TW TVM MPRV MPP MPIE MIE
const FS: u64 = 3 << 13;
const TVM: u64 = 1 << 20;
const MISA: u64 = ((<u64>2) << 62) | 0x14112d; // RV64 A C D F I M S U
const STCE: u64 = 1 << 63;
const DELEGABLE_EXCEPTIONS: u64 = 0xb3ff;
const DELEGABLE_INTERRUPTS: u64 = 0x222;
const PMP_ADDRESS: u64 = (1 << 54) - 1;
const NEVER: u64 = ~0;

export abstract class Csr {
  /** Value of the last read. */
  static value: u64 = 0;
  /** The last write changed something that the dispatch loop must hear of. */
  static redirect: bool = false;
}

function give(value: u64): bool {
  Csr.value = value;
  return true;
}

/** Floating point state may be used (mstatus.FS is not Off). */
export function floatOn(): bool {
  return (hart.mstatus & FS) != 0;
}

/** Floating point state was changed. */
export function floatDirty(): void {
  hart.mstatus |= FS;
}

/** mstatus as read: SD says that FS is Dirty, SXL and UXL are 64 bits. */
function mstatus(): u64 {
  const status = hart.mstatus | 0xa00000000;
  return (status & FS) == FS ? status | (1 << 63) : status;
}

/** The `time` counter, in ticks. */
export function timeNow(): u64 {
  if (hart.clock == abi.CLOCK_WALL) return <u64>host.wallTicks();
  return (cyclesNow() + hart.clockSkew) / hart.cyclesPerTick;
}

function sstcOn(): bool {
  return (hart.menvcfg & STCE) != 0;
}

/** Brings STIP and the cycle at which the timer is due up to date (Sstc). */
export function refreshTimer(): void {
  Cpu.timerCycle = NEVER;
  if (!sstcOn()) {
    hart.lines &= ~(<u32>abi.IRQ_STI);
    return;
  }
  if (hart.stimecmp <= timeNow()) {
    hart.lines |= abi.IRQ_STI;
    return;
  }
  hart.lines &= ~(<u32>abi.IRQ_STI);
  if (hart.clock == abi.CLOCK_WALL || hart.stimecmp >> 48) return;
  Cpu.timerCycle = hart.stimecmp * hart.cyclesPerTick - hart.clockSkew;
}

/** May counter `index` (0 cycle, 1 time, 2 instret, ...) be read from the present privilege? */
function counterAllowed(index: u32): bool {
  if (hart.priv < abi.PRIV_M && !((hart.mcounteren >> index) & 1)) return false;
  return hart.priv >= abi.PRIV_S || ((hart.scounteren >> index) & 1) != 0;
}

function retired(): u64 {
  return cyclesNow() - hart.unretired + hart.instretOffset;
}

function readCounter(csr: u32): bool {
  const index = csr & 31;
  if (csr >= 0xc00 && !counterAllowed(index)) return false;
  if (index == 0) return give(cyclesNow() + hart.cycleOffset);
  if (index == 1) return csr == 0xc01 ? give(timeNow()) : false;
  return give(index == 2 ? retired() : 0);
}

function readFloat(csr: u32): bool {
  if (!floatOn()) return false;
  if (csr == 1) return give(FpFlags.bits);
  return give(csr == 2 ? hart.frm : (hart.frm << 5) | FpFlags.bits);
}

function stimecmpAllowed(): bool {
  return hart.priv == abi.PRIV_M || (sstcOn() && (hart.mcounteren & 2) != 0);
}

function readSupervisor(csr: u32): bool {
  switch (csr) {
    case 0x100:
      return give(mstatus() & SSTATUS);
    case 0x104:
      return give(hart.mie & hart.mideleg);
    case 0x105:
      return give(hart.stvec);
    case 0x106:
      return give(hart.scounteren);
    case 0x10a:
      return give(hart.senvcfg);
    case 0x140:
      return give(hart.sscratch);
    case 0x141:
      return give(hart.sepc);
    case 0x142:
      return give(hart.scause);
    case 0x143:
      return give(hart.stval);
    case 0x144:
      return give((hart.mip | hart.lines) & hart.mideleg);
    case 0x14d:
      return stimecmpAllowed() && give(hart.stimecmp);
    case 0x180:
      return !(hart.priv == abi.PRIV_S && hart.mstatus & TVM) && give(hart.satp);
    default:
      return false;
  }
}

function readMachine(csr: u32): bool {
  switch (csr) {
    case 0x300:
      return give(mstatus());
    case 0x301:
      return give(MISA);
    case 0x302:
      return give(hart.medeleg);
    case 0x303:
      return give(hart.mideleg);
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
  if (csr >= 0x323 && csr <= 0x33f) return give(0); // mhpmevent
  if (isTrigger(csr)) return give(0);
  if (csr == 0x3a0) return give(hart.pmpcfg0);
  if (csr == 0x3a2) return give(hart.pmpcfg2);
  if (csr >= 0x3b0 && csr <= 0x3bf) return give(load<u64>(pmpaddrAt(csr - 0x3b0)));
  return false;
}

function pmpaddrAt(index: u32): usize {
  return <usize>(abi.HART_BASE + abi.HART_PMPADDR) + ((<usize>index) << 3);
}

/** Reads `csr` to `Csr.value`; false: illegal instruction. */
export function readCsr(csr: u32): bool {
  if (csr >= 1 && csr <= 3) return readFloat(csr);
  if (csr >= 0xc00 && csr <= 0xc1f) return readCounter(csr);
  if (csr >= 0xb00 && csr <= 0xb1f) return readCounter(csr);
  return (csr >> 8) & 3 ? (((csr >> 8) & 3) == 1 ? readSupervisor(csr) : readMachine(csr)) : false;
}

function writeFloat(csr: u32, value: u64): bool {
  if (csr == 1 || csr == 3) FpFlags.bits = <u32>value & 31;
  if (csr == 2) hart.frm = <u32>value & 7;
  if (csr == 3) hart.frm = <u32>(value >> 5) & 7;
  floatDirty();
  return true;
}

/** Writes what `mask` allows of mstatus. MPP takes no value that is not a privilege. */
function writeStatus(value: u64, mask: u64): bool {
  let writable = mask;
  if (((value >> 11) & 3) == 2) writable &= ~((<u64>3) << 11);
  hart.mstatus = (hart.mstatus & ~writable) | (value & writable);
  Csr.redirect = true;
  return true;
}

function writeSatp(value: u64): bool {
  if (hart.priv == abi.PRIV_S && hart.mstatus & TVM) return false;
  const mode = value >> 60;
  if (mode == 0 || (mode >= 8 && mode <= 10)) {
    hart.satp = value;
    forgetSlots();
    Csr.redirect = true;
  }
  return true;
}

function writeInterruptEnable(value: u64, mask: u64): bool {
  hart.mie = (hart.mie & ~mask) | (value & mask);
  Csr.redirect = true;
  return true;
}

function writeInterruptPending(value: u64, mask: u64): bool {
  const writable = sstcOn() ? mask & ~(<u64>abi.IRQ_STI) : mask;
  hart.mip = (hart.mip & ~writable) | (value & writable);
  Csr.redirect = true;
  return true;
}

function writeStimecmp(value: u64): bool {
  if (!stimecmpAllowed()) return false;
  hart.stimecmp = value;
  refreshTimer();
  Csr.redirect = true;
  return true;
}

function writeSupervisor(csr: u32, value: u64): bool {
  switch (csr) {
    case 0x100:
      return writeStatus(value, SSTATUS_WRITABLE);
    case 0x104:
      return writeInterruptEnable(value, hart.mideleg);
    case 0x105:
      if ((value & 3) < 2) hart.stvec = value;
      return true;
    case 0x106:
      hart.scounteren = <u32>value;
      return true;
    case 0x10a:
      hart.senvcfg = value & 1;
      return true;
    case 0x140:
      hart.sscratch = value;
      return true;
    case 0x141:
      hart.sepc = value & ~1;
      return true;
    case 0x142:
      hart.scause = value;
      return true;
    case 0x143:
      hart.stval = value;
      return true;
    case 0x144:
      return writeInterruptPending(value, hart.mideleg & abi.IRQ_SSI);
    case 0x14d:
      return writeStimecmp(value);
    default:
      return csr == 0x180 && writeSatp(value);
  }
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
      hart.mideleg = value & DELEGABLE_INTERRUPTS;
      Csr.redirect = true;
      return true;
    case 0x304:
      return writeInterruptEnable(value, 0xaaa);
    case 0x305:
      if ((value & 3) < 2) hart.mtvec = value;
      return true;
    case 0x306:
      hart.mcounteren = <u32>value;
      return true;
    case 0x30a:
      hart.menvcfg = value & (STCE | 1);
      refreshTimer();
      Csr.redirect = true;
      return true;
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
    case 0x344:
      return writeInterruptPending(value, DELEGABLE_INTERRUPTS);
    default:
      return writeMachineArray(csr, value);
  }
}

function writeMachineArray(csr: u32, value: u64): bool {
  if (csr == 0xb00) hart.cycleOffset = value - cyclesNow() - 1;
  else if (csr == 0xb02) hart.instretOffset = value - (cyclesNow() - hart.unretired) - 1;
  else if (csr >= 0xb03 && csr <= 0xb1f) return true;
  else if ((csr >= 0x323 && csr <= 0x33f) || isTrigger(csr)) return true;
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
  Csr.redirect = true;
}

/** An address is locked with its own entry, and with the next one if that is TOR. */
function writePmpAddress(index: u32, value: u64): void {
  if (load<u8>(pmpcfgAt(index)) & 0x80) return;
  if (index < 15 && (load<u8>(pmpcfgAt(index + 1)) & 0x98) == 0x88) return;
  store<u64>(pmpaddrAt(index), value & PMP_ADDRESS);
  flushAll();
  Csr.redirect = true;
}

/** Writes `csr`, which was read before (so it exists); false: illegal instruction. */
export function writeCsr(csr: u32, value: u64): bool {
  if (csr >> 10 == 3) return false; // read-only by number
  if (csr <= 3) return writeFloat(csr, value);
  return ((csr >> 8) & 3) == 1 ? writeSupervisor(csr, value) : writeMachine(csr, value);
}
