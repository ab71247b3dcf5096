/** The caller's side: a host and its vms as proxies of those in the worker. */
import { compileCore } from "../../../bindings/bytes.ts";
import { throwIfAborted } from "../../base/abort.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { TypedEventTarget } from "../../base/events.ts";
import type { VmEnd } from "../../vmm/vm.ts";
import type {
  Abortable,
  HostApi,
  HostMemory,
  RestoreOptions,
  SharedPages,
  VmApi,
  VmInfo,
  VmStatus,
} from "../api.ts";
import type { HostOptions } from "../host.ts";
import type { MigrationOutcome } from "../migration.ts";
import type { MigrationChanges } from "../migrations/changes.ts";
import type { MigrationProgress } from "../migrations/jobs.ts";
import type { MigrateOptions } from "../migrations/options.ts";
import type { CreateVmOptions } from "../vm-config.ts";
import { VmConsole } from "../vm-console.ts";
import { waitForEnd } from "../wait-for-end.ts";
import type { CallerSide, VmId, WorkerSide } from "./protocol.ts";
import { Rpc, unpackError } from "./rpc.ts";
import { type HostWorker, spawnHostWorker } from "./spawn.ts";

type Line = Rpc<CallerSide, WorkerSide>;
type StatusNote = CallerSide["notes"]["status"];

/** Makes a host in a worker of its own. Throws as `Host.create` does. */
export async function createWorkerHost(options: HostOptions): Promise<HostApi> {
  if (options.clock)
    throw new WasmvisorError("WV_CONFIG", 'clock: a clock of yours needs thread: "caller"');
  const core = await compileCore(options.core).catch((cause: unknown) => {
    throw new WasmvisorError("WV_CORE_LOAD", "cannot compile the core", { cause });
  });
  const host = new WorkerHost(await spawnHostWorker());
  try {
    const { codeCache, engine, memory, migrations, seed, shareMap } = options;
    await host.open({ core, memory, migrations, seed, engine, codeCache, shareMap });
  } catch (error) {
    await host.close();
    throw error;
  }
  return host;
}

type Watcher = Pick<MigrateOptions, "onRound" | "onProgress">;

class WorkerHost implements HostApi {
  readonly events = new TypedEventTarget<{ arrived: { readonly vm: VmApi } }>();
  readonly #worker: HostWorker;
  readonly #line: Line;
  /** By id, in the order in which they came. */
  readonly #vms = new Map<VmId, WorkerVm>();
  readonly #watchers = new Map<number, Watcher>();
  #lastWatcher = 0;
  #pending = 0;
  #isClosed = false;

