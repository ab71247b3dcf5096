/**
 * Which regions of mirrors may be different on their two legs, because writes are under way there: on record before
 * the first write to a region, and for as long as nothing else asks for the room. After a crash only these are
 * compared. The record is at the end of the disk that holds the pool's metadata, twice, written in turn:
 *
 *   "WVWI"  u32 CRC-32 of what follows  f64 generation  u32 regions, their number  u32 each
 */
import { crc32 } from "../../base/crc32.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { type BlockBackend, SECTOR_BYTES } from "../../machine/block.ts";
import { deviceOf, extentsOf } from "./extents.ts";

const MAGIC = 0x4957_5657;
const RECORD_BYTES = 4096;
const HEADER_BYTES = 20;
/** What the log takes of the end of the disk. */
export const INTENT_BYTES = 2 * RECORD_BYTES;
const REGION_BYTES = 4 * 1024 * 1024;
const REGIONS_MAX = 512;

export class IntentLog {
  readonly #disk: BlockBackend;
  readonly #regionExtents: number;
  /** All devices are to be flushed, and `settle` called: too many regions are being written. */
  readonly #onFull: () => Task<void>;
  /** On the disk, those used least recently first. */
  #recorded = new Set<number>();
  /** Written since they were flushed, and the devices that must be. */
  readonly #open = new Map<number, Set<number>>();
  #generation = 0;

  constructor(
    disk: BlockBackend,
    options: { readonly chunkBytes: number; readonly onFull: () => Task<void> },
  ) {
    this.#disk = disk;
    this.#regionExtents = Math.max(1, REGION_BYTES / options.chunkBytes);
    this.#onFull = options.onFull;
  }

  #at(generation: number): number {
    const end = Math.floor(this.#disk.bytes / SECTOR_BYTES) * SECTOR_BYTES;
    return end - INTENT_BYTES + (generation % 2) * RECORD_BYTES;
  }

  /** A place counts to the region of its first copy. */
  #regionOf(place: number): number {
    return Math.floor((extentsOf(place)[0] ?? 0) / this.#regionExtents);
  }

  /** Takes what the pool was doing when it was open last. No record that is whole: nothing. */
  *load(): Task<void> {
    for (const parity of [0, 1]) {
      const record = new Uint8Array(RECORD_BYTES);
      yield* wait(this.#disk.read(this.#at(parity), record));
      const found = decode(record);
      if (!found || found.generation <= this.#generation) continue;
      this.#generation = found.generation;
      this.#recorded = new Set(found.regions);
    }
  }

  /** Whether the copies of a place may differ. */
  has(place: number): boolean {
    return extentsOf(place).length > 1 && this.#recorded.has(this.#regionOf(place));
  }

  /** Before a place is written: its region is on record when this ends. */
  *mark(place: number): Task<void> {
    const extents = extentsOf(place);
    if (extents.length < 2) return;
    const region = this.#regionOf(place);
    if (!this.#recorded.has(region)) yield* this.#record(region);
    const devices = this.#open.get(region) ?? new Set();
    for (const extent of extents) devices.add(deviceOf(extent));
    this.#open.set(region, devices);
  }

  *#record(region: number): Task<void> {
    if (this.#recorded.size >= REGIONS_MAX) {
      if (this.#open.size >= REGIONS_MAX / 2) yield* this.#onFull();
      for (const old of this.#recorded) {
        if (this.#recorded.size < REGIONS_MAX / 2) break;
        if (!this.#open.has(old)) this.#recorded.delete(old);
      }
      if (this.#recorded.size >= REGIONS_MAX)
        throw new WasmvisorError(
          "WV_DISK",
          "pool: too much is written to devices that cannot flush",
        );
    }
    this.#recorded.add(region);
    try {
      yield* this.#save();
    } catch (error) {
      this.#recorded.delete(region);
      throw error;
    }
  }

  /** What was written is on all devices but these: such regions need no comparing any more. */
  settle(unflushed: ReadonlySet<number>): void {
    for (const [region, devices] of this.#open)
      if (![...devices].some((device) => unflushed.has(device))) this.#open.delete(region);
  }

  /** The pool is closed, and all is flushed. */
  *clear(): Task<void> {
    if (this.#recorded.size === 0 || this.#open.size > 0) return;
    this.#recorded.clear();
    yield* this.#save();
  }

  *#save(): Task<void> {
    const generation = this.#generation + 1;
    yield* wait(this.#disk.write(this.#at(generation), encode(generation, this.#recorded)));
    yield* wait(this.#disk.flush());
    this.#generation = generation;
  }
}

function encode(generation: number, regions: ReadonlySet<number>): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const view = new DataView(record.buffer);
  view.setUint32(0, MAGIC, true);
  view.setFloat64(8, generation, true);
  view.setUint32(16, regions.size, true);
  let at = HEADER_BYTES;
  for (const region of regions) {
    view.setUint32(at, region, true);
    at += 4;
  }
  view.setUint32(4, crc32(record, 0, 8, RECORD_BYTES), true);
  return record;
}

function decode(record: Uint8Array): { generation: number; regions: number[] } | undefined {
  const view = new DataView(record.buffer);
  const isWhole =
    view.getUint32(0, true) === MAGIC &&
    view.getUint32(4, true) === crc32(record, 0, 8, RECORD_BYTES);
  const [generation, count] = [view.getFloat64(8, true), view.getUint32(16, true)];
  if (!isWhole || !Number.isSafeInteger(generation) || count > REGIONS_MAX) return undefined;
  const regions = Array.from({ length: count }, (_, i) =>
    view.getUint32(HEADER_BYTES + 4 * i, true),
  );
  return { generation, regions };
}
