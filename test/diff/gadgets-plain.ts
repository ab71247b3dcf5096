/** Instructions without side effects on control flow: arithmetic, floats, encodings by chance. */

import type { Field } from "../../ts/isa/fields.ts";
import { type Instruction, instruction } from "../../ts/isa/instructions.ts";
import { type Group, item, itemOf, raw } from "./body.ts";
import type { Context, Gadget } from "./context.ts";
import { INSTRUCTIONS, instructionsOf } from "./isa.ts";

function immediate({ prng }: Context, { min, max, step, isNonzero, isHint }: Field): number {
  const steps = Math.floor((max - min) / step);
  const value = prng.chance(20) ? prng.pick([min, max, 0, step, -step]) : 0;
  const chosen = value >= min && value <= max ? value : min + step * prng.between(0, steps);
  if ((isNonzero || isHint) && chosen === 0) return step;
  return chosen;
}

const rounding = ({ prng }: Context): number =>
  prng.weighted([
    [70, prng.below(5)],
    [27, 7],
    [2, 5],
    [2, 6],
  ]);

function operand(context: Context, field: Field): number {
  const { prng, registers } = context;
  if (field.kind === "f") return field.short ? prng.between(8, 15) : prng.below(32);
  if (field.kind === "rm") return rounding(context);
  if (field.kind !== "x") return immediate(context, field);
  if (field.role === "read") return registers.source(field.min, field.max);
  if (field.isNonzero || field.isHint) return registers.temporary();
  return registers.target(field.short);
}

/** Any operands that respect who owns which register. */
export function withOperands(context: Context, entry: Instruction): Group["items"][number] {
  const values = entry.fields.map((field) => operand(context, field));
  // c.lui with x2 would be c.addi16sp, and write to sp.
  if (entry.name === "c.lui" && values[0] === 2) return item("c.nop");
  return itemOf(entry, values);
}

/** `count` instructions of a group of the table. */
export const plain =
  (group: string, count = 4): Gadget =>
  (context) => ({
    kind: group,
    items: Array.from({ length: context.prng.between(1, count) }, () =>
      withOperands(context, context.prng.pick(instructionsOf(group))),
    ),
  });

/** Fences and the pause hint. */
export const fence: Gadget = (context) => {
  const { prng } = context;
  const one = prng.weighted([
    [3, () => withOperands(context, instruction("fence"))],
    [2, () => item("fence", 0, 0, prng.below(256))],
    [1, () => item("fence", 0, 0, 0x010)],
    [2, () => item("fence.i", 0, 0, 0)],
    [1, () => withOperands(context, instruction("fence.i"))],
  ])();
  return { kind: "fence", items: [one] };
};

/** Code points of compressed instructions that do nothing. */
export const hint: Gadget = ({ prng, registers }) => {
  const imm = prng.between(1, 31) << 2;
  const rs2 = registers.source(1) << 2;
  const word = prng.pick([0x0001 | imm, 0x4001 | imm, 0x6001 | imm, 0x8002 | rs2, 0x0002 | imm]);
  // c.srli and c.srai by 0.
  const zeroShift = 0x8001 | (prng.below(2) << 10) | (prng.below(8) << 7);
  return { kind: "hint", items: [raw(prng.chance(70) ? word : zeroShift)] };
};

const RESERVED_OPCODES = [0x0b, 0x2b, 0x5b, 0x7b, 0x57, 0x77, 0x6b, 0x1f, 0x3f, 0x5f, 0x7f];
const RESERVED_COMPRESSED = [0x0000, 0x8000, 0x9c41, 0x9c61, 0x8002, 0x4002, 0x6002, 0x2001];

/** Words that are surely, or perhaps, illegal; legal ones only touch the program's registers. */
export const illegal: Gadget = (context) => {
  const { prng, registers } = context;
  const rd = registers.target() << 7;
  const rs = (registers.source() << 15) | (registers.source() << 20);
  const funct = (prng.below(128) << 25) | (prng.below(8) << 12);
  const random = prng.u32();
  const word = prng.weighted<() => number>([
    [4, () => prng.pick(RESERVED_OPCODES) | (random & 0xffffff80)],
    [4, () => prng.pick(RESERVED_COMPRESSED)],
    [1, () => 0xffffffff],
    // Arithmetic opcodes with any function code.
    [5, () => prng.pick([0x33, 0x3b, 0x13, 0x1b]) | rd | rs | funct],
    // Floats with any function code; formats Q and H included.
    [4, () => 0x53 | rd | rs | funct],
    [2, () => prng.pick([0x43, 0x47, 0x4b, 0x4f]) | rd | rs | funct],
    // AMO with a width or function that does not exist; address registers may be anything.
    [2, () => 0x2f | rd | rs | (prng.pick([0, 1, 4, 5, 6, 7]) << 12) | (random & 0xf8000000)],
    [2, () => 0x2f | rd | rs | (3 << 12) | (prng.pick([5, 7, 9, 11, 13, 31]) << 27)],
    // Loads, stores, branches, jalr, system with a funct3 that does not exist.
    [1, () => 0x03 | (7 << 12) | rd | rs],
    [1, () => 0x23 | (prng.between(4, 7) << 12) | rd | rs],
    [1, () => 0x63 | (prng.between(2, 3) << 12) | rd | rs],
    [1, () => 0x67 | (prng.between(1, 7) << 12) | rd | rs],
    [1, () => 0x73 | (4 << 12) | rd | rs],
    [1, () => 0x73 | (prng.pick([0x002, 0x202, 0x402, 0x7b2, 0x106, 0x303]) << 20)],
    [1, () => 0x73 | (prng.between(1, 31) << 7)],
    [1, () => 0x0f | (prng.between(3, 7) << 12) | rd | rs],
    [1, () => 0x07 | (prng.pick([0, 4]) << 12) | rd | rs],
  ])();
  return { kind: "illegal", items: [raw(word)] };
};

/** The names a coverage table expects. */
export const ALL_NAMES: readonly string[] = INSTRUCTIONS.map(({ name }) => name);
