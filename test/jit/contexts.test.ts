/** Address spaces by the hundred, what they share, and pages with many names. */
import { describe, expect, test } from "vitest";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import * as s from "./scene.ts";

const { A0, A1, S0, S1, S2, S3, T0, T1, T2, R, W, U } = s;
const [GVA, FRAME] = [0x10000, RAM_BASE + 0x100000];
const VALUES = [3, 5, 7] as const;
/** As many as there are slots beside the shared one. */
const PAGES = 62;
const GLOBAL = 32;
const [SUM, SSTATUS, SATP] = [1 << 18, 0x100, 0x180];
const ENGINES = [["interpreter", { engine: "interpreter" }] as const, ...s.TRANSLATORS];

/**
 * Three address spaces under a hundred ASIDs, which is more than there are slots, visited in turn. Each has the kernel's
 * page, of its own unless it is global, and its user's pages: one is visited each time, each of them once in as
 * many visits as there are slots to give.
 */
function manySpaces(isGlobal: boolean): s.Scene {
  const spaces = VALUES.map((value, i) => {
    const tables = new s.Tables(RAM_BASE + 0x20000 * (i + 1));
    if (isGlobal) tables.shareRam();
    const frame = FRAME + i * 0x1000;
    tables.map(GVA, isGlobal ? FRAME : frame, isGlobal ? R | W | GLOBAL : R | W);
    for (let page = 1; page <= PAGES; page++) tables.map(GVA + page * 0x1000, frame, R | W | U);
    return { tables, value, data: { gpa: frame, bytes: new Uint8Array(4096).fill(value) } };
  });
  const bytes = s.assemble(s.ENTRY, (asm) => {
    asm.li(S0, GVA);
    asm.li(S3, SUM);
    asm.label("again");
    for (const { tables, value } of spaces) {
      asm.li(T0, tables.satp);
      asm.li(T2, 100);
      asm.emit(["remu", T1, S2, T2], ["addi", T1, T1, 1], ["slli", T1, T1, 44], ["or", T0, T0, T1]);
      asm.li(T2, PAGES);
      asm.emit(
        ["remu", S1, S2, T2],
        ["addi", S1, S1, 1],
        ["slli", S1, S1, 12],
        ["add", S1, S1, S0],
      );
      asm.emit(["csrrw", 0, SATP, T0], ["lbu", T1, S0, 9], ["csrrs", 0, SSTATUS, S3]);
      asm.emit(["lbu", T2, S1, 9], ["csrrc", 0, SSTATUS, S3]);
      asm.emit(["addi", T1, T1, isGlobal ? -VALUES[0] : -value], ["sltu", T1, 0, T1]);
      asm.emit(["addi", T2, T2, -value], ["sltu", T2, 0, T2]);
      asm.emit(["add", A0, A0, T1], ["add", A0, A0, T2], ["addi", S2, S2, 1]);
    }
    asm.emit(["jal", 0, "again"]);
  });
  const writes = [
    { gpa: s.ENTRY, bytes },
    ...spaces.flatMap(({ tables, data }) => [data, ...tables.writes]),
  ];
  return { writes, satp: (spaces[0] as (typeof spaces)[0]).tables.satp };
}

describe.each(ENGINES)("%s", (_, options) => {
  test("a hundred address spaces see their own pages, and switches cost a kernel no walk", async () => {
    const side = s.start(await s.newCore(options), manySpaces(true));
    side.vm.run(4000);
    const [walks, switches] = [side.vm.metrics().pageWalks, s.x(side, S2)];
    side.vm.run(40_000);
    const made = s.x(side, S2) - switches;
    expect(made).toBeGreaterThan(1000);
    expect(s.x(side, A0)).toBe(0);
    // A walk for the user's page, and once in 60 slots those for what was given up. (An engine that translates
    // everything looks again whether its code is still where it was.)
    if (options.engine !== "translator")
      expect((side.vm.metrics().pageWalks - walks) / made).toBeLessThan(1.1);
  });

  test("pages of a kernel that are not global are those of their address space", async () => {
    const side = s.start(await s.newCore(options), manySpaces(false));
    side.vm.run(40_000);
    expect(s.x(side, S2)).toBeGreaterThan(1000);
    expect(s.x(side, A0)).toBe(0);
  });

  test.each([1, 2, 3, 5])(
    "a page with %i more names is the same under all after a fork",
    async (names) => {
      const tables = new s.Tables(RAM_BASE + 0x10000);
      for (let i = 0; i <= names; i++) tables.map(GVA + i * 0x1000, FRAME, R | W);
      const bytes = s.assemble(s.ENTRY, (asm) => {
        asm.li(S0, GVA);
        asm.label("loop");
        asm.emit(["addi", S2, S2, 1], ["sd", S2, S0, 16]);
        for (let i = 1; i <= names; i++) {
          asm.li(S1, GVA + i * 0x1000);
          asm.emit(
            ["ld", T1, S1, 16],
            ["sub", T1, T1, S2],
            ["sltu", T1, 0, T1],
            ["add", A0, A0, T1],
          );
        }
        asm.emit(["addi", A1, A1, 1], ["jal", 0, "loop"]);
      });
      const writes = [{ gpa: s.ENTRY, bytes }, ...tables.writes];
      const scene = { writes, satp: tables.satp };
      const parent = s.start(await s.newCore(options), scene);
      for (let forks = 0; forks < 5; forks++) {
        parent.vm.run(501);
        const child = s.fork(parent, scene);
        child.vm.run(1003);
        parent.vm.run(307);
        expect([s.x(parent, A0), s.x(child, A0)]).toEqual([0, 0]);
        expect(s.x(child, A1)).toBeGreaterThan(s.x(parent, A1));
      }
    },
  );
});
