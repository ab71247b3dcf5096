/**
 * The live hart: the one that the pCPU runs. Its state is copied to HART_BASE when it is scheduled,
 * so that every register has a constant address (measured: see docs/decisions.md).
 */
import * as abi from "../../bindings/abi";

/** Typed access to the fields of the live hart. */
@unmanaged
export class HartState {
  pc: u64;
  mstatus: u64;
  mie: u64;
  mip: u64;
  mtvec: u64;
  mscratch: u64;
  mepc: u64;
  mcause: u64;
  mtval: u64;
  medeleg: u64;
  mideleg: u64;
  menvcfg: u64;
  stvec: u64;
  sscratch: u64;
  sepc: u64;
  scause: u64;
  stval: u64;
  senvcfg: u64;
  satp: u64;
  stimecmp: u64;
  cycleOffset: u64;
  instretOffset: u64;
  cycles: u64;
  unretired: u64;
  clockSkew: u64;
  reservation: u64;
  reservedValue: u64;
  priv: i32;
  fflags: u32;
  frm: u32;
  mcounteren: u32;
  scounteren: u32;
  lines: u32;
  id: u32;
  space: u32;
  firmware: u32;
  clock: u32;
  cyclesPerTick: u32;
  waiting: u32;
  pmpActive: u32;
  virt: u32;
  pmpcfg0: u64;
  pmpcfg2: u64;
}

/** The fields of the H extension: the hypervisor's and its guest's. */
@unmanaged
export class HypervisorState {
  hstatus: u64;
  hedeleg: u64;
  hideleg: u64;
  htimedelta: u64;
  henvcfg: u64;
  htval: u64;
  htinst: u64;
  hgatp: u64;
  vsstatus: u64;
  vstvec: u64;
  vsscratch: u64;
  vsepc: u64;
  vscause: u64;
  vstval: u64;
  vstimecmp: u64;
  vsatp: u64;
  mtinst: u64;
  mtval2: u64;
  hcounteren: u32;
  hostFs: u32;
}

const STATE: usize = abi.HART_PC;
const HYPERVISOR: usize = abi.HART_HSTATUS;

if (offsetof<HartState>("mstatus") + STATE != abi.HART_MSTATUS) ERROR("abi drift: mstatus");
if (offsetof<HartState>("mip") + STATE != abi.HART_MIP) ERROR("abi drift: mip");
if (offsetof<HartState>("satp") + STATE != abi.HART_SATP) ERROR("abi drift: satp");
if (offsetof<HartState>("stimecmp") + STATE != abi.HART_STIMECMP) ERROR("abi drift: stimecmp");
if (offsetof<HartState>("cycles") + STATE != abi.HART_CYCLES) ERROR("abi drift: cycles");
if (offsetof<HartState>("clockSkew") + STATE != abi.HART_CLOCK_SKEW) ERROR("abi drift: clockSkew");
if (offsetof<HartState>("priv") + STATE != abi.HART_PRIV) ERROR("abi drift: priv");
if (offsetof<HartState>("fflags") + STATE != abi.HART_FFLAGS) ERROR("abi drift: fflags");
if (offsetof<HartState>("lines") + STATE != abi.HART_LINES) ERROR("abi drift: lines");
if (offsetof<HartState>("space") + STATE != abi.HART_SPACE) ERROR("abi drift: space");
if (offsetof<HartState>("waiting") + STATE != abi.HART_WAITING) ERROR("abi drift: waiting");
if (offsetof<HartState>("pmpActive") + STATE != abi.HART_PMP_ACTIVE) ERROR("abi drift: pmpActive");
if (offsetof<HartState>("mtvec") + STATE != abi.HART_MTVEC) ERROR("abi drift: mtvec");
if (offsetof<HartState>("mscratch") + STATE != abi.HART_MSCRATCH) ERROR("abi drift: mscratch");
if (offsetof<HartState>("stvec") + STATE != abi.HART_STVEC) ERROR("abi drift: stvec");
if (offsetof<HartState>("sscratch") + STATE != abi.HART_SSCRATCH) ERROR("abi drift: sscratch");
if (offsetof<HartState>("sepc") + STATE != abi.HART_SEPC) ERROR("abi drift: sepc");
if (offsetof<HartState>("stval") + STATE != abi.HART_STVAL) ERROR("abi drift: stval");
if (offsetof<HartState>("senvcfg") + STATE != abi.HART_SENVCFG) ERROR("abi drift: senvcfg");
if (offsetof<HartState>("cycleOffset") + STATE != abi.HART_CYCLE_OFFSET)
  ERROR("abi drift: cycleOffset");
if (offsetof<HartState>("instretOffset") + STATE != abi.HART_INSTRET_OFFSET)
  ERROR("abi drift: instretOffset");
