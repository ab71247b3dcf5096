/**
 * Loads and stores that miss the TLB: translation, first touch, copy-on-write, dirty log, devices,
 * misaligned accesses over two pages.
 */
import * as abi from "../../bindings/abi";
import { pageOffsetBehind, pcOf } from "../code/cache";
import { floatDirty } from "../hart/csr";
import { Cpu, getX, hart, hyp, LEAVE, NEXT, RETRY } from "../hart/state";
import { raise } from "../hart/traps";
import { immI, rdOf, rs1Of, rs2Of } from "../isa/fields";
import { OP_FLW, OP_FSH, OP_LB, OP_SB } from "../isa/ops";
import { Uop } from "../isa/uop";
import { noteStore } from "../memory/pending";
import { frameForLoad, frameForStore, isPlain, Space } from "../memory/space";
import { dataIsGuests, dataPrivilege, noteSuperpage } from "./contexts";
import { translateGuest } from "./guest-walk";
import { ACCESS_LOAD, ACCESS_STORE, pmpAllows } from "./pmp";
import { fillData, gpaOf, noteGlobal, Tlb } from "./tlb";
import { accessFault, isGlobal, isStorable, translate, Walk } from "./walk";

/** Kinds of load: 0-6 are funct3 of LB to LWU, then FLW, FLD, FLH. */
const KIND_FLW: u32 = 7;
const KIND_FLH: u32 = 9;
/** `Walk.forced`. */
const HLV: u32 = 1;
const HLVX: u32 = 2;
/** hstatus.SPVP. */
const SPVP_BIT: u32 = 8;

/** Details of the load or store that left the core, and of the last lookup. */
export abstract class Access {
  static kind: u32 = 0;
  /** Destination register * 8. */
  static rd: u32 = 0;
  /** What `frameOf` answered beside the address: NEXT (not RAM), RETRY, or what `raise` said. */
  static status: i32 = 0;
  /** gva of the access that left for a device: for stval, if there is none. */
  static gva: u64 = 0;
  /** `Walk.forced` of that access. */
  static forced: u32 = 0;
  /** The page of `Walk.gpa` itself is what has not arrived, says `hostOf`. */
  static isMissing: bool = false;
}

/** Fills the TLB unless the page has different rules for some of its bytes. */
function remember(gva: u64, frame: usize, access: u32): void {
  const priv = dataPrivilege();
  if (!pmpAllows(Walk.gpa & ~0xfff, abi.PAGE_BYTES, access, priv)) return;
  if (Walk.shift > <u32>abi.PAGE_SHIFT) noteSuperpage(gva, Walk.shift);
  // What may be stored to may be loaded from: W without R is reserved, in page tables and in PMP.
  if (access == ACCESS_LOAD || !Tlb.notesReads) fill(Tlb.load(gva), gva, frame);
  if ((access == ACCESS_STORE || mayStore(priv)) && !watched()) fill(Tlb.store(gva), gva, frame);
}

function fill(entry: usize, gva: u64, frame: usize): void {
  fillData(entry, gva, frame, Walk.gpa);
  noteGlobal(Tlb.dataTag, !dataIsGuests() && isGlobal());
}

/**
 * May the page that a load by `priv` has just found be stored to as well, without further ado? Saves the
 * second walk where a page is first read, then written (measured: see docs/decisions.md).
 */
function mayStore(priv: i32): bool {
  if (dataIsGuests() || !isStorable(priv)) return false;
  if (!pmpAllows(Walk.gpa & ~0xfff, abi.PAGE_BYTES, ACCESS_STORE, priv)) return false;
  return isPlain(hart.space, Space.indexOf(Walk.gpa));
}

/** Is the page of `Walk.gpa` watched for HTIF? Stores to it stay on the slow path. */
function watched(): bool {
  const at = load<u32>(hart.space, abi.SPACE_HTIF);
  return at != ~0 && <u64>(at >> abi.PAGE_SHIFT) == Space.indexOf(Walk.gpa);
}

/**
 * Address in linear memory of `gva` if the TLB has its page (a misaligned access, or one that the
 * dispatch loop does not do by itself); else 0.
 */
