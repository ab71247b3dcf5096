/** Chunks of volumes: read where they lie, written in place if they are the volume's own, else into a copy. */
import type { Task, Wait } from "../../base/task.ts";
import type { PoolCore } from "./core.ts";
import { deviceOf, extentsOf, placeOf, ZEROS } from "./extents.ts";
import type { VolumeStore } from "./volume.ts";
import type { VolumeState } from "./volume-state.ts";

export class Chunks implements VolumeStore {
  readonly #core: PoolCore;

  constructor(core: PoolCore) {
    this.#core = core;
  }

  get chunkBytes(): number {
    return this.#core.chunkBytes;
  }

  read(volume: VolumeState, chunk: number, within: number, into: Uint8Array): Wait<void> {
    const core = this.#core;
    return core.run(() => core.members.read(volume.layer.find(chunk), within, into));
  }

  write(volume: VolumeState, chunk: number, within: number, from: Uint8Array): Wait<void> {
    const core = this.#core;
    const chunks = this;
    return core.run(function* () {
      const own = volume.layer.places.get(chunk);
      if (own !== undefined && own !== ZEROS) {
        yield* core.intents.mark(own);
        return yield* core.members.write(own, within, from);
      }
      const whole = new Uint8Array(core.chunkBytes);
      if (from.length < whole.length) yield* core.members.read(volume.layer.find(chunk), 0, whole);
      whole.set(from, within);
      yield* chunks.replace(volume, chunk, whole);
    });
  }

  /** The chunk reads as zeros, and its room is free after the next flush. */
  drop(volume: VolumeState, chunk: number): Wait<void> {
    const core = this.#core;
    // biome-ignore lint/correctness/useYield: nothing of it waits, but it has its turn.
    return core.run(function* () {
      const { below, places } = volume.layer;
      core.release(places.get(chunk));
      if ((below?.find(chunk) ?? ZEROS) !== ZEROS) places.set(chunk, ZEROS);
      else places.delete(chunk);
      core.isDirty = true;
    });
  }

  flush(volume: VolumeState): Wait<void> {
    return this.#core.run(() => this.#core.commit(volume));
  }

  /**
   * Puts a whole chunk into extents of its own. No intent: until both copies were flushed no map that is saved
   * names them.
   */
  *replace(volume: VolumeState, chunk: number, whole: Uint8Array): Task<void> {
    const core = this.#core;
    const place = placeOf(core.members.take(volume.layout, chunk));
    try {
      yield* core.members.write(place, 0, whole);
    } catch (error) {
      core.release(place);
      core.isDirty = true;
      throw error;
    }
    core.release(volume.layer.places.get(chunk));
    volume.layer.places.set(chunk, place);
    core.isDirty = true;
  }

  /** Takes all the room of a volume now. */
  *fill(volume: VolumeState): Task<void> {
    const zeros = new Uint8Array(this.chunkBytes);
    for (let at = 0; at < volume.bytes; at += this.chunkBytes)
      yield* this.replace(volume, at / this.chunkBytes, zeros);
  }

  placeNames(place: number): { readonly device: string; readonly offset: number }[] {
    return extentsOf(place).map((extent) => ({
      device: this.#core.members.list[deviceOf(extent)]?.name ?? "?",
      offset: this.#core.members.offsetOf(extent),
    }));
  }
}
