import { expect, test } from "vitest";
import { fuzzQcow2 } from "./fuzz-qcow2.ts";

const inputs = Number(process.env["FUZZ_INPUTS"] ?? 3000);
const seed = Number(process.env["FUZZ_SEED"] ?? 1);

test(`${inputs} broken qcow2 images are refused or used, nothing else (seed ${seed})`, () => {
  const { refused } = fuzzQcow2(seed, inputs);
  console.info(`fuzz-qcow2: seed ${seed}, ${inputs} inputs, ${refused} refused`);
  expect(refused).toBeGreaterThan(inputs / 10);
  expect(refused).toBeLessThan(inputs);
});
