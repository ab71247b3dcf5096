/** Both ends against streams that are wrong; `npm run test:fuzz -- --inputs 1000000` does it for longer. */
import { expect, test } from "vitest";
import { fuzzStreams, replayStreams } from "./fuzz/fuzz.ts";

test("no stream that is wrong starts a guest, loses one, or throws", () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 11);
  const { endings, failures } = fuzzStreams({ inputs: 20_000, seed });
  expect(failures, `FUZZ_SEED=${seed}`).toEqual([]);
  const refused = [...endings].filter(([key]) => /^target.*discarded/.test(key));
  expect(refused.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(10_000);
});

test("a finished stream that comes again, and one for another guest, are refused with the reason", () => {
  const { again, other } = replayStreams();
  expect(again).toMatchObject({ state: "discarded", error: { code: "WV_STATE" } });
  expect(other).toMatchObject({ state: "discarded", error: { code: "WV_CONFIG" } });
});
