/**
 * Which pages a guest read lately, as the TLBs tell. A guest that goes on at another host waits for what it
 * reads and for nothing that it only writes, so these pages are worth sending first: those that were loaded
 * from since `noteReads`, those that code is run from, and the page tables that lead to all of them, and to
 * what was stored to.
 */
import * as abi from "../../bindings/abi";
import { unloadHart } from "../hart/run";
import { peekFrame, Space } from "../memory/space";
import { emptyLoads, gfnAt, Tlb } from "./tlb";
import { PPN_MASK, PTE_R, PTE_V, PTE_X } from "./walk";

const LOAD_END: usize = abi.TLB_LOAD_BASE + abi.TLB_ENTRIES * abi.TLB_ENTRY_BYTES;
const STORE_END: usize = abi.TLB_STORE_BASE + abi.TLB_ENTRIES * abi.TLB_ENTRY_BYTES;
const FETCH_END: usize = abi.TLB_FETCH_BASE + abi.TLB_FETCH_ENTRIES * abi.TLB_ENTRY_BYTES;
const NOWHERE: u64 = ~0;

/** What is taken, from which bitmap to which, and how many pages more may be. */
abstract class Taking {
  static space: usize = 0;
  static satp: u64 = 0;
  static from: usize = 0;
  static into: usize = 0;
  static left: u32 = 0;
}

/** From now on (1) loads are noted, or (0) no more. */
export function noteReads(on: u32): void {
  Tlb.notesReads = on != 0;
  if (on) emptyLoads();
}

function take(index: u64): void {
  if (!Taking.left || index >= Space.pages(Taking.space)) return;
  const byte = <usize>(index >> 3);
  const bit: u8 = <u8>((<u32>1) << (<u32>index & 7));
  if (!(load<u8>(Taking.from + byte) & bit)) return;
  store<u8>(Taking.from + byte, load<u8>(Taking.from + byte) & ~bit);
  store<u8>(Taking.into + byte, load<u8>(Taking.into + byte) | bit);
  Taking.left--;
}

/** Takes the page tables on the way to `gva`; returns the gpa of its page, or NOWHERE. */
function takeTables(gva: u64): u64 {
  const mode = <u32>(Taking.satp >> 60);
  if (!mode) return gva;
  if (mode < 8 || mode > 10) return NOWHERE;
  let table = (Taking.satp & PPN_MASK) << abi.PAGE_SHIFT;
  for (let level: i32 = mode - 6; level >= 0; level--) {
    const index = Space.indexOf(table);
    const frame = peekFrame(Taking.space, index);
    if (!frame) return NOWHERE;
    take(index);
    const shift: u32 = abi.PAGE_SHIFT + 9 * level;
    const pte = load<u64>(frame + ((<usize>(gva >> shift) & 511) << 3));
    if (!(pte & PTE_V)) return NOWHERE;
    table = ((pte >> 10) & PPN_MASK) << abi.PAGE_SHIFT;
    const within = ((<u64>1) << shift) - 1;
    if (pte & (PTE_R | PTE_X)) return (table & ~within) | (gva & within);
  }
  return NOWHERE;
}

function takeFetch(entry: usize): void {
  const index = Space.indexOf(takeTables(load<u64>(entry) & ~0xfff));
  if (peekFrame(Taking.space, index) == <usize>load<u32>(entry, 12)) take(index);
}

function takeLoad(entry: usize): void {
  const gpa = (<u64>load<u32>(gfnAt(entry))) << abi.PAGE_SHIFT;
  const index = Space.indexOf(gpa);
  if (peekFrame(Taking.space, index) != <usize>load<u32>(entry, 12)) return;
  takeTables(load<u64>(entry) & ~0xfff);
  take(index);
}

/**
 * Moves pages that the hart at `hart` read from the bitmap `from` to `into`, `max` at most: code first, then page
 * tables. Returns how many.
 */
export function takeReads(hart: usize, from: usize, into: usize, max: u32): u32 {
  unloadHart();
  Taking.space = load<u32>(hart, abi.HART_SPACE);
  Taking.satp = load<u64>(hart, abi.HART_SATP);
  Taking.from = from;
  Taking.into = into;
  Taking.left = max;
  for (let at: usize = abi.TLB_FETCH_BASE; at < FETCH_END; at += abi.TLB_ENTRY_BYTES)
    if (load<u64>(at)) takeFetch(at);
  for (let at: usize = abi.TLB_STORE_BASE; at < STORE_END; at += abi.TLB_ENTRY_BYTES)
    if (load<u64>(at)) takeTables(load<u64>(at) & ~0xfff);
  for (let at: usize = abi.TLB_LOAD_BASE; at < LOAD_END; at += abi.TLB_ENTRY_BYTES)
    if (load<u64>(at)) takeLoad(at);
  return max - Taking.left;
}
