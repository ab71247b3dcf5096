/**
 * Contexts: what the tags of the TLBs stand for. A context is slot << 3 | mode. A slot stands for an
 * address space: a satp, or for a guest (V = 1) its vsatp, hgatp and the host's MXR; mode says which
 * privilege, SUM and MXR the entry was checked for. So traps, SUM toggles, address-space switches and
 * world switches flush nothing, and a fence only ends slots.
 *
 * A supervisor without SUM sees no user's page, and a kernel's pages are global: the same in all address
 * spaces of the machine. So all of them share one slot for it, and neither a switch nor a fence of one
 * ASID costs a kernel its entries (measured: docs/decisions.md). Once such an access has found a page
 * that is not global, the shared slot ends with the next switch or fence, and that address space has
 * its own slot for them.
 */
import * as abi from "../../bindings/abi";
import { hart, hyp } from "../hart/state";
import { dropAddress, emptyEntries, keepEntries, Tlb } from "./tlb";

const SLOTS: u32 = 64;
/** A slot: {u64 satp or vsatp, u64 hgatp, u32 space, u32 kind, u32 own}. */
const SLOT_BYTES: usize = 32;
/** Kinds of slots: V = 0, what is global with V = 0, V = 1, V = 1 with the host's MXR. */
const NATIVE: u32 = 0;
const SHARED: u32 = 1;
const GUEST: u32 = 2;
const GUEST_MXR: u32 = 3;
const DEAD: u64 = ~0;
/** satp.MODE. */
const MODE: u64 = 0xf << 60;

const MSTATUS_MPRV: u64 = 1 << 17;
const MSTATUS_SUM: u64 = 1 << 18;
const MSTATUS_MXR: u64 = 1 << 19;
const MSTATUS_MPV: u64 = 1 << 39;
const VMID_MASK: u64 = 0x3fff;

abstract class Contexts {
  static nextSlot: u32 = 1;
  /** Slots of the live hart's satp, of its supervisor, and of the untranslated space; 0: not looked up yet. */
  static paged: u32 = 0;
  static kernel: u32 = 0;
  static bare: u32 = 0;
  /** Likewise of its guest's address space, with the kind that it was looked up for. */
  static guest: u32 = 0;
  static guestKind: u32 = 0;
}

/** Addresses of one half that were found in superpages. */
abstract class Superpages {
  static lowMin: u64 = ~0;
  static lowMax: u64 = 0;
  static highMin: u64 = ~0;
  static highMax: u64 = 0;
}

function slotAt(slot: u32): usize {
  return <usize>abi.CONTEXT_BASE + <usize>slot * SLOT_BYTES;
}

function isSlot(slot: u32, satp: u64, hgatp: u64, kind: u32): bool {
  const at = slotAt(slot);
  if (load<u64>(at) != satp || load<u64>(at, 8) != hgatp) return false;
  return load<u32>(at, 16) == hart.space && load<u32>(at, 20) == kind;
}

function findSlot(satp: u64, hgatp: u64, kind: u32): u32 {
  for (let slot: u32 = 1; slot < Contexts.nextSlot; slot++)
    if (isSlot(slot, satp, hgatp, kind)) return slot;
  return 0;
}

function slotFor(satp: u64, hgatp: u64, kind: u32): u32 {
  const known = findSlot(satp, hgatp, kind);
  if (known) return known;
  if (Contexts.nextSlot == SLOTS) recycle();
  const slot = Contexts.nextSlot++;
  const at = slotAt(slot);
  store<u64>(at, satp);
  store<u64>(at, hgatp, 8);
  store<u32>(at, hart.space, 16);
  store<u32>(at, kind, 20);
  store<u32>(at, 0, 24);
  return slot;
}

/** Gives all slots back, but for the one that the live hart's address spaces share: it becomes slot 1. */
function recycle(): void {
  forgetSlots();
  Tlb.fences++;
  Superpages.lowMin = ~0;
  Superpages.lowMax = 0;
  const kept = findSlot(hart.satp & MODE, 0, SHARED);
  keepEntries(kept, 1);
  if (kept) memory.copy(slotAt(1), slotAt(kept), SLOT_BYTES);
  Contexts.nextSlot = kept ? 2 : 1;
}

