/**
 * A long run by hand: `node scripts/diff-run.mjs --seed N --programs N`. Prints mismatches shrunk,
 * and what was covered. With `--engines` our interpreter stands for QEMU and our translator for the core. Ends with 1 if anything unexplained differs.
 */
import { parseArgs } from "node:util";
import { compareMachines, describe, type Mismatch } from "./compare.ts";
import { CoreMachine } from "./core-machine.ts";
import { Coverage } from "./coverage.ts";
import type { Machine } from "./machine.ts";
import { QemuMachine, qemuVersion } from "./qemu-machine.ts";
import { shrink } from "./shrink.ts";

const PER_ELF = 64;

function options() {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      programs: { type: "string", default: "2000" },
      exact: { type: "boolean", default: false },
      engines: { type: "boolean", default: false },
      shrink: { type: "string", default: "3" },
      show: { type: "string", default: "10" },
      coverage: { type: "boolean", default: false },
    },
  });
  return {
    seed: Number(values.seed ?? Date.now() % 2 ** 31),
    programs: Number(values.programs),
    exact: values.exact,
    engines: values.engines,
    shrink: Number(values.shrink),
    show: Number(values.show),
    coverage: values.coverage,
  };
}

async function report(mismatch: Mismatch, sides: readonly [Machine, Machine], small: boolean) {
  const names: [string, string] = [sides[0].name, sides[1].name];
  const smallest = small ? await shrink(mismatch.program, ...sides) : mismatch;
  console.log(describe(smallest ?? mismatch, names));
  if (small && !smallest) console.log("  (agrees when it runs alone)");
  console.log();
}

function ourEngines(): [Machine, Machine] {
  return [new CoreMachine({ engine: "interpreter" }), new CoreMachine({ engine: "translator" })];
}

function withQemu(icount: boolean): [Machine, Machine] {
  if (qemuVersion() === undefined) throw new Error("qemu-system-riscv64 is not installed");
  return [new QemuMachine({ icount }), new CoreMachine()];
}

export async function main(): Promise<void> {
  const { seed, programs, exact, engines, ...limits } = options();
  const sides = engines ? ourEngines() : withQemu(exact);
  console.log(`seed ${seed}, ${programs} programs, ${sides[0].name} against ${sides[1].name}`);
  const coverage = new Coverage();
  const excused = new Map<string, number>();
  const start = performance.now();
  let [done, wrong] = [0, 0];
  for (let next = seed; done < programs; next += 1) {
    const plan = { seed: next, programs: PER_ELF, exactCounters: exact };
    const result = await compareMachines(plan, ...sides);
    coverage.add(result.programs, result.dumps);
    for (const name of result.excused) excused.set(name, (excused.get(name) ?? 0) + 1);
    for (const mismatch of result.mismatches) {
      wrong += 1;
      if (wrong <= limits.show) await report(mismatch, sides, wrong <= limits.shrink);
    }
    done += PER_ELF;
  }
  const seconds = (performance.now() - start) / 1000;
  if (limits.coverage) console.log(`${coverage}\n`);
  for (const [name, count] of excused) console.log(`excused: ${name} ${count} times`);
  console.log(`${done} programs in ${seconds.toFixed(1)} s, ${wrong} unexplained mismatches`);
  if (wrong > 0) process.exitCode = 1;
}
