/** Loads, stores, atomics, changes of page tables and of code. */

import { encode, type Instruction, instruction } from "../../ts/isa/instructions.ts";
import { address, item, itemOf, late } from "./body.ts";
import { type Context, type Gadget, li } from "./context.ts";
import { instructionsOf } from "./isa.ts";
import * as at from "./layout.ts";
import { integerValue } from "./values.ts";

const ACCESSES: readonly Instruction[] = [...instructionsOf("load"), ...instructionsOf("store")];
const COMPRESSED: readonly Instruction[] = instructionsOf("compressed-other").filter(({ name }) =>
  /^c\.f?[ls][wd](sp)?$/.test(name),
);

const SSTATUS = 0x100;
const SUM = 1n << 18n;
const MXR = 1n << 19n;

/** Offsets that meet aligned, misaligned and page-crossing addresses. */
function offset({ prng }: Context): number {
  const value = prng.between(-2048, 2047);
  return prng.chance(65) ? value & ~7 : value;
}

function access(context: Context, entry: Instruction) {
  const { prng, registers } = context;
  const operands = entry.fields.map((field) => {
    if (field.name === "rs1") return registers.pointer();
    if (field.name === "qs1") return registers.pointer(true);
    if (field.kind === "f") return field.short ? prng.between(8, 15) : prng.below(32);
    if (field.kind === "imm") {
      return field.step === 1 ? offset(context) : field.step * prng.below(field.max / field.step);
    }
    if (field.role === "read") return registers.source(field.min, field.max);
    return field.isNonzero || field.isHint ? registers.temporary() : registers.target(field.short);
  });
  return itemOf(entry, operands);
}

const hasStackPointer = ({ registers }: Context): boolean => registers.pinned.includes(2);

export const memory: Gadget = (context) => {
  const { prng } = context;
  const compressed = COMPRESSED.filter(({ name }) => hasStackPointer(context) || !/sp$/.test(name));
  const items = Array.from({ length: prng.between(1, 4) }, () =>
    access(context, prng.pick(prng.chance(75) ? ACCESSES : compressed)),
  );
  return { kind: "memory", items };
};

/** The same address before and after SUM or MXR changes: needs no fence. */
export const toggleStatus: Gadget = (context) => {
  const { prng, registers } = context;
  const [pointer, bits] = [registers.pointer(), registers.temporary()];
  const step = offset(context);
  const one = () =>
    prng.chance(75)
      ? item(prng.pick(["ld", "lw", "lbu"]), registers.target(), pointer, step)
      : item(prng.pick(["sd", "sh"]), registers.source(), pointer, step);
  const [first, second] = prng.chance(50) ? ["csrrs", "csrrc"] : ["csrrc", "csrrs"];
  const items = [
    one(),
    ...li(bits, prng.pick([SUM, SUM, MXR, SUM | MXR])),
    item(first as string, registers.target(), SSTATUS, bits),
    one(),
    ...li(bits, prng.pick([SUM, SUM, MXR, SUM | MXR])),
    item(second as string, registers.target(), SSTATUS, bits),
    one(),
  ];
  return { kind: "toggle", items };
};

/** c.addi16sp and back, around an access. */
export const stackFrame: Gadget = (context) => {
  if (!hasStackPointer(context)) return memory(context);
  const size = 16 * context.prng.between(1, 31);
  const entry = instruction(context.prng.pick(["c.ldsp", "c.sdsp", "c.lwsp", "c.fldsp"]));
  const items = [item("c.addi16sp", -size), access(context, entry), item("c.addi16sp", size)];
  return { kind: "stack", items };
};

/** A load from wherever a register points, but with bit 40 set: neither RAM nor a device. */
export const wildLoad: Gadget = (context) => {
  const { prng, registers } = context;
  const { control } = registers;
  const entry = prng.pick(instructionsOf("load"));
  const target = entry.name.startsWith("f") ? prng.below(32) : registers.target();
  const items = [
    item("bseti", control, registers.source(), 40),
    itemOf(entry, [target, control, prng.between(-8, 8)]),
    item("addi", control, 0, 0),
  ];
  return { kind: "wild-load", items };
};

/** Points one of the address registers somewhere else. */
export const repoint: Gadget = ({ prng, registers, pointers }) => ({
  kind: "repoint",
  items: li(registers.pointer(), prng.pick(pointers)),
});

/** An AMO at a pinned address; offsets come from a copy in the control register. */
export const atomic: Gadget = (context) => {
  const { prng, registers } = context;
  const { control } = registers;
  const step = prng.chance(90) ? 8 * prng.between(-250, 250) : prng.between(-2000, 2000);
  // Pointers are not aligned themselves.
  const items = [
    item("andi", control, registers.pointer(), -8),
    item("addi", control, control, step),
  ];
  for (let n = prng.between(1, 3); n > 0; n -= 1) {
    const { name } = prng.pick(instructionsOf("amo"));
    items.push(item(name, registers.target(), control, registers.source(), prng.below(4)));
  }
  if (prng.chance(20)) {
    // Straight at a pointer, aligned or not.
    const { name } = prng.pick(instructionsOf("amo"));
    items.push(item(name, registers.target(), registers.pointer(), registers.source(), 0));
  }
  items.push(item("addi", control, 0, 0));
  return { kind: "amo", items };
};

