/** What `npm run test:fuzz -- --target NAME` can be pointed at. */
import { type FuzzResult, fuzzStreams } from "../migrate/fuzz/fuzz.ts";
import { fuzzTether } from "../net/fuzz-tether.ts";
import { fuzzWireguard } from "../net/fuzz-wireguard.ts";
import { fuzzShare } from "../storage/fuzz-9p.ts";
import { fuzzPool } from "../storage/fuzz-pool.ts";
import { fuzzQcow2 } from "../storage/fuzz-qcow2.ts";
import { fuzzParsers } from "./parsers.ts";
import { TRACE_PARSERS } from "./traces.ts";

type FuzzTarget = (options: {
  readonly inputs: number;
  readonly seed: number;
}) => Promise<FuzzResult>;

/** One life of something, which throws what must not be: the first failure ends it. */
const life =
  (live: (seed: number, inputs: number) => unknown): FuzzTarget =>
  async ({ inputs, seed }) => {
    const failures: string[] = [];
    try {
      await live(seed, inputs);
    } catch (error) {
      const { cause, message } = error as Error;
      failures.push(cause === undefined ? message : `${message}: ${String(cause)}`);
    }
    return { inputs, endings: new Map(), coverage: new Map(), failures };
  };

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  stream: fuzzStreams,
  traces: (options) => fuzzParsers(TRACE_PARSERS, options),
  qcow2: life(fuzzQcow2),
  pool: life(fuzzPool),
  "9p": life(fuzzShare),
  wireguard: life(fuzzWireguard),
  tether: life(fuzzTether),
};
