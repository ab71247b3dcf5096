import { HART_BASE, HART_F, HART_X } from "../../bindings/abi";

/** The fields of a micro-operation at `u` (see `ops.ts`) and the registers of the live hart behind them. */
export abstract class Uop {
  @inline static op(u: usize): i32 {
    return load<u8>(u);
  }
  @inline static imm(u: usize): i32 {
    return load<i32>(u, 4);
  }
  /** The raw encoding, for operations that keep it in the immediate. */
  @inline static raw(u: usize): u32 {
    return load<u32>(u, 4);
  }
  @inline static rs1(u: usize): u64 {
    return load<u64>(<usize>load<u8>(u, 2), HART_BASE + HART_X);
  }
  @inline static rs2(u: usize): u64 {
    return load<u64>(<usize>load<u8>(u, 3), HART_BASE + HART_X);
  }
  @inline static setRd(u: usize, value: u64): void {
    store<u64>(<usize>load<u8>(u, 1), value, HART_BASE + HART_X);
  }
  @inline static fs1(u: usize): u64 {
    return load<u64>(<usize>load<u8>(u, 2), HART_BASE + HART_F);
  }
  @inline static fs2(u: usize): u64 {
    return load<u64>(<usize>load<u8>(u, 3), HART_BASE + HART_F);
  }
  @inline static fs3(u: usize): u64 {
    return load<u64>(<usize>((Uop.raw(u) >> 24) & 0xf8), HART_BASE + HART_F);
  }
  @inline static setFd(u: usize, value: u64): void {
    store<u64>(<usize>load<u8>(u, 1), value, HART_BASE + HART_F);
  }

  /** Writes operation and immediate. */
  @inline static set(u: usize, op: i32, imm: i32): void {
    store<u8>(u, op);
    store<i32>(u, imm, 4);
  }
  /** Writes the three register fields from where every 32-bit format has them. */
  @inline static setRegisters(u: usize, raw: u32): void {
    store<u8>(u, (raw >> 4) & 0xf8, 1);
    store<u8>(u, (raw >> 12) & 0xf8, 2);
    store<u8>(u, (raw >> 17) & 0xf8, 3);
  }
}