function pagedSlot(): u32 {
  if (!Contexts.paged) Contexts.paged = slotFor(hart.satp >> 60 ? hart.satp : 0, 0, NATIVE);
  return Contexts.paged;
}

/** The slot for accesses to what no user sees. */
function kernelSlot(): u32 {
  if (Contexts.kernel) return Contexts.kernel;
  const paged = pagedSlot();
  if (hart.satp >> 60 == 0 || load<u32>(slotAt(paged), 24)) Contexts.kernel = paged;
  else {
    const slot = slotFor(hart.satp & MODE, 0, SHARED);
    Contexts.kernel = slot;
    Tlb.shared = slot;
  }
  return Contexts.kernel;
}

function bareSlot(): u32 {
  if (Contexts.bare == 0) Contexts.bare = slotFor(0, 0, NATIVE);
  return Contexts.bare;
}

function guestSlot(): u32 {
  const kind = hart.mstatus & MSTATUS_MXR ? GUEST_MXR : GUEST;
  if (Contexts.guest == 0 || Contexts.guestKind != kind) {
    Contexts.guest = slotFor(hyp.vsatp >> 60 ? hyp.vsatp : 0, hyp.hgatp, kind);
    Contexts.guestKind = kind;
  }
  return Contexts.guest;
}

/** Privilege that loads and stores of the live hart are checked with (MPRV). */
export function dataPrivilege(): i32 {
  if (hart.priv == abi.PRIV_M && hart.mstatus & MSTATUS_MPRV) return <i32>(hart.mstatus >> 11) & 3;
  return hart.priv;
}

/** Do loads and stores of the live hart see a guest's memory (V, or MPRV with MPV)? */
export function dataIsGuests(): bool {
  if (hart.virt) return true;
  const both = MSTATUS_MPRV | MSTATUS_MPV;
  if (hart.priv != abi.PRIV_M || (hart.mstatus & both) != both) return false;
  return ((hart.mstatus >> 11) & 3) != abi.PRIV_M;
}

function modeOf(priv: i32, sum: bool): u32 {
  return priv == abi.PRIV_M ? 0 : priv == abi.PRIV_U ? 1 : sum ? 3 : 2;
}

function tagOf(priv: i32, sum: bool, mxr: bool): u64 {
  const mode = modeOf(priv, sum);
  const slot = mode == 0 ? bareSlot() : mode == 2 ? kernelSlot() : pagedSlot();
  return <u64>(((slot << 3) | mode | (mxr ? 4 : 0)) << 3);
}

function guestTag(priv: i32, sum: bool, mxr: bool): u64 {
  return <u64>(((guestSlot() << 3) | modeOf(priv, sum) | (mxr ? 4 : 0)) << 3);
}

function dataTagNow(): u64 {
  const priv = dataPrivilege();
  const isGuests = dataIsGuests();
  const status = isGuests ? hyp.vsstatus : hart.mstatus;
  const sum = (status & MSTATUS_SUM) != 0;
  const mxr = (status & MSTATUS_MXR) != 0;
  return isGuests ? guestTag(priv, sum, mxr) : tagOf(priv, sum, mxr);
}

function fetchTagNow(): u64 {
  return hart.virt ? guestTag(hart.priv, false, false) : tagOf(hart.priv, false, false);
}

/** Tag bits of loads and stores by the live hart; also brings `Tlb.fetchTag` up to date. */
export function currentTag(): u64 {
  // Look both slots up before either tag is made: a lookup may empty everything.
  const before = Contexts.nextSlot;
  let tag = dataTagNow();
  Tlb.fetchTag = fetchTagNow();
  if (Contexts.nextSlot < before) {
    tag = dataTagNow();
    Tlb.fetchTag = fetchTagNow();
  }
  Tlb.dataTag = tag;
  return tag;
}