/**
 * LR and SC. Only what the manual decides: the pair in a row, SC without LR, SC after SC, SC
 * elsewhere. Misaligned LR traps; a misaligned SC is left out (QEMU lets it fail silently).
 */
export const reserve: Gadget = (context) => {
  const { prng, registers, group } = context;
  const { control } = registers;
  const size = prng.pick(["w", "d"]);
  const step = 8 * prng.between(-250, 250);
  const bits = () => prng.below(4);
  const sc = () => item(`sc.${size}`, registers.target(), control, registers.source(), bits());
  const lr = () => item(`lr.${size}`, registers.target(), control, bits());
  const pointer = registers.pointer();
  const [got, magic] = [registers.temporary(), prng.between(100, 2000)];
  // An SC that fails anyway may or may not fault: so only where an AMO goes through.
  const skip = late("beq", (here, { itemAt }) => [got, control, itemAt(group, 99) - here]);
  const items = [
    item("addi", got, 0, magic),
    item("andi", control, pointer, -8),
    item("addi", control, control, step),
    item("amoor.d", got, control, 0, 0),
    item("addi", control, 0, magic),
    skip,
    item("andi", control, pointer, -8),
    item("addi", control, control, step),
  ];
  const shape = prng.below(6);
  if (shape === 0) items.push(lr(), sc(), sc());
  else if (shape === 1) items.push(lr(), item("xori", control, control, 128), sc());
  else if (shape === 2) items.push(lr(), lr(), sc());
  else if (shape === 3) items.push(item("ori", control, control, prng.between(1, 7)), lr());
  else items.push(lr(), item("xor", registers.target(), registers.source(), 0), sc());
  // No reservation may outlive the group: an SC to a place of its own ends it.
  if (shape === 3) items.push(item("andi", control, control, -8));
  items.push(item(`sc.${size}`, 0, control, 0, 0), item("addi", control, 0, 0));
  return { kind: "reserve", items };
};

/** Changes a PTE, flushes, and leaves the accesses to others. */
export const changePte: Gadget = (context) => {
  const { prng, registers, space } = context;
  if (!space || space.slots.length === 0) return memory(context);
  const { control } = registers;
  const slot = prng.pick(prng.chance(75) ? space.slots : [...space.slots, ...space.pads]);
  const [old, fresh, bits] = [registers.temporary(), registers.temporary(), registers.temporary()];
  const flip = prng.chance(80) ? prng.between(1, 255) : prng.between(256, 1023);
  const flush = prng.weighted<() => ReturnType<typeof item>>([
    [5, () => item("sfence.vma", 0, 0)],
    [1, () => item("sfence.vma", control, 0)],
  ]);
  const { group } = context;
  // Where TVM or U-mode keeps satp away it keeps sfence.vma away, too: then nothing may change.
  const items = [
    item("addi", control, 0, 1),
    item("csrrs", control, 0x180, 0),
    item("addi", old, 0, 1),
    late("beq", (here, { itemAt }) => [control, old, itemAt(group, 99) - here]),
    ...li(control, BigInt(prng.pick(slot.ptes))),
    item("ld", old, control, 0),
    item("xori", fresh, old, flip),
    item("sd", fresh, control, 0),
    ...li(control, slot.pointer),
    flush(),
    item("sfence.vma", 0, 0),
    item("ld", bits, control, 0),
    item("addi", control, 0, 0),
  ];
  return { kind: "pte", items };
};

/** Writes an instruction into the code, then fence.i, then runs it. */
export const selfModify: Gadget = (context) => {
  const { prng, registers } = context;
  const { control } = registers;
  const value = registers.temporary();
  const target = registers.temporary();
  const word = encode(instruction("addi"), [target, registers.source(), prng.between(-99, 99)]);
  const head = li(value, BigInt(word | 0));
  const place: [number, number] = [context.group, head.length + 4];
  const items = [
    ...head,
    ...address(control, place),
    item("sw", value, control, 0),
    item("fence.i", 0, 0, 0),
    item("addi", 0, 0, 0),
    item("addi", control, 0, 0),
  ];
  return { kind: "smc", items };
};

/** Pointer values of a program: scratch by its physical address, slots, and places to avoid. */
export function pointerValues(context: Pick<Context, "prng" | "space">): bigint[] {
  const { prng, space } = context;
  const inside = () => BigInt(at.SCRATCH + prng.between(0x800, 0x3700));
  const wild = [
    BigInt(at.RAM_END),
    0x40n,
    0x0000400000000000n,
    0xffffffbffffff000n,
    1n << 63n,
    BigInt.asUintN(64, -16n),
    0x0100000000000000n,
    BigInt(at.SCRATCH) | (1n << 56n),
  ];
  const values = [inside(), inside(), inside() & ~7n, inside() & ~7n];
  for (const { pointer } of space?.slots ?? []) values.push(pointer, pointer & ~7n);
  if (prng.chance(50)) values.push(prng.pick(wild));
  if (prng.chance(10)) values.push(integerValue(prng) | (1n << 62n));
  return values;
}
