/** A data centre as plain data: what a file says, with units resolved and names as numbers. */
import type { Scenario, WriterPhase } from "../sweep/scenario.ts";
import type { Network } from "./network.ts";

/** Watts at shares of its processors in use, evenly spaced from none to all; linear in between. */
export interface PowerModel {
  readonly watts: readonly number[];
  /** When it is switched off. */
  readonly offWatts: number;
}

export interface HostSpec {
  readonly name: string;
  readonly rack: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly power: PowerModel;
  /** Migrations at a time from here and to here. */
  readonly outgoingMax: number;
  readonly incomingMax: number;
}

export interface RackSpec {
  readonly name: string;
  readonly site: number;
}

/** How many CPUs a vm wants from a time on; the first step is at 0. */
export interface DemandStep {
  readonly atNs: number;
  readonly cpus: number;
}

export interface WriterSpec extends Omit<WriterPhase, "durationNs"> {
  readonly phases: readonly WriterPhase[];
}

export interface VmSpec {
  readonly name: string;
  /** Where it is at the start. */
  readonly host: number;
  readonly memoryBytes: number;
  readonly usedBytes: number;
  readonly cpus: number;
  readonly demand: readonly DemandStep[];
  readonly writer: WriterSpec;
  /** Vms of one group want the same host; those of an anti-affinity group want different ones. */
  readonly affinity: string;
  readonly antiAffinity: string;
}

/** What migrations have in common. */
export type MigrationSettings = Pick<
  Scenario,
  | "strategy"
  | "policy"
  | "slowdown"
  | "downtimeLimitNs"
  | "bandwidthCapBytesPerSec"
  | "dirtyLimitPagesPerSec"
  | "roundsMax"
  | "preCopyRounds"
  | "xbzrleCacheBytes"
  | "xbzrleFrom"
  | "backgroundPages"
  | "timeoutNs"
  | "onLimit"
  | "setupNs"
  | "wire"
> & {
  /** Processors that a migration takes at both ends for each byte a second: sending is work. */
  readonly cpusPerGigabytePerSec: number;
};

export interface Centre {
  readonly name: string;
  readonly sites: readonly string[];
  readonly racks: readonly RackSpec[];
  readonly hosts: readonly HostSpec[];
  readonly network: Network;
  readonly vms: readonly VmSpec[];
  readonly migration: MigrationSettings;
}

/** A scenario with these settings, of no vm yet. One is made for all: a copy of it is made in one go, field by field is slow. */
const templates = new WeakMap<MigrationSettings, Scenario>();

function templateOf(settings: MigrationSettings): Scenario {
  const known = templates.get(settings);
  if (known) return known;
  const { cpusPerGigabytePerSec: _, ...rest } = settings;
  const template: Scenario = {
    index: 0,
    part: "",
    fidelity: "fluid",
    repetition: 0,
    seed: 0,
    memoryBytes: 0,
    usedBytes: 0,
    workingSetBytes: 0,
    workingSetOffsetBytes: 0,
    dirtyRate: 0,
    distribution: { kind: "uniform" },
    phases: [],
    bandwidthBytesPerSec: 0,
    latencyNs: 0,
    settleNs: 0,
    ...rest,
  };
  templates.set(settings, template);
  return template;
}

/** The scenario of one vm's move over a route: what a sweep would run if the move were alone. */
export function scenarioOf(
  vm: VmSpec,
  settings: MigrationSettings,
  route: { readonly bytesPerSec: number; readonly latencyNs: number },
): Scenario {
  const { writer } = vm;
  return {
    ...templateOf(settings),
    memoryBytes: vm.memoryBytes,
    usedBytes: vm.usedBytes,
    workingSetBytes: writer.workingSetBytes,
    workingSetOffsetBytes: writer.workingSetOffsetBytes,
    dirtyRate: writer.dirtyRate,
    distribution: writer.distribution,
    phases: writer.phases,
    bandwidthBytesPerSec: route.bytesPerSec,
    latencyNs: route.latencyNs,
  };
}
