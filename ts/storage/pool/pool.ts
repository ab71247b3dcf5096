/**
 * A pool: volumes over several devices. Chunks of a volume lie in extents of devices, given when they are written
 * first. What a crash may cost is what was not flushed: data is written, then flushed, then the maps; what the maps
 * do not need any more is free only after that.
 */
import type { Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { isPromiseLike, type Task, type Wait, wait } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";
import { StateFields } from "../../machine/state-fields.ts";
import { checkPool, type PoolCheck } from "./check.ts";
import {
  DEVICES_MAX,
  deviceOf,
  EXTENTS_MAX,
  ExtentTable,
  extentsOf,
  indexOf,
  placeOf,
  ZEROS,
} from "./extents.ts";
import { damaged, type Layer, LayerSet } from "./layers.ts";
import { Members, MissingDevice, type PoolDevice } from "./members.ts";
import { MetadataStore } from "./metadata.ts";
import { Serial } from "./serial.ts";
import { Volume, type VolumeLayout } from "./volume.ts";

const CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES_MIN = 4096;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
const VOLUMES_MAX = 1024;
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
}

export class Pool {
  readonly chunkBytes: number;
  readonly #store: MetadataStore;
  readonly #members: Members;
  readonly #layers = new LayerSet((place) => this.#release(place));
  readonly #volumes = new Map<string, Volume>();
  readonly #serial = new Serial();
  /** The maps have changed since they were saved. */
  #isDirty = false;
  /** Free once the maps are saved. */
  #released: number[] = [];

