/**
 * Random programs on our core and on QEMU's virt machine must leave the same state behind: registers,
 * CSRs, traps, memory, page tables. Fixed seeds, so that a failure stays, and one fresh seed a day.
 * `node scripts/diff-run.mjs` does the same for as long as you like, and shrinks what differs.
 */
import { afterAll, expect, describe as suite, test } from "vitest";
import { compareMachines, describe } from "../diff/compare.ts";
import { CoreMachine } from "../diff/core-machine.ts";
import { Coverage } from "../diff/coverage.ts";
import { QemuMachine, qemuVersion } from "../diff/qemu-machine.ts";

const version = qemuVersion();
if (version === undefined) console.warn("skipped: qemu-system-riscv64 is not installed");

const PROGRAMS_PER_SEED = 64;
const FIXED_SEEDS = Array.from({ length: 32 }, (_, n) => 1000 + n);
const freshSeed = Math.floor(performance.timeOrigin) % 2 ** 31;

suite.skipIf(version === undefined)(`core against ${version}`, () => {
  const coverage = new Coverage();
  const core = new CoreMachine();

  async function agree(seed: number): Promise<void> {
    const plan = { seed, programs: PROGRAMS_PER_SEED, exactCounters: false };
    const result = await compareMachines(plan, new QemuMachine(), core);
    coverage.add(result.programs, result.dumps);
    const texts = result.mismatches.map((mismatch) => describe(mismatch, ["qemu", "core"]));
    expect(texts.slice(0, 3).join("\n\n")).toBe("");
  }

  test.each(FIXED_SEEDS)("seed %i", agree, 300_000);

  // About one guest program (V = 1) in a thousand differs for a reason that nobody has looked into yet, so
  // that a fresh seed may have two: they are printed. The fixed seeds may have none.
  test(`fresh seed ${freshSeed}`, async () => {
    const plan = { seed: freshSeed, programs: PROGRAMS_PER_SEED, exactCounters: false };
    const { mismatches } = await compareMachines(plan, new QemuMachine(), core);
    const isGuest = ({ program }: (typeof mismatches)[number]) => program.flavour === "guest";
    const text = (mismatch: (typeof mismatches)[number]) => describe(mismatch, ["qemu", "core"]);
    for (const mismatch of mismatches.filter(isGuest)) console.warn(text(mismatch));
    expect(mismatches.filter((mismatch) => !isGuest(mismatch)).map(text)).toEqual([]);
    expect(mismatches.length).toBeLessThanOrEqual(2);
  }, 300_000);

  test("the programs touch every instruction and every cause", () => {
    expect(coverage.missing()).toEqual([]);
  });

  test("instructions are counted exactly", async () => {
    const plan = { seed: 77, programs: PROGRAMS_PER_SEED, exactCounters: true };
    const qemu = new QemuMachine({ icount: true });
    const { mismatches } = await compareMachines(plan, qemu, core);
    const texts = mismatches.map((mismatch) => describe(mismatch, ["qemu", "core"]));
    expect(texts.slice(0, 3).join("\n\n")).toBe("");
  }, 300_000);

  afterAll(() => console.log(`fresh seed ${freshSeed}`));
});
