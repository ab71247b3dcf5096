/** What the caller's side and the worker's side of a host say to each other. */
import type { Engine } from "../../../bindings/core.ts";
import type { VmEnd } from "../../vmm/vm.ts";
import type { HostMemory, RestoreOptions, SharedPages, VmInfo, VmStatus } from "../api.ts";
import type { MigrationOutcome } from "../migration.ts";
import type { MigrationChanges } from "../migrations/changes.ts";
import type { MigrationLimits, MigrationProgress } from "../migrations/jobs.ts";
import type { MigrateOptions, PlainMigrateOptions } from "../migrations/options.ts";
import type { ShareMap } from "../shares.ts";
import type { CreateVmOptions } from "../vm-config.ts";
import type { PackedError } from "./rpc.ts";

/** How a vm is called between the two sides: names may be used again, ids are not. */
export type VmId = number;

/** What crosses of `HostOptions`. */
export interface WorkerHostOptions {
  readonly memory: number | string | undefined;
  readonly seed: number | undefined;
  readonly engine: Engine | undefined;
  readonly codeCache: number | string | undefined;
  readonly migrations: MigrationLimits | undefined;
  readonly shareMap: ShareMap | undefined;
  readonly core: WebAssembly.Module;
}

/** A vm as it arrives on the caller's side. */
export interface VmArrival {
  readonly vm: VmId;
  readonly name: string;
  readonly status: VmStatus;
}

/** `watcher`: tell this one how it goes. */
export type WatchedMigrateOptions = PlainMigrateOptions & {
  readonly watcher: number;
};
export type PlainRestoreOptions = Omit<RestoreOptions, "signal">;
export type PlainOutcome = Omit<MigrationOutcome, "error"> & {
  readonly error?: PackedError | undefined;
};
type Told<Name extends "onRound" | "onProgress"> = Parameters<NonNullable<MigrateOptions[Name]>>[0];

/** What the worker's side understands. */
export interface WorkerSide {
  readonly calls: {
    create(options: WorkerHostOptions): void;
    createVm(options: CreateVmOptions): VmId;
    restore(source: string | Uint8Array, options: PlainRestoreOptions): VmId;
    freeBytes(): number;
    memory(): HostMemory;
    sharePages(): SharedPages;
    migrations(): MigrationProgress[];
    cancelMigration(name: string): void;
    startPostCopy(name: string): void;
    setMigration(name: string, changes: MigrationChanges): void;
    pausePostCopy(name: string): void;
    close(): void;
    start(vm: VmId): void;
    pause(vm: VmId): void;
    resume(vm: VmId): void;
    destroy(vm: VmId): void;
    info(vm: VmId): VmInfo;
    fork(vm: VmId, name: string | undefined): VmId;
    snapshot(vm: VmId, path: string): void;
    snapshotBytes(vm: VmId): Uint8Array;
    loadPages(vm: VmId): void;
    migrate(vm: VmId, target: string, options: WatchedMigrateOptions): PlainOutcome;
  };
  readonly notes: {
    input: { readonly vm: VmId; readonly bytes: Uint8Array };
  };
}

/** What the caller's side understands. */
export interface CallerSide {
  readonly calls: object;
  readonly notes: {
    arrived: VmArrival;
    output: { readonly vm: VmId; readonly bytes: Uint8Array };
    /** `last` comes with `gone`. `why`: what the console says once nothing more will be printed. */
    status: {
      readonly vm: VmId;
      readonly status: VmStatus;
      readonly end: VmEnd | undefined;
      readonly why: string | undefined;
      readonly last: VmInfo | undefined;
    };
    round: { readonly watcher: number; readonly round: Told<"onRound"> };
    progress: { readonly watcher: number; readonly progress: Told<"onProgress"> };
  };
}
