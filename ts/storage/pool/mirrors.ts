/** The two legs of mirrors: made equal after a crash, and a second copy made of what has lost one. */
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { closeQuietly, type PoolCore } from "./core.ts";
import { deviceOf, extentsOf, placeOf, ZEROS } from "./extents.ts";
import { writeLabel } from "./label.ts";
import type { Layer } from "./layers.ts";
import type { PoolDevice } from "./members.ts";

interface Lone {
  readonly layer: Layer;
  readonly chunk: number;
  readonly place: number;
}

/** What opening a pool has found in the regions that were being written when it was left. */
export interface Resync {
  /** Chunks that were compared, and those of them whose copies differed. */
  readonly compared: number;
  readonly mended: number;
}

export class Mirrors {
  readonly #core: PoolCore;
  /** What lacks a copy, as far as it was seen. */
  #queue: Lone[] = [];
  /** Chunks that were given a second copy since the pool was opened. */
  rebuilt = 0;
  /** Nothing lacked a copy when it was looked for, and nothing has happened since. */
  #isWhole = false;

  constructor(core: PoolCore) {
    this.#core = core;
  }

  /** Chunks with fewer copies than they should have. */
  degraded(): number {
    return this.#lone().length;
  }

  #lone(): Lone[] {
    const { layers, volumes } = this.#core;
    const mirrored = new Set<Layer>();
    for (const { layer, layout } of volumes.values())
      if (layout === "mirrored")
        for (let one: Layer | undefined = layer; one; one = one.below) mirrored.add(one);
    return [...mirrored]
      .filter(({ id }) => layers.byId.has(id))
      .flatMap((layer) =>
        [...layer.places]
          .filter(([, place]) => place !== ZEROS && this.#healthy(place).length < 2)
          .map(([chunk, place]) => ({ layer, chunk, place })),
      );
  }

  #healthy(place: number): number[] {
    return extentsOf(place).filter((extent) => this.#core.members.isHealthy(extent));
  }

  /** Gives up to `chunksMax` chunks a second copy; returns how many still wait. Throws `WV_NO_SPACE`. */
  *rebuild(chunksMax: number): Task<number> {
    if (this.#isWhole && !this.#core.members.hasFailed) return 0;
    let done = 0;
    try {
      while (done < chunksMax && this.#more() > 0) {
        const next = this.#queue.pop() as Lone;
        if (!this.#stillLacks(next)) continue;
        yield* this.#copy(next);
        done++;
      }
    } finally {
      if (done > 0) yield* this.#core.commit("none");
    }
    return this.#more();
  }

  /** What has no copy left that can be read cannot be helped. */
  #more(): number {
    if (this.#queue.length === 0)
      this.#queue = this.#lone()
        .filter(({ place }) => this.#healthy(place).length === 1)
        .reverse();
    this.#isWhole = this.#queue.length === 0;
    return this.#queue.length;
  }

  #stillLacks({ chunk, layer, place }: Lone): boolean {
    const isThere = this.#core.layers.byId.get(layer.id) === layer;
    return isThere && layer.places.get(chunk) === place && this.#healthy(place).length === 1;
  }

  *#copy({ chunk, layer, place }: Lone): Task<void> {
    const { chunkBytes, members } = this.#core;
    const kept = this.#healthy(place);
    const copy = members.takeBeside(kept);
    try {
      const bytes = new Uint8Array(chunkBytes);
      yield* members.read(place, 0, bytes);
      yield* members.write(placeOf([copy]), 0, bytes);
    } catch (error) {
      this.#core.released.push(copy);
      this.#core.isDirty = true;
      throw error;
    }
    this.#core.released.push(...extentsOf(place).filter((extent) => !kept.includes(extent)));
    layer.places.set(chunk, placeOf([...kept, copy]));
    this.#core.isDirty = true;
    this.rebuilt++;
  }

  /** Makes the copies equal of all that may differ: the first one is what everybody has read. */
  *resync(): Task<Resync> {
    const { intents, layers } = this.#core;
    let compared = 0;
    let mended = 0;
    for (const place of layers.places()) {
      if (!intents.has(place) || this.#healthy(place).length < 2) continue;
      compared++;
      try {
        if (yield* this.#equalize(place)) mended++;
      } catch {
        // No copy of it can be read: whoever reads it is told, and all else is there.
      }
    }
    return { compared, mended };
  }

  /** True: they were different. A leg that fails meanwhile is one that has failed. */
  *#equalize(place: number): Task<boolean> {
    const { chunkBytes, intents, members } = this.#core;
    const [, second = 0] = extentsOf(place);
    const copies = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)] as const;
    yield* intents.mark(place); // Until it is flushed: a crash meanwhile changes nothing.
    yield* members.read(place, 0, copies[0]);
    if (this.#healthy(place).length < 2) return false;
    try {
      yield* wait(
        members.list[deviceOf(second)]?.backend.read(members.offsetOf(second), copies[1]),
      );
      if (isSame(copies[0], copies[1])) return false;
    } catch {
      // It is written over, and has failed if that fails, too.
    }
    yield* members.writeLeg(second, extentsOf(place), copies[0]);
    return true;
  }

  /** An empty device takes the place of one that has failed. Throws `WV_CONFIG` if something is only there. */
  *replaceLeg(at: number, device: PoolDevice): Task<void> {
    const { layers, members } = this.#core;
    const isThere = (extent: number): boolean => deviceOf(extent) === at;
    for (const place of layers.places())
      if (extentsOf(place).some(isThere) && this.#healthy(place).length === 0)
        throw new WasmvisorError(
          "WV_CONFIG",
          `pool: "${device.name}" has failed, and what lies on it lies nowhere else; remove such volumes first`,
        );
    members.mustHaveRoom(device);
    yield* writeLabel(device.backend, device.id ?? "");
    for (const { places } of layers.byId.values())
      for (const [chunk, place] of places)
        if (extentsOf(place).some(isThere))
          places.set(chunk, placeOf(extentsOf(place).filter((extent) => !isThere(extent))));
    this.#core.released = this.#core.released.filter((extent) => !isThere(extent));
    const former = members.list[at]?.backend;
    members.replace(at, device);
    this.lookAgain();
    if (former) yield* closeQuietly(former);
  }

  /** Something has happened to devices: what lacks a copy is to be looked for anew. */
  lookAgain(): void {
    this.#isWhole = false;
    this.#queue = [];
  }
}

/** Of two whole chunks. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const [left, right] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}
