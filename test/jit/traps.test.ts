/** Traps out of the middle of translated blocks: every register and count is that of the instruction. */
import { describe, expect, test } from "vitest";
import * as abi from "../../bindings/abi.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import * as s from "./scene.ts";

const { A0, A1, A2, RA, S0, S1, S2, S3, S4, T0, T1, R, W, X } = s;
const [STVEC, SEPC, SCAUSE, STVAL] = [0x105, 0x141, 0x142, 0x143];
const [MTVEC, MIE, MSTATUS, MEPC, MCAUSE] = [0x305, 0x304, 0x300, 0x341, 0x342];
const [CYCLE, INSTRET] = [0xc00, 0xc02];
const HANDLER = s.ENTRY + 0x800;
const CODE = 0x10000;
const DATA = 0x40000;

const read = (register: number, csr: number): Line => ["csrrs", register, csr, 0];
const write = (csr: number, register: number): Line => ["csrrw", 0, csr, register];

/** Runs `body` in turns; the handler is in front of it in memory. */
function loopScene(body: readonly Line[], more: Partial<s.Scene> = {}): s.Scene {
  const bytes = s.assemble(RAM_BASE + 0x20000, (asm) => {
    asm.label("again");
    asm.emit(...body, ["jal", 0, "again"]);
  });
  return { ...more, writes: [{ gpa: RAM_BASE + 0x20000, bytes }, ...(more.writes ?? [])] };
}

