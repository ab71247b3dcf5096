/** Translated code and the pages that it stands on: remapped, aliased, without permission. */
import { describe, expect, test } from "vitest";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import * as s from "./scene.ts";

const { A0, RA, S0, S1, S2, T0, T1, X, R } = s;
const [FRAME_A, FRAME_B, FRAME_C] = [RAM_BASE + 0x20000, RAM_BASE + 0x21000, RAM_BASE + 0x30000];
const GVA = 0x10000;
const RET: Line = ["jalr", 0, RA, 0];
const add = (value: number): Line => ["addi", A0, A0, value];

/** The second half of an instruction, and what follows it. */
const halfAnd = (cut: Line, ...lines: readonly Line[]): Uint8Array =>
  s.assemble(0, (asm) => asm.emit(cut, ...lines)).slice(2);

/** A page whose last two instructions fall into the next page, and two pages that may be it. */
interface Fall {
  readonly name: string;
  readonly from: number;
  /** Where the next page is entered, and what is added with either. */
  readonly next: number;
  readonly first: number;
  readonly second: number;
  readonly pages: readonly { readonly gpa: number; readonly bytes: Uint8Array }[];
  /** Stored to the beginning of the next page, and what is added then. */
  readonly store: readonly [operation: "sw" | "sh", value: number, sum: number];
  /** Where it traps if the next page may not be executed, and what was added before. */
  readonly trap: readonly [pc: number, sum: number];
}

const between: Fall = {
  name: "between two instructions",
  from: 0xff8,
  next: 0,
  first: 1 + 2 + 16,
  second: 1 + 2 + 256,
  pages: [
    { gpa: FRAME_A + 0xff8, bytes: s.assemble(0, (asm) => asm.emit(add(1), add(2))) },
    { gpa: FRAME_B, bytes: s.assemble(0, (asm) => asm.emit(add(16), RET)) },
    { gpa: FRAME_C, bytes: s.assemble(0, (asm) => asm.emit(add(256), RET)) },
  ],
  store: ["sw", s.word(...add(256)), 1 + 2 + 256],
  trap: [0x1000, 1 + 2],
};

/** The second half of ADDI says how much is added. */
const within: Fall = {
  name: "in an instruction",
  from: 0xffa,
  next: 2,
  first: 1 + 2 + 16,
  second: 1 + 4 + 256,
  pages: [
    { gpa: FRAME_A + 0xffa, bytes: s.assemble(0, (asm) => asm.emit(add(1), add(2))).slice(0, 6) },
    { gpa: FRAME_B, bytes: halfAnd(add(2), add(16), RET) },
    { gpa: FRAME_C, bytes: halfAnd(add(4), add(256), RET) },
  ],
  store: ["sh", s.word(...add(8)) >>> 16, 1 + 8 + 16],
  trap: [0xffe, 1],
};

const TIMES = 40;
let loops = 0;

/** Calls what `register` points at TIMES times; s2 counts. */
function callOften(asm: Assembler, ...registers: readonly number[]): void {
  const label = `loop ${loops++}`;
  asm.li(S2, TIMES);
  asm.label(label);
  for (const register of registers) asm.emit(["jalr", RA, register, 0]);
  asm.emit(["addi", S2, S2, -1], ["bne", S2, 0, label]);
}

/** Calls it once, at `gva`: from then on its page is known to the translator. */
function visit(asm: Assembler, gva: number): void {
  asm.li(T0, gva);
  asm.emit(["jalr", RA, T0, 0]);
  asm.li(A0, 0);
}

const cases = s.TRANSLATORS.flatMap(([engine, options]) =>
  [between, within].map((fall) => [engine, fall.name, options, fall] as const),
);

