/** What translated code may do beside integer operations (JIT_FLOAT): floating point, CBO.ZERO. */
import { FpFlags, NX } from "../float/flags";
import { mayZero } from "./cache-block";
import { isFloatDirty } from "./csr";
import { hart } from "./state";

const ZERO: u32 = 4;

/** Exact operations (1), rounded ones, which set NX (2), and CBO.ZERO (4). */
export function permissions(): u32 {
  const zero: u32 = mayZero() ? ZERO : 0;
  if (!isFloatDirty()) return zero;
  return zero | (FpFlags.bits & NX && !hart.frm ? 3 : 1);
}