  constructor(worker: HostWorker) {
    this.#worker = worker;
    this.#line = new Rpc<CallerSide, WorkerSide>(
      worker.port,
      {},
      {
        arrived: ({ name, status, vm }) => this.#arrived(new WorkerVm(this, vm, { name, status })),
        output: ({ bytes, vm }) => this.#vms.get(vm)?.console.receive(bytes),
        status: (note) => this.#status(note),
        round: ({ round, watcher }) => this.#watchers.get(watcher)?.onRound?.(round),
        progress: ({ progress, watcher }) => this.#watchers.get(watcher)?.onProgress?.(progress),
      },
    );
    this.#line.onPending = (count) => {
      this.#pending = count;
      this.#hold();
    };
    worker.onDeath = (cause) => this.#died(cause);
  }

  get line(): Line {
    return this.#line;
  }

  open(options: Parameters<WorkerSide["calls"]["create"]>[0]): Promise<void> {
    return this.#line.call("create", [options]);
  }

  /** The process waits for the worker while something is under way there, as it would without. */
  #hold(): void {
    const isBusy = this.#pending > 0 || this.vms.some((vm) => vm.status === "running");
    if (!this.#isClosed) this.#worker.hold(isBusy);
  }

  #arrived(vm: WorkerVm): void {
    this.#vms.set(vm.id, vm);
    this.events.emit("arrived", { vm });
  }

  #status(note: StatusNote): void {
    const vm = this.#vms.get(note.vm);
    if (note.status === "gone") this.#vms.delete(note.vm);
    vm?.become(note);
    this.#hold();
  }

  /** Everything that is left ends as if the machine had lost its power. */
  #died(cause: unknown): void {
    if (this.#isClosed) return;
    this.#end(new WasmvisorError("WV_STATE", "the worker of this host has died", { cause }));
  }

  #end(reason: WasmvisorError): void {
    this.#isClosed = true;
    this.#line.close(reason);
    for (const vm of [...this.#vms.values()]) {
      this.#vms.delete(vm.id);
      vm.become({ vm: vm.id, status: "gone", end: vm.end, why: reason.message, last: undefined });
    }
  }

  get vms(): readonly WorkerVm[] {
    return [...this.#vms.values()];
  }

  vm(name: string): WorkerVm {
    const vm = this.vms.find((one) => one.name === name);
    if (!vm) throw new WasmvisorError("WV_CONFIG", `no vm is called "${name}" here`);
    return vm;
  }

  get freeBytes(): Promise<number> {
    return this.#line.call("freeBytes", []);
  }

  async createVm(options: CreateVmOptions): Promise<VmApi> {
    const own = options.disks?.findIndex((disk) => !("path" in disk)) ?? -1;
    if (own >= 0)
      throw new WasmvisorError(
        "WV_CONFIG",
        `disks: disk ${own} lives in this thread and the host in a worker; give a path, or use thread: "caller"`,
      );
    return this.known(await this.#line.call("createVm", [options]));
  }

  async restore(source: string | Uint8Array, options: RestoreOptions = {}): Promise<VmApi> {
    const { signal, ...plain } = options;
    throwIfAborted(signal);
    return this.known(await this.#line.call("restore", [source, plain], signal));
  }

  memory(): Promise<HostMemory> {
    return this.#line.call("memory", []);
  }

  async sharePages(options: Abortable = {}): Promise<SharedPages> {
    throwIfAborted(options.signal);
    return this.#line.call("sharePages", [], options.signal);
  }

  /** A vm that has arrived: the worker says so before it answers. */
  known(id: VmId): WorkerVm {
    const vm = this.#vms.get(id);
    if (!vm) throw new WasmvisorError("WV_STATE", "the vm is not on this host any more");
    return vm;
  }

  /** Gives `watcher` a number under which the worker reports. */
  async withWatcher<T>(watcher: Watcher, action: (watcher: number) => Promise<T>): Promise<T> {
    const id = ++this.#lastWatcher;
    this.#watchers.set(id, watcher);
    try {
      return await action(id);
    } finally {
      this.#watchers.delete(id);
    }
  }

  migrations(): Promise<MigrationProgress[]> {
    return this.line.call("migrations", []);
  }

  cancelMigration(name: string): Promise<void> {
    return this.line.call("cancelMigration", [name]);
  }

  startPostCopy(name: string): Promise<void> {
    return this.line.call("startPostCopy", [name]);
  }

  setMigration(name: string, changes: MigrationChanges): Promise<void> {
    return this.line.call("setMigration", [name, changes]);
  }

  pausePostCopy(name: string): Promise<void> {
    return this.line.call("pausePostCopy", [name]);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#line.call("close", []).catch(() => undefined);
    if (this.#isClosed) return; // Another close was faster, or the worker died.
    this.#end(new WasmvisorError("WV_STATE", "this host is closed"));
    await this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class WorkerVm implements VmApi {
  readonly id: VmId;
  readonly name: string;
  readonly console: VmConsole;
  readonly events = new TypedEventTarget<{ status: { readonly status: VmStatus } }>();
  readonly #host: WorkerHost;
  #status: VmStatus;
  #end: VmEnd | undefined;
  #last: VmInfo | undefined;

  constructor(
    host: WorkerHost,
    id: VmId,
    known: { readonly name: string; readonly status: VmStatus },
  ) {
    this.#host = host;
    this.id = id;
    this.name = known.name;
    this.#status = known.status;
    this.console = new VmConsole((bytes) => host.line.note("input", { vm: id, bytes }));
  }

  get status(): VmStatus {
    return this.#status;
  }

  get end(): VmEnd | undefined {
    return this.#end;
  }

  /** The worker says what has become of it. */
  become({ end, last, status, why }: StatusNote): void {
    this.#status = status;
    this.#end = end;
    this.#last = last;
    if (why !== undefined) this.console.end(why);
    this.events.emit("status", { status });
  }

  start(): Promise<void> {
    return this.#host.line.call("start", [this.id]);
  }

  pause(): Promise<void> {
    return this.#host.line.call("pause", [this.id]);
  }

  resume(): Promise<void> {
    return this.#host.line.call("resume", [this.id]);
  }

  wait(signal?: AbortSignal): Promise<VmEnd> {
    return waitForEnd(this, signal);
  }

  async fork(options: { readonly name?: string | undefined } = {}): Promise<VmApi> {
    return this.#host.known(await this.#host.line.call("fork", [this.id, options.name]));
  }

  snapshot(path: string, options: Abortable = {}): Promise<void> {
    return this.#host.line.call("snapshot", [this.id, path], options.signal);
  }

  async snapshotBytes(options: Abortable = {}): Promise<Uint8Array> {
    throwIfAborted(options.signal);
    return this.#host.line.call("snapshotBytes", [this.id], options.signal);
  }

  async loadPages(options: Abortable = {}): Promise<void> {
    throwIfAborted(options.signal);
    return this.#host.line.call("loadPages", [this.id], options.signal);
  }

  async migrate(target: string, options: MigrateOptions = {}): Promise<MigrationOutcome> {
    const { onProgress, onRound, signal, ...plain } = options;
    const { error, ...outcome } = await this.#host.withWatcher({ onProgress, onRound }, (watcher) =>
      this.#host.line.call("migrate", [this.id, target, { ...plain, watcher }], signal),
    );
    return error ? { ...outcome, error: unpackError(error) as WasmvisorError } : outcome;
  }

  async info(): Promise<VmInfo> {
    return this.#last ?? this.#host.line.call("info", [this.id]);
  }

  async destroy(): Promise<void> {
    if (this.#status !== "gone") await this.#host.line.call("destroy", [this.id]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}
