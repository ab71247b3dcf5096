/**
 * A program's body: groups of instructions. A group is the unit of control flow (branches go to
 * the start of a later group) and of shrinking (a group is replaced by nops as a whole).
 */

import { encode, type Instruction, instruction } from "../../ts/isa/instructions.ts";
import { splitOffset } from "./asm.ts";
import { format } from "./isa.ts";
import type { Prng } from "./prng.ts";

/** Where the items of a laid-out body are, as offsets from the start of the code region. */
interface Layout {
  readonly groupAt: (group: number) => number;
  readonly itemAt: (group: number, item: number) => number;
}
type Resolve = (here: number, layout: Layout) => readonly number[];

interface Item {
  readonly name: string;
  readonly bytes: 2 | 4;
  /** The encoding, or an instruction with operands that may wait for the layout. */
  readonly code: number | { readonly entry: Instruction; readonly operands: readonly number[] };
  readonly resolve?: Resolve | undefined;
}

export interface Group {
  readonly kind: string;
  readonly items: Item[];
}

export function item(name: string, ...operands: readonly number[]): Item {
  const entry = instruction(name);
  return { name, bytes: entry.bytes, code: { entry, operands } };
}

export const itemOf = (entry: Instruction, operands: readonly number[]): Item => ({
  name: entry.name,
  bytes: entry.bytes,
  code: { entry, operands },
});

/** An instruction whose operands are known only when the layout is. */
export function late(name: string, resolve: Resolve): Item {
  const entry = instruction(name);
  return { name, bytes: entry.bytes, code: { entry, operands: [] }, resolve };
}

/** A raw encoding, legal or not. */
export function raw(word: number): Item {
  const bytes = (word & 3) === 3 ? 4 : 2;
  return { name: "raw", bytes, code: bytes === 2 ? word & 0xffff : word >>> 0 };
}

/** `register` = address of item `target` of group `group`, plus `extra`; pc-relative. */
export function address(register: number, place: readonly [number, number], extra = 0): Item[] {
  let from = 0;
  return [
    late("auipc", (here, { itemAt }) => {
      from = here;
      return [register, splitOffset(itemAt(...place) + extra - here)[0]];
    }),
    late("addi", (_, { itemAt }) => [
      register,
      register,
      splitOffset(itemAt(...place) + extra - from)[1],
    ]),
  ];
}

/** The group that a branch of `reach` bytes goes to: `wanted`, or the furthest it can. */
export function reachable(layout: Layout, here: number, span: readonly number[]): number {
  const [first = 0, wanted = 0, reach = 0] = span;
  let group = wanted;
  while (group > first && layout.groupAt(group) - here > reach) group -= 1;
  return layout.groupAt(group) - here;
}

interface LaidOut {
  readonly bytes: Uint8Array;
  readonly listing: readonly string[];
  /** Names of the instructions, for coverage. */
  readonly names: readonly string[];
}

const NOP = 0x13;
const C_NOP = 1;

/** Puts groups one after another from `start`; those in `dropped` become nops. */
export function layOut(
  groups: readonly Group[],
  room: { readonly start: number; readonly bytes: number },
  dropped: ReadonlySet<number> = new Set(),
): LaidOut {
  const starts: number[] = [];
  let end = room.start;
  for (const { items } of groups) {
    starts.push(end);
    for (const { bytes } of items) end += bytes;
  }
  if (end > room.bytes) throw new RangeError(`a body of ${end - room.start} bytes does not fit`);
  const groupAt = (n: number) => starts[Math.min(n, starts.length - 1)] as number;
  const itemAt = (n: number, at: number) =>
    (groups[n]?.items ?? []).slice(0, at).reduce((sum, { bytes }) => sum + bytes, groupAt(n));
  const out = { bytes: new Uint8Array(room.bytes), listing: [] as string[], names: [] as string[] };
  const view = new DataView(out.bytes.buffer);
  groups.forEach((group, n) => {
    let here = groupAt(n);
    for (const one of group.items) {
      const [word, text] = dropped.has(n)
        ? [one.bytes === 2 ? C_NOP : NOP, "nop"]
        : encodeItem(one, here, { groupAt, itemAt });
      if (one.bytes === 2) view.setUint16(here, word, true);
      else view.setUint32(here, word, true);
      const hex = word
        .toString(16)
        .padStart(one.bytes * 2, "0")
        .padStart(8);
      out.listing.push(`${here.toString(16).padStart(4, "0")}  ${hex}  ${text}`);
      if (!dropped.has(n)) out.names.push(one.name);
      here += one.bytes;
    }
  });
  return out;
}

function encodeItem(one: Item, here: number, layout: Layout): [number, string] {
  if (typeof one.code === "number") return [one.code, `.raw 0x${one.code.toString(16)}`];
  const operands = one.resolve ? one.resolve(here, layout) : one.code.operands;
  return [encode(one.code.entry, operands), format(one.code.entry, operands)];
}

/** Which registers a program may use for what. */
export class RegisterPlan {
  readonly reserved: number;
  readonly control: number;
  /** Registers that hold addresses and are not overwritten by chance. */
  readonly pinned: readonly number[];
  readonly #prng: Prng;
  readonly #free: readonly number[];

  constructor(prng: Prng, owned: { reserved: number; control: number; pinned: readonly number[] }) {
    this.#prng = prng;
    this.reserved = owned.reserved;
    this.control = owned.control;
    this.pinned = owned.pinned;
    const taken = [0, owned.reserved, owned.control, ...owned.pinned];
    this.#free = Array.from({ length: 32 }, (_, n) => n).filter((n) => !taken.includes(n));
  }

  /** A register to write to. */
  target(short = false): number {
    if (!short && this.#prng.chance(4)) return 0;
    return this.#prng.pick(this.#free.filter((n) => !short || (n >= 8 && n < 16)));
  }

  /** A register to write to that is not x0. */
  temporary(): number {
    return this.#prng.pick(this.#free);
  }

  /** Any register to read, but the harness's. */
  source(low = 0, high = 31): number {
    const n = this.#prng.between(low, high);
    return n === this.reserved ? this.source(low, high) : n;
  }

  /** A register that holds an address. */
  pointer(short = false): number {
    return this.#prng.pick(this.pinned.filter((n) => !short || (n >= 8 && n < 16)));
  }
}
