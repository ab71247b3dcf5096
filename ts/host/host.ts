import type { CoreSource } from "../../bindings/bytes.ts";
import type { Core, Engine } from "../../bindings/core.ts";
import { throwIfAborted } from "../base/abort.ts";
import { type Clock, WallClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { TypedEventTarget } from "../base/events.ts";
import { Random } from "../base/random.ts";
import { Vm } from "../vmm/vm.ts";
import type { Abortable, HostApi, HostMemory, RestoreOptions, SharedPages } from "./api.ts";
import { boot, bootFiles } from "./boot.ts";
import { giveBack } from "./disk-leases.ts";
import { hostMemory, sharePages } from "./host-memory.ts";
import { makeCore } from "./make-core.ts";
import type { MigrationChanges } from "./migrations/changes.ts";
import { MigrationJobs, type MigrationLimits, type MigrationProgress } from "./migrations/jobs.ts";
import { HostNetworks, type JoinOptions } from "./networks/host-networks.ts";
import { makeNics } from "./networks/make-nics.ts";
import type { TunnelOptions } from "./networks/tethers.ts";
import type { RehearsalOptions } from "./rehearsal.ts";
import { restoreVm } from "./restore.ts";
import { RunLoop } from "./run-loop.ts";
import { checkShareMap, openShares, type ShareMap } from "./shares.ts";
import { SnapshotFiles } from "./snapshot-files.ts";
import { bytesInMemory, Snapshot } from "./snapshot-reader.ts";
import { VirtualMachine, type VmContext } from "./virtual-machine.ts";
import {
  type CreateVmOptions,
  decodeConfig,
  openDisks,
  resolveVmConfig,
  type VmConfig,
} from "./vm-config.ts";
import { VmConsole } from "./vm-console.ts";
import { absolutePaths, forkDisk, openParts, type TwinOptions, type VmParts } from "./vm-parts.ts";

const DEFAULT_SEED = 1;
/** Decoded code of a guest's first turns (measured: 1.4 MiB in four of Linux, of which 0.9 in the first). */
const DECODED_BYTES = 3 << 19;

/** Options of {@link Host.create}. */
export interface HostOptions {
  /** Machine memory for all guests: bytes, or `"1GiB"` (the default); up to about 3.75 GiB. */
  readonly memory?: number | string | undefined;
  /** Seed of all randomness that guests get. Default 1: the same every time. */
  readonly seed?: number | undefined;
  /** Another core than the one that comes with the package (`core.wasm`). */
  readonly core?: CoreSource | undefined;
  /** Time for guests on the wall clock; tests inject their own. */
  readonly clock?: Clock | undefined;
  /**
   * `caller` (default): guests run in this thread, a few milliseconds at a time. `worker`: the host
   * has a thread of its own, and this one is never held while guests compute.
   */
  readonly thread?: "caller" | "worker" | undefined;
  /**
   * Who executes guest code. `auto` (default): an interpreter, and translations to Wasm of what is hot.
   * `interpreter`: that alone. `translator`: translates all before it runs; for tests. What a guest
   * does, and the instructions it takes, are the same with each.
   */
  readonly engine?: Engine | undefined;
  /**
   * Bytes of translated code that are kept at most, or `"64MiB"` (the default); 1MiB to 1GiB. The oldest
   * goes when it is full. The JavaScript engine makes a few times as much machine code of it.
   */
  readonly codeCache?: number | string | undefined;
  /** How many guests move at the same time, and how fast all of them together. */
  readonly migrations?: MigrationLimits | undefined;
  /**
   * Where directories that guests share are on this host, if not where their `path` says: `{ "/srv/data": "/mnt/data" }`.
   * A guest takes its `path` along to hosts that have the directory elsewhere.
   */
  readonly shareMap?: ShareMap | undefined;
}

/**
 * One emulated physical machine: memory, a processor, and the guests that share them. It runs in
 * the caller's thread, a few milliseconds at a time.
 *
 * ```ts
 * const host = await Host.create({ memory: "1GiB" });
 * const vm = await host.createVm({ name: "web", image: "debian", memory: "256MiB", vcpus: 2 });
 * await vm.start();
 * await vm.console.expect(/# $/);
 * ```
 */
export class Host implements HostApi {
  /** `arrived`: a vm was created, forked, restored, or came from another host. */
  readonly events = new TypedEventTarget<{ arrived: { readonly vm: VirtualMachine } }>();
  readonly clock: Clock;
  /** @internal Those that leave or want to, and how many may come. */
  readonly jobs: MigrationJobs;
  /** @internal Its switches. */
  readonly networks: HostNetworks;
  readonly #core: Core;
  readonly #random: Random;
  readonly #loop: RunLoop;
  readonly #vms = new Map<string, VirtualMachine>();
  readonly #reserved = new Set<string>();
  readonly #current: { clock: () => number };
  readonly #snapshots = new SnapshotFiles();
  readonly #shareMap: ShareMap;
  /** What its core was made of, if that did not come with the package. */
  readonly #source: CoreSource | undefined;
  #rehearsal: Promise<boolean> | undefined;
  #counter = 0;
  #isSharing = false;

  private constructor(parts: {
    readonly core: Core;
    readonly source: CoreSource | undefined;
    readonly clock: Clock;
    readonly seed: number;
    readonly current: { clock: () => number };
    readonly migrations: MigrationLimits | undefined;
    readonly shareMap: ShareMap;
  }) {
    this.#shareMap = parts.shareMap;
    this.jobs = new MigrationJobs(parts.clock, parts.migrations);
    this.#core = parts.core;
    this.#source = parts.source;
    this.clock = parts.clock;
    this.#loop = new RunLoop(parts.clock);
    this.#random = new Random(parts.seed);
    this.#current = parts.current;
    this.networks = new HostNetworks(parts.clock, this.#random.split("networks"));
  }

  /** Makes a host. Throws `WV_CONFIG`, `WV_CORE_LOAD`, or `WV_NO_MEMORY` if the memory cannot be had. */
  static create(options?: HostOptions & { readonly thread?: "caller" | undefined }): Promise<Host>;
  static create(options: HostOptions): Promise<HostApi>;
  static async create(options: HostOptions = {}): Promise<HostApi> {
    const { thread = "caller" } = options;
    if (thread === "worker") {
      const { createWorkerHost } = await import("./worker/client.ts");
      return createWorkerHost(options);
    }
    if (thread !== "caller")
      throw new WasmvisorError("WV_CONFIG", `thread: expected caller or worker, got "${thread}"`);
    const { clock = new WallClock(), seed = DEFAULT_SEED } = options;
    const current = { clock: () => 0 };
    const core = await makeCore(options, () => current.clock());
    const { core: source, migrations, shareMap: map = {} } = options;
    return new Host({
      core,
      source,
      clock,
      seed,
      current,
      migrations,
      shareMap: checkShareMap(map),
    });
  }

  /** All vms, in the order in which they came. */
  get vms(): readonly VirtualMachine[] {
    return [...this.#vms.values()];
  }

  /** The vm called `name`. Throws `WV_CONFIG` if there is none. */
  vm(name: string): VirtualMachine {
    const vm = this.#vms.get(name);
    if (!vm) throw new WasmvisorError("WV_CONFIG", `no vm is called "${name}" here`);
    return vm;
  }

  /** Memory that no guest uses, in bytes. */
  get freeBytes(): number {
    return (this.#core.exports.freeFrames() >>> 0) * 4096;
  }

  /**
   * Creates a vm and loads its kernel; `start()` lets it run. Throws `WV_CONFIG`, `WV_MISSING` for an
   * image that was not pulled, `WV_BAD_ELF`, `WV_BAD_IMAGE`, `WV_DISK`, `WV_NO_MEMORY`.
   */
  async createVm(options: CreateVmOptions): Promise<VirtualMachine> {
    const config = await absolutePaths(resolveVmConfig(options, this.#defaults(options.name)));
    return this.#withName(config.name, async () => {
      const files = await bootFiles(options);
      const parts = await openParts({
        shares: () => openShares(config.shares, { map: this.#shareMap }),
        disks: () => openDisks(config, options.disks),
        nics: () => makeNics(this.networks, { config, clock: this.clock, isNew: true }),
      });
      const vm = this.#build(config, parts);
      try {
        boot(vm, files);
        for (const nic of parts.nics) await nic.forward(true);
      } catch (error) {
        await vm.destroy();
        throw error;
      }
      return vm;
    });
  }

  /**
   * A vm from a snapshot, paused: from a file, or from its bytes. Pages of a file are read when they are
   * touched, unless `pages` is `at-once`. Throws `WV_BAD_SNAPSHOT`, `WV_DISK`, `WV_NO_MEMORY`.
   */
  async restore(
    source: string | Uint8Array,
    options: RestoreOptions = {},
  ): Promise<VirtualMachine> {
    const isFile = typeof source === "string";
    const { name, pages = isFile ? "on-touch" : "at-once", signal } = options;
    if (pages !== "on-touch" && pages !== "at-once")
      throw new WasmvisorError("WV_CONFIG", `pages: expected on-touch or at-once, got "${pages}"`);
    throwIfAborted(signal);
    const snapshot = isFile
      ? await this.#snapshots.open(source)
      : new Snapshot(bytesInMemory(source));
    const build = (config: Uint8Array): Promise<VirtualMachine> => this.buildTwin(config, { name });
    return this.adopt(await restoreVm({ snapshot, build, pages, signal }));
  }

  /**
   * Joins a network of this host (`lan` by default) to that of other hosts, by VXLAN over UDP or inside of WireGuard;
   * the result is the port that it listens on. Guests that move between them keep their addresses and connections.
   * Throws `WV_CONFIG`, `WV_NETWORK`, `WV_STATE`.
   */
  async joinNetwork(options: JoinOptions): Promise<number> {
    return this.networks.join(options);
  }

  /**
   * Keeps connections of guests on `lan` that leave for a host on another network, by IP in IP over UDP, until they end;
   * the result is the port that it listens on. Before the guests come. Throws `WV_NETWORK`, `WV_STATE`.
   */
  async openTunnel(options: TunnelOptions): Promise<number> {
    return this.networks.openTunnel(options);
  }

  /** What guests use of the host's memory, and what sharing saves. */
  memory(): HostMemory {
    return hostMemory(
      this.#core,
      this.vms.map((vm) => vm.machine.ram),
    );
  }

  /**
   * Lets pages with equal contents share memory, of all guests, until one is written: no guest notices.
   * One pass, in batches of a few milliseconds. Throws `WV_STATE` while one is under way, `WV_NO_MEMORY`.
   */
  async sharePages(options: Abortable = {}): Promise<SharedPages> {
    if (this.#isSharing)
      throw new WasmvisorError("WV_STATE", "pages are being shared already; wait for that pass");
    this.#isSharing = true;
    try {
      const guests = this.vms.map(
        (vm) => () => (vm.status === "gone" ? undefined : vm.machine.ram),
      );
      return await sharePages(this.#core, guests, options.signal);
    } finally {
      this.#isSharing = false;
    }
  }

  /** The migrations from here that run, or are paused, and those that wait for their turn, in order. */
  migrations(): MigrationProgress[] {
    return this.jobs.list();
  }

  /** Ends the migration of the vm called `name`; the guest goes on here. Throws `WV_STATE` if there is none. */
  async cancelMigration(name: string): Promise<void> {
    this.jobs.cancel(name);
  }

  async startPostCopy(name: string): Promise<void> {
    this.jobs.startPostCopy(name);
  }

  async setMigration(name: string, changes: MigrationChanges): Promise<void> {
    this.jobs.setLimits(name, changes);
  }

  async pausePostCopy(name: string): Promise<void> {
    this.jobs.pausePostCopy(name);
  }

  /**
   * @internal What a guest that comes needs is compiled from now on, see `rehearse`, and the memory is there that its
   * first turns take. If that fails, on a machine that is too busy, it costs the first guest some milliseconds and
   * nothing else.
   */
  async rehearsed(openDoor?: RehearsalOptions["openDoor"]): Promise<void> {
    const newHost = (memory: number): Promise<Host> => Host.create({ memory, core: this.#source });
    this.#rehearsal ??= import("./rehearsal.ts")
      .then(({ rehearse }) => rehearse({ core: this.#core, newHost, openDoor }))
      .catch(() => false);
    await this.#rehearsal;
    this.#core.exports.touchArena(DECODED_BYTES);
  }

  /** @internal It is a rehearsal's own. */
  needsNoRehearsal(): void {
    this.#rehearsal = Promise.resolve(true);
  }

  /** @internal An empty vm for the state of another, not listed yet. */
  async buildTwin(encodedConfig: Uint8Array, twin: TwinOptions = {}): Promise<VirtualMachine> {
    const saved = decodeConfig(encodedConfig);
    const { images, name = saved.name } = twin;
    if (this.#vms.has(name) || this.#reserved.has(name)) throw taken(name);
    const placed = images?.place({ ...saved, name });
    const config = placed?.config ?? { ...saved, name };
    const parts = await openParts({
      shares: () => openShares(config.shares, { map: this.#shareMap, arrives: twin.arrives }),
      disks: () => openDisks(config, placed?.disks),
      nics: () => makeNics(this.networks, { config, clock: this.clock }),
    });
    return this.#build(config, parts);
  }

  /** @internal Keeps a name for a vm that comes; the result gives it back. */
  reserve(name: string): () => void {
    this.#reserved.add(name);
    return () => this.#reserved.delete(name);
  }

  /** @internal Lists a twin that has its state. */
  adopt(vm: VirtualMachine): VirtualMachine {
    if (this.#vms.has(vm.name)) throw taken(vm.name);
    this.#vms.set(vm.name, vm);
    this.events.emit("arrived", { vm });
    return vm;
  }

  #defaults(name: string | undefined): { readonly name: string; readonly seed: number } {
    const free = name ?? this.#freeName("vm");
    return { name: free, seed: this.#random.split(free).u53() };
  }

  #freeName(prefix: string): string {
    for (;;) {
      const name = `${prefix}${++this.#counter}`;
      if (!this.#vms.has(name)) return name;
    }
  }

  async #withName(name: string, make: () => Promise<VirtualMachine>): Promise<VirtualMachine> {
    if (this.#vms.has(name) || this.#reserved.has(name)) throw taken(name);
    this.#reserved.add(name);
    try {
      return this.adopt(await make());
    } finally {
      this.#reserved.delete(name);
    }
  }

  #build(config: VmConfig, parts: VmParts): VirtualMachine {
    const { nics } = parts;
    const console = new VmConsole((bytes) => {
      const taken = machine.receive(bytes);
      this.#loop.wake(vm);
      return taken;
    });
    const machine = new Vm({
      core: this.#core,
      memoryBytes: config.memoryBytes,
      vcpus: config.vcpus,
      clock: config.clock,
      mips: config.mips,
      wall: this.clock,
      random: new Random(config.seed),
      disks: parts.disks,
      shares: parts.shares,
      console: config.console,
      nics: nics.map((nic) => ({ port: nic, mac: nic.mac, mtu: nic.mtu })),
      isBare: config.isBare,
      onConsole: (bytes) => console.gather(bytes),
      ram: parts.ram,
    });
    machine.onEnter = () => {
      this.#current.clock = () => machine.clock.ticks();
    };
    const vm = new VirtualMachine({ config, machine, console, nics, context: this.#context() });
    machine.onWake = () => this.#loop.wake(vm);
    for (const nic of nics) nic.install(machine, () => this.#loop.wake(vm));
    machine.onDestroy = () => {
      for (const disk of parts.disks) giveBack(disk);
    };
    return vm;
  }

  #context(): VmContext {
    return {
      core: this.#core,
      clock: this.clock,
      loop: this.#loop,
      fork: (vm, name) => this.#fork(vm, name ?? this.#freeName(`${vm.name}-`)),
      migrate: async (move) => {
        const { migrateVm } = await import("./migration.ts");
        return migrateVm({ ...move, host: this });
      },
      forget: (vm) => {
        if (this.#vms.get(vm.name) !== vm) return;
        this.#vms.delete(vm.name);
        this.jobs.forget(vm.name);
      },
    };
  }

  async #fork(parent: VirtualMachine, name: string): Promise<VirtualMachine> {
    return this.#withName(name, async () => {
      const { machine } = parent;
      const disks = machine.options.disks.map((disk, i) => forkDisk(parent.name, disk, i));
      const config = { ...parent.config, name };
      const shares = await openShares(config.shares, { map: this.#shareMap });
      const nics = await makeNics(this.networks, { config, clock: this.clock });
      const state = machine.save();
      const parts = { disks, nics, shares, ram: machine.ram.fork() };
      const child = this.#build(config, parts);
      child.machine.restore({ ...state, disks: disks.map(() => null) });
      child.restored();
      return child;
    });
  }

  /** Destroys all vms. */
  async close(): Promise<void> {
    for (const vm of this.vms) await vm.destroy();
    await this.networks.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function taken(name: string): WasmvisorError {
  return new WasmvisorError("WV_CONFIG", `name: a vm called "${name}" exists already`);
}
