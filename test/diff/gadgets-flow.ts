/** Branches, jumps, bounded loops, jumps into nowhere. */
import { address, type Group, item, late, reachable } from "./body.ts";
import { type Context, type Gadget, li } from "./context.ts";
import { withOperands } from "./gadgets-plain.ts";
import { instructionsOf } from "./isa.ts";
import * as at from "./layout.ts";

/** The group that a forward jump aims at: a few further on. */
const ahead = ({ prng, group }: Context): number => group + prng.between(1, 5);

export const branch: Gadget = (context) => {
  const { prng, registers, group } = context;
  const goal = ahead(context);
  const [a, b] = [registers.source(), registers.source()];
  const short = registers.source(8, 15);
  const name = prng.pick(["beq", "bne", "blt", "bge", "bltu", "bgeu", "c.beqz", "c.bnez"]);
  const isShort = name.startsWith("c.");
  const one = late(name, (here, layout) => {
    const distance = reachable(layout, here, [group + 1, goal, isShort ? 250 : 4000]);
    return isShort ? [short, distance] : [a, b, distance];
  });
  return { kind: "branch", items: [one] };
};

export const jump: Gadget = (context) => {
  const { prng, registers, group } = context;
  const { control } = registers;
  const goal = ahead(context);
  const place: [number, number] = [goal, 0];
  const odd = prng.chance(20) ? 1 : 0;
  const kind = prng.below(5);
  const link = registers.target();
  const near = (here: number, layout: Parameters<typeof reachable>[0], reach: number) =>
    reachable(layout, here, [group + 1, goal, reach]);
  const items: Group["items"] = [];
  if (kind === 0) items.push(late("jal", (h, l) => [link, near(h, l, 1 << 19)]));
  else if (kind === 1) items.push(late("c.j", (h, l) => [near(h, l, 2000)]));
  else if (kind === 2) {
    const step = prng.between(-2000, 2000);
    items.push(...address(control, place, -step), item("jalr", link, control, step + odd));
  } else if (kind === 3) items.push(...address(control, place, odd), item("c.jr", control));
  else if (registers.pinned.includes(1) || registers.control === 1) {
    items.push(...address(control, place), item("jalr", control, control, odd));
  } else items.push(...address(control, place, odd), item("c.jalr", control));
  return { kind: "jump", items };
};

/** A loop that counts the control register down; nothing inside writes to it. */
export const loop: Gadget = (context) => {
  const { prng, registers, group } = context;
  const { control } = registers;
  const items: Group["items"] = [item("addi", control, 0, prng.between(1, 20))];
  for (let n = prng.between(1, 8); n > 0; n -= 1) {
    const kind = prng.pick(["integer", "integer", "multiply", "bitmanip", "float", "compressed"]);
    items.push(withOperands(context, prng.pick(instructionsOf(kind))));
  }
  items.push(item("addi", control, control, -1));
  items.push(
    late("bne", (here, { itemAt }) => [control, 0, itemAt(group, 1) - here]),
    item("addi", control, 0, 0),
  );
  return { kind: "loop", items };
};

/** A jump to where nothing can be fetched; the handler goes on at the control register. */
export const badJump: Gadget = (context) => {
  const { prng, registers, group } = context;
  const { control } = registers;
  const target = registers.temporary();
  // Not to slots: one may turn out to be executable, and scratch is no program.
  const nowhere = [0x40n, BigInt(at.RAM_END), 1n << 63n, 0x0000400000000000n];
  const load = li(target, prng.pick(nowhere));
  const place: [number, number] = [group, 2 + load.length + 1];
  const items = [
    ...address(control, place),
    ...load,
    prng.chance(50) ? item("jalr", registers.target(), target, 0) : item("jalr", 0, target, 2),
    item("addi", control, 0, 0),
  ];
  return { kind: "bad-jump", items };
};

/** A jump to a pad, which comes back, or faults, and the handler comes back in its place. */
export const padJump: Gadget = (context) => {
  const { prng, registers, group, space } = context;
  const { control } = registers;
  const target = registers.temporary();
  const known = [BigInt(at.PADS), ...(space?.pads ?? []).map(({ pointer }) => pointer)];
  const crossing = prng.chance(40) ? 0xffe : 2 + 4 * prng.below(0x3ff);
  const load = li(target, prng.pick(known) + BigInt(crossing));
  const place: [number, number] = [group, 2 + load.length + 1];
  const items = [
    ...address(control, place),
    ...load,
    item("jalr", registers.target(), target, 0),
    item("addi", control, 0, 0),
  ];
  return { kind: "pad", items };
};
