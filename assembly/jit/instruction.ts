/** Guest instructions that do not end their block as WebAssembly. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { memoryAccess } from "./access";
import { isAccess } from "./access-kinds";
import { atomic } from "./atomic";
import { groupedAccess, isGrouped } from "./copies";
import { float } from "./float";
import { floatNeeds, isFloat } from "./float-kinds";
import { halfAccess } from "./half";
import { hintOf } from "./hints";
import { integer } from "./integer";
import { address, siteOf } from "./labels";
import { setX } from "./locals";
import { rdOfUop } from "./operands";
import { Work } from "./work";
import { isZero, MAY_ZERO, zero } from "./zero";

/** One instruction that does not end its block; `undone` counts it and those behind it. */
export function instruction(index: i32, undone: i32): void {
  const u = Work.uop(index);
  const rel = Work.rel(index);
  const op = Uop.op(u);
  if (op == ops.OP_NOP) return;
  if (op == ops.OP_AUIPC) {
    address(<i64>(rel & ~0xfff) + <i64>Uop.imm(u));
    setX(rdOfUop(u));
    return;
  }
  if (op >= ops.OP_J && op <= ops.OP_BGEU) return; // The terminator.
  const site = siteOf(rel, undone);
  if (isGrouped(index)) return groupedAccess(u, index);
  if (isAccess(op)) return memoryAccess(u, hintOf(index), site);
  if (op == ops.OP_AMO) return atomic(u, site);
  if (op == ops.OP_SYSTEM) return zero(u, site);
  if (isFloat(op)) return float(u, site);
  if (op == ops.OP_FLH || op == ops.OP_FSH) return halfAccess(u, site);
  integer(u);
}

/** What the operation at `u` needs of JIT_FLOAT. */
export function needsOf(u: usize): i32 {
  return isZero(u) ? MAY_ZERO : floatNeeds(u);
}
