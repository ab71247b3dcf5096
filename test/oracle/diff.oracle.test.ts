/**
 * Random programs on our core and on QEMU's virt machine must leave the same state behind: registers,
 * CSRs, traps, memory, page tables. Fixed seeds, so that a failure stays, and one fresh seed a day. Where
 * QEMU is wrong, a core with its faults beside must agree with it. Faults of no purpose must be found.
 * `node scripts/diff-run.mjs` does the same for as long as you like, and shrinks what differs.
 */
import { afterAll, beforeAll, expect, describe as suite, test } from "vitest";
import {
  compareDumps,
  compareMachines,
  describe,
  type Judge,
  type Mismatch,
  runAll,
} from "../diff/compare.ts";
import { CoreMachine } from "../diff/core-machine.ts";
import { Coverage } from "../diff/coverage.ts";
import { drawPrograms } from "../diff/image.ts";
import { judgeOf, QEMU_FAULTS } from "../diff/lab/judge.ts";
import { Lab } from "../diff/lab/lab.ts";
import { MUTATIONS } from "../diff/lab/mutations.ts";
import type { Fault } from "../diff/lab/source.ts";
import { QemuMachine, qemuVersion } from "../diff/qemu-machine.ts";

const version = qemuVersion();
if (version === undefined) console.warn("skipped: qemu-system-riscv64 is not installed");

const PROGRAMS_PER_SEED = 64;
const FIXED_SEEDS = Array.from({ length: 32 }, (_, n) => 1000 + n);
const freshSeed = Math.floor(performance.timeOrigin) % 2 ** 31;

suite.skipIf(version === undefined)(`core against ${version}`, () => {
  const coverage = new Coverage();
  const core = new CoreMachine();
  let lab: Lab;
  let judge: Judge;

  beforeAll(async () => {
    lab = await Lab.create([...QEMU_FAULTS, ...MUTATIONS]);
    judge = judgeOf(lab);
  });

  async function agree(seed: number, exactCounters = false): Promise<void> {
    const plan = { seed, programs: PROGRAMS_PER_SEED, exactCounters };
    const left = new QemuMachine({ icount: exactCounters });
    const result = await compareMachines(plan, { left, right: core, judge });
    coverage.add(result.programs, result.dumps);
    const texts = result.mismatches.map((mismatch) => describe(mismatch, ["qemu", "core"]));
    expect(texts.slice(0, 3).join("\n\n")).toBe("");
  }

  test.each(FIXED_SEEDS)("seed %i", (seed) => agree(seed), 300_000);

  test(`fresh seed ${freshSeed}`, () => agree(freshSeed), 300_000);

  test("the programs touch every instruction and every cause", () => {
    expect(coverage.missing()).toEqual([]);
  });

  test("instructions are counted exactly", () => agree(77, true), 300_000);

  test("a core that is broken on purpose is found out", async () => {
    let hidden: readonly Fault[] = MUTATIONS;
    for (const seed of FIXED_SEEDS) {
      if (hidden.length === 0) break;
      const programs = drawPrograms({ seed, programs: PROGRAMS_PER_SEED, exactCounters: false });
      const qemu = await runAll(new QemuMachine(), programs);
      const still: Fault[] = [];
      for (const fault of hidden) {
        const { dumps } = await lab.run(programs, [fault], { isCached: true });
        const mismatches = programs.flatMap((program, n): Mismatch[] => {
          const differences = compareDumps(qemu[n], dumps[n]);
          return differences.length > 0
            ? [{ program, differences, dumps: [qemu[n], dumps[n]] }]
            : [];
        });
        const verdicts = await judgeOf(lab, { own: [fault] })(programs, mismatches);
        if (!verdicts.some((verdict) => "rest" in verdict)) still.push(fault);
      }
      hidden = still;
    }
    expect(hidden.map(({ name }) => name)).toEqual([]);
  }, 900_000);

  afterAll(() => console.log(`fresh seed ${freshSeed}`));
});