  private constructor(store: MetadataStore, chunkBytes: number) {
    this.#store = store;
    this.chunkBytes = chunkBytes;
    const pool = this;
    this.#members = new Members(chunkBytes, function* () {
      pool.#isDirty = true;
      yield* pool.#save();
    });
  }

  /** Makes a pool of empty devices; what `metadata` held is gone. */
  static create(options: {
    readonly metadata: BlockBackend;
    readonly devices: readonly PoolDevice[];
    readonly chunkBytes?: number | undefined;
  }): Wait<Pool> {
    const { chunkBytes = CHUNK_BYTES } = options;
    const isPower = Number.isInteger(Math.log2(chunkBytes));
    if (!isPower || chunkBytes < CHUNK_BYTES_MIN || chunkBytes > CHUNK_BYTES_MAX)
      throw new WasmvisorError(
        "WV_CONFIG",
        `chunk: expected a power of two from 4KiB to 4MiB, got ${chunkBytes}`,
      );
    const pool = new Pool(new MetadataStore(options.metadata), chunkBytes);
    for (const device of options.devices) pool.#members.join(device);
    return pool.#run(function* () {
      yield* pool.#save();
      yield* pool.#save(); // Both copies are this pool's from now on.
      return pool;
    });
  }

  /** Opens a pool; `find` opens its devices by their names. Throws `WV_DISK`. */
  static open(metadata: BlockBackend, find: (name: string) => Wait<BlockBackend>): Wait<Pool> {
    const store = new MetadataStore(metadata);
    return new Serial().run(function* () {
      const fields = checked(yield* store.load());
      const pool = new Pool(store, fields.integer("chunkBytes", CHUNK_BYTES_MAX));
      for (const one of fields.objectsUpTo("devices", DEVICES_MAX)) {
        const name = one.text("name");
        const count = one.integer("extents", EXTENTS_MAX);
        let backend: BlockBackend;
        let isFailed = one.flag("isFailed");
        try {
          backend = yield* wait(find(name));
          if (pool.#members.roomOf(backend) < count)
            throw damaged(`${name} is smaller than it was`);
        } catch (error) {
          backend = new MissingDevice(count * pool.chunkBytes, error);
          pool.#isDirty ||= !isFailed;
          isFailed = true;
        }
        pool.#members.list.push({ name, backend, isFailed, extents: new ExtentTable(count) });
      }
      pool.#restore(fields);
      // On record before anything is written: what is missing now must not come back as it was.
      if (pool.#isDirty) yield* pool.#save();
      return pool;
    });
  }

  #run<T>(task: () => Task<T>): Wait<T> {
    return this.#serial.run(task);
  }

  #restore(fields: StateFields): void {
    for (const one of fields.objectsUpTo("layers", 2 * VOLUMES_MAX)) {
      const layer = this.#layers.restore(one);
      for (const place of layer.places.values())
        for (const extent of extentsOf(place)) {
          const member = this.#members.list[deviceOf(extent)];
          if (!member) throw damaged(`extent ${extent}`);
          member.extents.claim(indexOf(extent));
        }
    }
    for (const one of fields.objectsUpTo("volumes", VOLUMES_MAX)) {
      const layer = this.#layers.byId.get(one.integer("layer"));
      if (!layer) throw damaged("a volume without a map");
      const volume = new Volume(this, {
        name: one.text("name"),
        bytes: one.integer("bytes", Number.MAX_SAFE_INTEGER),
        layout: one.text("layout") as VolumeLayout,
        readOnly: one.flag("readOnly"),
        layer,
      });
      this.#volumes.set(volume.name, volume);
    }
  }

  get volumes(): readonly Volume[] {
    return [...this.#volumes.values()];
  }

  get devices(): readonly DeviceInfo[] {
    return this.#members.list.map(({ extents, isFailed, name }) => ({
      name,
      state: isFailed ? "failed" : "healthy",
      extents: extents.count,
      freeExtents: extents.freeCount,
    }));
  }

  volume(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (!volume) throw new WasmvisorError("WV_DISK", `pool: no volume is called "${name}"`);
    return volume;
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

  /** Throws `WV_CONFIG`, and `WV_NO_SPACE` if all its room is wanted and not there. */
  createVolume(options: VolumeOptions): Wait<Volume> {
    const { bytes, layout = "linear", name, room = "thin" } = options;
    this.#mustBeNew(name);
    checkBytes(bytes);
    const needsTwo = layout === "mirrored" && this.#members.list.length < 2;
    if (needsTwo) throw new WasmvisorError("WV_CONFIG", "volume: a mirror needs two devices");
    const pool = this;
    return this.#run(function* () {
      const layer = pool.#layers.add(undefined);
      pool.#isDirty = true;
      const volume = new Volume(pool, { name, bytes, layout, readOnly: false, layer });
      pool.#volumes.set(name, volume);
      try {
        if (room === "full") yield* pool.#fill(volume);
        yield* pool.#commit();
      } catch (error) {
        pool.#volumes.delete(name);
        pool.#layers.drop(layer);
        throw error;
      }
      return volume;
    });
  }

  *#fill(volume: Volume): Task<void> {
    const zeros = new Uint8Array(this.chunkBytes);
    for (let at = 0; at < volume.bytes; at += this.chunkBytes)
      yield* this.#replace(volume, at / this.chunkBytes, zeros);
  }

  /** What a volume is now, kept: it takes no room until the volume is written. */
  snapshot(of: string, name: string): Wait<Volume> {
    const volume = this.volume(of);
    this.#mustBeNew(name);
    if (volume.layer.depth >= DEPTH_MAX)
      throw new WasmvisorError("WV_LIMIT", `volume: "${of}" has ${DEPTH_MAX} snapshots below it`);
    const pool = this;
    return this.#run(function* () {
      const { bytes, layer, layout } = volume;
      pool.#volumes.set(name, new Volume(pool, { name, bytes, layout, readOnly: true, layer }));
      volume.layer = pool.#layers.add(layer);
      pool.#isDirty = true;
      yield* pool.#commit();
      return pool.volume(name);
    });
  }

  removeVolume(name: string): Wait<void> {
    const volume = this.volume(name);
    const pool = this;
    return this.#run(function* () {
      pool.#volumes.delete(name);
      pool.#layers.drop(volume.layer);
      pool.#isDirty = true;
      yield* pool.#commit();
    });
  }

  growVolume(name: string, bytes: number): Wait<void> {
    const volume = this.volume(name);
    checkBytes(bytes);
    if (bytes < volume.bytes || volume.readOnly)
      throw new WasmvisorError(
        "WV_CONFIG",
        `volume: "${name}" can only grow, and no snapshot does`,
      );
    const pool = this;
    return this.#run(function* () {
      volume.bytes = bytes;
      pool.#isDirty = true;
      yield* pool.#commit();
    });
  }

  addDevice(device: PoolDevice): Wait<void> {
    this.#members.join(device);
    const pool = this;
    return this.#run(function* () {
      pool.#isDirty = true;
      yield* pool.#commit();
    });
  }

  /** Devices may have become larger: takes what there is now. Returns the extents that came. */
  grow(): Wait<number> {
    const pool = this;
    return this.#run(function* () {
      let came = 0;
      for (const { backend, extents } of pool.#members.list) {
        const count = pool.#members.roomOf(backend);
        came += Math.max(0, count - extents.count);
        extents.grow(count);
      }
      pool.#isDirty ||= came > 0;
      yield* pool.#commit();
      return came;
    });
  }

  /** @internal For volumes. */
  readChunk(volume: Volume, chunk: number, within: number, into: Uint8Array): Wait<void> {
    return this.#run(() => this.#members.read(volume.layer.find(chunk), within, into));
  }

  /** @internal For volumes: at once where the chunk is the volume's own, else into a copy. */
  writeChunk(volume: Volume, chunk: number, within: number, from: Uint8Array): Wait<void> {
    const pool = this;
    return this.#run(function* () {
      const own = volume.layer.places.get(chunk);
      if (own !== undefined && own !== ZEROS) return yield* pool.#members.write(own, within, from);
      const whole = new Uint8Array(pool.chunkBytes);
      if (from.length < whole.length) yield* pool.#members.read(volume.layer.find(chunk), 0, whole);
      whole.set(from, within);
      yield* pool.#replace(volume, chunk, whole);
    });
  }

  /** @internal For volumes: the chunk reads as zeros, and its room is free after the next flush. */
  dropChunk(volume: Volume, chunk: number): Wait<void> {
    const pool = this;
    // biome-ignore lint/correctness/useYield: nothing of it waits, but it has its turn.
    return this.#run(function* () {
      pool.#release(volume.layer.places.get(chunk));
      const isBelow = (volume.layer.below?.find(chunk) ?? ZEROS) !== ZEROS;
      if (isBelow) volume.layer.places.set(chunk, ZEROS);
      else volume.layer.places.delete(chunk);
      pool.#isDirty = true;
    });
  }

  /** All that was written, or written to one volume, survives from now on. */
  flush(volume?: Volume): Wait<void> {
    return this.#run(() => this.#commit(volume));
  }

  /** For a volume whose devices are well, others do not matter. */
  *#commit(volume?: Volume): Task<void> {
    let failure: unknown;
    for (const [device, member] of this.#members.list.entries()) {
      if (member.isFailed && this.#canLose(device)) continue;
      try {
        yield* wait(member.backend.flush());
      } catch (error) {
        if (this.#canLose(device)) {
          member.isFailed = true;
          this.#isDirty = true;
        } else if (!volume || this.#lies(volume, device)) failure ??= error;
      }
    }
    if (this.#isDirty) yield* this.#save();
    if (failure !== undefined) throw failure;
  }

  /** All that lies there lies elsewhere, too. */
  #canLose(device: number): boolean {
    for (const place of this.#layers.places()) {
      const extents = extentsOf(place);
      const isThere = extents.some((extent) => deviceOf(extent) === device);
      const others = extents.filter((extent) => deviceOf(extent) !== device);
      if (isThere && !others.some((extent) => this.#members.isHealthy(extent))) return false;
    }
    return true;
  }

  #lies({ layer }: Volume, device: number): boolean {
    for (let one: Layer | undefined = layer; one; one = one.below)
      for (const place of one.places.values())
        if (extentsOf(place).some((extent) => deviceOf(extent) === device)) return true;
    return false;
  }

  *#save(): Task<void> {
    const released = this.#released;
    this.#released = [];
    try {
      yield* this.#store.save({
        chunkBytes: this.chunkBytes,
        devices: this.#members.list.map(({ extents, isFailed, name }) => ({
          name,
          isFailed,
          extents: extents.count,
        })),
        layers: this.#layers.save(),
        volumes: this.volumes.map(
          ({ bytes, layer, layout, name, readOnly }): Plain => ({
            name,
            bytes,
            layout,
            readOnly,
            layer: layer.id,
          }),
        ),
      });
    } catch (error) {
      this.#released = [...released, ...this.#released];
      throw error;
    }
    this.#isDirty = false;
    for (const extent of released) this.#members.release(extent);
  }

  #release(place: number | undefined): void {
    this.#released.push(...extentsOf(place ?? ZEROS));
  }

  /** Puts a whole chunk into extents of its own. */
  *#replace(volume: Volume, chunk: number, whole: Uint8Array): Task<void> {
    const extents = this.#members.take(volume.layout, chunk);
    const place = placeOf(extents);
    try {
      yield* this.#members.write(place, 0, whole);
    } catch (error) {
      this.#release(place);
      this.#isDirty = true;
      throw error;
    }
    this.#release(volume.layer.places.get(chunk));
    volume.layer.places.set(chunk, place);
    this.#isDirty = true;
  }

  /**
   * Gives up to `extentsMax` chunks of mirrors that have one copy a second one, on another device. Returns how
   * many still wait for it. Throws `WV_NO_SPACE` if there is no such device.
   */
  rebuild(extentsMax = 16): Wait<number> {
    const pool = this;
    return this.#run(function* () {
      let done = 0;
      let left = 0;
      for (const { chunk, layer, place } of pool.#lone()) {
        if (done >= extentsMax) left++;
        else {
          yield* pool.#copyOf(layer, chunk, place);
          done++;
        }
      }
      yield* pool.#commit();
      return left;
    });
  }

  #lone(): { layer: Layer; chunk: number; place: number }[] {
    const mirrored = new Set<Layer>();
    for (const { layer, layout } of this.volumes)
      if (layout === "mirrored")
        for (let one: Layer | undefined = layer; one; one = one.below) mirrored.add(one);
    return [...mirrored].flatMap((layer) =>
      [...layer.places]
        .filter(([, place]) => place !== ZEROS && this.#copies(place) < 2)
        .map(([chunk, place]) => ({ layer, chunk, place })),
    );
  }

  #copies(place: number): number {
    return extentsOf(place).filter((extent) => this.#members.isHealthy(extent)).length;
  }

  *#copyOf(layer: Layer, chunk: number, place: number): Task<void> {
    const extents = extentsOf(place);
    const kept = extents.filter((extent) => this.#members.isHealthy(extent));
    if (kept.length === 0) return; // Nothing to copy: whoever reads it is told.
    const copy = this.#members.takeBeside(kept);
    const bytes = new Uint8Array(this.chunkBytes);
    yield* this.#members.read(place, 0, bytes);
    yield* this.#members.write(placeOf([copy]), 0, bytes);
    this.#released.push(...extents.filter((extent) => !kept.includes(extent)));
    layer.places.set(chunk, placeOf([...kept, copy]));
    this.#isDirty = true;
  }

  /** Chunks of mirrors with only one copy. */
  get degradedChunks(): number {
    return this.#lone().length;
  }

  /** Counts all that maps say, and compares it with what is thought to be used. */
  check(): PoolCheck {
    return checkPool({
      places: this.#layers.places(),
      released: this.#released,
      devices: this.#members.list,
    });
  }

  /** @internal For `Volume.map`. */
  placeNames(place: number): { readonly device: string; readonly offset: number }[] {
    return extentsOf(place).map((extent) => ({
      device: this.#members.list[deviceOf(extent)]?.name ?? "?",
      offset: indexOf(extent) * this.chunkBytes,
    }));
  }

  /** Flushes, and closes all devices. */
  close(): Wait<void> {
    const pool = this;
    return this.#run(function* () {
      yield* pool.#commit();
      for (const { backend } of pool.#members.list) {
        const closing = backend.close?.();
        if (isPromiseLike(closing)) yield* wait(closing);
      }
    });
  }
}

function checked(state: Plain): StateFields {
  return new StateFields("pool", state);
}

function checkBytes(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes % 512 === 0) return;
  throw new WasmvisorError("WV_CONFIG", `volume: size expected a multiple of 512, got ${bytes}`);
}
