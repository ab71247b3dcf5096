/** Loads and stores that hit the TLB: what the dispatch loop does by itself. */
import * as abi from "../../bindings/abi";
import { Uop } from "../isa/uop";
import { Tlb } from "./tlb";

export abstract class Data {
  /** Address of the load or store at `u`. */
  @inline static gva(u: usize): u64 {
    return Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
  }
  /** Address of an F or D access: the upper half of the immediate holds a compressed encoding. */
  @inline static floatGva(u: usize): u64 {
    return Uop.rs1(u) + <u64>(<i64>load<i16>(u, 4));
  }

  /** Is there no entry for a load of `low` + 1 bytes, or is it misaligned? */
  @inline static misses(gva: u64, low: u64, tag: u64): bool {
    return ((gva & (~0xfff | low)) | tag) != load<u64>(Tlb.index(gva), abi.TLB_LOAD_BASE);
  }
  @inline static missesStore(gva: u64, low: u64, tag: u64): bool {
    return ((gva & (~0xfff | low)) | tag) != load<u64>(Tlb.index(gva), abi.TLB_STORE_BASE);
  }
  /** Address in linear memory, after a hit. */
  @inline static host(gva: u64): usize {
    return <usize>(<u32>gva + load<u32>(Tlb.index(gva), abi.TLB_LOAD_BASE + 8));
  }
  @inline static hostStore(gva: u64): usize {
    return <usize>(<u32>gva + load<u32>(Tlb.index(gva), abi.TLB_STORE_BASE + 8));
  }

  @inline static lb(gva: u64): u64 {
    return <u64>(<i64>load<i8>(Data.host(gva)));
  }
  @inline static lh(gva: u64): u64 {
    return <u64>(<i64>load<i16>(Data.host(gva)));
  }
  @inline static lw(gva: u64): u64 {
    return <u64>(<i64>load<i32>(Data.host(gva)));
  }
  @inline static ld(gva: u64): u64 {
    return load<u64>(Data.host(gva));
  }
  @inline static lbu(gva: u64): u64 {
    return <u64>load<u8>(Data.host(gva));
  }
  @inline static lhu(gva: u64): u64 {
    return <u64>load<u16>(Data.host(gva));
  }
  @inline static lwu(gva: u64): u64 {
    return <u64>load<u32>(Data.host(gva));
  }
  @inline static sb(gva: u64, value: u64): void {
    store<u8>(Data.hostStore(gva), <u8>value);
  }
  @inline static sh(gva: u64, value: u64): void {
    store<u16>(Data.hostStore(gva), <u16>value);
  }
  @inline static sw(gva: u64, value: u64): void {
    store<u32>(Data.hostStore(gva), <u32>value);
  }
  @inline static sd(gva: u64, value: u64): void {
    store<u64>(Data.hostStore(gva), value);
  }
}
