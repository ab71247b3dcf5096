/**
 * Which instructions are translated: all rows of the table (`bindings/isa.ts`) are tried, and those that
 * are left to the interpreter must be the ones that docs/architecture.md lists, with a reason. What
 * computes must also stay in translated code, on ordinary numbers.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as abi from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import type { Field } from "../../ts/isa/fields.ts";
import { allInstructions, type Instruction } from "../../ts/isa/instructions.ts";
import type { Side } from "../diff/lockstep-guest.ts";
import * as s from "./scene.ts";

const { A0, A1, A2 } = s;
/** Instructions stand so far from each other. */
const APART = 64;
const DATA = s.ENTRY + 0x100000;
const CSR = 0x340;
const SINGLE_BOX = 0xffffffffn << 32n;
const HALF_BOX = 0xffffffffffffn << 16n;
/** 1.5, 1.25 and 3 in each format. */
const NUMBERS: Readonly<Record<string, readonly bigint[]>> = {
  d: [0x3ff8000000000000n, 0x3ff4000000000000n, 0x4008000000000000n],
  s: [0x3fc00000n, 0x3fa00000n, 0x40400000n].map((bits) => SINGLE_BOX | bits),
  h: [0x3e00n, 0x3d00n, 0x4200n].map((bits) => HALF_BOX | bits),
};

const rows = allInstructions().filter(({ group }) => group !== "alias");
const REGISTERS: Readonly<Record<string, number>> = {
  ...{ rd: A0, rs1: A1, rs1n: A1, rs2: A2, fd: 13, fs1: 10, fs2: 11, fs3: 12 },
};

function operand({ kind, name, min, max, step, isNonzero }: Field): number {
  if (kind === "rm") return 0;
  if (kind === "csr") return CSR;
  if (kind === "label") return 4;
  if (kind === "x" || kind === "f") return REGISTERS[name] ?? Math.max(min, Math.min(A1, max));
  return isNonzero || name === "cshamt" ? step : 0;
}

interface Tried {
  readonly entry: Instruction;
  readonly at: number;
  /** The module that was made for it. */
  readonly module: Uint8Array | undefined;
}

/** Each alone, in front of what is illegal; or in a loop. */
function sceneOf(entries: readonly Instruction[], isLoop: boolean): s.Scene {
  const bytes = s.assemble(s.ENTRY, (asm) => {
    entries.forEach((entry, i) => {
      asm.org(s.ENTRY + i * APART);
      asm.label(`at${i}`);
      asm.emit([entry.name, ...entry.fields.map(operand)]);
      if (isLoop) asm.emit(["jal", 0, `at${i}`]);
    });
  });
  return { writes: [{ gpa: s.ENTRY, bytes }] };
}

/** Has all `entries` translated, if that can be. */
async function tryAll(
  entries: readonly Instruction[],
  isLoop: boolean,
): Promise<{ side: Side; tried: Tried[] }> {
  let module: Uint8Array | undefined;
  const onModule = (bytes: Uint8Array): void => {
    module ??= bytes;
  };
  const core = await s.newCore({ engine: "translator", onModule });
  const side = s.start(core, sceneOf(entries, isLoop));
  const state = side.vm.save();
  const tried = entries.map((entry, i): Tried => {
    side.vm.restore(state);
    const at = s.ENTRY + i * APART;
    s.cpu(side).setNumber(abi.HART_PC, at);
    s.cpu(side).setX(A1, DATA, 0);
    module = undefined;
    side.vm.run(300);
    return { entry, at, module };
  });
  return { side, tried };
}

/** What the documentation lists, from the first column of the table below its heading. */
function documented(): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../docs/architecture.md"), "utf8");
  const [, table = ""] = text.split("**Left to the interpreter.**");
  const lines = table.slice(table.indexOf("|")).split("\n\n")[0]?.split("\n").slice(2) ?? [];
  return lines.flatMap((line) => line.split("|")[1]?.match(/(?<=`)[a-z][\w.]*(?=`)/g) ?? []);
}

test("what is not translated is listed with a reason", async () => {
  const { tried } = await tryAll(rows, false);
  const left = tried.filter(({ module }) => module === undefined).map(({ entry }) => entry.name);
  expect(documented().sort()).toEqual(left.sort());
});

/** Does the function for `tried` run to the end of its window? */
function stays({ entry, at, module }: Tried, { memory, perform }: Core["exports"]): boolean {
  const own = { m: memory, r: () => 0, e: () => 2, p: perform };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource), {
    m: own,
  });
  const words = new BigUint64Array(memory.buffer);
  const format = entry.name.at(-1) as string;
  (NUMBERS[format] ?? NUMBERS["s"])?.forEach((bits, i) => {
    words[(abi.HART_BASE + abi.HART_F) / 8 + 10 + i] = bits;
  });
  words[(abi.HART_BASE + abi.HART_X) / 8 + A1] = 77n;
  words[(abi.HART_BASE + abi.HART_X) / 8 + A2] = 5n;
  new DataView(memory.buffer).setUint32(abi.JIT_BASE + abi.JIT_FLOAT, 7, true);
  const window = 8 * 4000;
  const run = instance.exports["aa"] as (left: number, page: bigint, depth: number) => number;
  const left = run(window, BigInt(at - (at % 4096)), 4);
  return (left & 7) === 0 || left < window / 2;
}

test("what computes stays in translated code", async () => {
  const groups = ["integer", "multiply", "bitmanip", "conditional", "float"];
  const { side, tried } = await tryAll(
    rows.filter(({ group }) => groups.includes(group)),
    true,
  );
  expect(tried.filter(({ module }) => module === undefined)).toEqual([]);
  const leaves = tried.filter((one) => !stays(one, side.core.exports));
  expect(leaves.map(({ entry }) => entry.name)).toEqual([]);
});
