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
import { dataOffset } from "./label.ts";
import type { VolumeLayout } from "./volume-state.ts";

/** A device of a pool: its name is what whoever opens the pool finds it by. */
export interface PoolDevice {
  readonly name: string;
  readonly backend: BlockBackend;
  /**
   * Given: it is written to the first 4 KiB of the device, and what is found under its name later must show it.
   * Give one that no other device has had.
   */
  readonly id?: string | undefined;
}

export interface Member {
  readonly name: string;
  /** "": it shows none. */
  readonly id: string;
  readonly extents: ExtentTable;
  backend: BlockBackend;
  isFailed: boolean;
  /** Those that failed later know what those before them have missed. Those that were missed together are equal. */
  failedAt: number;
  /** Why it has failed, as far as this process has seen it. */
  problem?: string | undefined;
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
  roomOf({ bytes }: BlockBackend, id: string): number {
    const room = Math.floor((bytes - dataOffset(id)) / this.chunkBytes);
    return Math.max(0, Math.min(EXTENTS_MAX, room));
  }

  /** Throws `WV_LIMIT`, and `WV_CONFIG` for one that is there already or has no room. */
  join(device: PoolDevice): void {
    if (this.list.length >= DEVICES_MAX)
      throw new WasmvisorError("WV_LIMIT", `pool: more than ${DEVICES_MAX} devices`);
    if (this.list.some((member) => member.name === device.name))
      throw new WasmvisorError("WV_CONFIG", `pool: device "${device.name}" is in it already`);
    this.list.push(this.#empty(device));
  }

  /** Nothing lies on what was there. */
  replace(at: number, device: PoolDevice): void {
    this.list[at] = this.#empty(device);
  }

  #empty(device: PoolDevice): Member {
    this.mustHaveRoom(device);
    const { backend, id = "", name } = device;
    const extents = new ExtentTable(this.roomOf(backend, id));
    return { name, id, backend, isFailed: false, failedAt: 0, extents };
  }

  /** Throws `WV_CONFIG`. */
  mustHaveRoom({ backend, id = "", name }: PoolDevice): void {
    if (this.roomOf(backend, id) > 0) return;
    throw new WasmvisorError(
      "WV_CONFIG",
      `pool: device "${name}" of ${backend.bytes} bytes has no room for a chunk of ${this.chunkBytes}; make it larger`,
    );
  }

  /** Nobody uses it until it comes back, or another one in its place. */
  fail(member: Member, why: unknown, at = this.failures + 1): void {
    member.isFailed = true;
    member.failedAt = at;
    member.problem = why instanceof Error ? why.message : String(why);
  }

  /** The last failure, as they are counted. */
  get failures(): number {
    return this.list.reduce((last, { failedAt }) => Math.max(last, failedAt), 0);
  }

  /** Where an extent begins on its device. */
  offsetOf(extent: number): number {
    const id = this.list[deviceOf(extent)]?.id ?? "";
    return dataOffset(id) + indexOf(extent) * this.chunkBytes;
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
        yield* wait(member.backend.read(this.offsetOf(extent) + within, into));
        return;
      } catch (error) {
        failure = error;
        yield* this.#note(extent, extents, error);
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
        yield* wait(member.backend.write(this.offsetOf(extent) + within, from));
        written++;
      } catch (error) {
        failure = error;
        yield* this.#note(extent, extents, error);
      }
    }
    if (written === 0) throw failure;
  }

  /** Writes one copy of `extents`; one that cannot be written has failed. */
  *writeLeg(extent: number, extents: readonly number[], from: Uint8Array): Task<void> {
    const member = this.list[deviceOf(extent)] as Member;
    try {
      yield* wait(member.backend.write(this.offsetOf(extent), from));
    } catch (error) {
      yield* this.#note(extent, extents, error);
    }
  }

  /** A device whose other copy is well is left out from now on. */
  *#note(extent: number, extents: readonly number[], why: unknown): Task<void> {
    const hasOther = extents.some((other) => other !== extent && this.isHealthy(other));
    const member = this.list[deviceOf(extent)] as Member;
    if (!hasOther || member.isFailed) return;
    this.fail(member, why);
    yield* this.#onFailure();
  }
}

const bothFailed = (): unknown =>
  new WasmvisorError("WV_DISK", "pool: both copies are on failed devices");

function noSpace(why: string): WasmvisorError {
  return new WasmvisorError("WV_NO_SPACE", `pool: ${why}`);
}

/** In place of a device that could not be opened: all fails, and so nothing was written that could be flushed. */
export class MissingDevice implements BlockBackend {
  readonly readOnly = false;
  readonly bytes: number;
  cause: unknown;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  read(): never {
    throw this.cause;
  }

  write(): never {
    throw this.cause;
  }

  flush(): void {
    // Nothing of this is on the way to it.
  }
}
