/** npm run test:fuzz -- [--target NAME] [--inputs N] [--seed N] */
import { parseArgs } from "node:util";
import { FUZZ_TARGETS } from "./targets.ts";

/** Inputs between two lines of progress. */
const SLICE = 100_000;

export async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
      target: { type: "string", default: "stream" },
    },
  });
  const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(inputs) || inputs < 1)
    throw new RangeError("--inputs and --seed: expected whole numbers");
  const fuzz = FUZZ_TARGETS[values.target];
  if (!fuzz)
    throw new RangeError(`--target: expected one of ${Object.keys(FUZZ_TARGETS).join(", ")}`);
  console.log(`${values.target}: seed ${seed}, ${inputs} inputs`);
  Error.stackTraceLimit = 0; // Most inputs end with an error, and a stack costs more than all the rest.
  const endings = new Map<string, number>();
  const coverage = new Map<string, number>();
  const failures: string[] = [];
  for (let done = 0; done < inputs; done += SLICE) {
    const slice = seed + done / SLICE;
    const result = await fuzz({ inputs: Math.min(SLICE, inputs - done), seed: slice });
    for (const [key, count] of result.endings) endings.set(key, (endings.get(key) ?? 0) + count);
    for (const [key, count] of result.coverage) coverage.set(key, (coverage.get(key) ?? 0) + count);
    failures.push(...result.failures.map((one) => `seed ${slice}: ${one}`));
    const mib = Math.round(process.memoryUsage().rss / 2 ** 20);
    console.log(`${done + result.inputs} inputs, ${failures.length} failures, ${mib} MiB`);
  }
  for (const [key, count] of [...coverage].sort().concat([...endings].sort()))
    console.log(`${key} ${count}`);
  for (const failure of failures) console.log(failure);
  console.log(`seed ${seed}: ${inputs} inputs, ${failures.length} failures`);
  if (failures.length > 0) process.exitCode = 1;
}
