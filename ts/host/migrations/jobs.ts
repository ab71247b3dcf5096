/** The migrations of a host: what waits, what runs, how far each is, and how each is cancelled. */
import { onAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { parseRate } from "../../base/units.ts";
import type { Channel } from "../../migrate/channel.ts";
import { MigrationControl, type Phase } from "../../migrate/control.ts";
import { type Stall, stallOf } from "../../migrate/policy/stall.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import { changedLimits, type MigrationChanges } from "./changes.ts";
import { LinkShares, type SharedChannel } from "./link-shares.ts";
import { MigrationQueue, type Place } from "./queue.ts";

/** How many guests a host moves at the same time, and how fast all of them together. */
export interface MigrationLimits {
  /** Migrations to others; further ones wait. Default 2. */
  readonly outgoing?: number | undefined;
  /** Migrations from others; further ones are told to come later. Default 4. */
  readonly incoming?: number | undefined;
  /** Cap of all outgoing ones together, `"1Gbit"`, shared equally; bytes a second. Default: none. */
  readonly bandwidth?: number | string | undefined;
  /** Where images of disks are made that come with their guests. Default: `~/.local/share/wasmvisor/disks`. */
  readonly diskDirectory?: string | undefined;
}

const DEFAULT_MIGRATION_LIMITS = { outgoing: 2, incoming: 4 } as const;

/** How far a migration is. */
export interface MigrationProgress {
  readonly name: string;
  readonly target: string;
  readonly strategy: string;
  readonly priority: number;
  /** `paused`: a post-copy that was broken off; migrating the vm again goes on with it. */
  readonly state: "queued" | "running" | "paused";
  /** Absent while it is queued. */
  readonly phase?: Phase | undefined;
  /** How many are before it in the queue; absent once it runs. */
  readonly position?: number | undefined;
  /** Since it was asked for. */
  readonly elapsedNs: number;
  readonly sentBytes: number;
  /** Since the last look, or since it began. */
  readonly bytesPerSec: number;
  /** Of the last look at the dirty log; the first round has not ended yet when there is none. */
  readonly round?: number | undefined;
  /** There was no progress for some rounds: what the guest dirties, and what is sent meanwhile. */
  readonly stall?: Stall | undefined;
  /** Pages still to send, as far as that is known. */
  readonly remainingPages?: number | undefined;
  /** Disks that are copied along: how big they are, what is left of them, and what their guest may write a second. */
  readonly disks?:
    | {
        readonly totalBytes: number;
        readonly remainingBytes: number;
        readonly limitBytesPerSec?: number | undefined;
      }
    | undefined;
}

export interface JobOptions {
  readonly name: string;
  readonly target: string;
  readonly strategy: string;
  readonly priority: number;
  readonly signal?: AbortSignal | undefined;
  /** Of the migration that is recovered. */
  readonly control?: MigrationControl | undefined;
}

/** One migration, from the wish to the end. */
export class MigrationJob {
  readonly name: string;
  readonly place: Place;
  /** The engine's handle on it. */
  readonly control: MigrationControl;
  readonly #jobs: MigrationJobs;
  readonly #options: JobOptions;
  readonly #abort = new AbortController();
  readonly #startNs: number;
  readonly #forget: () => void;
  /** All that it has, or had. */
  readonly #channels: SharedChannel[] = [];
  readonly #flow = { finishTag: 0 };
  #isPaused = false;
  #round: RoundStats | undefined;
  #lookNs: number;
  #lookBytes = 0;

  /** @internal Made by `MigrationJobs.begin`. */
  constructor(jobs: MigrationJobs, place: Place, options: JobOptions) {
    this.name = options.name;
    this.place = place;
    this.control = options.control ?? new MigrationControl();
    this.#jobs = jobs;
    this.#options = options;
    this.#startNs = jobs.clock.nowNs();
    this.#lookNs = this.#startNs;
    this.#forget = onAbort(options.signal, () => this.cancel(options.signal?.reason));
  }

  /** Aborts when the migration is to end, whoever wants that. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get strategy(): string {
    return this.#options.strategy;
  }

  cancel(reason: unknown = new WasmvisorError("WV_ABORTED", "it was cancelled")): void {
    this.#abort.abort(reason);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Does the guest run at the target already? */
  get isAway(): boolean {
    const { phase } = this.control;
    return phase === "activation" || phase === "recovery";
  }

  /** `channel` as one of those that have this migration's share of the link. */
  share(channel: Channel, isUrgent: () => boolean): Channel {
    const shared = this.#jobs.shares.open(channel, isUrgent, this.#flow);
    this.#channels.push(shared);
    return shared;
  }

  noteRound(round: RoundStats): void {
    this.#round = round;
  }

  progress(): MigrationProgress {
    const { name, priority, strategy, target } = this.#options;
    const nowNs = this.#jobs.clock.nowNs();
    const sentBytes = this.#channels.reduce((sum, channel) => sum + channel.sentBytes, 0);
    const spentNs = nowNs - this.#lookNs;
    const bytesPerSec = spentNs > 0 ? ((sentBytes - this.#lookBytes) * 1e9) / spentNs : 0;
    this.#lookNs = nowNs;
    this.#lookBytes = sentBytes;
    // Whoever waits for a target that has no room is the next one.
    const { hasTurn, position = 0 } = this.place;
    const { phase } = this.control;
    return {
      ...{ name, target, strategy, priority },
      ...(this.#isPaused
        ? { state: "paused", phase }
        : hasTurn
          ? { state: "running", phase }
          : { state: "queued", position }),
      elapsedNs: nowNs - this.#startNs,
      sentBytes,
      bytesPerSec: Math.max(0, Math.round(bytesPerSec)),
      round: this.#round?.round,
      stall: phase === "iterative-copy" ? stallOf(this.control.stats()?.rounds ?? []) : undefined,
      remainingPages: this.control.stats()?.remainingPages,
      disks: this.#disks(),
    };
  }

  #disks(): MigrationProgress["disks"] {
    const disks = this.control.stats()?.disks;
    if (!disks) return undefined;
    const { limitBytesPerSec, remainingBytes, totalBytes } = disks;
    const isHeld = limitBytesPerSec !== Number.POSITIVE_INFINITY;
    return { totalBytes, remainingBytes, ...(isHeld ? { limitBytesPerSec } : {}) };
  }

  /** It is over, however it went. `paused`: until it is begun again. */
  end(how?: "paused"): void {
    this.#forget();
    this.#isPaused = how === "paused";
    if (!this.#isPaused) this.#jobs.ended(this);
    this.place.release();
  }
}

/** Those of one host. */
export class MigrationJobs {
  readonly clock: Clock;
  /** @internal */
  readonly shares: LinkShares;
  /** Where images of disks are made that come; undefined: where they are by default. */
  readonly diskDirectory: string | undefined;
  readonly #queue: MigrationQueue;
  readonly #jobs = new Set<MigrationJob>();
  readonly #incomingMax: number;
  #incoming = 0;

  /** Throws `WV_CONFIG` for limits that make no sense. */
  constructor(clock: Clock, limits: MigrationLimits = {}) {
    const { bandwidth = Number.POSITIVE_INFINITY } = limits;
    const incoming = limits.incoming ?? DEFAULT_MIGRATION_LIMITS.incoming;
    const outgoing = limits.outgoing ?? DEFAULT_MIGRATION_LIMITS.outgoing;
    const cap = typeof bandwidth === "string" ? parseRate(bandwidth, "bandwidth") : bandwidth;
    for (const [name, value] of Object.entries({ outgoing, incoming }))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new WasmvisorError(
          "WV_CONFIG",
          `migrations.${name}: expected 1 or more, got ${value}`,
        );
    if (!(cap > 0))
      throw new WasmvisorError(
        "WV_CONFIG",
        `migrations.bandwidth: expected more than 0, got ${cap}`,
      );
    this.clock = clock;
    this.diskDirectory = limits.diskDirectory;
    this.shares = new LinkShares({ clock, capBytesPerSec: cap });
    this.#queue = new MigrationQueue(outgoing);
    this.#incomingMax = incoming;
  }

  /** A migration that is asked for; it waits at its `place`. End it with `end()`. */
  begin(options: JobOptions): MigrationJob {
    if (!Number.isSafeInteger(options.priority))
      throw new WasmvisorError(
        "WV_CONFIG",
        `priority: expected an integer, got ${options.priority}`,
      );
    this.forget(options.name);
    const job = new MigrationJob(this, this.#queue.place(options.priority), options);
    this.#jobs.add(job);
    return job;
  }

  /** @internal */
  ended(job: MigrationJob): void {
    this.#jobs.delete(job);
  }

  /** The vm called `name` has gone, or migrates anew: it is not paused any more. */
  forget(name: string): void {
    for (const job of this.#jobs) if (job.isPaused && job.name === name) this.#jobs.delete(job);
  }

  /** Those that run, then those that wait, in the order in which they come. */
  list(): MigrationProgress[] {
    const all = [...this.#jobs].map((job) => job.progress());
    return all.sort((a, b) => (a.position ?? -1) - (b.position ?? -1));
  }

  /** The migration of the vm called `name`, to here or there. Throws `WV_STATE` if there is none. */
  job(name: string): MigrationJob {
    for (const job of this.#jobs) if (job.name === name) return job;
    throw new WasmvisorError("WV_STATE", `${name}: it does not migrate from this host`);
  }

  /** Ends it; the guest goes on here. Throws `WV_STATE` if there is none, or its guest runs at the target. */
  cancel(name: string): void {
    const job = this.job(name);
    if (job.isAway)
      throw new WasmvisorError(
        "WV_STATE",
        `${name}: it runs at its target already, and what is missing there follows; that can only be paused`,
      );
    job.cancel();
  }

  /** Lets it go without what was not sent yet, which follows. Throws `WV_STATE`. */
  startPostCopy(name: string): void {
    const job = this.job(name);
    if (job.strategy === "stop-and-copy")
      throw new WasmvisorError("WV_STATE", `${name}: stop-and-copy has no moment to switch at`);
    if (job.isAway) throw new WasmvisorError("WV_STATE", `${name}: it runs at its target already`);
    job.control.startPostCopy();
  }

  /** Changes limits of a migration, also of one that waits. Throws `WV_STATE`, `WV_CONFIG`. */
  setLimits(name: string, limits: MigrationChanges): void {
    this.job(name).control.setLimits(changedLimits(limits));
  }

  /** Breaks off a post-copy whose pages still follow. Throws `WV_STATE`. */
  pausePostCopy(name: string): void {
    if (!this.job(name).control.pausePostCopy())
      throw new WasmvisorError(
        "WV_STATE",
        `${name}: only a post-copy whose guest runs at the target can be paused`,
      );
  }

  /** A guest comes; the result says that it is here, or will not come. Throws `WV_LIMIT`. */
  arrive(): () => void {
    if (this.#incoming >= this.#incomingMax)
      throw new WasmvisorError(
        "WV_LIMIT",
        `${this.#incoming} vms are on their way to this host, and no more may be at a time`,
      );
    this.#incoming++;
    let isOver = false;
    return () => {
      if (!isOver) this.#incoming--;
      isOver = true;
    };
  }
}
