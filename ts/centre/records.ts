/** What is written down of a run, as plain data. */
import type { Mark } from "./live-migration.ts";

export interface MigrationRecord {
  readonly vm: number;
  readonly source: number;
  readonly target: number;
  readonly requestedNs: number;
  /** Negative: it never began. */
  startNs: number;
  endNs: number;
  state: "queued" | "running" | "completed" | "failed";
  error: string;
  downtimeNs: number;
  /** The longest silence: with post-copy it may be more than the downtime. */
  gapNs: number;
  bytes: number;
  rounds: number;
  /** Since `startNs`. */
  marks: readonly Mark[];
}

/** A vm that its host took with it, and where it came up again. */
export interface RestartRecord {
  readonly vm: number;
  readonly source: number;
  readonly target: number;
  readonly failedNs: number;
  readonly upNs: number;
}

/** What a vm wanted and did not get, in CPU seconds. */
export interface VmUsage {
  requestedCpuSec: number;
  /** Because its host was full. */
  contendedCpuSec: number;
  /** Because it was stopped, for a migration or after a failure. */
  stoppedCpuSec: number;
}
