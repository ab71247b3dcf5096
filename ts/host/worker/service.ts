/** The worker's side: a `Host`, served over a port. */
import { WasmvisorError } from "../../base/errors.ts";
import { Host } from "../host.ts";
import { describeEnd, type VirtualMachine } from "../virtual-machine.ts";
import type {
  CallerSide,
  PlainOutcome,
  VmId,
  WatchedMigrateOptions,
  WorkerSide,
} from "./protocol.ts";
import { type Methods, packError, Rpc } from "./rpc.ts";

const TYPE_AGAIN_MS = 10;

/** Serves one host to whoever holds the other end of `port`. */
export function serveHost(port: MessagePort): void {
  new HostService(port);
}

class HostService {
  readonly #rpc: Rpc<WorkerSide, CallerSide>;
  readonly #vms = new Map<VmId, VirtualMachine>();
  readonly #ids = new WeakMap<VirtualMachine, VmId>();
  /** Input for guests that are slow to read. */
  readonly #typed = new Map<VmId, Uint8Array[]>();
  #host: Host | undefined;
  #lastId = 0;

  constructor(port: MessagePort) {
    this.#rpc = new Rpc(port, this.#methods(), {
      input: ({ bytes, vm }) => this.#type(vm, bytes),
    });
  }

  #methods(): Methods<WorkerSide["calls"]> {
    return {
      create: async (options) => {
        this.#host = await Host.create(options);
        this.#host.events.on("arrived", ({ vm }) => this.#arrived(vm));
      },
      createVm: async (options) => this.#id(await this.#theHost().createVm(options)),
      restore: async (source, options, signal) =>
        this.#id(await this.#theHost().restore(source, { ...options, signal })),
      freeBytes: () => this.#theHost().freeBytes,
      memory: () => this.#theHost().memory(),
      sharePages: (signal) => this.#theHost().sharePages({ signal }),
      close: () => this.#theHost().close(),
      start: (vm) => this.#vm(vm).start(),
      pause: (vm) => this.#vm(vm).pause(),
      resume: (vm) => this.#vm(vm).resume(),
      destroy: (vm) => this.#vms.get(vm)?.destroy(),
      info: (vm) => this.#vm(vm).info(),
      fork: async (vm, name) => this.#id(await this.#vm(vm).fork({ name })),
      snapshot: (vm, path, signal) => this.#vm(vm).snapshot(path, { signal }),
      snapshotBytes: (vm, signal) => this.#vm(vm).snapshotBytes({ signal }),
      loadPages: (vm, signal) => this.#vm(vm).loadPages({ signal }),
      migrations: () => this.#theHost().migrations(),
      cancelMigration: (name) => this.#theHost().cancelMigration(name),
      startPostCopy: (name) => this.#theHost().startPostCopy(name),
      setMigration: (name, changes) => this.#theHost().setMigration(name, changes),
      pausePostCopy: (name) => this.#theHost().pausePostCopy(name),
      migrate: (vm, target, options, signal) =>
        this.#migrate(this.#vm(vm), target, { ...options, signal }),
    };
  }

  #theHost(): Host {
    if (!this.#host) throw new WasmvisorError("WV_STATE", "the host is not created yet");
    return this.#host;
  }

  #vm(id: VmId): VirtualMachine {
    const vm = this.#vms.get(id);
    if (!vm) throw new WasmvisorError("WV_STATE", "the vm is not on this host any more");
    return vm;
  }

  #id(vm: VirtualMachine): VmId {
    return this.#ids.get(vm) ?? 0;
  }

  #arrived(vm: VirtualMachine): void {
    const id = ++this.#lastId;
    this.#vms.set(id, vm);
    this.#ids.set(vm, id);
    this.#rpc.note("arrived", { vm: id, name: vm.name, status: vm.status });
    vm.console.events.on("output", ({ bytes }) => this.#rpc.note("output", { vm: id, bytes }));
    vm.events.on("status", ({ status }) => {
      const isGone = status === "gone";
      const why = isGone
        ? "destroyed"
        : status === "ended" && vm.end
          ? describeEnd(vm.end)
          : undefined;
      const last = isGone ? vm.info() : undefined;
      this.#rpc.note("status", { vm: id, status, end: vm.end, why, last });
      if (isGone) this.#vms.delete(id);
    });
  }

  /** Types to a guest, in order; what its queue cannot hold yet is tried again. */
  #type(id: VmId, bytes: Uint8Array): void {
    const waiting = this.#typed.get(id);
    if (waiting) {
      waiting.push(bytes);
      return;
    }
    const taken = this.#vms.get(id)?.console.write(bytes) ?? bytes.length;
    if (taken === bytes.length) return;
    this.#typed.set(id, [bytes.subarray(taken)]);
    setTimeout(() => {
      const again = this.#typed.get(id) ?? [];
      this.#typed.delete(id);
      for (const part of again) this.#type(id, part);
    }, TYPE_AGAIN_MS);
  }

  async #migrate(
    vm: VirtualMachine,
    target: string,
    { watcher, ...options }: WatchedMigrateOptions & { readonly signal: AbortSignal },
  ): Promise<PlainOutcome> {
    const outcome = await vm.migrate(target, {
      ...options,
      onRound: (round) => this.#rpc.note("round", { watcher, round }),
      onProgress: (progress) => this.#rpc.note("progress", { watcher, progress }),
    });
    return { ...outcome, error: outcome.error && packError(outcome.error) };
  }
}
