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

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  stream: fuzzStreams,
  traces: (options) => fuzzParsers(TRACE_PARSERS, options),
  qcow2: life(fuzzQcow2),
  pool: life(fuzzPool),
  "pool-metadata": (options) => fuzzParsers(POOL_PARSERS, options),
  mirrors: life(fuzzMirror),
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
