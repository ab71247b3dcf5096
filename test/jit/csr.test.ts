/** CSR instructions in translated code, and address spaces that are changed there. */
import { describe, expect, test } from "vitest";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Assembler } from "../diff/asm.ts";
import * as s from "./scene.ts";

const { A0, A1, A2, S0, S1, S2, S3, T0, T1, T2, R, W, U } = s;
const GVA = 0x10000;
const [FRAME_A, FRAME_B] = [RAM_BASE + 0x100000, RAM_BASE + 0x105000];
const HANDLER = s.ENTRY + 0x800;
const SUM = 1 << 18;
const GLOBAL = 32;
const [SSTATUS, STVEC, SSCRATCH, SEPC, SCAUSE, SATP, INSTRET] = [
  0x100, 0x105, 0x140, 0x141, 0x142, 0x180, 0xc02,
];

/** Behind a trap the next instruction; a0 counts traps, a1 sums up causes and places. */
function handler(asm: Assembler): void {
  asm.org(HANDLER);
  asm.emit(["csrrw", T0, SSCRATCH, T0], ["csrrs", T0, SEPC, 0], ["addi", T0, T0, 4]);
  asm.emit(["csrrw", 0, SEPC, T0], ["add", A1, A1, T0], ["csrrs", T0, SCAUSE, 0]);
  asm.emit(["add", A1, A1, T0], ["addi", A0, A0, 1], ["csrrw", T0, SSCRATCH, T0], ["sret"]);
}

function code(write: (asm: Assembler) => void): s.Scene["writes"][0] {
  const bytes = s.assemble(s.ENTRY, (asm) => {
    asm.la(T0, HANDLER);
    asm.emit(["csrrw", 0, STVEC, T0]);
    write(asm);
    handler(asm);
  });
  return { gpa: s.ENTRY, bytes };
}

const bytesOf = (value: number): Uint8Array => new Uint8Array(4096).fill(value);
const DATA = [
  { gpa: FRAME_A, bytes: bytesOf(3) },
  { gpa: FRAME_B, bytes: bytesOf(5) },
];

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test("SUM that is set and cleared decides about each access behind it", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(GVA, FRAME_A, R | W | U);
    const main = code((asm) => {
      asm.li(S0, GVA);
      asm.li(S1, SUM);
      asm.label("loop");
      asm.emit(["csrrs", 0, SSTATUS, S1], ["ld", T1, S0, 0], ["addi", T1, T1, 1]);
      asm.emit(["sd", T1, S0, 0], ["csrrc", T2, SSTATUS, S1], ["and", T2, T2, S1]);
      asm.emit(["add", A2, A2, T2], ["ld", T1, S0, 8], ["sd", T1, S0, 16]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "loop"]);
    });
    const scene = { writes: [main, ...DATA, ...tables.writes], satp: tables.satp };
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 40_000, 1009);
    s.runBoth(sides, 40_000);
    const [, side] = sides;
    // Two of four accesses trap each time round.
    expect(Math.abs(s.x(side, A0) - 2 * s.x(side, S2))).toBeLessThanOrEqual(2);
    expect(s.x(side, A0)).toBeGreaterThan(100);
  });

  test("counters that are read in a block see the instructions in front of them", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    const main = code((asm) => {
      asm.label("loop");
      asm.emit(["csrrs", T1, INSTRET, 0], ["addi", S2, S2, 1], ["addi", S2, S2, 1]);
      asm.emit(["csrrs", T2, INSTRET, 0], ["sub", T2, T2, T1], ["add", A2, A2, T2]);
      asm.emit(["andi", T0, S2, 2], ["beq", T0, 0, "loop"], ["addi", S3, S3, 1]);
      asm.emit(["jal", 0, "loop"]);
    });
    const scene = { writes: [main, ...tables.writes], satp: tables.satp };
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 20_000, 1009);
    s.runBoth(sides, 20_000);
    const [, side] = sides;
    const rounds = s.x(side, S2) / 2;
    expect(Math.abs(s.x(side, A2) - 3 * rounds)).toBeLessThanOrEqual(3);
  });

  test("an address space of its own sees its pages, and the global ones of all", async () => {
    const [one, two] = [new s.Tables(RAM_BASE + 0x10000), new s.Tables(RAM_BASE + 0x20000)];
    const global = one.map(GVA, FRAME_A, R | W | GLOBAL);
    two.map(GVA, FRAME_A, R | W | GLOBAL);
    one.map(GVA + 0x1000, FRAME_A, R | W);
    two.map(GVA + 0x1000, FRAME_B, R | W);
    const otherGlobal = global + 0x10000;
    const [first, second] = [one.satp | (1n << 44n), two.satp | (2n << 44n)];
    const main = code((asm) => {
      asm.li(S0, GVA);
      asm.li(S1, GVA + 0x1000);
      asm.label("again");
      asm.li(S3, 20);
      asm.label("loop");
      for (const satp of [first, second]) {
        asm.li(T0, satp);
        asm.emit(["csrrw", 0, SATP, T0], ["lbu", T1, S0, 9], ["lbu", T2, S1, 9]);
        asm.emit(["slli", T1, T1, 4], ["add", A2, A2, T1], ["add", A2, A2, T2], ["sd", A2, S1, 64]);
      }
      // The address space 2 alone: global pages may stay.
      asm.li(T0, 2);
      asm.emit(["sfence.vma", 0, T0], ["addi", S3, S3, -1], ["bne", S3, 0, "loop"]);
      // Now the global page is another one, for both: a fence of all.
      asm.li(T0, global);
      asm.li(T2, otherGlobal);
      asm.emit(["ld", T1, T0, 0]);
      asm.li(S3, ((FRAME_A / 4096) << 10) ^ ((FRAME_B / 4096) << 10));
      asm.emit(["xor", T1, T1, S3], ["sd", T1, T0, 0], ["sd", T1, T2, 0], ["sfence.vma", 0, 0]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    const scene = { writes: [main, ...DATA, ...one.writes, ...two.writes], satp: first };
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 60_000, 1009);
    s.runBoth(sides, 60_000);
    const [, side] = sides;
    expect(s.x(side, A0)).toBe(0);
    expect(s.x(side, S2)).toBeGreaterThan(10);
  });
});
