/** The side array: for each micro-operation in the arena or on the scratch block a u16. */
import { SCRATCH_BASE, SCRATCH_SIDE_BASE } from "../../bindings/abi";

export abstract class Side {
  /** Where the arena begins that it belongs to. */
  static arena: usize = 0;
  static base: usize = 0;
}

/** Offset in its page of the instruction that the micro-operation at `u` stands for. */
export function pageOffsetOf(u: usize): u64 {
  return load<u16>(sideOf(u));
}

/** Where the page offset of the micro-operation at `u` is kept. */
export function sideOf(u: usize): usize {
  if (u < Side.arena) return <usize>SCRATCH_SIDE_BASE + ((u - SCRATCH_BASE) >> 2);
  return Side.base + ((u - Side.arena) >> 2);
}
