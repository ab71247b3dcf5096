/**
 * Translated code against the interpreter: every instruction that computes, with every rounding mode, on
 * operands that hurt, with what is accrued and frm set before each; and blocks of floating point at
 * random, where singles, halves and doubles follow each other in the same registers.
 */
import { describe, expect, test } from "vitest";
import type { Field } from "../../ts/isa/fields.ts";
import { allInstructions, type Instruction } from "../../ts/isa/instructions.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import type { Side } from "../diff/lockstep-guest.ts";
import { Prng } from "../diff/prng.ts";
import { doubleValue, floatValue, halfValue, integerValue, singleValue } from "../diff/values.ts";
import * as s from "./scene.ts";

const { A0, A1, A2, S0, S1, S2, S3, S4, T0, T1, T2 } = s;
const [FFLAGS, FRM] = [1, 2];
const [TABLE, RESULTS] = [RAM_BASE + 0x200000, RAM_BASE + 0x300000];
const MODES = [0, 1, 2, 3, 4, 7];
const ROWS = 160;
/** Operands f10 to f12, x11 and x12, what is accrued, the mode. */
const ROW_BYTES = 56;
const SEED = Math.floor(performance.timeOrigin) % 2 ** 31;

const FORMATS = "sdh";
const VALUES: Readonly<Record<string, (prng: Prng) => bigint>> = {
  s: (prng) => (0xffffffffn << 32n) | singleValue(prng),
  d: doubleValue,
  h: (prng) => (0xffffffffffffn << 16n) | halfValue(prng),
};
const computing = allInstructions().filter(({ group }) =>
  ["integer", "multiply", "bitmanip", "conditional", "float"].includes(group),
);

/** A product just between two singles, and so little more or less that no double tells it. */
const TIES: readonly bigint[][] = ["0d800000", "8d800000", "80000001"].map((addend) =>
  ["3f800800", "3f800800", addend].map((bits) => BigInt(`0xffffffff${bits}`)),
);

/** A table of operands of each format. */
function tables(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(FORMATS.length * ROWS * ROW_BYTES);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < FORMATS.length * ROWS; row++) {
    const value = VALUES[FORMATS[Math.floor(row / ROWS)] as string] as (prng: Prng) => bigint;
    const words = Array.from({ length: 3 }, () => (prng.chance(5) ? floatValue : value)(prng));
    if (prng.chance(10)) words[1] = words[0] as bigint;
    words.push(integerValue(prng), integerValue(prng));
    words.push(prng.chance(70) ? 1n : BigInt(prng.below(32)));
    words.push(prng.chance(75) ? 0n : BigInt(prng.below(5)));
    const tie = TIES[row];
    if (tie) words.splice(0, words.length, ...tie, 0n, 0n, 1n, 0n);
    words.forEach((word, i) => {
      view.setBigUint64(row * ROW_BYTES + i * 8, word, true);
    });
  }
  return bytes;
}

interface Case {
  readonly entry: Instruction;
  readonly operands: readonly number[];
}

const REGISTERS: Readonly<Record<string, number>> = {
  ...{ rd: T1, rs1: A1, rs2: A2 },
  ...{ fd: 13, fs1: 10, fs2: 11, fs3: 12, fs12: 10 },
};

function operand({ kind, name, min, max }: Field, mode: number, prng: Prng): number {
  if (kind === "rm") return mode;
  return kind === "imm" ? prng.between(min, max) : (REGISTERS[name] as number);
}

function casesOf(prng: Prng): Case[] {
  return computing.flatMap((entry) =>
    (entry.fields.some(({ kind }) => kind === "rm") ? MODES : [0]).map((mode) => ({
      entry,
      operands: entry.fields.map((field) => operand(field, mode, prng)),
    })),
  );
}

/** Folds `register` into `into`. */
const fold = (into: number, register: number): Line[] => [
  ["slli", T0, into, 5],
  ["add", into, into, T0],
  ["xor", into, into, register],
];

/** Goes through all rows of the table for the operands of one case. */
function emitCase(asm: Assembler, index: number, { entry, operands }: Case): void {
  const format = Math.max(0, FORMATS.indexOf(entry.name.at(-1) as string));
  asm.li(S0, TABLE + format * ROWS * ROW_BYTES);
  asm.li(S1, ROWS);
  asm.li(S3, 0);
  asm.li(S4, 0);
  asm.label(`case${index}`);
  asm.emit(["ld", T0, S0, 40], ["csrrw", 0, FFLAGS, T0], ["ld", T0, S0, 48], ["csrrw", 0, FRM, T0]);
  asm.emit(["fld", 10, S0, 0], ["fld", 11, S0, 8], ["fld", 12, S0, 16]);
  asm.emit(["ld", A1, S0, 24], ["ld", A2, S0, 32], [entry.name, ...operands]);
  if (entry.fields.some(({ name }) => name === "fd")) asm.emit(["fmv.x.d", T1, 13]);
  asm.emit(["csrrs", T2, FFLAGS, 0], ...fold(S3, T1), ...fold(S4, T2));
  asm.emit(["addi", S0, S0, ROW_BYTES], ["addi", S1, S1, -1], ["bne", S1, 0, `case${index}`]);
  asm.emit(["sd", S3, S2, 0], ["sd", S4, S2, 8], ["addi", S2, S2, 16]);
}

