/** Devices of a pool: where extents are taken, read and written, and which of them have failed. */
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";
import {
  DEVICES_MAX,
  deviceOf,
  EXTENTS_MAX,
  ExtentTable,
  extentOf,
  extentsOf,
  indexOf,
} from "./extents.ts";
import type { VolumeLayout } from "./volume-state.ts";

/** A device of a pool: its name is what whoever opens the pool finds it by. */
export interface PoolDevice {
  readonly name: string;
  readonly backend: BlockBackend;
}

export interface Member extends PoolDevice {
  readonly extents: ExtentTable;
  isFailed: boolean;
}

export class Members {
  readonly list: Member[] = [];
  readonly chunkBytes: number;
  /** A device was found to have failed: that must be on record before anything goes on. */
  readonly #onFailure: () => Task<void>;

  constructor(chunkBytes: number, onFailure: () => Task<void>) {
    this.chunkBytes = chunkBytes;
    this.#onFailure = onFailure;
  }

  /** Extents that a device has room for. */
  roomOf({ bytes }: BlockBackend): number {
    return Math.min(EXTENTS_MAX, Math.floor(bytes / this.chunkBytes));
  }

  join({ backend, name }: PoolDevice): void {
    if (this.list.length >= DEVICES_MAX)
      throw new WasmvisorError("WV_LIMIT", `pool: more than ${DEVICES_MAX} devices`);
    if (this.list.some((member) => member.name === name))
      throw new WasmvisorError("WV_CONFIG", `pool: device "${name}" is in it already`);
    const extents = new ExtentTable(this.roomOf(backend));
    this.list.push({ name, backend, isFailed: false, extents });
  }

  /** Nothing lies on what was there. */
  replace(at: number, { backend, name }: PoolDevice): void {
    const extents = new ExtentTable(this.roomOf(backend));
    this.list[at] = { name, backend, isFailed: false, extents };
  }

  get hasFailed(): boolean {
    return this.list.some(({ isFailed }) => isFailed);
  }

  isHealthy(extent: number): boolean {
    return this.list[deviceOf(extent)]?.isFailed === false;
  }

  release(extent: number): void {
    this.list[deviceOf(extent)]?.extents.release(indexOf(extent));
  }

  /** Takes extents for a chunk. Throws `WV_NO_SPACE`. */
  take(layout: VolumeLayout, chunk: number): number[] {
    const copies = layout === "mirrored" ? 2 : 1;
    const order = layout === "mirrored" ? this.#emptiest() : this.#inTurn(layout, chunk);
    const extents: number[] = [];
    for (const device of order) {
      if (extents.length === copies) break;
      const member = this.list[device] as Member;
      const index = member.isFailed ? undefined : member.extents.take();
      if (index !== undefined) extents.push(extentOf(device, index));
    }
    // With a device lost, a mirror goes on with one copy, and has two again when it is rebuilt.
    if (extents.length === copies || (extents.length > 0 && this.hasFailed)) return extents;
    for (const extent of extents) this.release(extent);
    throw noSpace("no room is left; add a device, or remove volumes");
  }

  #inTurn(layout: VolumeLayout, chunk: number): number[] {
    const { length } = this.list;
    const from = layout === "linear" ? 0 : chunk;
    return Array.from({ length }, (_, i) => (from + i) % length);
  }

  /** Devices with the most room first: else one would be full before the others, which then have no partner. */
  #emptiest(): number[] {
    const free = (device: number): number => this.list[device]?.extents.freeCount ?? 0;
    return [...this.list.keys()].sort((a, b) => free(b) - free(a));
  }

  /** Takes one for the second copy of what lies in `kept`. */
  takeBeside(kept: readonly number[]): number {
    const device = this.#emptiest().find(
      (one) =>
        this.list[one]?.isFailed === false && !kept.some((extent) => deviceOf(extent) === one),
    );
    const index = this.list[device ?? -1]?.extents.take();
    if (device === undefined || index === undefined)
      throw noSpace("a mirror lacks a second device; add one");
    return extentOf(device, index);
  }

  *read(place: number, within: number, into: Uint8Array): Task<void> {
    const extents = extentsOf(place);
    if (extents.length === 0) {
      into.fill(0);
      return;
    }
    let failure = bothFailed();
    for (const extent of extents) {
      const member = this.list[deviceOf(extent)] as Member;
      if (member.isFailed && extents.length > 1) continue;
      try {
        yield* wait(member.backend.read(indexOf(extent) * this.chunkBytes + within, into));
        return;
      } catch (error) {
        failure = error;
        yield* this.#note(extent, extents);
      }
    }
    throw failure;
  }

  *write(place: number, within: number, from: Uint8Array): Task<void> {
    const extents = extentsOf(place);
    let written = 0;
    let failure = bothFailed();
    for (const extent of extents) {
      const member = this.list[deviceOf(extent)] as Member;
      if (member.isFailed && extents.length > 1) continue;
      try {
        yield* wait(member.backend.write(indexOf(extent) * this.chunkBytes + within, from));
        written++;
      } catch (error) {
        failure = error;
        yield* this.#note(extent, extents);
      }
    }
    if (written === 0) throw failure;
  }

  /** Writes one copy of `extents`; one that cannot be written has failed. */
  *writeLeg(extent: number, extents: readonly number[], from: Uint8Array): Task<void> {
    const member = this.list[deviceOf(extent)] as Member;
    try {
      yield* wait(member.backend.write(indexOf(extent) * this.chunkBytes, from));
    } catch {
      yield* this.#note(extent, extents);
    }
  }

  /** A device whose other copy is well is left out from now on. */
  *#note(extent: number, extents: readonly number[]): Task<void> {
    const hasOther = extents.some((other) => other !== extent && this.isHealthy(other));
    const member = this.list[deviceOf(extent)] as Member;
    if (!hasOther || member.isFailed) return;
    member.isFailed = true;
    yield* this.#onFailure();
  }
}

const bothFailed = (): unknown =>
  new WasmvisorError("WV_DISK", "pool: both copies are on failed devices");

function noSpace(why: string): WasmvisorError {
  return new WasmvisorError("WV_NO_SPACE", `pool: ${why}`);
}

/** In place of a device that could not be opened: all fails. */
export class MissingDevice implements BlockBackend {
  readonly readOnly = false;
  readonly bytes: number;
  readonly #cause: unknown;

  constructor(bytes: number, cause: unknown) {
    this.bytes = bytes;
    this.#cause = cause;
  }

  read(): never {
    throw this.#cause;
  }

  write(): never {
    throw this.#cause;
  }

  flush(): never {
    throw this.#cause;
  }
}