if (offsetof<HartState>("reservation") + STATE != abi.HART_RESERVATION)
  ERROR("abi drift: reservation");
if (offsetof<HartState>("reservedValue") + STATE != abi.HART_RESERVED_VALUE)
  ERROR("abi drift: reservedValue");
if (offsetof<HartState>("frm") + STATE != abi.HART_FRM) ERROR("abi drift: frm");
if (offsetof<HartState>("scounteren") + STATE != abi.HART_SCOUNTEREN)
  ERROR("abi drift: scounteren");
if (offsetof<HartState>("pmpcfg0") + STATE != abi.HART_PMPCFG) ERROR("abi drift: pmpcfg");

if (offsetof<HartState>("virt") + STATE != abi.HART_VIRT) ERROR("abi drift: virt");
if (offsetof<HypervisorState>("henvcfg") + HYPERVISOR != abi.HART_HENVCFG)
  ERROR("abi drift: henvcfg");
if (offsetof<HypervisorState>("hgatp") + HYPERVISOR != abi.HART_HGATP) ERROR("abi drift: hgatp");
if (offsetof<HypervisorState>("vsstatus") + HYPERVISOR != abi.HART_VSSTATUS)
  ERROR("abi drift: vsstatus");
if (offsetof<HypervisorState>("vstimecmp") + HYPERVISOR != abi.HART_VSTIMECMP)
  ERROR("abi drift: vstimecmp");
if (offsetof<HypervisorState>("htimedelta") + HYPERVISOR != abi.HART_HTIMEDELTA)
  ERROR("abi drift: htimedelta");
if (offsetof<HypervisorState>("mtval2") + HYPERVISOR != abi.HART_MTVAL2) ERROR("abi drift: mtval2");
if (offsetof<HypervisorState>("hostFs") + HYPERVISOR != abi.HART_HOST_FS)
  ERROR("abi drift: hostFs");

/** The live hart's state. */
export const hart: HartState = changetype<HartState>(abi.HART_BASE + abi.HART_PC);
export const hyp: HypervisorState = changetype<HypervisorState>(abi.HART_BASE + abi.HART_HSTATUS);

/** Reads x register `index` of the live hart. */
export function getX(index: u32): u64 {
  return load<u64>(<usize>(index << 3), abi.HART_BASE + abi.HART_X);
}

/** Writes x register `index` of the live hart; x0 stays zero. */
export function setX(index: u32, value: u64): void {
  if (index) store<u64>(<usize>(index << 3), value, abi.HART_BASE + abi.HART_X);
}

/** Reads f register `index`, all 64 bits. */
export function getF(index: u32): u64 {
  return load<u64>(<usize>(index << 3), abi.HART_BASE + abi.HART_F);
}

/** Writes f register `index`, all 64 bits. */
export function setF(index: u32, value: u64): void {
  store<u64>(<usize>(index << 3), value, abi.HART_BASE + abi.HART_F);
}

/** Adds one to a counter of the live hart that only the VMM reads. */
export function count(offset: usize): void {
  store<u64>(offset, load<u64>(offset, abi.HART_BASE) + 1, abi.HART_BASE);
}

/** What a handler tells the dispatch loop. */
export const NEXT: i32 = 0;
/** The instruction is done (or trapped) and `hart.pc` says where to go on. */
export const REDIRECT: i32 = 1;
/** Nothing was done; `Cpu.exit` says why; the instruction will be tried again. */
export const RETRY: i32 = 2;
/** The instruction is done as far as the core can; `Cpu.exit` says what the host must do. */
export const LEAVE: i32 = 3;
/** The window of the dispatch loop is used up; `hart.pc` is set. */
export const WINDOW: i32 = 4;
/** The next instruction lies on two pages; `hart.pc` is set. */
export const STRADDLES: i32 = 5;

/** State of the pCPU between the dispatch loop and the handlers. */
export abstract class Cpu {
  /** gva of the page that the running block is in. */
  static page: u64 = 0;
  /** Window (in bytes of micro-operations) given to the dispatch loop, and what was left of it. */
  static window: i32 = 0;
  static remain: i32 = 0;
  /** EXIT_* of the run that ends. */
  static exit: i32 = 0;
  /** Cycle at which the Sstc timer is due in virtual time. */
  static timerCycle: u64 = 0;
  /** Where the hart that is live came from; 0: none. */
  static loaded: usize = 0;
  /** pc behind the load or store that left the core. */
  static nextPc: u64 = 0;
  /** Decoded code was dropped because its frame is written. */
  static codeChanged: bool = false;
}

/** Cycles of the live hart up to the instruction that runs. */
export function cyclesNow(): u64 {
  return hart.cycles + <u64>((Cpu.window - Cpu.remain) >> 3);
}