describe.each(cases)("%s, %s", (_engine, _name, options, fall) => {
  const { first, from, next: inNext, pages, second } = fall;

  test("code that falls into a page follows it when it is mapped elsewhere", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(GVA, FRAME_A, R | X);
    const entry = tables.map(GVA + 0x1000, FRAME_B, R | X);
    const main = s.assemble(s.ENTRY, (asm) => {
      visit(asm, GVA + 0x1000 + inNext);
      asm.li(S0, GVA + from);
      callOften(asm, S0);
      asm.li(T0, entry);
      asm.li(T1, s.Tables.leaf(FRAME_C, R | X));
      asm.emit(["sd", T1, T0, 0], ["sfence.vma", 0, 0]);
      callOften(asm, S0);
      asm.emit(["jal", 0, 0]);
    });
    const writes = [{ gpa: s.ENTRY, bytes: main }, ...pages, ...tables.writes];
    const sides = await s.pair({ writes, satp: tables.satp }, options);
    s.runBoth(sides, 2000);
    expect(s.x(sides[1], A0)).toBe(TIMES * first + TIMES * second);
    expect(sides[1].core.translated.functions).toBeGreaterThan(0);
  });

  test("one frame at two addresses goes on to the next page of each", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    const other = GVA + 0x8000;
    for (const [gva, next] of [
      [GVA, FRAME_B],
      [other, FRAME_C],
    ] as const) {
      tables.map(gva, FRAME_A, R | X);
      tables.map(gva + 0x1000, next, R | X);
    }
    const main = s.assemble(s.ENTRY, (asm) => {
      visit(asm, GVA + 0x1000 + inNext);
      visit(asm, other + 0x1000 + inNext);
      asm.li(S0, GVA + from);
      asm.li(S1, other + from);
      callOften(asm, S0, S1);
      asm.emit(["jal", 0, 0]);
    });
    const writes = [{ gpa: s.ENTRY, bytes: main }, ...pages, ...tables.writes];
    const sides = await s.pair({ writes, satp: tables.satp }, options);
    s.runBoth(sides, 2000);
    expect(s.x(sides[1], A0)).toBe(TIMES * first + TIMES * second);
  });

  test("code that falls into a page sees what was stored there", async () => {
    const [operation, value, sum] = fall.store;
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(GVA, FRAME_A, R | X);
    tables.map(GVA + 0x1000, FRAME_B, R | X);
    const main = s.assemble(s.ENTRY, (asm) => {
      visit(asm, GVA + 0x1000 + inNext);
      asm.li(S0, GVA + from);
      asm.li(T0, FRAME_B);
      asm.li(T1, value);
      callOften(asm, S0);
      asm.emit([operation, T1, T0, 0], ["fence.i", 0, 0, 0]);
      callOften(asm, S0);
      asm.emit(["jal", 0, 0]);
    });
    const writes = [{ gpa: s.ENTRY, bytes: main }, ...pages, ...tables.writes];
    const sides = await s.pair({ writes, satp: tables.satp }, options);
    s.runBoth(sides, 2000);
    expect(s.x(sides[1], A0)).toBe(TIMES * first + TIMES * sum);
  });

  test("code that falls into a page that may not be executed traps there", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(GVA, FRAME_A, R | X);
    const entry = tables.map(GVA + 0x1000, FRAME_B, R | X);
    const main = s.assemble(s.ENTRY, (asm) => {
      asm.la(T0, s.ENTRY + 0x800);
      asm.emit(["csrrw", 0, 0x105, T0]);
      visit(asm, GVA + 0x1000 + inNext);
      asm.li(S0, GVA + from);
      callOften(asm, S0);
      asm.li(T0, entry);
      asm.li(T1, s.Tables.leaf(FRAME_B, R));
      asm.emit(["sd", T1, T0, 0], ["sfence.vma", 0, 0], ["jalr", RA, S0, 0]);
      asm.org(s.ENTRY + 0x800);
      asm.emit(["csrrs", s.A1, 0x142, 0], ["csrrs", s.A2, 0x141, 0], ["jal", 0, 0]);
    });
    const writes = [{ gpa: s.ENTRY, bytes: main }, ...pages, ...tables.writes];
    const sides = await s.pair({ writes, satp: tables.satp }, options);
    s.runBoth(sides, 2000);
    expect([s.x(sides[1], s.A1), s.x(sides[1], s.A2)]).toEqual([12, GVA + fall.trap[0]]);
    expect(s.x(sides[1], A0)).toBe(TIMES * first + fall.trap[1]);
  });
});
