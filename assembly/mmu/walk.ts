/**
 * Page-table walks with V = 0: Sv39, Sv48, Sv57 (privileged manual, 12.3-12.5), Svnapot, Svpbmt.
 * A and D are set by hardware while menvcfg.ADUE says so (Svadu), else their absence faults (Svade).
 * What both stages of a guest's translation share with it is here, too; the rest is `guest-walk.ts`.
 */
import { HART_WALKS, PAGE_SHIFT, PRIV_M, PRIV_S, PRIV_U } from "../../bindings/abi";
import { Cpu, count, hart, RETRY } from "../hart/state";
import { frameForLoad, frameForStore, Space } from "../memory/space";
import { ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE, pmpAllows } from "./pmp";
import { Tables } from "./tables";

export const PTE_V: u64 = 1 << 0;
export const PTE_R: u64 = 1 << 1;
export const PTE_W: u64 = 1 << 2;
export const PTE_X: u64 = 1 << 3;
export const PTE_U: u64 = 1 << 4;
export const PTE_A: u64 = 1 << 6;
export const PTE_D: u64 = 1 << 7;
/** Bits 60-54, which no extension uses. */
const PTE_RESERVED: u64 = 0x7f << 54;
const PTE_PBMT: u64 = 3 << 61;
const PTE_N: u64 = 1 << 63;
/** PPN bits of a leaf that say "64 KiB" (Svnapot), and what they must be. */
const NAPOT_MASK: u64 = 15;
const NAPOT_64K: u64 = 8;
export const PPN_MASK: u64 = (1 << 44) - 1;
const MSTATUS_SUM: u64 = 1 << 18;
const MSTATUS_MXR: u64 = 1 << 19;
export const ENVCFG_ADUE: u64 = 1 << 61;
export const ENVCFG_PBMTE: u64 = 1 << 62;

/** The result of the last translation. */
export abstract class Walk {
  /** Where the address leads: the gpa of the machine, after all stages. */
  static gpa: u64 = 0;
  /** log2 of the bytes of the leaf (of the first stage, if there are two). */
  static shift: u32 = 0;
  /** Exception code when there is no translation. */
  static cause: u64 = 0;
  /** Guest-page faults: the guest physical address, and 0x3000 or 0x3020 if the walk itself needed it. */
  static faultGpa: u64 = 0;
  static pseudo: u64 = 0;
  /** The leaf that was found. */
  static pte: u64 = 0;
  /** The access that is walked for, and with which privilege. */
  static access: u32 = 0;
  static priv: i32 = 0;
  /** The access is an HLV or HSV (1) or an HLVX (2), not an ordinary one. */
  static forced: u32 = 0;
}

/** Exception codes by kind of access. */
export function pageFault(access: u32): u64 {
  return access == ACCESS_FETCH ? 12 : access == ACCESS_LOAD ? 13 : 15;
}
export function accessFault(access: u32): u64 {
  return access == ACCESS_FETCH ? 1 : access == ACCESS_LOAD ? 5 : 7;
}

export function fail(cause: u64): i32 {
  Walk.cause = cause;
  return -1;
}

/** Does this leaf allow the access? */
function permits(pte: u64, access: u32, priv: i32): bool {
  if (pte & PTE_U) {
    if (priv == PRIV_S && (access == ACCESS_FETCH || !(hart.mstatus & MSTATUS_SUM))) return false;
  } else if (priv == PRIV_U) return false;
  if (access == ACCESS_FETCH) return (pte & PTE_X) != 0;
  if (access == ACCESS_STORE) return (pte & PTE_W) != 0;
  return (pte & PTE_R) != 0 || ((pte & PTE_X) != 0 && (hart.mstatus & MSTATUS_MXR) != 0);
}

/** Did the walk for a load by `priv` end at a leaf that is Dirty and may be stored to? */
export function isStorable(priv: i32): bool {
  if (priv == PRIV_M || hart.satp >> 60 == 0) return true;
  return (Walk.pte & PTE_D) != 0 && permits(Walk.pte, ACCESS_STORE, priv);
}

/** Address in linear memory of the PTE at `gpa`, or 0 (access fault, or `Cpu.exit`). */
export function pteAt(gpa: u64, write: bool): usize {
  const index = Space.indexOf(gpa);
  const frame = write ? frameForStore(hart.space, index) : frameForLoad(hart.space, index);
  return frame ? frame + (<usize>gpa & 0xfff) : 0;
}

/** Is this no PTE at all, or one with bits set that are reserved while `envcfg` is in force? */
export function isMalformed(pte: u64, envcfg: u64): bool {
  if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED) return true;
  const type = pte & PTE_PBMT;
  if (type && (!(envcfg & ENVCFG_PBMTE) || type == PTE_PBMT)) return true;
  if (pte & (PTE_R | PTE_X)) return false;
  return (pte & (PTE_A | PTE_D | PTE_U | PTE_PBMT | PTE_N)) != 0; // a pointer to the next level
}

