/**
 * What all parts of a pool work on: devices, maps, and how they are made safe. What a crash may cost is what was not
 * flushed: data is written, then flushed, then the maps; what the maps do not need any more is free only after that.
 */
import type { Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, type Wait, wait } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";
import { StateFields } from "../../machine/state-fields.ts";
import {
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  DEVICES_MAX,
  deviceOf,
  EXTENTS_MAX,
  ExtentTable,
  extentsOf,
  indexOf,
  ZEROS,
} from "./extents.ts";
import { IntentLog } from "./intent-log.ts";
import { damaged, type Layer, LayerSet } from "./layers.ts";
import { Members, MissingDevice } from "./members.ts";
import { MetadataStore } from "./metadata.ts";
import { Serial } from "./serial.ts";
import { isLayout, type VolumeState } from "./volume-state.ts";

export const VOLUMES_MAX = 1024;

type Saved = { readonly layers: readonly Plain[]; readonly volumes: readonly Plain[] };

export class PoolCore {
  readonly chunkBytes: number;
  readonly members: Members;
  readonly layers = new LayerSet((place) => this.release(place));
  readonly volumes = new Map<string, VolumeState>();
  readonly intents: IntentLog;
  /** The maps have changed since they were saved. */
  isDirty = false;
  /** Free once the maps are saved. */
  released: number[] = [];
  readonly #store: MetadataStore;
  readonly #serial = new Serial();
  /** Maps as they are on the disk. */
  #saved: Saved = { layers: [], volumes: [] };

  constructor(metadata: BlockBackend, store: MetadataStore, chunkBytes: number) {
    const core = this;
    this.#store = store;
    this.chunkBytes = chunkBytes;
    this.members = new Members(chunkBytes, () => core.#recordFailure());
    this.intents = new IntentLog(metadata, {
      chunkBytes,
      onFull: function* () {
        const failure = yield* core.#flushDevices();
        if (failure !== undefined) throw failure;
      },
    });
  }

  /** Reads what is known of a pool, and opens its devices. Throws `WV_DISK`. */
  static *load(metadata: BlockBackend, find: (name: string) => Wait<BlockBackend>): Task<PoolCore> {
    const store = new MetadataStore(metadata);
    const state = yield* store.load();
    try {
      const fields = new StateFields("pool", state);
      const chunkBytes = fields.integer("chunkBytes", CHUNK_BYTES_MAX);
      if (!isChunkSize(chunkBytes)) throw damaged(`chunks of ${chunkBytes} bytes`);
      const core = new PoolCore(metadata, store, chunkBytes);
      yield* core.#openDevices(fields, find);
      core.#restore(fields);
      core.#saved = core.#mapsNow();
      yield* core.intents.load();
      return core;
    } catch (error) {
      const isBad = error instanceof WasmvisorError && error.code === "WV_BAD_SNAPSHOT";
      throw isBad ? damaged(error.message) : error;
    }
  }

  *#openDevices(fields: StateFields, find: (name: string) => Wait<BlockBackend>): Task<void> {
    for (const one of fields.objectsUpTo("devices", DEVICES_MAX)) {
      const name = one.text("name");
      const count = one.integer("extents", EXTENTS_MAX);
      let backend: BlockBackend;
      let isFailed = one.flag("isFailed");
      try {
        backend = yield* wait(find(name));
        if (this.members.roomOf(backend) < count) throw damaged(`${name} is smaller than it was`);
      } catch (error) {
        backend = new MissingDevice(count * this.chunkBytes, error);
        this.isDirty ||= !isFailed;
        isFailed = true;
      }
      this.members.list.push({ name, backend, isFailed, extents: new ExtentTable(count) });
    }
  }

