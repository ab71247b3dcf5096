/** Pages of random code: mostly valid instructions that stay near, now and then any bits. */
import type { Random } from "../../ts/base/random.ts";
import type { Field } from "../../ts/isa/fields.ts";
import { encode, type Instruction } from "../../ts/isa/instructions.ts";
import { INSTRUCTIONS, instructionsOf } from "../diff/isa.ts";

/** What leaves translated code at once is rare. */
const COMMON: readonly Instruction[] = INSTRUCTIONS.filter(({ group }) => group !== "system");
const TRANSFERS: readonly Instruction[] = [
  ...instructionsOf("branch"),
  ...INSTRUCTIONS.filter(({ name }) => /^c\.(j|beqz|bnez|jr|jalr)$/.test(name)),
];
/** Registers that are used most: values flow, and some are pointers. */
const FAVOURITES = [1, 2, 5, 8, 9, 10, 11, 12, 13, 14, 15];

function between(random: Random, min: number, max: number): number {
  return min + random.below(max - min + 1);
}

function operand(random: Random, { kind, min, max, step, isNonzero, short }: Field): number {
  if (kind === "x" || kind === "f") {
    const favourite = random.pick(FAVOURITES);
    if (!short && favourite >= min && random.below(8) > 0) return favourite;
    return between(random, min, max);
  }
  const isNear = kind === "label" ? random.below(8) > 0 : kind === "imm" && random.below(2) > 0;
  const [low, high] = isNear ? [Math.max(min, -64), Math.min(max, 64)] : [min, max];
  const value = Math.trunc(between(random, low, high) / step) * step;
  return isNonzero && value === 0 ? Math.max(step, min) : value;
}

function instruction(random: Random): { readonly bits: number; readonly bytes: number } {
  const roll = random.below(100);
  if (roll < 4) return { bits: random.u32(), bytes: random.below(2) ? 2 : 4 };
  const entry = random.pick(roll < 6 ? INSTRUCTIONS : roll < 26 ? TRANSFERS : COMMON);
  const operands = entry.fields.map((field) => operand(random, field));
  return { bits: encode(entry, operands), bytes: entry.bytes };
}

/** `bytes` bytes of code. */
export function randomCode(random: Random, bytes: number): Uint8Array {
  const code = new Uint8Array(bytes + 4);
  const view = new DataView(code.buffer);
  for (let at = 0; at < bytes; ) {
    const one = instruction(random);
    view.setUint32(at, one.bits, true);
    at += one.bytes;
  }
  return code.subarray(0, bytes);
}