/** The bits that `pte` lacks for this access. */
export function missingBits(pte: u64, access: u32): u64 {
  return ~pte & (PTE_A | (access == ACCESS_STORE ? PTE_D : 0));
}

/** Address that the leaf `pte` at `level` gives `address`; ~0: misaligned, or a size that is none. */
export function leafAddress(pte: u64, level: u32, address: u64): u64 {
  const ppn = (pte >> 10) & PPN_MASK;
  let shift: u32 = PAGE_SHIFT + 9 * level;
  let low = ((<u64>1) << (9 * level)) - 1;
  if (pte & PTE_N) {
    if (level || (ppn & NAPOT_MASK) != NAPOT_64K) return ~0;
    shift += 4;
    low = 0;
  }
  if (ppn & low) return ~0;
  Walk.shift = shift;
  const within = ((<u64>1) << shift) - 1;
  return ((ppn << PAGE_SHIFT) & ~within) | (address & within);
}

/** The leaf `pte`, which is at `gpa`, sets A, and D for a store. 0: done; RETRY: no frame. */
function update(pte: u64, gpa: u64, access: u32): i32 {
  const missing = missingBits(pte, access);
  if (!missing) return 0;
  if (!(hart.menvcfg & ENVCFG_ADUE)) return fail(pageFault(access));
  if (!pmpAllows(gpa, 8, ACCESS_STORE, PRIV_S)) return fail(accessFault(access));
  const at = pteAt(gpa, true);
  if (!at) return Cpu.exit ? RETRY : fail(accessFault(access));
  store<u64>(at, pte | missing);
  return 0;
}

/** The leaf `pte` at `level`, which is at `gpa`: checks it for the access and sets A and D. */
function leaf(pte: u64, level: u32, gva: u64, gpa: u64): i32 {
  if (!permits(pte, Walk.access, Walk.priv)) return fail(pageFault(Walk.access));
  const leads = leafAddress(pte, level, gva);
  if (leads == ~0) return fail(pageFault(Walk.access));
  const failed = update(pte, gpa, Walk.access);
  if (failed) return failed;
  Walk.gpa = leads;
  Walk.pte = pte;
  return 0;
}

function walk(gva: u64, access: u32, priv: i32): i32 {
  count(HART_WALKS);
  Walk.access = access;
  Walk.priv = priv;
  const known = Tables.find(gva);
  if (known) {
    const offset = <usize>(gva >> PAGE_SHIFT) & 511;
    const pte = load<u64>(load<u32>(known, Tables.FRAME) + (offset << 3));
    // What is no page of 4 KiB takes the long way, which says what is wrong with it.
    if (!isMalformed(pte, hart.menvcfg) && pte & (PTE_R | PTE_X))
      return leaf(pte, 0, gva, load<u64>(known, Tables.GPA) + ((<u64>offset) << 3));
  }
  return walkDown(gva);
}

function walkDown(gva: u64): i32 {
  const access = Walk.access;
  const depth = <u32>(hart.satp >> 60) - 5;
  const unused: u32 = 64 - (PAGE_SHIFT + 9 * depth);
  if (<u64>(<i64>(gva << unused) >> unused) != gva) return fail(pageFault(access));
  let table = (hart.satp & PPN_MASK) << PAGE_SHIFT;
  for (let level: i32 = depth - 1; level >= 0; level--) {
    const gpa = table + (((gva >> (PAGE_SHIFT + 9 * level)) & 511) << 3);
    if (!pmpAllows(gpa, 8, ACCESS_LOAD, PRIV_S)) return fail(accessFault(access));
    const at = pteAt(gpa, false);
    if (!at) return Cpu.exit ? RETRY : fail(accessFault(access));
    const pte = load<u64>(at);
    if (isMalformed(pte, hart.menvcfg)) return fail(pageFault(access));
    if (level == 0) Tables.add(gva, gpa & ~0xfff, at & ~0xfff);
    if (pte & (PTE_R | PTE_X)) return leaf(pte, level, gva, gpa);
    table = ((pte >> 10) & PPN_MASK) << PAGE_SHIFT;
  }
  return fail(pageFault(access));
}

/**
 * Translates `gva` for an access by `priv` with V = 0. 0: `Walk.gpa` is the result. RETRY: `Cpu.exit`
 * says what the host must do first. Negative: `Walk.cause` is the exception code.
 */
export function translate(gva: u64, access: u32, priv: i32): i32 {
  if (priv == PRIV_M || hart.satp >> 60 == 0) {
    Walk.gpa = gva;
    Walk.shift = PAGE_SHIFT;
    return 0;
  }
  return walk(gva, access, priv);
}
