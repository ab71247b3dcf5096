/**
 * One run of a sweep, as plain data: what is moved, over what, how. And its result, one row, the
 * same for every fidelity.
 */
import type { Strategy } from "../migrate/options.ts";
import type { PolicyName } from "../migrate/policy/convergence.ts";
import type { SlowdownName } from "../migrate/policy/dirty-limit.ts";
import type { Pacing } from "../migrate/policy/pacing.ts";
import type { PushName } from "../migrate/policy/push.ts";

export type Fidelity = "fluid" | "page" | "guest";

/** Which pages of the working set a guest writes. */
export type Distribution =
  | { readonly kind: "uniform" }
  | { readonly kind: "sequential" }
  /** `hotWrites` of the writes go to the first `hotPages` of the working set (both 0 to 1). */
  | { readonly kind: "hot-cold"; readonly hotPages: number; readonly hotWrites: number }
  /** Page of rank r is written with weight r^-exponent. */
  | { readonly kind: "zipf"; readonly exponent: number }
  /** What a guest was seen to write: the file, and what it was when the plan was read. */
  | {
      readonly kind: "trace";
      readonly file: string;
      readonly sha256: string;
      /** Pages a second, over the whole trace: another dirty rate replays it slower or faster. */
      readonly pagesPerSec: number;
      readonly start: "beginning" | "random";
    };

/** What the writer does for a while. */
export interface WriterPhase {
  readonly durationNs: number;
  readonly dirtyRate: number;
  readonly distribution: Distribution;
  readonly workingSetBytes: number;
  readonly workingSetOffsetBytes: number;
}

export interface Scenario {
  /** Place in the whole sweep, from 0. */
  readonly index: number;
  readonly part: string;
  readonly fidelity: Fidelity;
  readonly repetition: number;
  /** Of this scenario alone; 53 bits. */
  readonly seed: number;
  readonly memoryBytes: number;
  /** Memory that is not zero. */
  readonly usedBytes: number;
  /** What the writer writes to, and where that begins in the guest's memory. */
  readonly workingSetBytes: number;
  readonly workingSetOffsetBytes: number;
  /** Page writes a second. */
  readonly dirtyRate: number;
  readonly distribution: Distribution;
  /** What the writer does in turn, over and over, instead of the same all the time. */
  readonly phases: readonly WriterPhase[];
  /** Pages that the guest's kernel dirties between two looks at the dirty log. */
  readonly backgroundPages: number;
  readonly bandwidthBytesPerSec: number;
  readonly latencyNs: number;
  /** Share of the packets that get lost (0 to 1). Default 0. */
  readonly lossRatio?: number | undefined;
  /** Connections that pages go over, 1 to 16. Default 1. */
  readonly channels?: number | undefined;
  /** The migration's own limit; `null` for none. */
  readonly bandwidthCapBytesPerSec: number | null;
  readonly downtimeLimitNs: number;
  readonly strategy: Strategy;
  readonly roundsMax: number | null;
  /**
   * Post-copy: what a guest does that stores to a page that has not arrived. `note` (default): the store is noted,
   * as our hosts do, and it goes on. `wait`: as one that reads what it writes, or elsewhere.
   */
  readonly missingStores?: "note" | "wait" | undefined;
  /** Post-copy: in what order pages follow, and what a request costs: ours (default), or as QEMU. */
  readonly push?: PushName | undefined;
  /** Hybrid: passes of pre-copy before the switch. */
  readonly preCopyRounds: number;
  readonly policy: PolicyName;
  /** Pages that were written again before it was their turn. Default: `send`, as QEMU does. */
  readonly hotPages?: "skip" | "send" | undefined;
  /** As fast as may be (default), or from a floor on as the guest dirties memory. */
  readonly pacing?: Pacing | undefined;
  readonly bandwidthFloorBytesPerSec?: number | undefined;
  readonly xbzrleCacheBytes: number;
  /** The pass that fills this cache first: the first, as our engine, or the second, as QEMU. */
  readonly xbzrleFrom: "first-pass" | "second-pass";
  readonly slowdown: SlowdownName;
  /** For the slowdown `dirty-limit`; `null` for none. */
  readonly dirtyLimitPagesPerSec: number | null;
  /** Pre-copy gives up after this time. */
  readonly timeoutNs: number;
  readonly onLimit: "stop" | "fail";
  /** How long the writer has been at it when the migration begins: where a sequential one is. */
  readonly settleNs: number;
  /** What the source needs before the first page can go. */
  readonly setupNs: number;
  /** What it costs to send a page with and without data, and one of which the target has an older copy. */
  readonly wire: {
    readonly normalPageBytes: number;
    readonly zeroPageBytes: number;
    readonly deltaPageBytes: number;
  };
}

