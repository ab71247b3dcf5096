/** Which gadgets a program of each flavour is made of. */
import type { Gadget } from "./context.ts";
import { badJump, branch, jump, loop, padJump } from "./gadgets-flow.ts";
import {
  asGuest,
  enterGuest,
  guestChange,
  guestFence,
  guestMemory,
  world,
} from "./gadgets-guest.ts";
import {
  atomic,
  changePte,
  memory,
  repoint,
  reserve,
  selfModify,
  stackFrame,
  toggleStatus,
  wildLoad,
} from "./gadgets-memory.ts";
import { fence, hint, illegal, plain } from "./gadgets-plain.ts";
import {
  counter,
  csr,
  drop,
  modifyPrivilege,
  oddCsr,
  protect,
  raise,
  trap,
  vector,
  wait,
  wildSatp,
} from "./gadgets-system.ts";
import type { Prng } from "./prng.ts";

export type Flavour = "integer" | "float" | "memory" | "system" | "guest";

export const FLAVOURS: readonly (readonly [number, Flavour])[] = [
  [20, "integer"],
  [25, "float"],
  [20, "memory"],
  [35, "system"],
  [40, "guest"],
];

type Recipe = readonly (readonly [number, Gadget])[];

const COMMON: Recipe = [
  [5, plain("integer")],
  [3, plain("compressed")],
  [4, branch],
  [3, jump],
  [1, fence],
  [1, hint],
  [1, illegal],
  [1, csr],
];

const RECIPES: Readonly<Record<Flavour, Recipe>> = {
  integer: [
    ...COMMON,
    [10, plain("integer", 6)],
    [8, plain("multiply")],
    [10, plain("bitmanip")],
    [6, plain("compressed", 6)],
    [4, loop],
    [2, memory],
  ],
  float: [...COMMON, [40, plain("float", 6)], [2, csr], [3, memory], [2, loop]],
  memory: [
    ...COMMON,
    [20, memory],
    [3, stackFrame],
    [2, wildLoad],
    [4, repoint],
    [8, atomic],
    [6, reserve],
    [2, selfModify],
    [3, changePte],
    [2, padJump],
  ],
  system: [
    ...COMMON,
    [14, csr],
    [3, oddCsr],
    [2, vector],
    [3, wildSatp],
    [3, protect],
    [4, modifyPrivilege],
    [6, drop],
    [4, raise],
    [4, trap],
    [2, wait],
    [2, counter],
    [12, memory],
    [3, repoint],
    [2, atomic],
    [1, reserve],
    [3, changePte],
    [3, toggleStatus],
    [1, wildLoad],
    [2, badJump],
    [5, padJump],
    [1, selfModify],
    [3, plain("float", 2)],
  ],
  guest: [
    ...COMMON,
    [14, csr],
    [2, oddCsr],
    [1, vector],
    [2, modifyPrivilege],
    [2, (context) => asGuest(context, modifyPrivilege)],
    [3, drop],
    [6, enterGuest],
    [4, raise],
    [4, trap],
    [3, wait],
    [1, counter],
    [12, memory],
    [4, guestMemory],
    [2, guestFence],
    [3, world],
    [4, guestChange],
    [4, toggleStatus],
    [4, repoint],
    [3, atomic],
    [3, changePte],
    [1, wildLoad],
    [3, padJump],
    [3, plain("float", 2)],
  ],
};

export const drawGadget = (prng: Prng, flavour: Flavour): Gadget => prng.weighted(RECIPES[flavour]);
