/** What translated code calls when the TLB does not have a page. */
import { Cpu } from "../hart/state";
import { findPage } from "../mmu/access";
import { Tlb } from "../mmu/tlb";
import { clearHints } from "./hints";

/**
 * Fills the TLB for an aligned access of 1 << `size` bytes to `gva`: a load (0) or a store (1). 0: it must
 * be done by the interpreter. Nothing is raised.
 */
export function refill(gva: u64, access: u32, size: u32): u32 {
  if (<u32>gva & ((1 << size) - 1) || !findPage(gva, access) || Cpu.codeChanged) return 0;
  clearHints(Tlb.dataTag);
  return 1;
}
