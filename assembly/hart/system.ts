/** SYSTEM instructions: CSR access, ECALL, EBREAK, xRET, WFI, WRS; cache blocks; and FENCE.I. */
import { EXIT_SBI, EXIT_WFI, FIRMWARE_VMM, PRIV_M, PRIV_S, PRIV_U } from "../../bindings/abi";
import { pcOf } from "../code/cache";
import { funct3Of, rdOf, rs1Of } from "../isa/fields";
import { Uop } from "../isa/uop";
import { hypervisorAccess } from "../mmu/access";
import { cacheBlock } from "./cache-block";
import { readCsr, writeCsr } from "./csr";
import { Csr } from "./csr-base";
import { fence, isFence } from "./fences";
import { Cpu, getX, hart, hyp, LEAVE, NEXT, REDIRECT, setX } from "./state";
import { pendingInterrupts, raise, returnFromMachine, returnFromSupervisor } from "./traps";

const ILLEGAL: u64 = 2;
const VIRTUAL: u64 = 22;
const TW: u64 = 1 << 21;
const TSR: u64 = 1 << 22;
const HU: u64 = 1 << 9;
const VTW: u64 = 1 << 21;
const VTSR: u64 = 1 << 22;
const MISC_MEM: u32 = 0x0f;

function illegal(raw: u32): i32 {
  return raise(ILLEGAL, raw);
}

/** What HS-mode may do, but its guest may not. */
function virtual(raw: u32): i32 {
  return raise(VIRTUAL, raw);
}

function csrRefused(raw: u32): i32 {
  return Csr.isVirtual ? virtual(raw) : illegal(raw);
}

/** CSRRW, CSRRS, CSRRC and their immediate forms. */
function csrAccess(raw: u32): i32 {
  const csr = raw >> 20;
  const kind = funct3Of(raw) & 3;
  const operand = raw & 0x4000 ? <u64>rs1Of(raw) : getX(rs1Of(raw));
  const writes = kind == 1 || rs1Of(raw) != 0;
  if (writes && csr >> 10 == 3) return illegal(raw);
  if (!readCsr(csr)) return csrRefused(raw);
  const old = Csr.value;
  Csr.redirect = false;
  if (writes && !writeCsr(csr, csrValue(raw, operand, old))) return csrRefused(raw);
  setX(rdOf(raw), old);
  if (!Csr.redirect) return NEXT;
  hart.pc += 4;
  return REDIRECT;
}

/** What the CSR instruction `raw` writes to a CSR that was read as `old`. */
export function csrValue(raw: u32, operand: u64, old: u64): u64 {
  const kind = funct3Of(raw) & 3;
  if (kind == 1) return operand;
  const base = rmwBase(raw >> 20, old);
  return kind == 2 ? base | operand : base & ~operand;
}

/** Set and clear work on the writable part of mip: the level of SEIP does not stick (3.1.9). */
function rmwBase(csr: u32, old: u64): u64 {
  return csr == 0x344 ? hart.mip : old;
}

function ecall(): i32 {
  if (hart.priv == PRIV_S && !hart.virt && hart.firmware == FIRMWARE_VMM) {
    hart.pc += 4;
    Cpu.exit = EXIT_SBI;
    return LEAVE;
  }
  return raise(hart.priv == PRIV_S && hart.virt ? 10 : 8 + <u64>hart.priv, 0);
}

function mret(raw: u32): i32 {
  if (hart.priv != PRIV_M) return illegal(raw);
  returnFromMachine();
  return REDIRECT;
}

function sret(raw: u32): i32 {
  if (hart.virt) {
    if (hart.priv == PRIV_U || hyp.hstatus & VTSR) return virtual(raw);
  } else if (hart.priv == PRIV_U || (hart.priv == PRIV_S && hart.mstatus & TSR))
    return illegal(raw);
  returnFromSupervisor();
  return REDIRECT;
}

function wfi(raw: u32): i32 {
  if (hart.priv != PRIV_M && hart.mstatus & TW) return illegal(raw);
  if (hart.virt) {
    if (hart.priv == PRIV_U || hyp.hstatus & VTW) return virtual(raw);
  } else if (hart.priv == PRIV_U) return illegal(raw);
  hart.pc += 4;
  if (pendingInterrupts()) return REDIRECT;
  hart.waiting = 1;
  Cpu.exit = EXIT_WFI;
  return LEAVE;
}

/** HLV, HLVX, HSV: for HS-mode, and for U-mode if hstatus.HU says so. */
function guestMemory(u: usize, raw: u32): i32 {
  if (hart.virt) return virtual(raw);
  if (hart.priv == PRIV_U && !(hyp.hstatus & HU)) return illegal(raw);
  return hypervisorAccess(u, raw);
}

/** Is this an encoding of HLV, HLVX or HSV? */
function isGuestMemory(raw: u32): bool {
  const funct7 = raw >> 25;
  if (funct7 >> 3 != 6) return false;
  if (funct7 & 1) return rdOf(raw) == 0; // HSV
  const kind = (raw >> 20) & 31;
  if (kind == 3) return funct7 == 0x32 || funct7 == 0x34; // HLVX.HU, HLVX.WU
  return kind == 0 || (kind == 1 && funct7 != 0x36); // there is no HLV.DU
}

/** The SYSTEM instruction or cache-block operation at `u`. */
export function system(u: usize): i32 {
  const raw = Uop.raw(u);
  hart.pc = pcOf(u);
  if ((raw & 0x7f) == MISC_MEM) return cacheBlock(raw);
  const funct3 = funct3Of(raw);
  if (funct3 == 4) return isGuestMemory(raw) ? guestMemory(u, raw) : illegal(raw);
  if (funct3) return csrAccess(raw);
  if (isFence(raw)) return fence(raw);
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
    // WRS.NTO and WRS.STO may end at any time; here they end at once.
    case 0x00d00073:
    case 0x01d00073:
      hart.pc += 4;
      return REDIRECT;
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