function cached(gva: u64, access: u32): usize {
  const entry: usize = access == ACCESS_LOAD ? Tlb.load(gva) : Tlb.store(gva);
  if (load<u64>(entry) != ((gva & ~0xfff) | Tlb.dataTag)) return 0;
  Walk.gpa = gpaOf(entry, gva);
  return <usize>(<u32>gva + load<u32>(entry, 8));
}

/** Address in linear memory of `gva`, whose `bytes` bytes lie in one page; 0: see `Access.status`. */
export function hostOf(gva: u64, bytes: u64, access: u32): usize {
  const known: usize = Walk.forced ? 0 : cached(gva, access);
  if (known) return known;
  Access.isMissing = false;
  const priv = Walk.forced ? guestPrivilege() : dataPrivilege();
  const isGuests = Walk.forced != 0 || dataIsGuests();
  const failed = isGuests ? translateGuest(gva, access, priv) : translate(gva, access, priv);
  if (failed) {
    Access.status = failed == RETRY ? RETRY : raise(Walk.cause, gva);
    return 0;
  }
  if (!pmpAllows(Walk.gpa, bytes, access, priv)) {
    Access.status = raise(accessFault(access), gva);
    return 0;
  }
  const index = Space.indexOf(Walk.gpa);
  const frame =
    access == ACCESS_LOAD ? frameForLoad(hart.space, index) : frameForStore(hart.space, index);
  if (!frame) {
    Access.status = Cpu.exit ? RETRY : NEXT;
    Access.isMissing = Cpu.exit == abi.EXIT_MISSING_PAGE;
    return 0;
  }
  if (!Walk.forced) remember(gva, frame, access);
  return frame + (<usize>Walk.gpa & 0xfff);
}

/**
 * Brings the page of `gva`, for a load or store, to the TLB. False: it is no RAM, the access faults, it must
 * be looked at each time, or something has to happen first; nothing is raised.
 */
export function findPage(gva: u64, access: u32): bool {
  const priv = dataPrivilege();
  const failed = dataIsGuests() ? translateGuest(gva, access, priv) : translate(gva, access, priv);
  if (failed || !pmpAllows(Walk.gpa, 1, access, priv)) return false;
  const index = Space.indexOf(Walk.gpa);
  const frame =
    access == ACCESS_LOAD ? frameForLoad(hart.space, index) : frameForStore(hart.space, index);
  if (!frame) return false;
  remember(gva, frame, access);
  const entry: usize = access == ACCESS_LOAD ? Tlb.load(gva) : Tlb.store(gva);
  return load<u64>(entry) == ((gva & ~0xfff) | Tlb.dataTag);
}

/**
 * May the `bytes` bytes at `gva` be loaded or else stored? NEXT: yes. Otherwise the trap of the store was
 * taken, as for cache-block management, or something must happen first.
 */
export function mayTouch(gva: u64, bytes: u64): i32 {
  const priv = dataPrivilege();
  const isGuests = dataIsGuests();
  const failed = isGuests
    ? translateGuest(gva, ACCESS_LOAD, priv)
    : translate(gva, ACCESS_LOAD, priv);
  if (failed == RETRY) return RETRY;
  if (!failed && pmpAllows(Walk.gpa, bytes, ACCESS_LOAD, priv)) return NEXT;
  const host = hostOf(gva, bytes, ACCESS_STORE);
  return host ? NEXT : Access.status;
}

/** The access at `Walk.gpa` is a device's: leaves the core, or faults if it is misaligned. */
function leaveForDevice(gva: u64, bytes: u32, access: u32): i32 {
  if (Walk.gpa & (bytes - 1)) return raise(accessFault(access), gva);
  Access.gva = gva;
  Access.forced = Walk.forced;
  store<u64>(abi.MAILBOX_BASE + abi.MAILBOX_ADDR_LO, Walk.gpa);
  store<u32>(abi.MAILBOX_BASE + abi.MAILBOX_BYTES, bytes);
  Cpu.exit = access == ACCESS_LOAD ? abi.EXIT_MMIO_LOAD : abi.EXIT_MMIO_STORE;
  return LEAVE;
}

