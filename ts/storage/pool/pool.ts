/** A pool: volumes over several devices. Chunks of a volume lie in extents of devices, given when they are written. */
import { WasmvisorError } from "../../base/errors.ts";
import { runTask, type Task, type Wait, wait } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";
import { checkPool, type PoolCheck } from "./check.ts";
import { Chunks } from "./chunks.ts";
import { closeQuietly, type FindDevice, isChunkSize, PoolCore, VOLUMES_MAX } from "./core.ts";
import { writeLabel } from "./label.ts";
import { CHUNKS_MAX } from "./layers.ts";
import type { Member, PoolDevice } from "./members.ts";
import { MetadataStore } from "./metadata.ts";
import { Mirrors, type Resync } from "./mirrors.ts";
import { canReturn, takeBack } from "./returning.ts";
import { Serial } from "./serial.ts";
import { Volume } from "./volume.ts";
import type { VolumeLayout, VolumeState } from "./volume-state.ts";

const CHUNK_BYTES = 64 * 1024;
const DEPTH_MAX = 64;

export interface VolumeOptions {
  readonly name: string;
  readonly bytes: number;
  /** `linear` (default) fills one device after the other, `striped` all in turn, `mirrored` two at a time. */
  readonly layout?: VolumeLayout | undefined;
  /** `thin` (default): room is taken when it is written. `full`: all of it now. */
  readonly room?: "thin" | "full" | undefined;
}

export interface DeviceInfo {
  readonly name: string;
  readonly state: "healthy" | "failed";
  readonly extents: number;
  readonly freeExtents: number;
  /** Why it has failed, if it was seen here. */
  readonly problem?: string | undefined;
}

export class Pool {
  readonly #core: PoolCore;
  readonly #chunks: Chunks;
  readonly #mirrors: Mirrors;
  readonly #volumes = new Map<string, Volume>();
  #resync: Resync = { compared: 0, mended: 0 };

  private constructor(core: PoolCore) {
    this.#core = core;
    this.#chunks = new Chunks(core);
    this.#mirrors = new Mirrors(core);
    for (const state of core.volumes.values()) this.#show(state);
  }

  /** Makes a pool of empty devices; what `metadata` held is gone. */
  static create(options: {
    readonly metadata: BlockBackend;
    readonly devices: readonly PoolDevice[];
    readonly chunkBytes?: number | undefined;
    /** Opens a device that has failed once more; without it none comes back. */
    readonly find?: FindDevice | undefined;
  }): Wait<Pool> {
    const { chunkBytes = CHUNK_BYTES, devices, find, metadata } = options;
    if (!isChunkSize(chunkBytes))
      throw new WasmvisorError(
        "WV_CONFIG",
        `chunk: expected a power of two from 4KiB to 4MiB, got ${chunkBytes}`,
      );
    const core = new PoolCore(metadata, { store: new MetadataStore(metadata), chunkBytes, find });
    for (const device of devices) core.members.join(device);
    return core.run(function* () {
      for (const { backend, id = "" } of devices) yield* writeLabel(backend, id);
      yield* core.save();
      yield* core.save(); // Both copies are this pool's from now on.
      return new Pool(core);
    });
  }

  /**
   * Opens a pool; `find` opens its devices by their names. What was being written to mirrors when the pool was left
   * is equal on both legs before anybody reads it. Throws `WV_DISK`.
   */
  static open(metadata: BlockBackend, find: FindDevice): Wait<Pool> {
    return new Serial().run(function* () {
      const core = yield* PoolCore.load(metadata, find);
      // On record before anything is written: what is missing now must not come back as it was.
      if (core.isDirty) yield* core.save();
      const pool = new Pool(core);
      pool.#resync = yield* pool.#mirrors.resync();
      return pool;
    });
  }

  get chunkBytes(): number {
    return this.#core.chunkBytes;
  }

  /** What opening it had to make equal. */
  get resync(): Resync {
    return this.#resync;
  }

