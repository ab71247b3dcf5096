/**
 * Source, target or link fail at a seeded byte in every phase, on real processes: afterwards exactly one
 * side has the guest. `npm run test:faults -- --runs 300` does the same for longer.
 */
import { expect, test } from "vitest";
import { describeRun, runMatrix } from "./faults/matrix.ts";

test("whatever breaks and when, exactly one side has the guest", { timeout: 600_000 }, async () => {
  const seed = Number(process.env["FAULTS_SEED"] ?? 7);
  console.log(`FAULTS_SEED=${seed}`);
  const all = await runMatrix({ runs: 20, seed });
  expect(all.filter((run) => run.failure !== undefined).map(describeRun)).toEqual([]);
  expect(all.filter((run) => run.result?.hasFired).length).toBeGreaterThan(15);
});
