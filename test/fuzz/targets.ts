/** What `npm run test:fuzz -- --target NAME` can be pointed at. */
import { type FuzzResult, fuzzStreams } from "../migrate/fuzz/fuzz.ts";
import { fuzzParsers } from "./parsers.ts";
import { TRACE_PARSERS } from "./traces.ts";

type FuzzTarget = (options: {
  readonly inputs: number;
  readonly seed: number;
}) => Promise<FuzzResult>;

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  stream: fuzzStreams,
  traces: (options) => fuzzParsers(TRACE_PARSERS, options),
};
