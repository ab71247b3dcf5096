/** What gadgets know while a body grows. A gadget is a function from this to one group. */
import { constant } from "./asm.ts";
import { type Group, item, type RegisterPlan } from "./body.ts";
import type { CsrLimits, CsrRule } from "./csrs.ts";
import type { AddressSpace } from "./paging.ts";
import type { Prng } from "./prng.ts";
import type { SecondStage } from "./second-stage.ts";

export interface Context {
  readonly prng: Prng;
  readonly registers: RegisterPlan;
  readonly limits: CsrLimits;
  readonly rules: readonly CsrRule[];
  readonly space: AddressSpace | undefined;
  readonly guest: SecondStage | undefined;
  /** Address values worth pointing at; gadgets add to them. */
  readonly pointers: bigint[];
  /** Can instret deltas be compared (both sides count exactly)? */
  readonly exactCounters: boolean;
  /** The number of the group being made. */
  group: number;
  /** The mode the program is probably in; wrong guesses only cost traps. */
  mode: 0 | 1 | 3;
}

export type Gadget = (context: Context) => Group;

/** Items that load a constant. */
export const li = (register: number, value: bigint): Group["items"] =>
  constant(register, value).map(([name, ...operands]) => item(name, ...(operands as number[])));
