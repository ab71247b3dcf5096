/** Page-table walks: Sv39, Sv48, Sv57 (privileged manual, 12.3-12.5), A and D set by hardware. */
import { HART_WALKS, PAGE_SHIFT, PRIV_M, PRIV_S, PRIV_U } from "../../bindings/abi";
import { Cpu, count, hart, RETRY } from "../hart/state";
import { frameForLoad, frameForStore, Space } from "../memory/space";
import { ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE, pmpAllows } from "./pmp";

const PTE_V: u64 = 1 << 0;
const PTE_R: u64 = 1 << 1;
const PTE_W: u64 = 1 << 2;
const PTE_X: u64 = 1 << 3;
const PTE_U: u64 = 1 << 4;
const PTE_A: u64 = 1 << 6;
const PTE_D: u64 = 1 << 7;
/** N, PBMT and the reserved bits: no extension that uses them is there. */
const PTE_RESERVED: u64 = 0x3ff << 54;
const PPN_MASK: u64 = (1 << 44) - 1;
const MSTATUS_SUM: u64 = 1 << 18;
const MSTATUS_MXR: u64 = 1 << 19;

/** The result of the last translation. */
export abstract class Walk {
  static gpa: u64 = 0;
  /** log2 of the bytes of the leaf. */
  static shift: u32 = 0;
  /** Exception code when there is no translation. */
  static cause: u64 = 0;
}

/** Exception codes by kind of access. */
export function pageFault(access: u32): u64 {
  return access == ACCESS_FETCH ? 12 : access == ACCESS_LOAD ? 13 : 15;
}
export function accessFault(access: u32): u64 {
  return access == ACCESS_FETCH ? 1 : access == ACCESS_LOAD ? 5 : 7;
}

function fail(cause: u64): i32 {
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

/** Address in linear memory of the PTE at `gpa`, or 0 (access fault, or `Cpu.exit`). */
function pteAt(gpa: u64, write: bool): usize {
  const index = Space.indexOf(gpa);
  const frame = write ? frameForStore(hart.space, index) : frameForLoad(hart.space, index);
  return frame ? frame + (<usize>gpa & 0xfff) : 0;
}

/** Sets A, and D for a store. 0: done; RETRY: no frame. */
function update(pte: u64, gpa: u64, access: u32): i32 {
  const wanted = pte | PTE_A | (access == ACCESS_STORE ? PTE_D : 0);
  if (wanted == pte) return 0;
  const at = pteAt(gpa, true);
  if (!at) return Cpu.exit ? RETRY : fail(accessFault(access));
  store<u64>(at, wanted);
  return 0;
}

/** A leaf at `level` was found: checks it and leaves gpa and size in `Walk`. */
function leaf(pte: u64, level: u32, access: u32): i32 {
  const ppn = (pte >> 10) & PPN_MASK;
  const low = ((<u64>1) << (9 * level)) - 1;
  if (ppn & low) return fail(pageFault(access));
  Walk.shift = PAGE_SHIFT + 9 * level;
  Walk.gpa = ppn << PAGE_SHIFT;
  return 0;
}

/** Levels of the table that `satp` names. */
function levels(): u32 {
  return <u32>(hart.satp >> 60) - 5;
}

function walk(gva: u64, access: u32, priv: i32): i32 {
  count(HART_WALKS);
  const depth = levels();
  const unused: u32 = 64 - (PAGE_SHIFT + 9 * depth);
  if (<u64>(<i64>(gva << unused) >> unused) != gva) return fail(pageFault(access));
  let table = (hart.satp & PPN_MASK) << PAGE_SHIFT;
  for (let level: i32 = depth - 1; level >= 0; level--) {
    const gpa = table + (((gva >> (PAGE_SHIFT + 9 * level)) & 511) << 3);
    if (!pmpAllows(gpa, 8, ACCESS_LOAD, PRIV_S)) return fail(accessFault(access));
    const at = pteAt(gpa, false);
    if (!at) return Cpu.exit ? RETRY : fail(accessFault(access));
    const pte = load<u64>(at);
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED)
      return fail(pageFault(access));
    if (pte & (PTE_R | PTE_X)) {
      if (!permits(pte, access, priv)) return fail(pageFault(access));
      const bad = leaf(pte, level, access);
      if (bad) return bad;
      const failed = update(pte, gpa, access);
      if (failed) return failed;
      Walk.gpa |= gva & (((<u64>1) << Walk.shift) - 1);
      return 0;
    }
    if (pte & (PTE_A | PTE_D | PTE_U)) return fail(pageFault(access));
    table = ((pte >> 10) & PPN_MASK) << PAGE_SHIFT;
  }
  return fail(pageFault(access));
}

/**
 * Translates `gva` for an access by `priv`. 0: `Walk.gpa` is the result. RETRY: `Cpu.exit` says what
 * the host must do first. Negative: `Walk.cause` is the exception code.
 */
export function translate(gva: u64, access: u32, priv: i32): i32 {
  if (priv == PRIV_M || hart.satp >> 60 == 0) {
    Walk.gpa = gva;
    Walk.shift = PAGE_SHIFT;
    return 0;
  }
  return walk(gva, access, priv);
}
