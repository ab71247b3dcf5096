/** What strangers send, a little of it each time; `WV_FUZZ_SEED` and `WV_FUZZ_RUNS` set it. More: npm run test:fuzz. */
import { test } from "vitest";
import { fuzzCard, fuzzFrames, fuzzGateway, fuzzSwitch } from "./fuzz-network.ts";

const seed = Number(process.env["WV_FUZZ_SEED"] ?? 20261128);
const runs = Number(process.env["WV_FUZZ_RUNS"] ?? 20_000);
process.stderr.write(`net fuzz: seed ${seed}, ${runs} inputs each\n`);

test("parsers take anything", () => fuzzFrames(seed, runs));

test("the gateway stands what any guest sends, and serves an honest one afterwards", () =>
  fuzzGateway(seed + 1, runs));

test("the switch keeps stations apart and its table bounded, whatever they send", () =>
  fuzzSwitch(seed + 2, runs));

test("the card stands any driver", () => fuzzCard(seed + 3, runs / 2));
