/** The tool itself: it finds the instruction that an engine does wrong, and names it. */
import { expect, test } from "vitest";
import { HART_PC } from "../../bindings/abi.ts";
import { type LockstepPlan, lockstep } from "../diff/lockstep.ts";
import type { Side } from "../diff/lockstep-guest.ts";
import { describeDifference } from "../diff/lockstep-report.ts";
import * as s from "./scene.ts";

const LOOP = {
  writes: [
    {
      gpa: s.ENTRY,
      bytes: s.assemble(s.ENTRY, (asm) => {
        asm.label("loop");
        asm.emit(["addi", s.A0, s.A0, 1], ["xor", s.A1, s.A1, s.A0], ["jal", 0, "loop"]);
      }),
    },
  ],
};

/** A side that does the `xor` wrong when a0 is `at`: for ever after it has another a1. */
async function faulty(at: number): Promise<Side> {
  const side = s.start(await s.newCore(), LOOP);
  const { vm } = side;
  const run = vm.run.bind(vm);
  vm.run = (units) => {
    let left = units;
    while (left > 0 && s.x(side, s.A0) < at) left -= run(1).used;
    const isThere = s.x(side, s.A0) === at && s.cpu(side).getNumber(HART_PC) === s.ENTRY + 4;
    if (left > 0 && isThere) {
      left -= run(1).used;
      s.cpu(side).setX(s.A1, 0xbad, 0);
    }
    if (left > 0) run(left);
    return { state: "runnable", used: units };
  };
  return side;
}

test("a difference is narrowed to its instruction", async () => {
  const plan: LockstepPlan = {
    start: [async () => s.start(await s.newCore(), LOOP), () => faulty(400)],
    seed: 1,
    budgets: [100, 997],
    until: 100_000,
  };
  const { difference } = await lockstep(plan);
  // Turn 400 begins after 399 of three units.
  expect(difference).toMatchObject({ at: 399 * 3 + 2, fields: [{ name: "x11", right: 0xbadn }] });
  if (!difference) return;
  const text = await describeDifference(plan, difference);
  expect(text).toMatch(/x11 .*last written at unit \d+ {2}80001004: 00a5c5b3 {2}xor a1,a1,a0/);
  expect(text).toContain("next instruction  80001008: ff9ff06f  j 0x80001000");
});

test("engines that agree have no difference", async () => {
  const plan: LockstepPlan = {
    start: [
      async () => s.start(await s.newCore(), LOOP),
      async () => s.start(await s.newCore({ engine: "translator" }), LOOP),
    ],
    seed: 1,
    budgets: [100, 997],
    until: 50_000,
  };
  const result = await lockstep(plan);
  expect(result.difference).toBeUndefined();
  expect(result.instructions).toBeGreaterThanOrEqual(50_000);
  expect(result.translated).toBeGreaterThan(0);
});