/** S-mode: data pages `DATA` and then one that is not there; faults are counted and skipped. */
function faultScene(body: readonly Line[], far = DATA): s.Scene {
  const tables = new s.Tables(RAM_BASE + 0x10000);
  tables.map(CODE, RAM_BASE + 0x20000, R | X);
  tables.map(DATA, RAM_BASE + 0x21000, R | W);
  if (far !== DATA) tables.map(far, RAM_BASE + 0x22000, R | W);
  const main = s.assemble(s.ENTRY, (asm) => {
    asm.la(T0, HANDLER);
    asm.emit(write(STVEC, T0));
    asm.li(S0, CODE);
    asm.li(S1, DATA);
    asm.li(S2, far);
    asm.emit(["jalr", 0, S0, 0]);
    asm.org(HANDLER);
    asm.emit(read(A0, SEPC), read(A1, SCAUSE), read(A2, STVAL), read(S3, INSTRET));
    asm.emit(["addi", S4, S4, 1], ["addi", A0, A0, 4], write(SEPC, A0));
    asm.li(S1, DATA);
    asm.emit(["sret"]);
  });
  return loopScene(body, {
    satp: tables.satp,
    writes: [{ gpa: s.ENTRY, bytes: main }, ...tables.writes],
  });
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  const walk: Line = ["addi", S1, S1, 0x100];
  test.each<[string, number, Line[], number]>([
    ["a store", 15, [["addi", S2, S2, 1], walk, ["sd", S2, S1, 0], ["addi", S2, S2, 2]], 8],
    ["a load", 13, [walk, ["ld", T1, S1, 0], ["addi", S2, S2, 1], ["ld", S2, S1, 8]], 4],
    ["an AMO", 15, [walk, ["addi", S2, S2, 1], ["amoadd.d", S2, S1, S2, 0]], 8],
    ["a float load", 13, [walk, ["fadd.d", 1, 1, 2, 0], ["fld", 2, S1, 0]], 8],
    ["a store of a pair", 15, [["sd", S2, S1, 0], ["sd", S2, S1, 0xf8], walk], 0],
  ])("%s that faults", async (_name, cause, body, offset) => {
    const sides = await s.pair(faultScene(body), options);
    s.runBoth(sides, 6000, 1237);
    const [, right] = sides;
    expect(s.x(right, A1)).toBe(cause);
    expect(s.x(right, A2)).toBe(DATA + 0x1000);
    expect(s.x(right, A0)).toBe(CODE + offset + 4);
    expect(s.x(right, S4)).toBeGreaterThan(20);
    expect(right.core.translated.functions).toBeGreaterThan(0);
  });

  test("a store over the end of a page faults for its second half", async () => {
    // The pointer comes to DATA + 0xffc in steps of 12.
    const scene = faultScene([
      ["sd", S2, S1, 0],
      ["addi", S1, S1, 12],
      ["addi", S2, S2, 1],
    ]);
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 9000, 1237);
    expect([s.x(sides[1], A1), s.x(sides[1], A2)]).toEqual([15, DATA + 0x1000]);
  });

  test("accesses that miss the TLB nearly always, and then fault", async () => {
    // Two pages whose entries are the same one, over and over, until one pointer leaves its page.
    const far = DATA + (abi.TLB_ENTRIES << abi.PAGE_SHIFT);
    const body: Line[] = [
      ["ld", T1, S1, 0],
      ["addi", T1, T1, 1],
      ["ld", T0, S2, 0],
      ["sd", T1, S2, 0],
      ["amoadd.d", T0, S1, T1, 0],
      ["sd", T0, S2, 8],
      ["addi", S1, S1, 8],
    ];
    const scene = faultScene(body, far);
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 120_000, 12_007);
    const [, right] = sides;
    expect([s.x(right, A1), s.x(right, A2), s.x(right, A0)]).toEqual([13, DATA + 0x1000, CODE + 4]);
    expect(s.x(right, S4)).toBeGreaterThan(10);
  });

  /** M-mode: the virtual clock's timer by the ACLINT; the handler notes where it was. */
  const timerScene = (body: readonly Line[], init: (asm: Assembler) => void): s.Scene => {
    const main = s.assemble(s.ENTRY, (asm) => {
      asm.la(T0, HANDLER);
      asm.emit(write(MTVEC, T0));
      asm.li(T0, 0x80);
      asm.emit(write(MIE, T0), ["csrrsi", 0, MSTATUS, 8]);
      asm.li(S3, 0x200bff8);
      asm.li(S4, 0x2004000);
      asm.emit(["sd", 0, S4, 0]);
      init(asm);
      asm.la(T0, RAM_BASE + 0x20000);
      asm.emit(["jalr", 0, T0, 0]);
      asm.org(HANDLER);
      // A hash of all mepc and instret so far.
      asm.emit(read(T0, MEPC), ["add", A1, A1, T0], read(T0, INSTRET), ["add", A1, A1, T0]);
      asm.emit(["slli", T0, A1, 13], ["xor", A1, A1, T0], read(A2, MCAUSE), ["addi", A0, A0, 1]);
      asm.emit(["ld", T0, S3, 0], ["addi", T0, T0, 37], ["sd", T0, S4, 0], ["mret"]);
    });
    return loopScene(body, { writes: [{ gpa: s.ENTRY, bytes: main }] });
  };

  test.each<[string, Line[]]>([
    [
      "a loop",
      [
        ["addi", S2, S2, 1],
        ["xor", S1, S1, S2],
        ["addi", S1, S1, 3],
      ],
    ],
    [
      "a loop of loads and stores",
      [
        ["sd", S2, RA, 0],
        ["ld", S1, RA, 0],
        ["addi", S2, S1, 1],
      ],
    ],
    ["a loop that reads its counters", [["add", S2, S2, S1], read(S1, CYCLE), read(S1, INSTRET)]],
  ])("timer interrupts come at the same instructions of %s", async (_name, body) => {
    const scene = timerScene(body, (asm) => asm.li(RA, RAM_BASE + 0x30000));
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 60_000, 7919);
    expect(s.x(sides[1], A0)).toBeGreaterThan(100);
    expect(s.cpu(sides[1]).getBig(abi.HART_MCAUSE)).toBe((1n << 63n) | 7n);
    expect(sides[1].core.translated.functions).toBeGreaterThan(0);
  });
});
