/** Loops: several rounds in a row with one look for accesses that step, and nests entered in the middle. */

import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneGuest } from "../../ts/vmm/lone-vm.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import * as s from "./scene.ts";

const { A0, A1, A2, S0, S1, S2, S3, T0, T1, T2, R, W } = s;
const GVA = 0x10000;
const PAGES = 12;
const FRAMES = RAM_BASE + 0x100000;
const HANDLER = s.ENTRY + 0x800;

/** Behind a trap the next instruction; a0 counts traps, a1 sums up where they were. */
function handler(asm: Assembler): void {
  asm.org(HANDLER);
  asm.emit(["csrrw", T0, 0x140, T0], ["csrrs", T0, 0x141, 0], ["addi", T0, T0, 4]);
  asm.emit(["csrrw", 0, 0x141, T0], ["add", A1, A1, T0], ["csrrs", T0, 0x143, 0]);
  asm.emit(["xor", A1, A1, T0], ["addi", A0, A0, 1], ["csrrw", T0, 0x140, T0], ["sret"]);
}

/** A scene whose main program is `write`, over PAGES pages, `flags` of each (0: not mapped). */
function sceneOf(flags: readonly number[], write: (asm: Assembler) => void): s.Scene {
  const tables = new s.Tables(RAM_BASE + 0x10000);
  // Neighbours are not neighbours in RAM: an access that runs over a page's end is seen.
  for (const [i, flag] of flags.entries())
    if (flag) tables.map(GVA + i * 4096, FRAMES + ((i * 5) % PAGES) * 4096, flag);
  const bytes = s.assemble(s.ENTRY, (asm) => {
    asm.la(T0, HANDLER);
    asm.emit(["csrrw", 0, 0x105, T0]);
    write(asm);
    handler(asm);
  });
  const random = new Random(1);
  const data = Uint8Array.from({ length: PAGES * 4096 }, () => random.below(256));
  const writes = [{ gpa: s.ENTRY, bytes }, { gpa: FRAMES, bytes: data }, ...tables.writes];
  return { writes, satp: tables.satp };
}

const ALL = Array.from({ length: PAGES }, () => R | W);

