/**
 * What all parts of a pool work on: devices, maps, and how they are made safe. What a crash may cost is what was not
 * flushed: data is written, then flushed, then the maps; what the maps do not need any more is free only after that.
 */
import type { Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { isPromiseLike, type Task, type Wait, wait } from "../../base/task.ts";
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
import { checkLabel, dataOffset, writeLabel } from "./label.ts";
import { damaged, type Layer, LayerSet } from "./layers.ts";
import { type Member, Members, MissingDevice } from "./members.ts";
import { MetadataStore } from "./metadata.ts";
import { Serial } from "./serial.ts";
import { isLayout, type VolumeState } from "./volume-state.ts";

export const VOLUMES_MAX = 1024;

/** Opens a device by its name. */
export type FindDevice = (name: string) => Wait<BlockBackend>;

type Saved = { readonly layers: readonly Plain[]; readonly volumes: readonly Plain[] };

export class PoolCore {
  readonly chunkBytes: number;
  readonly #metadata: BlockBackend;
  readonly members: Members;
  readonly layers = new LayerSet((place) => this.release(place));
  readonly volumes = new Map<string, VolumeState>();
  readonly intents: IntentLog;
  /** The maps have changed since they were saved. */
  isDirty = false;
  #isClosed = false;
  /** Free once the maps are saved. */
  released: number[] = [];
  readonly #store: MetadataStore;
  readonly #serial = new Serial();
  readonly #find: FindDevice | undefined;
  /** Maps as they are on the disk. */
  #saved: Saved = { layers: [], volumes: [] };

  constructor(
    metadata: BlockBackend,
    its: {
      readonly store: MetadataStore;
      readonly chunkBytes: number;
      readonly find?: FindDevice | undefined;
    },
  ) {
    const core = this;
    const { chunkBytes, find, store } = its;
    this.#metadata = metadata;
    this.#store = store;
    this.#find = find;
    this.chunkBytes = chunkBytes;
    this.members = new Members(chunkBytes, () => core.#recordFailure());
    this.intents = new IntentLog(metadata, {
      chunkBytes,
      onFull: function* () {
        yield* core.#flushDevices("none");
      },
    });
  }

  /** Reads what is known of a pool, and opens its devices. Throws `WV_DISK`. */
  static *load(metadata: BlockBackend, find: FindDevice): Task<PoolCore> {
    const store = new MetadataStore(metadata);
    const state = yield* store.load();
    let core: PoolCore | undefined;
    try {
      const fields = new StateFields("pool", state);
      const chunkBytes = fields.integer("chunkBytes", CHUNK_BYTES_MAX);
      if (!isChunkSize(chunkBytes)) throw damaged(`chunks of ${chunkBytes} bytes`);
      core = new PoolCore(metadata, { store, chunkBytes, find });
      yield* core.#openDevices(fields);
      core.#restore(fields);
      core.#saved = core.#mapsNow();
      yield* core.intents.load();
      return core;
    } catch (error) {
      yield* core?.closeDevices() ?? [];
      const isBad = error instanceof WasmvisorError && error.code === "WV_BAD_SNAPSHOT";
      throw isBad ? damaged(error.message) : error;
    }
  }

  *#openDevices(fields: StateFields): Task<void> {
    const its = fields.objectsUpTo("devices", DEVICES_MAX);
    const failures = its.map((one) => optionalInteger(one, "failedAt"));
    const missedAt = Math.max(0, ...failures) + 1; // Those that are missing now are missing together.
    for (const [i, one] of its.entries()) {
      const name = one.text("name");
      const id = one.raw("id") === undefined ? "" : one.text("id");
      const count = one.integer("extents", EXTENTS_MAX);
      const isFailed = one.flag("isFailed");
      const backend = new MissingDevice(dataOffset(id) + count * this.chunkBytes);
      const extents = new ExtentTable(count);
      const failedAt = failures[i] ?? 0;
      const member: Member = { name, id, backend, isFailed, failedAt, extents };
      this.members.list.push(member);
      try {
        member.backend = yield* this.findDevice(member);
      } catch (error) {
        if (isRefusal(error)) throw error;
        backend.cause = error;
        this.isDirty ||= !isFailed;
        this.members.fail(member, error, isFailed ? failedAt : missedAt);
      }
    }
  }

  /** Opens what is found under a member's name. Throws `WV_DISK` if it is not that device, or has become smaller. */
  *findDevice(member: Member): Task<BlockBackend> {
    const { extents, id, name } = member;
    if (!this.#find)
      throw new WasmvisorError("WV_CONFIG", `pool: nobody knows where to find "${name}"`);
    const backend = yield* wait(this.#find(name));
    try {
      if (this.members.roomOf(backend, id) < extents.count)
        throw new WasmvisorError("WV_DISK", `pool: device "${name}" is smaller than it was`);
      yield* checkLabel(backend, name, id);
      return backend;
    } catch (error) {
      yield* closeQuietly(backend);
      throw error;
    }
  }

  /** The device that came last shows its label, or does not belong to the pool. */
  *labelLast(): Task<void> {
    const { list } = this.members;
    const member = list.at(-1) as Member;
    try {
      yield* writeLabel(member.backend, member.id);
    } catch (error) {
      list.pop();
      throw error;
    }
  }

  *closeDevices(): Task<void> {
    for (const { backend } of this.members.list) yield* closeQuietly(backend);
  }

  /** All that is open, when all is flushed. */
  *close(): Task<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      yield* this.commit();
      yield* this.intents.clear();
    } finally {
      yield* this.closeDevices();
      yield* closeQuietly(this.#metadata);
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

  /**
   * Flushes devices, then saves the maps. Throws if that failed for a device on which something lies of `whose` that
   * lies nowhere else: of a volume, of all, or of none, for whom maps are enough.
   */
  *commit(whose: VolumeState | "all" | "none" = "all"): Task<void> {
    const failure = yield* this.#flushDevices(whose);
    if (this.isDirty) yield* this.save();
    if (failure !== undefined) throw failure;
  }

  /** Returns why one that matters could not be. One whose mirrors have other legs has failed from now on. */
  *#flushDevices(whose: VolumeState | "all" | "none"): Task<unknown> {
    let failure: unknown;
    const unflushed = new Set<number>();
    for (const [device, member] of this.members.list.entries()) {
      if (member.isFailed && !this.#holds(device, this.layers.places()).alone) continue;
      try {
        yield* wait(member.backend.flush());
      } catch (error) {
        const { alone, beside } = this.#holds(device, this.layers.places());
        // Its mirrors may lack what was written last, and go on without it.
        if (!member.isFailed && (beside || !alone)) {
          this.members.fail(member, error);
          this.isDirty = true;
        }
        if (!member.isFailed) unflushed.add(device);
        const its = typeof whose === "string" ? alone : this.#holds(device, placesOf(whose)).alone;
        if (its && whose !== "none") failure ??= error;
      }
    }
    this.intents.settle(unflushed);
    return failure;
  }

  /** What of these places lies on a device: something that no other one has that is well, and something that one has? */
  #holds(device: number, places: Iterable<number>): { alone: boolean; beside: boolean } {
    const holds = { alone: false, beside: false };
    for (const place of places) {
      const extents = extentsOf(place);
      if (!extents.some((extent) => deviceOf(extent) === device)) continue;
      const others = extents.filter((extent) => deviceOf(extent) !== device);
      if (others.some((extent) => this.members.isHealthy(extent))) holds.beside = true;
      else holds.alone = true;
      if (holds.alone && holds.beside) break;
    }
    return holds;
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
      devices: this.members.list.map(({ extents, failedAt, id, isFailed, name }) => ({
        name,
        ...(id !== "" && { id }),
        isFailed,
        ...(failedAt > 0 && { failedAt }),
        extents: extents.count,
      })),
      ...maps,
    });
  }
}

/** Of pools that were made before this field was. */
const optionalInteger = (fields: StateFields, name: string): number =>
  fields.raw(name) === undefined ? 0 : fields.integer(name);

/** Not that it is not there: whoever opens the pool must say something else, and nothing has failed. */
const isRefusal = (error: unknown): boolean =>
  error instanceof WasmvisorError && (error.code === "WV_CONFIG" || error.code === "WV_AUTH");

/** Of a device that nobody will use: what it has to say does not matter. */
export function* closeQuietly(backend: BlockBackend): Task<void> {
  try {
    const closing = backend.close?.();
    if (isPromiseLike(closing)) yield* wait(closing);
  } catch {
    // Nothing of it is needed any more.
  }
}

export const isChunkSize = (bytes: number): boolean =>
  Number.isInteger(Math.log2(bytes)) && bytes >= CHUNK_BYTES_MIN && bytes <= CHUNK_BYTES_MAX;

function* placesOf({ layer }: VolumeState): Generator<number> {
  for (let one: Layer | undefined = layer; one; one = one.below) yield* one.places.values();
}
