/** Scenarios that the tests of sweeps, and their bench, start from. */
import type { Scenario } from "../../ts/sweep/scenario.ts";

export const MIB = 2 ** 20;

/** One guest that all of its memory belongs to, over a link of 1 Gbit/s. */
export const BASE: Scenario = {
  index: 0,
  part: "test",
  fidelity: "page",
  repetition: 0,
  seed: 1,
  memoryBytes: 1024 * MIB,
  usedBytes: 1024 * MIB,
  workingSetBytes: 1024 * MIB,
  workingSetOffsetBytes: 0,
  dirtyRate: 10_000,
  phases: [],
  distribution: { kind: "uniform" },
  backgroundPages: 0,
  bandwidthBytesPerSec: 125e6,
  latencyNs: 100_000,
  bandwidthCapBytesPerSec: null,
  downtimeLimitNs: 300e6,
  strategy: "pre-copy",
  roundsMax: null,
  preCopyRounds: 1,
  policy: "qemu",
  xbzrleCacheBytes: 0,
  xbzrleFrom: "first-pass",
  slowdown: "none",
  dirtyLimitPagesPerSec: null,
  timeoutNs: 60e9,
  onLimit: "fail",
  settleNs: 50e6,
  setupNs: 0,
  wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes: 88 },
};

/** QEMU's measured runs: 604 MB of address space, 92,110 pages of it not zero. */
export const QEMU: Scenario = {
  ...BASE,
  memoryBytes: (92_110 + 55_420) * 4096,
  usedBytes: 92_110 * 4096,
  workingSetBytes: 64 * MIB,
  backgroundPages: 40,
  bandwidthBytesPerSec: 1200 * MIB,
  latencyNs: 20_000,
};

/** The same under a cap of 32 MiB/s. */
export const CAPPED: Scenario = {
  ...QEMU,
  dirtyRate: 8_000,
  bandwidthCapBytesPerSec: 32 * MIB,
};