/** Writes a loaded value (zero-extended from its bytes) to the destination. */
function finishLoad(kind: u32, rd: u32, value: u64): void {
  const x: usize = abi.HART_BASE + abi.HART_X + rd;
  const f: usize = abi.HART_BASE + abi.HART_F + rd;
  if (kind < KIND_FLW && !rd) return;
  switch (kind) {
    case 0:
      store<i64>(x, <i64>(<i8>value));
      break;
    case 1:
      store<i64>(x, <i64>(<i16>value));
      break;
    case 2:
      store<i64>(x, <i64>(<i32>value));
      break;
    case KIND_FLW:
      store<u64>(f, value | 0xffffffff00000000);
      break;
    case KIND_FLW + 1:
      store<u64>(f, value);
      break;
    case KIND_FLH:
      store<u64>(f, value | 0xffffffffffff0000);
      break;
    default:
      store<u64>(x, value);
  }
}

/** The load that left the core gets its value. */
export function finishDeviceLoad(value: u64): void {
  finishLoad(Access.kind, Access.rd, value);
  if (Access.kind >= KIND_FLW) floatDirty();
}

/** Bytes of a load of this kind: 1, 2, 4, 8, and again for the unsigned ones. */
function bytesOf(kind: u32): u32 {
  if (kind == KIND_FLH) return 2;
  return kind >= KIND_FLW ? 4 << (kind - KIND_FLW) : 1 << (kind & 3);
}

function readBytes(host: usize, bytes: u32): u64 {
  switch (bytes) {
    case 1:
      return load<u8>(host);
    case 2:
      return load<u16>(host);
    case 4:
      return load<u32>(host);
    default:
      return load<u64>(host);
  }
}

function writeBytes(host: usize, bytes: u32, value: u64): void {
  switch (bytes) {
    case 1:
      store<u8>(host, <u8>value);
      break;
    case 2:
      store<u16>(host, <u16>value);
      break;
    case 4:
      store<u32>(host, <u32>value);
      break;
    default:
      store<u64>(host, value);
  }
}

/** Both pages of an access that crosses: addresses in linear memory of its two parts. */
abstract class Parts {
  static low: usize = 0;
  static high: usize = 0;
  /** Bytes in the first page. */
  static split: u32 = 0;
}

function findParts(gva: u64, bytes: u32, access: u32): i32 {
  Parts.split = 0x1000 - (<u32>gva & 0xfff);
  const second = gva + Parts.split;
  Parts.low = hostOf(gva, Parts.split, access);
  if (!Parts.low) return Access.status == NEXT ? raise(accessFault(access), gva) : Access.status;
  Parts.high = hostOf(second, bytes - Parts.split, access);
  if (!Parts.high)
    return Access.status == NEXT ? raise(accessFault(access), second) : Access.status;
  return NEXT;
}

function loadCrossing(gva: u64): i32 {
  const bytes = bytesOf(Access.kind);
  const failed = findParts(gva, bytes, ACCESS_LOAD);
  if (failed) return failed;
  let value: u64 = 0;
  for (let i: u32 = 0; i < bytes; i++) {
    const at: usize = i < Parts.split ? Parts.low + i : Parts.high + (i - Parts.split);
    value |= (<u64>load<u8>(at)) << (i << 3);
  }
  finishLoad(Access.kind, Access.rd, value);
  return NEXT;
}

function storeCrossing(gva: u64, bytes: u32, value: u64): i32 {
  const failed = findParts(gva, bytes, ACCESS_STORE);
  if (failed) return failed;
  for (let i: u32 = 0; i < bytes; i++) {
    const at: usize = i < Parts.split ? Parts.low + i : Parts.high + (i - Parts.split);
    store<u8>(at, <u8>(value >> (i << 3)));
  }
  return NEXT;
}

/** The load `op` at `u` from `gva`, whatever it takes. */
export function loadSlow(u: usize, op: i32, gva: u64): i32 {
  hart.pc = pcOf(u);
  Access.kind = op >= OP_FLW ? KIND_FLW + <u32>(op - OP_FLW) : <u32>(op - OP_LB);
  Access.rd = load<u8>(u, 1);
  return loadInto(u, gva);
}

/** A load whose destination is x0: it must still fault, and still reach devices. */
export function loadX0(u: usize): i32 {
  hart.pc = pcOf(u);
  Access.kind = (Uop.raw(u) >> 12) & 7;
  Access.rd = 0;
  return loadInto(u, Uop.rs1(u) + <u64>(<i64>immI(Uop.raw(u))));
}

