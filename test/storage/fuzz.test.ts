/** A little of each fuzz of storage; FUZZ_INPUTS and FUZZ_SEED set it. More: npm run test:fuzz -- --target NAME. */
import { expect, test } from "vitest";
import { fuzzParsers } from "../fuzz/parsers.ts";
import { fuzzNbdClient, fuzzNbdServer } from "./fuzz-nbd.ts";
import { POOL_PARSERS } from "./fuzz-pool-metadata.ts";
import { fuzzQcow2 } from "./fuzz-qcow2.ts";

const inputs = Number(process.env["FUZZ_INPUTS"] ?? 3000);
const seed = Number(process.env["FUZZ_SEED"] ?? 1);

test(`${inputs} broken qcow2 images are refused or used, nothing else (seed ${seed})`, () => {
  const { refused } = fuzzQcow2(seed, inputs);
  console.info(`fuzz-qcow2: seed ${seed}, ${inputs} inputs, ${refused} refused`);
  expect(refused).toBeGreaterThan(inputs / 10);
  expect(refused).toBeLessThan(inputs);
});

test(`${inputs} messages to an NBD server end in answers, or hang up on their client alone`, () =>
  fuzzNbdServer(seed, inputs));

test(`${inputs} messages of NBD servers are taken by a client, or are WV_DISK`, () =>
  fuzzNbdClient(seed, inputs));

test(`${inputs} spoiled states of a pool open, or are refused`, async () => {
  const { coverage, failures } = await fuzzParsers(POOL_PARSERS, { inputs, seed });
  expect(failures).toEqual([]);
  const counts = ["taken", "refused"].map((one) => coverage.get(`metadata of a pool: ${one}`) ?? 0);
  for (const count of counts) expect(count).toBeGreaterThan(inputs / 200);
});