  get volumes(): readonly Volume[] {
    return [...this.#volumes.values()];
  }

  get devices(): readonly DeviceInfo[] {
    return this.#core.members.list.map(({ extents, isFailed, name, problem }) => ({
      name,
      state: isFailed ? "failed" : "healthy",
      extents: extents.count,
      freeExtents: extents.freeCount,
      ...(isFailed && problem !== undefined && { problem }),
    }));
  }

  volume(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (!volume) throw new WasmvisorError("WV_DISK", `pool: no volume is called "${name}"`);
    return volume;
  }

  #show(state: VolumeState): Volume {
    const volume = new Volume(this.#chunks, state);
    this.#core.volumes.set(state.name, state);
    this.#volumes.set(state.name, volume);
    return volume;
  }

  #hide(name: string): void {
    this.#core.volumes.delete(name);
    this.#volumes.delete(name);
  }

  #stateOf(name: string): VolumeState {
    return this.#core.volumes.get(this.volume(name).name) as VolumeState;
  }

  #mustBeNew(name: string): void {
    if (!/^[\w.-]{1,64}$/.test(name))
      throw new WasmvisorError(
        "WV_CONFIG",
        `volume: expected 1 to 64 of A-Z a-z 0-9 . _ -, got "${name}"`,
      );
    if (this.#volumes.has(name))
      throw new WasmvisorError("WV_CONFIG", `volume: "${name}" is there already`);
    if (this.#volumes.size >= VOLUMES_MAX)
      throw new WasmvisorError("WV_LIMIT", "pool: too many volumes");
  }

  #checkBytes(bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % 512 !== 0)
      throw new WasmvisorError(
        "WV_CONFIG",
        `volume: size expected a multiple of 512, got ${bytes}`,
      );
    if (bytes / this.chunkBytes > CHUNKS_MAX)
      throw new WasmvisorError(
        "WV_CONFIG",
        `volume: ${bytes} bytes are too many for chunks of ${this.chunkBytes}; make a pool of larger ones`,
      );
  }

  /** Throws `WV_CONFIG`, and `WV_NO_SPACE` if all its room is wanted and not there. */
  createVolume(options: VolumeOptions): Wait<Volume> {
    const { bytes, layout = "linear", name, room = "thin" } = options;
    this.#mustBeNew(name);
    this.#checkBytes(bytes);
    const core = this.#core;
    const needsTwo = layout === "mirrored" && core.members.list.length < 2;
    if (needsTwo) throw new WasmvisorError("WV_CONFIG", "volume: a mirror needs two devices");
    const pool = this;
    return core.run(function* () {
      const layer = core.layers.add(undefined);
      core.isDirty = true;
      const state: VolumeState = { name, bytes, layout, readOnly: false, layer };
      const volume = pool.#show(state);
      try {
        if (room === "full") yield* pool.#chunks.fill(state);
        yield* core.commit(state);
      } catch (error) {
        pool.#hide(name);
        core.layers.drop(layer);
        throw error;
      }
      return volume;
    });
  }

  /** What a volume is now, kept: it takes no room until the volume is written. */
  snapshot(of: string, name: string): Wait<Volume> {
    const state = this.#stateOf(of);
    this.#mustBeNew(name);
    if (state.layer.depth >= DEPTH_MAX)
      throw new WasmvisorError("WV_LIMIT", `volume: "${of}" has ${DEPTH_MAX} snapshots below it`);
    const pool = this;
    const core = this.#core;
    return core.run(function* () {
      const { layer } = state;
      const snapshot = pool.#show({ ...state, name, readOnly: true });
      state.layer = core.layers.add(layer);
      core.isDirty = true;
      yield* core.commit(state);
      return snapshot;
    });
  }

  removeVolume(name: string): Wait<void> {
    const { layer } = this.#stateOf(name);
    const pool = this;
    const core = this.#core;
    return core.run(function* () {
      pool.#hide(name);
      core.layers.drop(layer);
      core.isDirty = true;
      yield* core.commit("none");
    });
  }

  growVolume(name: string, bytes: number): Wait<void> {
    const state = this.#stateOf(name);
    this.#checkBytes(bytes);
    if (bytes < state.bytes || state.readOnly)
      throw new WasmvisorError(
        "WV_CONFIG",
        `volume: "${name}" can only grow, and no snapshot does`,
      );
    const core = this.#core;
    return core.run(function* () {
      state.bytes = bytes;
      core.isDirty = true;
      yield* core.commit("none");
    });
  }

  /**
   * One more device, or an empty one in place of a device of the same name that has failed. Throws `WV_CONFIG` if
   * something lies only on that one.
   */
  addDevice(device: PoolDevice): Wait<void> {
    const core = this.#core;
    const mirrors = this.#mirrors;
    return core.run(function* () {
      const at = core.members.list.findIndex(
        ({ isFailed, name }) => isFailed && name === device.name,
      );
      if (at >= 0) yield* mirrors.replaceLeg(at, device);
      else {
        core.members.join(device);
        yield* core.labelLast();
      }
      core.isDirty = true;
      try {
        yield* core.commit("none");
      } catch (error) {
        // Maps that are saved may still name what was on the old one.
        const member = core.members.list[at];
        if (member) core.members.fail(member, error);
        throw error;
      }
    });
  }

  /** Whether it is one of the pool's now: `addDevice` may have failed after that. */
  uses({ backend }: PoolDevice): boolean {
    return this.#core.members.list.some((member) => member.backend === backend);
  }

  /**
   * Looks whether devices that have failed and show a label are there again, and uses those that are. Returns their
   * names. Others go on meanwhile.
   */
  async bringBack(which: (name: string) => boolean = () => true): Promise<string[]> {
    const core = this.#core;
    const back: string[] = [];
    for (const member of core.members.list.filter(canReturn)) {
      if (!which(member.name)) continue;
      try {
        const backend = await runTask(core.findDevice(member));
        await core.run(() => this.#takeBack(member, backend));
        back.push(member.name);
      } catch (error) {
        if (!(error instanceof WasmvisorError)) throw error;
        member.problem = error.message;
      }
    }
    return back;
  }

  *#takeBack(member: Member, backend: BlockBackend): Task<void> {
    const at = this.#core.members.list.indexOf(member);
    try {
      if (at < 0 || !member.isFailed)
        throw new WasmvisorError("WV_STATE", `pool: another one is "${member.name}" now`);
      yield* takeBack(this.#core, at, backend);
    } catch (error) {
      if (member.backend !== backend) yield* closeQuietly(backend);
      throw error;
    }
    this.#mirrors.lookAgain();
  }

  /** Devices may have become larger: takes what there is now. Returns the extents that came. */
  grow(): Wait<number> {
    const core = this.#core;
    return core.run(function* () {
      let came = 0;
      for (const { backend, extents, id, isFailed } of core.members.list) {
        if (!isFailed) yield* wait(backend.refresh?.());
        const count = core.members.roomOf(backend, id);
        came += Math.max(0, count - extents.count);
        extents.grow(count);
      }
      core.isDirty ||= came > 0;
      yield* core.commit("none");
      return came;
    });
  }

  /** All that was written survives from now on. */
  flush(): Wait<void> {
    return this.#core.run(() => this.#core.commit());
  }

  /**
   * Gives up to `chunksMax` chunks of mirrors that have one copy a second one, on another device. Returns how
   * many still wait for it. Throws `WV_NO_SPACE` if there is no such device.
   */
  rebuild(chunksMax = 16): Wait<number> {
    return this.#core.run(() => this.#mirrors.rebuild(chunksMax));
  }

  /** Chunks of mirrors with only one copy, or none. */
  get degradedChunks(): number {
    return this.#mirrors.degraded();
  }

  /** Chunks that were given a second copy since the pool was opened. */
  get rebuiltChunks(): number {
    return this.#mirrors.rebuilt;
  }

  /** Counts all that maps say, and compares it with what is thought to be used. */
  check(): PoolCheck {
    return checkPool({
      places: this.#core.layers.places(),
      released: this.#core.released,
      devices: this.#core.members.list,
    });
  }

  /** Flushes, and closes all devices and the metadata. */
  close(): Wait<void> {
    return this.#core.run(() => this.#core.close());
  }
}