/** The live hart or its satp changed, or slots ended: they must be looked up again. */
export function forgetSlots(): void {
  Tlb.changes++;
  if (Tlb.isTainted) {
    end(Tlb.shared);
    if (Contexts.paged) store<u32>(slotAt(Contexts.paged), 1, 24);
    Tlb.isTainted = false;
  }
  Tlb.shared = 0;
  Contexts.paged = 0;
  Contexts.kernel = 0;
  Contexts.bare = 0;
  Contexts.guest = 0;
}

/** vsatp or hgatp changed. */
export function forgetGuestSlot(): void {
  Tlb.changes++;
  Contexts.guest = 0;
}

/** The slot's entries can never match again. */
function end(slot: u32): void {
  store<u64>(slotAt(slot), DEAD);
}

/** Empties all TLBs and gives all slots back. */
export function emptyTlbs(): void {
  Tlb.fences++;
  forgetSlots();
  emptyEntries();
  Contexts.nextSlot = 1;
  Superpages.lowMin = ~0;
  Superpages.lowMax = 0;
  Superpages.highMin = ~0;
  Superpages.highMax = 0;
}

/** Every slot ends. */
export function flushAll(): void {
  Tlb.fences++;
  for (let slot: u32 = 1; slot < Contexts.nextSlot; slot++) end(slot);
  forgetSlots();
}

/** SFENCE.VMA with V = 0, of all address spaces (`ANY`) or of one, but for its global pages. */
export function fenceNative(asid: u64): void {
  Tlb.fences++;
  for (let slot: u32 = 1; slot < Contexts.nextSlot; slot++) {
    const at = slotAt(slot);
    if (load<u32>(at, 20) > SHARED) continue;
    const isOf = load<u32>(at, 20) == NATIVE && asidOf(load<u64>(at)) == asid;
    if (asid == ANY || isOf) end(slot);
  }
  forgetSlots();
}

/** HFENCE: of one guest or of all, of one of its address spaces or of all. */
export function fenceGuest(vmid: u64, asid: u64): void {
  Tlb.fences++;
  for (let slot: u32 = 1; slot < Contexts.nextSlot; slot++) {
    const at = slotAt(slot);
    if (load<u32>(at, 20) < GUEST) continue;
    if (vmid != ANY && vmidOf(load<u64>(at, 8)) != vmid) continue;
    if (asid == ANY || asidOf(load<u64>(at)) == asid) end(slot);
  }
  forgetGuestSlot();
}

export const ANY: u64 = ~0;

function asidOf(satp: u64): u64 {
  return (satp >> 44) & 0xffff;
}

/** The VMID in a value of hgatp. */
export function vmidOf(hgatp: u64): u64 {
  return (hgatp >> 44) & VMID_MASK;
}

/** Drops one address in every address space. False: it may lie in a superpage, nothing was done. */
export function fenceAddress(gva: u64): bool {
  const isHigh = <i64>gva < 0;
  const first = isHigh ? Superpages.highMin : Superpages.lowMin;
  const last = isHigh ? Superpages.highMax : Superpages.lowMax;
  if (gva >= first && gva <= last) return false;
  dropAddress(gva);
  return true;
}

/** Remembers that a page of 1 << `shift` bytes around `gva` was cut into 4 KiB entries. */
export function noteSuperpage(gva: u64, shift: u32): void {
  const first = (gva >> shift) << shift;
  const last = first + (((<u64>1) << shift) - 1);
  if (<i64>gva < 0) {
    Superpages.highMin = min(Superpages.highMin, first);
    Superpages.highMax = max(Superpages.highMax, last);
  } else {
    Superpages.lowMin = min(Superpages.lowMin, first);
    Superpages.lowMax = max(Superpages.lowMax, last);
  }
}

/** The address space of a machine that the entry at `at` is for; 0: none, it can never match. */
export function spaceOf(at: usize): usize {
  const tag = load<u64>(at);
  const slot = slotAt(Tlb.slotOf(tag));
  return tag == 0 || load<u64>(slot) == DEAD ? 0 : <usize>load<u32>(slot, 16);
}
