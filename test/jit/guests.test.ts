/** The guest programs on all engines: the same console, the same counts, the same state on the way. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type LockstepPlan, lockstep } from "../diff/lockstep.ts";
import { createCore, type GuestOptions, startGuest } from "../diff/lockstep-guest.ts";
import { describeDifference } from "../diff/lockstep-report.ts";
import { expectLines, guestBin, guestRuns } from "../guest-runs.ts";
import * as s from "./scene.ts";

const UNITS = 8_000_000;

/** One short run of each program. */
const runs = guestRuns.filter(
  ({ program, append }, i) =>
    guestRuns.findIndex((one) => one.program === program) === i || append.includes("paging"),
);

const guestOf = ({ program, append, memoryMiB }: (typeof runs)[0]): GuestOptions => ({
  kernel: readFileSync(join(guestBin, program)),
  append: append.replace("ops=400000", "ops=60000").replace(" tolerate=qemu", ""),
  memoryBytes: memoryMiB << 20,
});

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test("guests in turn on one core do not disturb each other", async () => {
    const guests = runs.filter(({ program }) => /^(kv|kernels|mmu)/.test(program)).map(guestOf);
    const bytes = guests.reduce((sum, { memoryBytes }) => sum + memoryBytes, 8 << 20);
    const shared = await s.newCore({ ...options, memoryBytes: bytes });
    const alone = await s.newCore({ memoryBytes: bytes });
    const pairs = guests.map(
      (guest) => [startGuest(alone, guest), startGuest(shared, guest)] as const,
    );
    for (let turn = 0; turn < 30; turn++) for (const pair of pairs) s.runBoth(pair, 30_011);
    expect(shared.translated.functions).toBeGreaterThan(20);
  });

  test.each(runs)(
    "$program $append",
    async (run) => {
      const guest = guestOf(run);
      const memoryBytes = guest.memoryBytes + (8 << 20);
      const plan: LockstepPlan = {
        start: [
          async () => startGuest(await createCore({ engine: "interpreter", memoryBytes }), guest),
          async () => startGuest(await s.newCore({ ...options, memoryBytes }), guest),
        ],
        seed: 1,
        budgets: [997, 10_007, 100_003],
        until: UNITS,
      };
      const result = await lockstep(plan);
      if (result.difference) expect.fail(await describeDifference(plan, result.difference));
      expect(result.translated).toBeGreaterThan(5);
      const lines = result.console.split("\n").map((line) => line.trimEnd());
      if (result.end) expectLines(lines, run.lines.slice(0, 1));
    },
    60_000,
  );
});
