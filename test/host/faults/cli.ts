/** npm run test:faults -- [--runs N] [--seed N] [--only RUN] [--lanes plain|features] */
import { parseArgs } from "node:util";
import { describeRun, runMatrix, tabulate } from "./matrix.ts";

export async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "300" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      lanes: { type: "string" },
    },
  });
  const seed = Number(values.seed);
  const runs = Number(values.runs);
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(runs) || runs < 1)
    throw new RangeError("--runs and --seed: expected whole numbers");
  console.log(`seed ${seed}, ${runs} runs`);
  const only = values.only === undefined ? undefined : Number(values.only);
  const { lanes } = values;
  if (lanes !== undefined && lanes !== "plain" && lanes !== "features")
    throw new RangeError("--lanes: expected plain or features");
  const all = await runMatrix({
    runs,
    seed,
    only,
    lanes,
    onRun: (run) => console.log(describeRun(run)),
  });
  console.log(`\n${tabulate(all)}\n`);
  const failed = all.filter((run) => run.failure !== undefined);
  for (const run of failed) console.log(describeRun(run));
  console.log(
    `seed ${seed}: ${all.length} runs, ${all.length - failed.length} with exactly one guest`,
  );
  if (failed.length > 0) process.exitCode = 1;
}
