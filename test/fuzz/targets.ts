/** What `npm run test:fuzz -- --target NAME` can be pointed at. */

import { fuzzBlk } from "../device/fuzz-blk.ts";
import { type FuzzResult, fuzzStreams } from "../migrate/fuzz/fuzz.ts";
import { fuzzOpenFlow } from "../net/flow/fuzz-openflow.ts";
import { fuzzCard, fuzzFrames, fuzzGateway, fuzzSwitch } from "../net/fuzz-network.ts";
import { fuzzTether } from "../net/fuzz-tether.ts";
import { fuzzWireguard } from "../net/fuzz-wireguard.ts";
import { fuzzShare } from "../storage/fuzz-9p.ts";
import { fuzzMirror } from "../storage/fuzz-mirror.ts";
import { fuzzNbdClient, fuzzNbdServer } from "../storage/fuzz-nbd.ts";
import { fuzzPool } from "../storage/fuzz-pool.ts";
import { POOL_PARSERS } from "../storage/fuzz-pool-metadata.ts";
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

/** Steps of one of several lives: long enough for every limit to be met, short enough for beginnings to count. */
const LIFE_STEPS = 5000;

/** Lives one after the other, each of the next seed: what is at its limits once stays there for good. */
const lives =
  (live: (seed: number, steps: number) => unknown): FuzzTarget =>
  async ({ inputs, seed }) => {
    const failures: string[] = [];
    for (let done = 0; done < inputs; done += LIFE_STEPS) {
      const its = seed * 1000 + done / LIFE_STEPS;
      const result = await life(live)({ inputs: Math.min(LIFE_STEPS, inputs - done), seed: its });
      failures.push(...result.failures.map((one) => `life ${its}: ${one}`));
    }
    return { inputs, endings: new Map(), coverage: new Map(), failures };
  };

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  stream: fuzzStreams,
  traces: (options) => fuzzParsers(TRACE_PARSERS, options),
  qcow2: life(fuzzQcow2),
  pool: lives(fuzzPool),
  "pool-metadata": (options) => fuzzParsers(POOL_PARSERS, options),
  mirrors: lives(fuzzMirror),
  "9p": life(fuzzShare),
  "nbd-server": life(fuzzNbdServer),
  "nbd-client": life(fuzzNbdClient),
  frames: life(fuzzFrames),
  gateway: life(fuzzGateway),
  switch: life(fuzzSwitch),
  "virtio-net": life(fuzzCard),
  "virtio-blk": life(fuzzBlk),
  openflow: life(fuzzOpenFlow),
  wireguard: life(fuzzWireguard),
  tether: life(fuzzTether),
};
