/** Which operations the translator writes as WebAssembly; the interpreter does the others. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { knowsAtomic } from "./atomic";
import { isFloat, knowsFloat } from "./float-kinds";
import { isZero } from "./zero";

/** Does the translator know the operation at `u`? */
export function canTranslate(u: usize): bool {
  const op = Uop.op(u);
  if (op == ops.OP_SYSTEM) return isZero(u);
  if (op == ops.OP_AMO) return knowsAtomic(u);
  if (isFloat(op)) return knowsFloat(u);
  return op >= ops.OP_NOP;
}
