/** Which operations the translator writes as WebAssembly; the interpreter does the others. */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";

/** Does the translator know the operation at `u`? */
export function canTranslate(u: usize): bool {
  const op = Uop.op(u);
  if (op < ops.OP_NOP) return false;
  return op < ops.OP_FLW || (op >= ops.OP_ADD_UW && op < ops.OP_FADD_D);
}