/** What each of `count` cases folded to: results, flags. */
function foldsOf(side: Side, count: number): (readonly bigint[])[] {
  const words = new BigUint64Array(count * 2);
  side.vm.ram.read(RESULTS, new Uint8Array(words.buffer));
  return Array.from({ length: count }, (_, i) => [...words.subarray(i * 2, i * 2 + 2)]);
}

/** Registers of the blocks at random: few, so that they are written in one format and read in another. */
const FEW = [1, 2, 3, 4, 5];
const BLOCKS = 12;
const accesses = ["flw", "fsw", "fld", "fsd", "flh", "fsh"];
const floats = computing.filter(({ group }) => group === "float");

function randomLine(prng: Prng, singles: readonly Instruction[]): Line {
  if (prng.chance(30)) {
    const name = prng.weighted([
      [6, "flw"],
      [4, prng.pick(accesses)],
    ]);
    return [name, prng.pick(FEW), S0, prng.below(256) * 8];
  }
  const entry = prng.pick(prng.chance(75) ? singles : floats);
  const operands = entry.fields.map(({ kind, name }) => {
    if (kind === "rm") return prng.chance(90) ? prng.pick([0, 7]) : prng.below(5);
    return kind === "f" ? prng.pick(FEW) : name === "rd" ? prng.pick([0, T1]) : A1;
  });
  return [entry.name, ...operands];
}

/** Blocks that go on to one of two others by a number that a1 gives; a0 counts them down. */
function randomBlocks(asm: Assembler, prng: Prng): void {
  const singles = floats.filter(({ extension }) => extension === "F");
  asm.li(S0, TABLE);
  asm.li(A0, 3000);
  asm.li(A1, prng.u32());
  asm.emit(["csrrwi", 0, FFLAGS, 1]);
  for (let block = 0; block < BLOCKS; block++) {
    asm.label(`block${block}`);
    for (let i = prng.between(1, 6); i > 0; i--) asm.emit(randomLine(prng, singles));
    asm.emit(["slli", T0, A1, 13], ["xor", A1, A1, T0], ["srli", T0, A1, 7], ["xor", A1, A1, T0]);
    asm.emit(["addi", A0, A0, -1], ["beq", A0, 0, "end"], ["andi", T0, A1, 1 << prng.below(5)]);
    asm.emit(["bne", T0, 0, `block${prng.below(BLOCKS)}`]);
  }
  asm.emit(["jal", 0, "block0"]);
  asm.label("end");
  asm.emit(["jal", 0, "end"]);
}

function sceneOf(prng: Prng, write: (asm: Assembler) => void): s.Scene {
  const code = { gpa: s.ENTRY, bytes: s.assemble(s.ENTRY, write) };
  return { writes: [code, { gpa: TABLE, bytes: tables(prng) }] };
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test.each([1, SEED])("every instruction in every mode, seed %i", async (seed) => {
    const prng = new Prng(seed);
    const cases = casesOf(prng);
    const scene = sceneOf(prng, (asm) => {
      asm.li(S2, RESULTS);
      cases.forEach((one, index) => {
        emitCase(asm, index, one);
      });
      asm.label("end");
      asm.emit(["jal", 0, "end"]);
    });
    const sides = await s.pair(scene, options);
    for (const { vm } of sides) vm.run(cases.length * (ROWS * 25 + 20));
    const [left, right] = sides.map((side) => foldsOf(side, cases.length));
    // All were reached: flags are never 0 for long.
    expect(left?.filter(([, flags]) => flags === 0n)).toEqual([]);
    const wrong = cases.filter((_, i) => `${left?.[i]}` !== `${right?.[i]}`);
    expect(wrong.map(({ entry, operands }) => `${entry.name} ${operands}`)).toEqual([]);
    s.expectSame(sides);
  });

  test.each([1, 2, 3, 4, 5, 6, SEED])("formats mixed in loops, seed %i", async (seed) => {
    const prng = new Prng(seed, 1);
    for (let turn = 0; turn < 4; turn++) {
      const scene = sceneOf(prng, (asm) => randomBlocks(asm, prng));
      s.runBoth(await s.pair(scene, options), 60_000, 20_000);
    }
  });
});
