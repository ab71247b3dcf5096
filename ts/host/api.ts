/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What a host and its vms offer, wherever they run: in the caller's thread ({@link Host}) or in a
 * worker. Both implement these interfaces, so the compiler proves that they are the same.
 */
import type { TypedEventTarget } from "../base/events.ts";
import type { DiskFormat } from "../storage/disk-format.ts";
import type { VmEnd } from "../vmm/vm.ts";
import type { VmMetrics } from "../vmm/vm-metrics.ts";
import type { MigrationOutcome } from "./migration.ts";
import type { MigrationChanges } from "./migrations/changes.ts";
import type { MigrationProgress } from "./migrations/jobs.ts";
import type { MigrateOptions } from "./migrations/options.ts";
import type { NicInfo } from "./networks/vm-nic.ts";
import type { CreateVmOptions } from "./vm-config.ts";
import type { VmConsole } from "./vm-console.ts";

/** A value that is here in the caller's thread, and comes soon from a worker: `await` it. */
export type Soon<T> = T | Promise<T>;

/** `on(name, listener)`: listens; the result stops listening. */
export type Events<Details extends object> = Pick<TypedEventTarget<Details>, "on">;

/**
 * `created`: never ran. `running`, `paused`: as they say. `ended`: powered off, exited or crashed.
 * `gone`: destroyed, or it runs on another host.
 */
export type VmStatus = "created" | "running" | "paused" | "ended" | "gone";

/** One of a vm's disks. */
export interface VmDiskInfo {
  /** Where it is, unless it exists in this process alone. */
  readonly path?: string | undefined;
  /** Of a file. */
  readonly format?: DiskFormat | undefined;
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly overlay: boolean;
  /** What is still at the host that the vm came from (`--copy-disks=on-demand`). */
  readonly missingBytes: number;
}

/** What `info()` tells. */
export interface VmInfo {
  readonly name: string;
  readonly status: VmStatus;
  readonly memoryBytes: number;
  /** Memory that it has contents in, shared or not. */
  readonly populatedBytes: number;
  /** Memory that comes back when it goes: pages that nobody else uses, its map, its registers. */
  readonly ownBytes: number;
  /** Memory that still waits in the snapshot it was restored from. */
  readonly missingBytes: number;
  readonly vcpus: number;
  readonly clock: string;
  readonly disks: readonly VmDiskInfo[];
  /** Its network cards. */
  readonly networks: readonly NicInfo[];
  readonly end?: VmEnd | undefined;
  readonly metrics: VmMetrics;
}

/** Machine memory and what guests use of it. */
export interface HostMemory {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Memory that guests have contents in, each counted for itself. */
  readonly populatedBytes: number;
  /** How much of that needs no memory because forks, or equal pages, share it. */
  readonly savedBytes: number;
}

/** What `sharePages()` found. */
export interface SharedPages {
  /** Pages that were looked at; what forks share is looked at once. */
  readonly scannedPages: number;
  /** Frames that came back because another page has the same contents, or because all was zero. */
  readonly mergedPages: number;
  readonly zeroPages: number;
  readonly savedBytes: number;
}

/** Options of `restore`. */
export interface RestoreOptions {
  readonly name?: string | undefined;
  /**
   * `on-touch` (default for files): pages are read when the guest or a device touches them; the file
   * stays open until then. `at-once` (default for bytes): all are read before the vm is there.
   */
  readonly pages?: "on-touch" | "at-once" | undefined;
  /** An abort leaves no vm. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of what takes a while. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

/** A virtual machine. */
export interface VmApi extends AsyncDisposable {
  readonly name: string;
  readonly status: VmStatus;
  /** How it ended, once it has. */
  readonly end: VmEnd | undefined;
  readonly console: VmConsole;
  /** `status`: it started, paused, ended, left. */
  readonly events: Events<{ status: { readonly status: VmStatus } }>;
  /** Lets a created vm run. Throws `WV_STATE` in any other state. */
  start(): Promise<void>;
  /** Stops a running vm between two instructions; its clock stands still. Harmless when it is paused. */
  pause(): Promise<void>;
  /** Lets a paused vm go on. Harmless when it runs. */
  resume(): Promise<void>;
  /** Settles when the guest has ended. Rejects with `WV_STATE` if it leaves this host instead. */
  wait(signal?: AbortSignal): Promise<VmEnd>;
  /** A second vm that goes on from where this one is. Throws `WV_STATE`, or `WV_NO_MEMORY`. */
  fork(options?: { readonly name?: string | undefined }): Promise<VmApi>;
  /** Writes the whole vm to a file that `restore` takes. An abort leaves the guest as it was. */
  snapshot(path: string, options?: Abortable): Promise<void>;
  /** The whole vm as bytes that `restore` takes: for places without files. */
  snapshotBytes(options?: Abortable): Promise<Uint8Array>;
  /** Reads what still waits in the snapshot it was restored from, which is closed then. */
  loadPages(options?: Abortable): Promise<void>;
  /**
   * Moves the running guest to another host. Unless it is `completed`, the guest runs on here; after
   * `paused` the same call goes on with it, as it was asked for.
   */
  migrate(target: string, options?: MigrateOptions): Promise<MigrationOutcome>;
  /** What it is and how it fares. */
  info(): Soon<VmInfo>;
  /** Ends it, whatever it does, and gives its memory back. Harmless when it is gone. */
  destroy(): Promise<void>;
}

/** One emulated physical machine and its guests. */
export interface HostApi extends AsyncDisposable {
  /** `arrived`: a vm was created, forked, restored, or came from another host. */
  readonly events: Events<{ arrived: { readonly vm: VmApi } }>;
  /** All vms, in the order in which they came. */
  readonly vms: readonly VmApi[];
  /** Memory that no guest uses, in bytes. */
  readonly freeBytes: Soon<number>;
  /** The vm called `name`. Throws `WV_CONFIG` if there is none. */
  vm(name: string): VmApi;
  /** Creates a vm and loads its kernel; `start()` lets it run. */
  createVm(options: CreateVmOptions): Promise<VmApi>;
  /** A vm from a snapshot, paused: from a file, or from its bytes. */
  restore(source: string | Uint8Array, options?: RestoreOptions): Promise<VmApi>;
  /** What guests use of the host's memory, and what sharing saves. */
  memory(): Soon<HostMemory>;
  /** Lets pages with equal contents share memory, of all guests, until one is written: one pass. */
  sharePages(options?: Abortable): Promise<SharedPages>;
  /** The migrations from here that run, or are paused, and those that wait for their turn, in order. */
  migrations(): Soon<MigrationProgress[]>;
  /** Ends the migration of the vm called `name`; the guest goes on here. Throws `WV_STATE` if it cannot. */
  cancelMigration(name: string): Promise<void>;
  /** Lets that vm go as soon as it can: what was not sent yet follows. Throws `WV_STATE`. */
  startPostCopy(name: string): Promise<void>;
  /** Changes limits of that vm's migration, whether it waits or is under way. Throws `WV_STATE`, `WV_CONFIG`. */
  setMigration(name: string, changes: MigrationChanges): Promise<void>;
  /**
   * Breaks off the post-copy of that vm, which runs at its target: only what needs a missing page waits there,
   * until it is migrated again. Throws `WV_STATE`.
   */
  pausePostCopy(name: string): Promise<void>;
  /** Destroys all vms; ends the worker, if there is one. */
  close(): Promise<void>;
}
