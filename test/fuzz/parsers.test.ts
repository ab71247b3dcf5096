/** The fuzz of parsers: what is registered holds, and one that does not hold is found out. */
import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { type FuzzedParser, fuzzParsers } from "./parsers.ts";
import { TRACE_PARSERS } from "./traces.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 3);

test("readers of traces take what comes, or refuse it by a code of theirs; each does both", async () => {
  const { coverage, failures } = await fuzzParsers(TRACE_PARSERS, { inputs: 800, seed });
  expect(failures, `FUZZ_SEED=${seed}`).toEqual([]);
  const wanted = TRACE_PARSERS.flatMap(({ name }) => [`${name}: taken`, `${name}: refused`]);
  expect(wanted.filter((one) => !coverage.has(one))).toEqual([]);
});

test("what is behind a checksum is reached where it is mended", async () => {
  const traces = TRACE_PARSERS.filter(({ name }) => name === "dirty trace");
  const { endings } = await fuzzParsers(traces, { inputs: 600, seed });
  const taken = [...endings].filter(([key]) => /, mended: taken$/.test(key));
  expect(taken.length).toBeGreaterThan(0);
});

const parser = (parse: (bytes: Uint8Array) => unknown): FuzzedParser => ({
  name: "p",
  samples: [Uint8Array.of(1, 2, 3)],
  codes: ["WV_CONFIG"],
  parse,
});

test.each<readonly [string, (bytes: Uint8Array) => unknown]>([
  ["throws what is no error of ours", (bytes) => bytes[0] !== 1 && JSON.parse("{")],
  [
    "rejects with a code that is not its own",
    async (bytes) => {
      if (bytes[0] !== 1) throw new WasmvisorError("WV_STATE", "no");
    },
  ],
])("a parser that %s is found out, and the same again by its seed", async (_, parse) => {
  const run = async () => {
    const { failures } = await fuzzParsers([parser(parse)], { inputs: 100, seed });
    return failures.map((failure) => failure.split("\n")[0]);
  };
  const failures = await run();
  expect(failures.length).toBeGreaterThan(0);
  expect(await run()).toEqual(failures);
});
