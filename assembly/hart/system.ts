/** SYSTEM instructions: CSR access, ECALL, EBREAK, xRET, WFI, SFENCE.VMA; and FENCE.I. */
import { EXIT_SBI, EXIT_WFI, FIRMWARE_VMM, PRIV_M, PRIV_S, PRIV_U } from "../../bindings/abi";
import { pcOf } from "../code/cache";
import { funct3Of, rdOf, rs1Of, rs2Of } from "../isa/fields";
import { Uop } from "../isa/uop";
import { flushAddress, flushAll, flushAsid } from "../mmu/tlb";
import { Csr, readCsr, writeCsr } from "./csr";
import { Cpu, getX, hart, LEAVE, NEXT, REDIRECT, setX } from "./state";
import { pendingInterrupts, raise, returnFromMachine, returnFromSupervisor } from "./traps";

const ILLEGAL: u64 = 2;
const TVM: u64 = 1 << 20;
const TW: u64 = 1 << 21;
const TSR: u64 = 1 << 22;

function illegal(raw: u32): i32 {
  return raise(ILLEGAL, raw);
}

/** CSRRW, CSRRS, CSRRC and their immediate forms. */
function csrAccess(raw: u32): i32 {
  const csr = raw >> 20;
  const kind = funct3Of(raw) & 3;
  const operand = raw & 0x4000 ? <u64>rs1Of(raw) : getX(rs1Of(raw));
  const writes = kind == 1 || rs1Of(raw) != 0;
  if (hart.priv < <i32>((csr >> 8) & 3) || (writes && csr >> 10 == 3)) return illegal(raw);
  if (!readCsr(csr)) return illegal(raw);
  const old = Csr.value;
  Csr.redirect = false;
  if (writes) {
    const value =
      kind == 1 ? operand : kind == 2 ? rmwBase(csr, old) | operand : rmwBase(csr, old) & ~operand;
    if (!writeCsr(csr, value)) return illegal(raw);
  }
  setX(rdOf(raw), old);
  if (!Csr.redirect) return NEXT;
  hart.pc += 4;
  return REDIRECT;
}

/** Set and clear work on the writable part of mip: the level of SEIP does not stick (3.1.9). */
function rmwBase(csr: u32, old: u64): u64 {
  return csr == 0x344 || csr == 0x144 ? hart.mip : old;
}

function ecall(): i32 {
  if (hart.priv == PRIV_S && hart.firmware == FIRMWARE_VMM) {
    hart.pc += 4;
    Cpu.exit = EXIT_SBI;
    return LEAVE;
  }
  return raise(8 + <u64>hart.priv, 0);
}

function mret(raw: u32): i32 {
  if (hart.priv != PRIV_M) return illegal(raw);
  returnFromMachine();
  return REDIRECT;
}

function sret(raw: u32): i32 {
  if (hart.priv == PRIV_U || (hart.priv == PRIV_S && hart.mstatus & TSR)) return illegal(raw);
  returnFromSupervisor();
  return REDIRECT;
}

function wfi(raw: u32): i32 {
  if (hart.priv == PRIV_U || (hart.priv == PRIV_S && hart.mstatus & TW)) return illegal(raw);
  hart.pc += 4;
  if (pendingInterrupts()) return REDIRECT;
  hart.waiting = 1;
  Cpu.exit = EXIT_WFI;
  return LEAVE;
}

function sfence(raw: u32): i32 {
  if (rdOf(raw) || hart.priv == PRIV_U) return illegal(raw);
  if (hart.priv == PRIV_S && hart.mstatus & TVM) return illegal(raw);
  if (rs1Of(raw)) flushAddress(getX(rs1Of(raw)));
  else if (rs2Of(raw)) flushAsid(getX(rs2Of(raw)) & 0xffff);
  else flushAll();
  hart.pc += 4;
  return REDIRECT;
}

/** The SYSTEM instruction at `u`. */
export function system(u: usize): i32 {
  const raw = Uop.raw(u);
  hart.pc = pcOf(u);
  const funct3 = funct3Of(raw);
  if (funct3 == 4 || (raw & 0x7f) != 0x73) return illegal(raw);
  if (funct3) return csrAccess(raw);
  if (raw >> 25 == 0x09) return sfence(raw);
  switch (raw) {
    case 0x00000073:
      return ecall();
    case 0x00100073:
      return raise(3, hart.pc);
    case 0x30200073:
      return mret(raw);
    case 0x10200073:
      return sret(raw);
    case 0x10500073:
      return wfi(raw);
    default:
      return illegal(raw);
  }
}

/** An encoding that is no instruction. */
export function illegalAt(u: usize): i32 {
  hart.pc = pcOf(u);
  return illegal(Uop.raw(u));
}

/** FENCE.I: stores drop the code they hit at once, so it is enough to look the next block up anew. */
export function fenceI(u: usize): i32 {
  hart.pc = pcOf(u) + 4;
  return REDIRECT;
}
