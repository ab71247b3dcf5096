/**
 * Migrations that go well, or come to an end as they should: between them every frame of the stream and every
 * feature is said. What one side says in them is what the other side is fuzzed with.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { VirtualClock } from "../../../ts/base/clock.ts";
import type { SourceOptions } from "../../../ts/migrate/options.ts";
import type { Packer } from "../../../ts/migrate/packing.ts";
import type { TargetOptions } from "../../../ts/migrate/target.ts";
import { CoreGuest, FakeFuzzGuest, type FuzzGuest } from "./guests.ts";

/** Bytes a second of the links: a page takes 40 us. */
export const LINK_BYTES_PER_SEC = 1e8;
export const LATENCY_NS = 20_000;

export interface FuzzScenario {
  readonly name: string;
  /** `core`: pages of a real guest, with checksums, differences, twins. */
  readonly guest: "fake" | "core";
  readonly pages: number;
  /** Pages that the guest writes a millisecond, wherever it runs. */
  readonly writesPerMs: number;
  readonly source: Partial<SourceOptions>;
  readonly target: Partial<TargetOptions>;
  /** That each batch is longer on the link than it is: what is drained is longer than a MiB. */
  readonly modelBytes?: number;
  /** It has a disk that is copied along. */
  readonly hasDisk?: boolean;
  /** All that is connected breaks at this time. */
  readonly breaksAtNs?: number;
  /** The first connection breaks in place of its answer to COMMIT. */
  readonly loses?: "RUNNING";
  /** The target wants no guests. */
  readonly refuses?: boolean;
  /** How it ends at the source and at the target when nobody disturbs it. */
  readonly ends: readonly [source: string, target: string];
}

const packer: Packer = {
  name: "deflate",
  pack: (bytes) => deflateRawSync(bytes, { level: 1 }),
  unpack: (bytes, bytesMax) => inflateRawSync(bytes, { maxOutputLength: Math.max(1, bytesMax) }),
};

const done = ["completed", "running"] as const;
const fake = {
  guest: "fake",
  pages: 4,
  writesPerMs: 0,
  source: {},
  target: {},
  ends: done,
} as const;
const rounds = { roundsMax: 3, onLimit: "stop", downtimeLimitNs: 1, batchPages: 2 } as const;

export const SCENARIOS: readonly FuzzScenario[] = [
  { ...fake, name: "pre-copy", pages: 3, source: { batchPages: 2, verify: "memory" } },
  {
    ...fake,
    name: "channels",
    pages: 5,
    writesPerMs: 6,
    source: { ...rounds, channels: 3, arrives: "paused" },
  },
  {
    ...fake,
    name: "packed",
    pages: 5,
    writesPerMs: 8,
    source: { ...rounds, strategy: "hybrid", channels: 2, packer },
    target: { packer },
  },
  {
    ...fake,
    name: "core",
    guest: "core",
    pages: 8,
    writesPerMs: 60,
    source: { ...rounds, channels: 2, xbzrleCacheBytes: 1 << 20, identicalPages: "by-hash" },
  },
  {
    ...fake,
    name: "core, without seals",
    guest: "core",
    pages: 8,
    writesPerMs: 60,
    source: { ...rounds, xbzrleCacheBytes: 1 << 20, identicalPages: "by-hash" },
    target: { features: ["channels"] },
  },
  {
    ...fake,
    name: "core, hybrid",
    guest: "core",
    pages: 5,
    writesPerMs: 60,
    source: { ...rounds, strategy: "hybrid", preCopyRounds: 2, verify: "pages" },
  },
  {
    ...fake,
    name: "checkpoints",
    pages: 9,
    writesPerMs: 10,
    source: { strategy: "post-copy", checkpointNs: 200_000, bandwidthCapBytesPerSec: 3e7 },
  },
  {
    ...fake,
    name: "recovery",
    pages: 10,
    writesPerMs: 10,
    source: { strategy: "post-copy", channels: 2, bandwidthCapBytesPerSec: 1e7 },
    breaksAtNs: 800_000,
  },
  {
    ...fake,
    name: "drained",
    modelBytes: 600_000,
    source: { batchPages: 1, drain: "before-switch" },
  },
  { ...fake, name: "disks", pages: 2, hasDisk: true },
  {
    ...fake,
    name: "disks on demand",
    pages: 6,
    writesPerMs: 10,
    hasDisk: true,
    source: { strategy: "post-copy", diskCopy: "on-demand", bandwidthCapBytesPerSec: 3e7 },
    breaksAtNs: 4_000_000,
  },
  { ...fake, name: "asked", pages: 2, loses: "RUNNING" },
  { ...fake, name: "refused", pages: 2, refuses: true, ends: ["failed", "discarded"] },
  {
    ...fake,
    name: "does not converge",
    pages: 4,
    writesPerMs: 40,
    source: { ...rounds, onLimit: "fail" },
    ends: ["failed", "discarded"],
  },
];

export function newGuest(scenario: FuzzScenario, filled: boolean): FuzzGuest {
  const { guest, hasDisk, pages } = scenario;
  const disk = hasDisk ? (filled ? "leaves" : "comes") : undefined;
  const one =
    guest === "core" ? new CoreGuest(pages) : new FakeFuzzGuest(pages, scenario.modelBytes, disk);
  if (filled) one.fill();
  return one;
}

/** Options of the source, without its ways to the target. */
export function sourceOptions({ source }: FuzzScenario, clock: VirtualClock): SourceOptions {
  return { clock, id: "fuzz", strategy: "pre-copy", stallTimeoutNs: 10e9, ...source };
}

export function targetOptions({ target }: FuzzScenario) {
  return { stallTimeoutNs: 10e9, sourceTimeoutNs: 2e9, ...target };
}