/** FLH. */
export function loadHalf(u: usize, gva: u64): i32 {
  hart.pc = pcOf(u);
  Access.kind = KIND_FLH;
  Access.rd = load<u8>(u, 1);
  return loadInto(u, gva);
}

function loadInto(u: usize, gva: u64): i32 {
  const bytes = bytesOf(Access.kind);
  if ((<u32>gva & 0xfff) + bytes > 0x1000) return loadCrossing(gva);
  const host = hostOf(gva, bytes, ACCESS_LOAD);
  if (host) {
    finishLoad(Access.kind, Access.rd, readBytes(host, bytes));
    return NEXT;
  }
  if (Access.status != NEXT) return Access.status;
  Cpu.nextPc = Cpu.page + pageOffsetBehind(u);
  return leaveForDevice(gva, bytes, ACCESS_LOAD);
}

function storeBytes(op: i32): u32 {
  if (op == OP_FSH) return 2;
  return <u32>(op >= OP_FLW ? 4 << ((op - OP_FLW) & 1) : 1 << (op - OP_SB));
}

/** The store `op` at `u` to `gva`, whatever it takes. */
export function storeSlow(u: usize, op: i32, gva: u64): i32 {
  hart.pc = pcOf(u);
  const value = op >= OP_FLW ? Uop.fs2(u) : Uop.rs2(u);
  return storeFrom(u, gva, storeBytes(op), value);
}

function storeFrom(u: usize, gva: u64, bytes: u32, value: u64): i32 {
  if ((<u32>gva & 0xfff) + bytes > 0x1000) return storeCrossing(gva, bytes, value);
  const host = hostOf(gva, bytes, ACCESS_STORE);
  if (host) {
    writeBytes(host, bytes, value);
    return htif(u);
  }
  if (Access.isMissing && mayWait(bytes, value)) return NEXT;
  if (Access.status != NEXT) return Access.status;
  Cpu.nextPc = Cpu.page + pageOffsetBehind(u);
  store<u64>(abi.MAILBOX_BASE + abi.MAILBOX_DATA_LO, value);
  return leaveForDevice(gva, bytes, ACCESS_STORE);
}

/** The page of `Walk.gpa` has not arrived: may the store be done when it comes? */
function mayWait(bytes: u32, value: u64): bool {
  if (watched()) return false;
  const place = <u32>(Walk.gpa - ((<u64>abi.RAM_BASE_PAGE) << abi.PAGE_SHIFT));
  if (!noteStore(hart.space, place, bytes, value)) return false;
  Cpu.exit = 0;
  return true;
}

/** Privilege that HLV and HSV act with. */
function guestPrivilege(): i32 {
  return <i32>(hyp.hstatus >> SPVP_BIT) & 1;
}

/** HLV, HLVX or HSV `raw` at `u` and `hart.pc`: a load or store as the guest would do it. */
export function hypervisorAccess(u: usize, raw: u32): i32 {
  const funct7 = raw >> 25;
  const gva = getX(rs1Of(raw));
  const size = (funct7 >> 1) & 3;
  Walk.forced = !(funct7 & 1) && rs2Of(raw) == 3 ? HLVX : HLV;
  let status: i32 = 0;
  if (funct7 & 1) status = storeFrom(u, gva, 1 << size, getX(rs2Of(raw)));
  else {
    Access.kind = size | (rs2Of(raw) ? 4 : 0);
    Access.rd = rdOf(raw) << 3;
    status = loadInto(u, gva);
  }
  Walk.forced = 0;
  return status;
}

/** The device access that left the core has no device: the guest takes an access fault. */
export function failDevice(access: u32): i32 {
  Walk.forced = Access.forced;
  return raise(accessFault(access), Access.gva);
}

/** After a store to `Walk.gpa`: was it to `tohost`? */
function htif(u: usize): i32 {
  const at = load<u32>(hart.space, abi.SPACE_HTIF);
  if (at == ~0 || Walk.gpa - ((<u64>abi.RAM_BASE_PAGE) << abi.PAGE_SHIFT) != <u64>at) return NEXT;
  hart.pc = Cpu.page + pageOffsetBehind(u);
  Cpu.exit = abi.EXIT_HTIF;
  return LEAVE;
}
