/** A small data centre that tests start from. */
import type { Centre, HostSpec, MigrationSettings, VmSpec } from "../../ts/centre/model.ts";
import { Network } from "../../ts/centre/network.ts";

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;
const none = Number.POSITIVE_INFINITY;

export const MIGRATION: MigrationSettings = {
  strategy: "pre-copy",
  policy: "qemu",
  slowdown: "none",
  downtimeLimitNs: 300e6,
  bandwidthCapBytesPerSec: null,
  dirtyLimitPagesPerSec: null,
  roundsMax: null,
  preCopyRounds: 1,
  xbzrleCacheBytes: 0,
  xbzrleFrom: "first-pass",
  backgroundPages: 0,
  timeoutNs: 600e9,
  onLimit: "fail",
  setupNs: 0,
  wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes: 88 },
  cpusPerGigabytePerSec: 0,
};

export const host = (name: string, rack: number, change: Partial<HostSpec> = {}): HostSpec => ({
  name,
  rack,
  cpus: 8,
  memoryBytes: 64 * GIB,
  power: { watts: [100, 300], offWatts: 10 },
  outgoingMax: none,
  incomingMax: none,
  ...change,
});

export const vm = (name: string, at: number, change: Partial<VmSpec> = {}): VmSpec => ({
  name,
  host: at,
  memoryBytes: GIB,
  usedBytes: GIB,
  cpus: 2,
  demand: [{ atNs: 0, cpus: 1 }],
  writer: {
    dirtyRate: 0,
    distribution: { kind: "uniform" },
    workingSetBytes: GIB,
    workingSetOffsetBytes: 0,
    phases: [],
  },
  affinity: "",
  antiAffinity: "",
  ...change,
});

interface Layout {
  readonly hosts: readonly HostSpec[];
  readonly vms: readonly VmSpec[];
  readonly nicBytesPerSec?: number;
  readonly uplinkBytesPerSec?: number;
  readonly latencyNs?: number;
  readonly migration?: Partial<MigrationSettings>;
}

/** Hosts with 125 MB/s in racks whose uplinks have ten times that. */
export function centre(layout: Layout): Centre {
  const { hosts, latencyNs = 0, nicBytesPerSec = 125e6, uplinkBytesPerSec = 1250e6, vms } = layout;
  const racks = [...new Set(hosts.map(({ rack }) => rack))].map((r) => ({
    name: `rack-${r}`,
    site: 0,
  }));
  const link = (bytesPerSec: number) => ({ bytesPerSec, latencyNs, migrationsMax: none });
  return {
    name: "small",
    sites: ["site"],
    racks,
    hosts,
    network: new Network(
      hosts.map(({ name, rack }) => ({ name, rack, nic: link(nicBytesPerSec) })),
      racks.map((rack) => ({ ...rack, uplink: link(uplinkBytesPerSec), uplinks: 1 })),
    ),
    vms,
    migration: { ...MIGRATION, ...layout.migration },
  };
}
