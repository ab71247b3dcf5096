/**
 * A long run by hand: `node scripts/diff-run.mjs --seed N --programs N`. Prints mismatches shrunk,
 * what was covered, and with `--names` which of QEMU's faults it was (else: which had a say). With `--engines` our interpreter stands for QEMU and our translator for the core. Ends with 1 if anything unexplained differs.
 */
import { parseArgs } from "node:util";
import { compareMachines, describe, type Mismatch, type Sides } from "./compare.ts";
import { CoreMachine } from "./core-machine.ts";
import { Coverage } from "./coverage.ts";
import { qemuJudge } from "./lab/judge.ts";
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
      names: { type: "boolean", default: false },
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
    names: values.names,
  };
}

async function report(mismatch: Mismatch, sides: Sides, small: boolean) {
  const names: [string, string] = [sides.left.name, sides.right.name];
  const smallest = small ? await shrink(mismatch.program, sides) : mismatch;
  console.log(describe(smallest ?? mismatch, names));
  if (small && !smallest) console.log("  (agrees when it runs alone)");
  console.log();
}

function ourEngines(): Sides {
  const [left, right] = [{ engine: "interpreter" }, { engine: "translator" }] as const;
  return { left: new CoreMachine(left), right: new CoreMachine(right) };
}

async function withQemu(icount: boolean, isExact: boolean): Promise<Sides> {
  if (qemuVersion() === undefined) throw new Error("qemu-system-riscv64 is not installed");
  return {
    left: new QemuMachine({ icount }),
    right: new CoreMachine(),
    judge: await qemuJudge({ isExact }),
  };
}

export async function main(): Promise<void> {
  const { seed, programs, exact, engines, ...limits } = options();
  const sides = engines ? ourEngines() : await withQemu(exact, limits.names);
  console.log(`seed ${seed}, ${programs} programs, ${sides.left.name} against ${sides.right.name}`);
  const coverage = new Coverage();
  const excused = new Map<string, number>();
  const start = performance.now();
  let [done, wrong, guests, explained] = [0, 0, 0, 0];
  for (let next = seed; done < programs; next += 1) {
    const plan = { seed: next, programs: PER_ELF, exactCounters: exact };
    const result = await compareMachines(plan, sides);
    coverage.add(result.programs, result.dumps);
    guests += result.programs.filter(({ flavour }) => flavour === "guest").length;
    explained += result.excused.length;
    for (const name of result.excused.flat()) excused.set(name, (excused.get(name) ?? 0) + 1);
    for (const mismatch of result.mismatches) {
      wrong += 1;
      if (wrong <= limits.show) await report(mismatch, sides, wrong <= limits.shrink);
    }
    done += PER_ELF;
  }
  const seconds = (performance.now() - start) / 1000;
  if (limits.coverage) console.log(`${coverage}\n`);
  for (const [name, count] of excused) console.log(`QEMU: ${name} in ${count} programs`);
  const all = `${done} programs (${guests} with guests) in ${seconds.toFixed(1)} s`;
  console.log(`${all}, ${explained} down to QEMU, ${wrong} unexplained`);
  if (wrong > 0) process.exitCode = 1;
}
