/**
 * Two-stage translation (privileged manual, "Two-Stage Address Translation"): vsatp's tables lead from
 * a guest virtual to a guest physical address, hgatp's from there to one of the machine. Each may be
 * Bare. The PTEs of the first stage are themselves at guest physical addresses.
 */
import { HART_WALKS, PAGE_SHIFT, PRIV_S, PRIV_U } from "../../bindings/abi";
import { Cpu, count, hart, hyp, RETRY } from "../hart/state";
import { ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE, pmpAllows } from "./pmp";
import {
  accessFault,
  ENVCFG_ADUE,
  fail,
  isMalformed,
  leafAddress,
  missingBits,
  PPN_MASK,
  PTE_R,
  PTE_U,
  PTE_W,
  PTE_X,
  pageFault,
  pteAt,
  Walk,
} from "./walk";

const SUM: u64 = 1 << 18;
const MXR: u64 = 1 << 19;
const HLVX: u32 = 2;
/** htinst of a fault on a PTE of the first stage: a load, and a store to set A or D. */
const PSEUDO_LOAD: u64 = 0x3000;
const PSEUDO_STORE: u64 = 0x3020;
/** The root of the second stage is four pages: two more bits of the address choose in it. */
const ROOT_BITS: u64 = 0x7ff;

function guestPageFault(access: u32): u64 {
  return access == ACCESS_FETCH ? 20 : access == ACCESS_LOAD ? 21 : 23;
}

/** A second-stage fault at `gpa`; `pseudo` says if a walk of the first stage needed it. */
function failSecond(gpa: u64, original: u32, pseudo: u64): i32 {
  Walk.faultGpa = gpa;
  Walk.pseudo = pseudo;
  return fail(guestPageFault(original));
}

/** Does a leaf of the second stage allow the access? Every access is checked as if by U. */
function permitsSecond(pte: u64, access: u32, pseudo: u64): bool {
  if (!(pte & PTE_U)) return false;
  if (access == ACCESS_FETCH) return (pte & PTE_X) != 0;
  if (access == ACCESS_STORE) return (pte & PTE_W) != 0;
  if (!pseudo && Walk.forced == HLVX) return (pte & PTE_X) != 0;
  if (pte & PTE_R) return true;
  return !pseudo && (pte & PTE_X) != 0 && (hart.mstatus & MXR) != 0;
}

/** A leaf of the second stage, at `at`, sets its bits. 0: done. */
function updateSecond(pte: u64, at: u64, missing: u64, original: u32): i32 {
  if (!pmpAllows(at, 8, ACCESS_STORE, PRIV_S)) return fail(accessFault(original));
  const place = pteAt(at, true);
  if (!place) return Cpu.exit ? RETRY : fail(accessFault(original));
  store<u64>(place, pte | missing);
  return 0;
}

/**
 * The second stage: `gpa` for `access`, on behalf of an `original` access. With `pseudo`, which is
 * then the value for htinst, the access is the first stage's own.
 */
function second(gpa: u64, access: u32, original: u32, pseudo: u64): i32 {
  const mode = hyp.hgatp >> 60;
  if (mode == 0) {
    Walk.gpa = gpa;
    Walk.shift = PAGE_SHIFT;
    return 0;
  }
  const depth = <i32>mode - 5;
  if (gpa >> (PAGE_SHIFT + 9 * depth + 2)) return failSecond(gpa, original, pseudo);
  let table = (hyp.hgatp & PPN_MASK) << PAGE_SHIFT;
  for (let level: i32 = depth - 1; level >= 0; level--) {
    const mask: u64 = level == depth - 1 ? ROOT_BITS : 511;
    const at = table + (((gpa >> (PAGE_SHIFT + 9 * level)) & mask) << 3);
    if (!pmpAllows(at, 8, ACCESS_LOAD, PRIV_S)) return fail(accessFault(original));
    const place = pteAt(at, false);
    if (!place) return Cpu.exit ? RETRY : fail(accessFault(original));
    const pte = load<u64>(place);
    if (isMalformed(pte, hart.menvcfg)) return failSecond(gpa, original, pseudo);
    if (pte & (PTE_R | PTE_X)) {
      const leads = permitsSecond(pte, access, pseudo) ? leafAddress(pte, level, gpa) : ~0;
      const missing = missingBits(pte, access);
      if (leads == ~0 || (missing && !(hart.menvcfg & ENVCFG_ADUE)))
        return failSecond(gpa, original, pseudo);
      const late = missing ? updateSecond(pte, at, missing, original) : 0;
      if (late) return late;
      Walk.gpa = leads;
      return 0;
    }
    table = ((pte >> 10) & PPN_MASK) << PAGE_SHIFT;
  }
  return failSecond(gpa, original, pseudo);
}

