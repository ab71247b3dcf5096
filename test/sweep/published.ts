/**
 * Published figures of live migration, and guests at page level with the sizes, the rates and the writable
 * working sets of those that they were measured with. `recalled`: a cell that is known from memory; `read`:
 * seen in the paper. What is not published (how often which page is written) is chosen here, once for each
 * guest, and written down in docs/performance.md beside what comes out.
 */
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { BASE, MIB } from "./scenarios.ts";

const MBIT = 125_000;

/** Xen of 2005: from 100 to 500 Mbit/s, 50 more than the guest dirties, hot pages left out. */
const XEN_2005: Scenario = {
  ...BASE,
  policy: "xen-2005",
  pacing: "adaptive",
  hotPages: "skip",
  bandwidthFloorBytesPerSec: 100 * MBIT,
  bandwidthCapBytesPerSec: 500 * MBIT,
  bandwidthBytesPerSec: 1000 * MBIT,
  backgroundPages: 10,
  timeoutNs: 600e9,
  onLimit: "stop",
};

/** A published figure and how far off we may be. */
export interface Published {
  readonly what: "total, s" | "first round, s" | "sent, MB" | "stopped, ms";
  readonly value: number;
  readonly status: "read" | "recalled";
  /** A share of the value, to both sides; `at most`: it is a limit. */
  readonly tolerance: number | "at most";
}

export interface PublishedGuest {
  readonly name: string;
  readonly scenario: Scenario;
  readonly figures: readonly Published[];
}

const sized = (mib: number): Pick<Scenario, "memoryBytes" | "usedBytes"> => ({
  memoryBytes: mib * MIB,
  usedBytes: mib * MIB,
});

/** Clark et al., NSDI'05. */
export const CLARK: readonly PublishedGuest[] = [
  {
    name: "SPECweb99",
    // A seventh of the working set (20 MiB) takes nine tenths of the writes.
    scenario: {
      ...XEN_2005,
      ...sized(800),
      workingSetBytes: 140 * MIB,
      workingSetOffsetBytes: 600 * MIB,
      dirtyRate: 20_000,
      distribution: { kind: "hot-cold", hotPages: 1 / 7, hotWrites: 0.9 },
    },
    figures: [
      { what: "stopped, ms", value: 210, status: "read", tolerance: 0.35 },
      { what: "total, s", value: 71, status: "recalled", tolerance: 0.15 },
      { what: "sent, MB", value: 960, status: "recalled", tolerance: 0.1 },
    ],
  },
  {
    name: "static web server",
    scenario: { ...XEN_2005, ...sized(800), workingSetBytes: 24 * MIB, dirtyRate: 1_500 },
    figures: [
      { what: "first round, s", value: 62, status: "recalled", tolerance: 0.1 },
      { what: "stopped, ms", value: 165, status: "recalled", tolerance: "at most" },
    ],
  },
  {
    name: "Quake 3",
    scenario: {
      ...XEN_2005,
      ...sized(64),
      workingSetBytes: 8 * MIB,
      dirtyRate: 2_000,
      distribution: { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
    },
    figures: [{ what: "stopped, ms", value: 60, status: "read", tolerance: "at most" }],
  },
  {
    name: "MMuncher",
    scenario: {
      ...XEN_2005,
      ...sized(512),
      workingSetBytes: 256 * MIB,
      workingSetOffsetBytes: 200 * MIB,
      dirtyRate: 500_000,
    },
    figures: [{ what: "stopped, ms", value: 3500, status: "recalled", tolerance: 0.25 }],
  },
];

/**
 * Hines and Gopalan, VEE'09, over a Gigabit LAN: four guests of 512 MiB, half of it free, that write more and
 * more. Their pre-copy sent pages as QEMU does, five rounds at most.
 */
export const HINES: Scenario = {
  ...BASE,
  missingStores: "wait",
  memoryBytes: 512 * MIB,
  usedBytes: 384 * MIB,
  workingSetBytes: 128 * MIB,
  bandwidthBytesPerSec: 1000 * MBIT,
  backgroundPages: 40,
  policy: "xen",
  timeoutNs: 600e9,
  onLimit: "stop",
};
export const HINES_RATES = [500, 5_000, 20_000, 80_000] as const;
/** Faults over the network are at most this share of the working set (read). */
export const HINES_FAULTS = 0.21;