  #restore(fields: StateFields): void {
    for (const one of fields.objectsUpTo("layers", 2 * VOLUMES_MAX)) {
      const layer = this.layers.restore(one);
      for (const place of layer.places.values())
        for (const extent of extentsOf(place)) {
          const member = this.members.list[deviceOf(extent)];
          if (!member) throw damaged(`extent ${extent}`);
          member.extents.claim(indexOf(extent));
        }
    }
    for (const one of fields.objectsUpTo("volumes", VOLUMES_MAX)) {
      const layer = this.layers.byId.get(one.integer("layer"));
      const [name, layout] = [one.text("name"), one.text("layout")];
      const bytes = one.integer("bytes", Number.MAX_SAFE_INTEGER);
      if (!layer || !isLayout(layout) || bytes % 512 !== 0 || this.volumes.has(name))
        throw damaged(`volume "${name}"`);
      this.volumes.set(name, { name, bytes, layout, readOnly: one.flag("readOnly"), layer });
    }
  }

  /** One after the other: whoever changes maps is alone. */
  run<T>(task: () => Task<T>): Wait<T> {
    return this.#serial.run(task);
  }

  release(place: number | undefined): void {
    this.released.push(...extentsOf(place ?? ZEROS));
  }

  /** All that was written is safe; for a volume whose devices are well, others do not matter. */
  *commit(volume?: VolumeState): Task<void> {
    const failure = yield* this.#flushDevices(volume);
    if (this.isDirty) yield* this.save();
    if (failure !== undefined) throw failure;
  }

  /** Returns why one that matters could not be. One that nobody needs has failed from now on. */
  *#flushDevices(volume?: VolumeState): Task<unknown> {
    let failure: unknown;
    const unflushed = new Set<number>();
    for (const [device, member] of this.members.list.entries()) {
      if (member.isFailed && this.#canLose(device)) continue;
      try {
        yield* wait(member.backend.flush());
      } catch (error) {
        if (this.#canLose(device)) {
          member.isFailed = true;
          this.isDirty = true;
          continue;
        }
        unflushed.add(device);
        if (!volume || lies(volume, device)) failure ??= error;
      }
    }
    this.intents.settle(unflushed);
    return failure;
  }

  /** All that lies there lies elsewhere, too. */
  #canLose(device: number): boolean {
    for (const place of this.layers.places()) {
      const extents = extentsOf(place);
      const isThere = extents.some((extent) => deviceOf(extent) === device);
      const others = extents.filter((extent) => deviceOf(extent) !== device);
      if (isThere && !others.some((extent) => this.members.isHealthy(extent))) return false;
    }
    return true;
  }

  /** What the maps name must have been flushed. */
  *save(): Task<void> {
    const released = this.released;
    this.released = [];
    const maps = this.#mapsNow();
    try {
      yield* this.#write(maps);
    } catch (error) {
      this.released = [...released, ...this.released];
      throw error;
    }
    this.#saved = maps;
    this.isDirty = false;
    for (const extent of released) this.members.release(extent);
  }

  /**
   * A device has failed: that is on record before anything goes on, for it must not come back as it was. Maps stay
   * as they were saved, for what newer ones name may not have been flushed.
   */
  *#recordFailure(): Task<void> {
    this.isDirty = true;
    yield* this.#write(this.#saved);
  }

  #mapsNow(): Saved {
    return {
      layers: this.layers.save(),
      volumes: [...this.volumes.values()].map(({ layer, ...rest }) => ({
        ...rest,
        layer: layer.id,
      })),
    };
  }

  #write(maps: Saved): Task<void> {
    return this.#store.save({
      chunkBytes: this.chunkBytes,
      devices: this.members.list.map(({ extents, isFailed, name }) => ({
        name,
        isFailed,
        extents: extents.count,
      })),
      ...maps,
    });
  }
}

export const isChunkSize = (bytes: number): boolean =>
  Number.isInteger(Math.log2(bytes)) && bytes >= CHUNK_BYTES_MIN && bytes <= CHUNK_BYTES_MAX;

function lies({ layer }: VolumeState, device: number): boolean {
  for (let one: Layer | undefined = layer; one; one = one.below)
    for (const place of one.places.values())
      if (extentsOf(place).some((extent) => deviceOf(extent) === device)) return true;
  return false;
}