/** Runs `scene` on both engines, in chunks of many sizes. */
async function same(
  scene: s.Scene,
  options: (typeof s.TRANSLATORS)[number][1],
  units = 30_000,
): ReturnType<typeof s.pair> {
  const sides = await s.pair(scene, options);
  s.runBoth(sides, units, 977);
  s.runBoth(sides, units, units);
  return sides;
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  const STEPS = [1, 8, -8, 24, 512, -512, 2000, 2040, -2048, 0];
  test.each(STEPS)("a loop that steps by %i reads and writes what it should", async (step) => {
    const scene = sceneOf(ALL, (asm) => {
      asm.label("again");
      asm.li(S0, GVA + (step < 0 ? 6 * 4096 - 8 : 5));
      asm.li(S1, 10);
      asm.label("loop");
      asm.emit(["ld", T1, S0, 0], ["add", A2, A2, T1], ["sd", A2, S0, 8]);
      asm.emit(["addi", S0, S0, step], ["addi", S1, S1, -1], ["bne", S1, 0, "loop"]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    const [, side] = await same(scene, options);
    expect(s.x(side, A0)).toBe(0);
    expect(side.core.translated.functions).toBeGreaterThan(0);
  });

  const REGISTER_STEPS = [0n, 3n, 8n, 1000n, 4095n, 4096n, 5000n, -8n, 1n << 32n, 1n << 63n];
  test.each(REGISTER_STEPS)("a loop that steps by %i in a register, too", async (step) => {
    const scene = sceneOf(ALL, (asm) => {
      asm.li(S3, step);
      asm.label("again");
      asm.li(S0, GVA + 2 * 4096 + 40);
      asm.li(S1, 7);
      asm.label("loop");
      asm.emit(["lw", T1, S0, 0], ["add", A2, A2, T1], ["sb", A2, S0, -3]);
      asm.emit(["add", S0, S0, S3], ["addi", S1, S1, -1], ["bne", S1, 0, "loop"]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    await same(scene, options);
  });

  test("a page that is missing, and one that may not be written, trap where they are met", async () => {
    const flags = ALL.map((flag, i) => (i === 2 ? 0 : i === 4 ? R : flag));
    const scene = sceneOf(flags, (asm) => {
      asm.label("again");
      asm.li(S0, GVA + 4096 - 64);
      asm.li(S1, GVA + 5 * 4096 + 64);
      asm.label("loop");
      asm.emit(["lw", T1, S0, 0], ["addi", T1, T1, 3], ["sw", T1, S0, 0]);
      asm.emit(["addi", S0, S0, 256], ["bltu", S0, S1, "loop"]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    const [, side] = await same(scene, options);
    expect(s.x(side, A0)).toBeGreaterThan(10);
  });

  test("a step that is not taken in every round", async () => {
    const scene = sceneOf(ALL, (asm) => {
      asm.label("again");
      asm.li(S0, GVA + 4096 - 128);
      asm.li(S1, 60);
      asm.label("loop");
      asm.emit(["ld", T1, S0, 0], ["andi", T0, S1, 1], ["add", A2, A2, T1]);
      asm.emit(["beq", T0, 0, "skip"], ["addi", S0, S0, 8]);
      asm.label("skip");
      asm.emit(["sd", A2, S0, 16], ["addi", S1, S1, -1], ["bne", S1, 0, "loop"]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    await same(scene, options);
  });

  test("an index that is shifted and added to a base", async () => {
    const scene = sceneOf(ALL, (asm) => {
      asm.li(S0, GVA);
      asm.label("again");
      asm.li(S1, 0);
      asm.li(S3, 1100);
      asm.label("loop");
      asm.emit(["slli", T0, S1, 3], ["add", T0, T0, S0], ["ld", T1, T0, 0], ["add", T1, T1, S1]);
      asm.emit(["sh2add", T2, S1, S0], ["sw", T1, T2, 4], ["addi", S1, S1, 1]);
      asm.emit(["bltu", S1, S3, "loop"], ["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    await same(scene, options);
  });

  test("a loop that writes over its own code does what it then says", async () => {
    const scene = sceneOf(ALL, (asm) => {
      asm.label("again");
      asm.la(S0, s.ENTRY + 0x400);
      asm.li(S1, 32);
      asm.li(T1, s.word("addi", A2, A2, 5));
      asm.emit(["jal", 0, "loop"]);
      asm.org(s.ENTRY + 0x400);
      asm.label("loop");
      asm.emit(["addi", A2, A2, 1], ["sw", T1, S0, 0], ["addi", S0, S0, 64]);
      asm.emit(["addi", S1, S1, -1], ["bne", S1, 0, "loop"], ["fence.i", 0, 0, 0]);
      asm.emit(["xor", T1, T1, S2], ["addi", S2, S2, 1], ["andi", S2, S2, 1]);
      asm.emit(["jal", 0, "again"]);
    });
    await same(scene, options);
  });

  test("what a loop writes is in the dirty log of each round of a migration", async () => {
    const scene = sceneOf(ALL, (asm) => {
      asm.label("again");
      asm.li(S0, GVA);
      asm.li(S1, GVA + PAGES * 4096);
      asm.label("loop");
      asm.emit(["sd", S2, S0, 0], ["addi", S0, S0, 16], ["bltu", S0, S1, "loop"]);
      asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
    });
    const sides = await s.pair(scene, options);
    const logs = sides.map(({ vm }) => {
      const guest = loneGuest(vm);
      const set = guest.newPageSet();
      guest.startDirtyLog(set);
      return () => guest.harvest(set);
    });
    for (let round = 0; round < 30; round++) {
      s.runBoth(sides, 400 + round * 37);
      const [left, right] = logs.map((harvest) => harvest());
      expect(right).toBe(left);
    }
  });
});

test("a page that is copied on a write within a round is read where it is then", async () => {
  const FAR = 16 << 20; // The same entry of the TLB: both miss all the time, so misses call the core.
  const tables = new s.Tables(RAM_BASE + 0x10000);
  for (const gva of [GVA, GVA + FAR]) tables.map(gva, FRAMES, R | W);
  for (let i = 1; i < PAGES; i++) tables.map(GVA + i * 4096, FRAMES + i * 4096, R | W);
  const main = s.assemble(s.ENTRY, (asm) => {
    asm.li(S2, FAR);
    asm.li(S3, GVA);
    asm.li(A1, GVA + 2 * 4096);
    asm.label("again");
    asm.li(S0, GVA + 4096);
    asm.li(S1, 500); // Or 499, so that the store is in the first of two rounds or in the second.
    asm.emit(["andi", T0, A0, 1], ["sub", S1, S1, T0]);
    asm.label("loop");
    asm.emit(["ld", T1, S0, 0], ["add", A2, A2, T1], ["xor", S3, S3, S2], ["ld", T2, S3, 0]);
    // Every 64th round to where the next one reads, else to another page: without a branch.
    asm.emit(["andi", T0, S1, 63], ["sltiu", T0, T0, 1], ["sub", T0, 0, T0], ["addi", T2, S0, 8]);
    asm.emit(["xor", T2, T2, A1], ["and", T2, T2, T0], ["xor", T2, T2, A1]);
    asm.emit(["addi", A2, A2, 1], ["sd", A2, T2, 0]);
    asm.emit(["addi", S0, S0, 8], ["addi", S1, S1, -1], ["bne", S1, 0, "loop"]);
    asm.emit(["addi", A0, A0, 1]);
    asm.emit(["jal", 0, "again"]);
  });
  const scene = { writes: [{ gpa: s.ENTRY, bytes: main }, ...tables.writes], satp: tables.satp };
  const sides = await s.pair(scene, { engine: "auto", sampling: [50, 1] });
  s.runBoth(sides, 60_000);
  expect(sides[1].core.translated.modules).toBeGreaterThan(1); // Translated again: with calls.
  for (let round = 0; round < 20; round++) {
    const children = sides.map((side) => side.vm.ram.fork());
    s.runBoth(sides, 5003);
    for (const child of children) child.destroy();
  }
});

const REGISTERS = [A2, T1, T2, S3];
/** Steps that loops are fond of. */
const COMMON_STEPS = [1, 4, 8, 16, -8, 64, 512, 1500, -512];

/** One instruction of a random body: accesses to what s0 and s1 point at, and arithmetic. */
function bodyLine(random: Random): Line {
  const [a, b, c] = [random.pick(REGISTERS), random.pick(REGISTERS), random.pick(REGISTERS)];
  const offset = random.below(64) * 8 - 128 + (random.below(8) === 0 ? random.below(8) : 0);
  const pointer = random.pick([S0, S0, S1]);
  switch (random.below(8)) {
    case 0:
    case 1:
      return [random.pick(["ld", "lw", "lbu", "lh"]), a, pointer, offset];
    case 2:
    case 3:
      return [random.pick(["sd", "sw", "sb", "sh"]), a, pointer, offset];
    case 4:
      return ["addi", a, b, random.below(4096) - 2048];
    default:
      return [random.pick(["add", "xor", "sub", "mul", "sltu"]), a, b, c];
  }
}

/** A nest of loops with ifs and early ends, over pages some of which trap. */
function randomNest(seed: number): s.Scene {
  const random = new Random(seed);
  const flags = ALL.map((flag) => random.pick([flag, flag, flag, flag, R, 0]));
  let labels = 0;
  const body = (asm: Assembler, out: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      const roll = random.below(10);
      if (roll > 1) {
        asm.emit(bodyLine(random));
        continue;
      }
      const label = `${labels++}`;
      const [a, b] = [random.pick(REGISTERS), random.pick(REGISTERS)];
      // Mostly an if; now and then the way out.
      asm.emit([random.pick(["beq", "bltu", "bge"]), a, b, roll === 0 ? label : out]);
      if (roll > 0) continue;
      asm.emit(bodyLine(random), bodyLine(random));
      asm.label(label);
    }
  };
  const step = (register: number): Line =>
    random.below(3) === 0
      ? ["add", register, register, A1 + 12]
      : ["addi", register, register, random.pick(COMMON_STEPS)];
  return sceneOf(flags, (asm) => {
    asm.li(A1 + 12, random.pick([0, 8, 24, 700, 5000]));
    asm.label("again");
    asm.li(S0, GVA + random.below(PAGES * 4096));
    asm.li(A1 + 10, random.below(6) + 1);
    asm.label("outer");
    asm.li(S1, GVA + random.below(PAGES * 4096));
    body(asm, "out", random.below(4));
    asm.li(A1 + 11, random.below(40) + 1);
    asm.label("inner");
    const isTop = random.below(3) === 0;
    if (isTop) asm.emit(["beq", A1 + 11, 0, "behind"]);
    body(asm, "behind", random.below(5));
    asm.emit(step(S0));
    body(asm, "behind", random.below(5));
    if (random.below(2)) asm.emit(step(S1));
    asm.emit(["addi", A1 + 11, A1 + 11, -1]);
    asm.emit(isTop ? ["jal", 0, "inner"] : ["bne", A1 + 11, 0, "inner"]);
    asm.label("behind");
    body(asm, "out", random.below(4));
    asm.emit(["addi", A1 + 10, A1 + 10, -1], ["bne", A1 + 10, 0, "outer"]);
    asm.label("out");
    asm.emit(["addi", S2, S2, 1], ["jal", 0, "again"]);
  });
}

const FRESH_SEED = Math.floor(performance.timeOrigin) % 2 ** 31;
const SEEDS = [...Array.from({ length: 40 }, (_, i) => 9000 + i), FRESH_SEED, FRESH_SEED + 1];

test.each(SEEDS)("random nests of loops are the same on both engines: seed %i", async (seed) => {
  const scene = randomNest(seed);
  for (const [, options] of s.TRANSLATORS) {
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 6000, 601);
    s.runBoth(sides, 40_000);
  }
});
