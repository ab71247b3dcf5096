/** Control flow that a translator likes to get wrong: calls, returns, tables, budgets. */
import { describe, expect, test } from "vitest";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import * as s from "./scene.ts";

const { A0, A1, A2, RA, S0, S1, S2, S3, SP, T0, T1, T2 } = s;
const STACK = RAM_BASE + 0x200000;
const TABLE = RAM_BASE + 0x100000;
const RET: Line = ["jalr", 0, RA, 0];

function sceneOf(write: (asm: Assembler) => void): s.Scene {
  const bytes = s.assemble(s.ENTRY, (asm) => {
    asm.li(SP, STACK);
    write(asm);
  });
  return { writes: [{ gpa: s.ENTRY, bytes }] };
}
const push: Line[] = [
  ["addi", SP, SP, -16],
  ["sd", RA, SP, 0],
];
const pop: Line[] = [
  ["ld", RA, SP, 0],
  ["addi", SP, SP, 16],
];

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  async function run(scene: s.Scene, units: number, chunk = 4999) {
    const sides = await s.pair(scene, options);
    s.runBoth(sides, units, chunk);
    expect(sides[1].core.translated.functions).toBeGreaterThan(0);
    return sides[1];
  }

  test.each([10, 255, 256, 257, 3000])("recursion %i deep comes back", async (depth) => {
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.li(A0, depth);
      asm.emit(["jal", RA, "sum"], ["add", A1, A1, A2], ["addi", S0, S0, 1], ["jal", 0, "again"]);
      asm.label("sum"); // a2 = a0 + ... + 1
      asm.emit(["addi", A2, 0, 0], ["beq", A0, 0, "out"]);
      asm.emit(...push, ["sd", A0, SP, 8], ["addi", A0, A0, -1], ["jal", RA, "sum"]);
      asm.emit(["ld", A0, SP, 8], ["add", A2, A2, A0], ...pop);
      asm.label("out");
      asm.emit(RET);
    });
    const side = await run(scene, 20 * (depth * 11 + 10));
    const turns = s.x(side, S0);
    expect(turns).toBeGreaterThan(10);
    expect(s.x(side, A1)).toBe((turns * depth * (depth + 1)) / 2);
  });

  test("recursion with every register in use comes back", async () => {
    const free = Array.from({ length: 26 }, (_unused, i) => i + 3).filter((r) => r !== A0);
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.li(A0, 1000);
      asm.emit(["jal", RA, "down"], ["addi", 30, 30, 1], ["jal", 0, "again"]);
      asm.label("down");
      asm.emit(["beq", A0, 0, "out"], ...push, ["addi", A0, A0, -1]);
      for (const r of free) asm.emit(["add", r, r, A0]);
      for (let f = 0; f < 31; f++) asm.emit(["fsgnj.d", f + 1, f, f]);
      asm.emit(["jal", RA, "down"]);
      for (const r of free) asm.emit(["xor", r, r, RA]);
      for (let f = 0; f < 31; f++) asm.emit(["fsgnjn.d", f, f + 1, f]);
      asm.emit(...pop);
      asm.label("out");
      asm.emit(RET);
    });
    const side = await run(scene, 1_500_000, 99_991);
    expect(s.x(side, 30)).toBeGreaterThan(8);
  });

  test("mutual recursion and a call through a register", async () => {
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.li(A0, 40);
      asm.emit(["jal", RA, "even"], ["addi", S0, S0, 1], ["jal", 0, "again"]);
      for (const [name, other] of [
        ["even", "odd"],
        ["odd", "even"],
      ] as const) {
        asm.label(name);
        asm.emit(["beq", A0, 0, `${name} out`], ...push, ["addi", A0, A0, -1]);
        if (name === "even") asm.emit(["jal", RA, other]);
        else {
          asm.la(T0, asm.addressOf("even"));
          asm.emit(["jalr", RA, T0, 0]);
        }
        asm.emit(...pop, ["addi", A1, A1, 1]);
        asm.label(`${name} out`);
        asm.emit(RET);
      }
    });
    const side = await run(scene, 20_000);
    expect(s.x(side, A1)).toBeGreaterThanOrEqual(s.x(side, S0) * 40);
    expect(s.x(side, S0)).toBeGreaterThan(20);
  });

  test("returns to somewhere else than behind the call", async () => {
    // longjmp out of three calls; what lies behind them is never run.
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.emit(["auipc", S1, 0], ["addi", S1, S1, 20], ["addi", S2, SP, 0]);
      asm.emit(["jal", RA, "a"], ["jal", 0, "wrong"]);
      asm.emit(["addi", S0, S0, 1], ["jal", 0, "again"]);
      for (const [name, next] of ["ab", "bc"]) {
        asm.label(name as string);
        asm.emit(...push, ["jal", RA, next as string], ["jal", 0, "wrong"]);
      }
      asm.label("c");
      asm.emit(["addi", A0, A0, 1], ["addi", SP, S2, 0], ["jalr", 0, S1, 0]);
      asm.label("wrong");
      asm.emit(["addi", A1, A1, 1], ["jal", 0, "wrong"]);
    });
    const side = await run(scene, 10_000);
    expect(s.x(side, A1)).toBe(0);
    expect(s.x(side, S0)).toBeGreaterThan(500);
  });

  test("returns one instruction later than asked, and twice", async () => {
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.emit(["jal", RA, "skip"], ["addi", A1, A1, 1], ["addi", S0, S0, 1]);
      asm.emit(["addi", T1, 0, 2], ["jal", RA, "twice"], ["addi", A2, A2, 1]);
      asm.emit(["addi", T1, T1, -1], ["bne", T1, 0, "back"], ["jal", 0, "again"]);
      asm.label("back");
      asm.emit(["jalr", 0, S1, 0]);
      asm.label("skip");
      asm.emit(["jalr", 0, RA, 4]);
      asm.label("twice");
      asm.emit(["addi", S1, RA, 0], RET);
    });
    const side = await run(scene, 10_000);
    expect(s.x(side, A1)).toBe(0);
    expect(s.x(side, A2)).toBeGreaterThanOrEqual(2 * (s.x(side, S0) - 1));
  });

  test("calls of what lies behind them, and through registers to nowhere near", async () => {
    const far = RAM_BASE + 0x180000;
    const scene = sceneOf((asm) => {
      asm.label("again");
      // Both reach the next instruction as if it were a function that never returns.
      asm.emit(["jal", RA, "next"]);
      asm.label("next");
      asm.emit(["addi", A0, A0, 1], ["addi", T0, RA, 12], ["jalr", RA, T0, 0]);
      asm.emit(["addi", A1, A1, 1]);
      asm.li(T0, far);
      asm.emit(["andi", T1, S0, 1], ["slli", T1, T1, 4], ["add", T0, T0, T1]);
      asm.emit(["jalr", RA, T0, 0], ["addi", S0, S0, 1], ["jal", 0, "again"]);
    });
    const bytes = s.assemble(far, (asm) => {
      asm.emit(["addi", A2, A2, 1], RET);
      asm.org(far + 16);
      asm.emit(["addi", A2, A2, 3], RET);
    });
    const side = await run({ writes: [...scene.writes, { gpa: far, bytes }] }, 30_000);
    const turns = s.x(side, S0);
    expect(turns).toBeGreaterThan(1000);
    expect(Math.abs(s.x(side, A0) - turns)).toBeLessThanOrEqual(1);
    expect(Math.abs(s.x(side, A1) - turns)).toBeLessThanOrEqual(1);
    expect(Math.abs(s.x(side, A2) - 2 * turns)).toBeLessThanOrEqual(3);
  });

  test("calls into the middle of a function and of an instruction", async () => {
    // At "middle" + 2 lies c.addi a0, 3 in the upper half of a lui.
    const add = s.assemble(0, (asm) => asm.emit(["c.addi", A0, 3]));
    const hidden = new DataView(add.buffer).getUint16(0, true);
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.emit(["jal", RA, "whole"], ["jal", RA, "half"]);
      asm.la(T0, s.ENTRY + 0x402);
      asm.emit(["jalr", RA, T0, 0], ["addi", S0, S0, 1], ["jal", 0, "again"]);
      asm.label("whole");
      asm.emit(["addi", A1, A1, 1]);
      asm.label("half");
      asm.emit(["addi", A2, A2, 1], RET);
      asm.org(s.ENTRY + 0x400);
      asm.emit(["lui", T2, hidden << 4], RET);
    });
    const side = await run(scene, 8000);
    expect(s.x(side, A0)).toBeGreaterThanOrEqual(3 * s.x(side, S0));
    expect(s.x(side, A2)).toBeGreaterThanOrEqual(2 * s.x(side, S0));
    expect(s.x(side, S0)).toBeGreaterThan(300);
  });

  test("a switch through a table whose targets change", async () => {
    const cases = [1, 16, 256];
    const scene = sceneOf((asm) => {
      asm.li(S1, TABLE);
      cases.forEach((_value, i) => {
        asm.la(T0, s.ENTRY + 0x400 + 16 * i);
        asm.emit(["sd", T0, S1, 8 * i]);
      });
      asm.li(S3, 3);
      asm.label("again");
      asm.emit(["remu", T0, S0, S3], ["slli", T0, T0, 3], ["add", T0, T0, S1], ["ld", T0, T0, 0]);
      asm.emit(["jalr", 0, T0, 0]);
      asm.label("join");
      // Every 64 turns case 0 moves: a new place for the same work, or one of the others.
      asm.emit(["addi", S0, S0, 1], ["andi", T1, S0, 63], ["bne", T1, 0, "again"]);
      asm.emit(["srli", T1, S0, 6], ["andi", T1, T1, 3], ["slli", T1, T1, 4]);
      asm.la(T0, s.ENTRY + 0x400);
      asm.emit(["add", T0, T0, T1], ["sd", T0, S1, 0], ["jal", 0, "again"]);
      [...cases, 1024].forEach((value, i) => {
        asm.org(s.ENTRY + 0x400 + 16 * i);
        asm.emit(["addi", A0, A0, value], ["jal", 0, "join"]);
      });
    });
    const side = await run(scene, 20_000);
    const turns = s.x(side, S0);
    let sum = 0;
    let first = 0;
    const all = [...cases, 1024];
    for (let i = 0; i < turns; i++) {
      sum += all[i % 3 === 0 ? first : i % 3] as number;
      if ((i + 1) % 64 === 0) first = ((i + 1) >> 6) & 3;
    }
    expect(Math.abs(s.x(side, A0) - sum)).toBeLessThanOrEqual(1024); // It may stand within a turn.
    expect(turns).toBeGreaterThan(1000);
  });

  test("loops into each other's middle (irreducible)", async () => {
    const scene = sceneOf((asm) => {
      asm.label("again");
      asm.emit(["andi", T0, S0, 1], ["addi", S0, S0, 1], ["addi", T1, 0, 9], ["bne", T0, 0, "b"]);
      asm.label("a");
      asm.emit(["addi", A0, A0, 1], ["addi", T1, T1, -1], ["beq", T1, 0, "again"]);
      asm.label("b");
      asm.emit(["addi", A1, A1, 1], ["addi", T1, T1, -1], ["bne", T1, 0, "a"], ["jal", 0, "again"]);
    });
    const side = await run(scene, 20_000);
    const steps = s.x(side, A0) + s.x(side, A1);
    expect(Math.abs(steps - 9 * s.x(side, S0))).toBeLessThanOrEqual(9);
  });

  test.each([1, 2, 3, 4, 255, 256, 257, 258])(
    "budgets around %i end where they should",
    async (n) => {
      // A loop of exactly n instructions and one that is a multiple of it.
      const scene = sceneOf((asm) => {
        asm.label("loop");
        for (let i = 2; i < n; i++) asm.emit(["addi", A0, A0, 1]);
        asm.emit(["addi", S0, S0, 1], ["jal", 0, "loop"]);
      });
      const sides = await s.pair(scene, options);
      for (const budget of [n, 2 * n, 2 * n - 1, 255, 256, 257, 511, 512, 513, 3 * n + 1]) {
        const before = sides[1].vm.metrics().instructions;
        s.runBoth(sides, budget);
        expect(sides[1].vm.metrics().instructions - before).toBe(budget);
      }
    },
  );
});