/** Does a leaf of the first stage allow the access? The host's MXR counts beside the guest's. */
function permitsFirst(pte: u64, access: u32, priv: i32): bool {
  if (pte & PTE_U) {
    if (priv == PRIV_S && (access == ACCESS_FETCH || !(hyp.vsstatus & SUM))) return false;
  } else if (priv == PRIV_U) return false;
  if (access == ACCESS_FETCH) return (pte & PTE_X) != 0;
  if (access == ACCESS_STORE) return (pte & PTE_W) != 0;
  if (Walk.forced == HLVX) return (pte & PTE_X) != 0;
  return (pte & PTE_R) != 0 || ((pte & PTE_X) != 0 && ((hart.mstatus | hyp.vsstatus) & MXR) != 0);
}

/** What of henvcfg is in force: nothing that menvcfg does not allow. */
function guestEnvcfg(): u64 {
  return hyp.henvcfg & hart.menvcfg;
}

/** A leaf of the first stage, at guest physical address `at`, sets its bits. */
function updateFirst(pte: u64, at: u64, access: u32): i32 {
  const missing = missingBits(pte, access);
  if (!missing) return 0;
  if (!(guestEnvcfg() & ENVCFG_ADUE)) return fail(pageFault(access));
  const failed = second(at, ACCESS_STORE, access, PSEUDO_STORE);
  if (failed) return failed;
  if (!pmpAllows(Walk.gpa, 8, ACCESS_STORE, PRIV_S)) return fail(accessFault(access));
  const place = pteAt(Walk.gpa, true);
  if (!place) return Cpu.exit ? RETRY : fail(accessFault(access));
  store<u64>(place, pte | missing);
  return 0;
}

/** The first stage: leaves a guest physical address in `Walk.gpa`. */
function first(gva: u64, access: u32, priv: i32): i32 {
  const depth = <i32>(hyp.vsatp >> 60) - 5;
  const unused: u32 = 64 - (PAGE_SHIFT + 9 * depth);
  if (<u64>(<i64>(gva << unused) >> unused) != gva) return fail(pageFault(access));
  let table = (hyp.vsatp & PPN_MASK) << PAGE_SHIFT;
  for (let level: i32 = depth - 1; level >= 0; level--) {
    const at = table + (((gva >> (PAGE_SHIFT + 9 * level)) & 511) << 3);
    const failed = second(at, ACCESS_LOAD, access, PSEUDO_LOAD);
    if (failed) return failed;
    if (!pmpAllows(Walk.gpa, 8, ACCESS_LOAD, PRIV_S)) return fail(accessFault(access));
    const place = pteAt(Walk.gpa, false);
    if (!place) return Cpu.exit ? RETRY : fail(accessFault(access));
    const pte = load<u64>(place);
    if (isMalformed(pte, guestEnvcfg())) return fail(pageFault(access));
    if (pte & (PTE_R | PTE_X)) {
      if (!permitsFirst(pte, access, priv)) return fail(pageFault(access));
      const bad = leafAddress(pte, level, gva) == ~0;
      const late = bad ? fail(pageFault(access)) : updateFirst(pte, at, access);
      if (late) return late;
      Walk.gpa = leafAddress(pte, level, gva);
      return 0;
    }
    table = ((pte >> 10) & PPN_MASK) << PAGE_SHIFT;
  }
  return fail(pageFault(access));
}

/** Translates `gva` for an access by `priv` (U or S) with V = 1; results as of `translate`. */
export function translateGuest(gva: u64, access: u32, priv: i32): i32 {
  count(HART_WALKS);
  let shift: u32 = PAGE_SHIFT;
  let gpa = gva;
  if (hyp.vsatp >> 60) {
    const failed = first(gva, access, priv);
    if (failed) return failed;
    shift = Walk.shift;
    gpa = Walk.gpa;
  }
  const failed = second(gpa, access, access, 0);
  Walk.shift = shift;
  return failed;
}
