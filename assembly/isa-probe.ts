// Compiled only by test/isa.test.ts: what the decoder makes of an encoding.
import { decode } from "./isa/decode";

export { expand } from "../build/isa-tables";

/** Where the micro-operation is written. */
const AT: usize = 64;

/** The number of the micro-operation. */
export function operationOf(raw: u32): i32 {
  return decode(AT, raw);
}