/** One line of `results.ndjson`. Times in ms, sizes in bytes, rates as their names say. */
export interface ResultRow {
  readonly index: number;
  readonly part: string;
  readonly fidelity: Fidelity;
  readonly strategy: Strategy;
  readonly memory_bytes: number;
  readonly used_bytes: number;
  readonly working_set_bytes: number;
  readonly working_set_offset_bytes: number;
  readonly dirty_rate_pages_per_s: number;
  readonly distribution: string;
  readonly bandwidth_bytes_per_s: number;
  readonly latency_ms: number;
  readonly loss_ratio: number;
  readonly channels: number;
  /** 0: none. */
  readonly bandwidth_cap_bytes_per_s: number;
  readonly downtime_limit_ms: number;
  readonly policy: PolicyName;
  readonly slowdown: SlowdownName;
  /** 0: no limit. */
  readonly rounds_max: number;
  readonly pre_copy_rounds: number;
  readonly background_pages: number;
  readonly xbzrle_cache_bytes: number;
  readonly repetition: number;
  readonly seed: number;
  readonly state: "completed" | "failed" | "error";
  /** Empty unless `state` is `error` (or the migration failed for another reason than time). */
  readonly error: string;
  /**
   * Fluid: what another fate was near to; empty: nothing. A row of a part with the fidelity `auto` that
   * says something here was run again at page level, and its `fidelity` is `page`.
   */
  readonly near: string;
  readonly total_time_ms: number;
  readonly downtime_ms: number;
  /** The longest silence of the guest's heartbeat in post-copy; else the downtime. */
  readonly gap_ms: number;
  readonly setup_time_ms: number;
  readonly transferred_bytes: number;
  readonly normal_pages: number;
  readonly duplicate_pages: number;
  /** Pages sent as differences; they are not among the normal ones. */
  readonly delta_pages: number;
  readonly dirty_sync_count: number;
  readonly postcopy_requests: number;
  readonly remaining_bytes: number;
  readonly dirty_pages_rate: number;
  readonly mbps: number;
}

/** What a run measured: everything in a row that is not in the scenario. */
export type Measurement = Pick<
  ResultRow,
  | "state"
  | "error"
  | "near"
  | "total_time_ms"
  | "downtime_ms"
  | "gap_ms"
  | "setup_time_ms"
  | "transferred_bytes"
  | "normal_pages"
  | "duplicate_pages"
  | "delta_pages"
  | "dirty_sync_count"
  | "postcopy_requests"
  | "remaining_bytes"
  | "dirty_pages_rate"
  | "mbps"
>;

/**
 * Runs scenarios of `guest` fidelity. A module named by `guestRunnerModule` exports
 * `createGuestScenarioRunner(): GuestScenarioRunner | Promise<GuestScenarioRunner>`; it is loaded
 * once in every worker thread. The measurement must be a function of the scenario alone.
 */
export interface GuestScenarioRunner {
  run(scenario: Scenario, signal?: AbortSignal): Promise<Measurement>;
  close?(): Promise<void> | void;
}

const names = new WeakMap<Distribution, string>();

/** `hot-cold 0.1/0.9`, `zipf 1`, ...: how a distribution is written in results and plots. */
export function distributionName(distribution: Distribution): string {
  let name = names.get(distribution);
  if (name === undefined) {
    name = nameOf(distribution);
    // One string for all rows: a million of the same are a million that the collector has to move.
    names.set(distribution, name);
  }
  return name;
}

function nameOf(distribution: Distribution): string {
  if (distribution.kind === "hot-cold")
    return `hot-cold ${distribution.hotPages}/${distribution.hotWrites}`;
  if (distribution.kind === "trace") return `trace ${distribution.file.replace(/^.*[\\/]/, "")}`;
  return distribution.kind === "zipf" ? `zipf ${distribution.exponent}` : distribution.kind;
}
