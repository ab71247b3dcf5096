/**
 * Where a pool keeps what it knows: two slots, written in turn, so that one is whole whatever happens. Each slot:
 *
 *   "WVPL"  u32 bytes of the state  f64 generation  state (with a checksum of its own)
 *
 * The end of the second belongs to the intent log.
 */

import { decodeState, encodeState, type Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import { type BlockBackend, SECTOR_BYTES } from "../../machine/block.ts";
import { INTENT_BYTES } from "./intent-log.ts";

const MAGIC = 0x4c505657;
const HEADER_BYTES = 16;
const VERSION = 1;

export class MetadataStore {
  readonly #disk: BlockBackend;
  readonly #slotBytes: number;
  #generation = 0;

  constructor(disk: BlockBackend) {
    this.#disk = disk;
    this.#slotBytes = Math.floor(disk.bytes / 2 / SECTOR_BYTES) * SECTOR_BYTES;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The newest state that is whole. Throws `WV_DISK` if none is. */
  *load(): Task<Plain> {
    const found = [];
    for (const slot of [0, 1]) found.push(yield* this.#loadSlot(slot));
    const [a, b] = found;
    const newest = a && b ? (a.generation > b.generation ? a : b) : (a ?? b);
    if (!newest)
      throw new WasmvisorError(
        "WV_DISK",
        "pool: this is none, or both copies of its metadata are damaged",
      );
    this.#generation = newest.generation;
    return newest.state;
  }

  *#loadSlot(slot: number): Task<{ generation: number; state: Plain } | undefined> {
    const header = new Uint8Array(SECTOR_BYTES);
    yield* wait(this.#disk.read(slot * this.#slotBytes, header));
    const view = new DataView(header.buffer);
    const [bytes, generation] = [view.getUint32(4, true), view.getFloat64(8, true)];
    if (view.getUint32(0, true) !== MAGIC || bytes > this.#slotBytes - HEADER_BYTES)
      return undefined;
    if (!Number.isSafeInteger(generation) || generation < 1 || generation % 2 !== slot)
      return undefined;
    const all = new Uint8Array(roundUp(HEADER_BYTES + bytes));
    yield* wait(this.#disk.read(slot * this.#slotBytes, all));
    try {
      const state = decodeState(all.subarray(HEADER_BYTES, HEADER_BYTES + bytes), {
        version: VERSION,
        code: "WV_DISK",
      });
      // The generation is in what the checksum covers, too: a header of another write does not count.
      const inside = (state as { generation?: unknown }).generation;
      return inside === generation ? { generation, state } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Writes over the older copy; done when it is safe. Throws `WV_NO_SPACE` if it is too long. */
  *save(state: { readonly [key: string]: Plain | undefined }): Task<void> {
    const generation = this.#generation + 1;
    const encoded = encodeState({ ...state, generation }, VERSION);
    const slot = new Uint8Array(roundUp(HEADER_BYTES + encoded.length));
    if (slot.length > this.#slotBytes - INTENT_BYTES)
      throw new WasmvisorError(
        "WV_NO_SPACE",
        "pool: its metadata has outgrown its file; use larger chunks, or fewer snapshots",
      );
    const view = new DataView(slot.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, encoded.length, true);
    view.setFloat64(8, generation, true);
    slot.set(encoded, HEADER_BYTES);
    yield* wait(this.#disk.write((generation % 2) * this.#slotBytes, slot));
    yield* wait(this.#disk.flush());
    this.#generation = generation;
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
