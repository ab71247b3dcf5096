/** Page-level scenarios a second on one thread: 1 GiB, 10,000 page writes a second, 1 Gbit/s. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadPageKernel } from "../ts/sweep/page-kernel.ts";
import { simulatePages } from "../ts/sweep/page-model.ts";
import type { Scenario } from "../ts/sweep/scenario.ts";
import { type BenchRow, microSuite } from "./harness.ts";

const GIB = 2 ** 30;

const scenario = (strategy: Scenario["strategy"], seed: number): Scenario => ({
  index: 0,
  part: "bench",
  fidelity: "page",
  repetition: 0,
  seed,
  memoryBytes: GIB,
  usedBytes: GIB,
  workingSetBytes: GIB / 4,
  workingSetOffsetBytes: 0,
  dirtyRate: 10_000,
  phases: [],
  distribution: { kind: "uniform" },
  backgroundPages: 0,
  bandwidthBytesPerSec: 125e6,
  latencyNs: 0,
  bandwidthCapBytesPerSec: null,
  downtimeLimitNs: 300e6,
  strategy,
  roundsMax: null,
  preCopyRounds: 1,
  policy: "qemu",
  xbzrleCacheBytes: 0,
  xbzrleFrom: "first-pass",
  slowdown: "none",
  dirtyLimitPagesPerSec: null,
  timeoutNs: 60e9,
  onLimit: "fail",
  setupNs: 0,
  wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes: 88 },
});

export function benchSweep(root: string, rounds: number): Promise<BenchRow[]> {
  const kernel = loadPageKernel(new Uint8Array(readFileSync(join(root, "build/model.wasm"))));
  let seed = 0;
  return microSuite({
    suite: "sweep",
    rounds,
    maxTimeSec: 2,
    cases: (["pre-copy", "stop-and-copy"] as const).map((strategy) => ({
      name: `page-level ${strategy}`,
      run: () => simulatePages(scenario(strategy, seed++), kernel),
    })),
  });
}
