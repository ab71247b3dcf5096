/** What a load or store is, by its number. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";

export function isAccess(op: i32): bool {
  return op >= ops.OP_LB && op <= ops.OP_FSD;
}

/** May the operation `op` store? */
export function mayStore(op: i32): bool {
  return (isAccess(op) && !isLoad(op)) || op == ops.OP_FSH || op == ops.OP_AMO;
}

/** Is the access `op` a load? */
export function isLoad(op: i32): bool {
  return op < ops.OP_SB || op == ops.OP_FLW || op == ops.OP_FLD;
}

/** log2 of the bytes that the access `op` is of. */
export function sizeOf(op: i32): u32 {
  if (op >= ops.OP_FLW) return 2 + <u32>((op - ops.OP_FLW) & 1);
  return op >= ops.OP_SB ? <u32>(op - ops.OP_SB) : <u32>((op - ops.OP_LB) & 3);
}

/** What the access at `u` adds to its base. */
export function offsetOf(u: usize): i32 {
  return Uop.op(u) >= ops.OP_FLW ? load<i16>(u, 4) : Uop.imm(u);
}
