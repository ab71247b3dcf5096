import { WasmvisorError } from "../../base/errors.ts";
import { startAll, type Wait } from "../../base/task.ts";
import type { BlockBackend, BlockExtent } from "../../machine/block.ts";
import { ZEROS } from "./extents.ts";
import type { VolumeLayout, VolumeState } from "./volume-state.ts";

/** Where a part of a volume lies. */
export interface MappedRange {
  readonly offset: number;
  readonly bytes: number;
  /** Each copy: device, and offset on it. None: it reads as zeros. */
  readonly copies: readonly { readonly device: string; readonly offset: number }[];
}

/** What reads and writes chunks for volumes. */
export interface VolumeStore {
  readonly chunkBytes: number;
  read(volume: VolumeState, chunk: number, within: number, into: Uint8Array): Wait<void>;
  write(volume: VolumeState, chunk: number, within: number, from: Uint8Array): Wait<void>;
  drop(volume: VolumeState, chunk: number): Wait<void>;
  flush(volume: VolumeState): Wait<void>;
  placeNames(place: number): MappedRange["copies"];
}

/** A volume of a pool, or a snapshot, as a disk. */
export class Volume implements BlockBackend {
  readonly #state: VolumeState;
  readonly #store: VolumeStore;

  /** @internal Made by `Pool`. */
  constructor(store: VolumeStore, state: VolumeState) {
    this.#store = store;
    this.#state = state;
  }

  get name(): string {
    return this.#state.name;
  }
  get layout(): VolumeLayout {
    return this.#state.layout;
  }
  get readOnly(): boolean {
    return this.#state.readOnly;
  }
  get bytes(): number {
    return this.#state.bytes;
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    this.#check(offset, into.length);
    return startAll(this.#pieces(offset, into.length), ({ at, bytes, chunk, within }) =>
      this.#store.read(this.#state, chunk, within, into.subarray(at, at + bytes)),
    );
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    this.#checkWrite(offset, from.length);
    return startAll(this.#pieces(offset, from.length), ({ at, bytes, chunk, within }) =>
      this.#store.write(this.#state, chunk, within, from.subarray(at, at + bytes)),
    );
  }

  flush(): Wait<void> {
    return this.readOnly ? undefined : this.#store.flush(this.#state);
  }

  /** Whole chunks give their room back; the rest is overwritten with zeros. */
  discard(offset: number, bytes: number): Wait<void> {
    this.#checkWrite(offset, bytes);
    return startAll(this.#pieces(offset, bytes), (piece) => {
      const { at, chunk, within } = piece;
      const isWhole =
        within === 0 &&
        (piece.bytes === this.#store.chunkBytes || offset + at + piece.bytes === this.bytes);
      if (isWhole) return this.#store.drop(this.#state, chunk);
      if (this.#state.layer.find(chunk) === ZEROS) return;
      return this.#store.write(this.#state, chunk, within, new Uint8Array(piece.bytes));
    });
  }

  extent(offset: number, bytes: number): BlockExtent {
    this.#check(offset, bytes);
    let known: boolean | undefined;
    let length = 0;
    for (const { bytes: part, chunk } of this.#pieces(offset, bytes)) {
      const isZero = this.#state.layer.find(chunk) === ZEROS;
      known ??= isZero;
      if (isZero !== known) break;
      length += part;
    }
    return { bytes: length, isZero: known ?? true, isAllocated: !(known ?? true) };
  }

  /** Where all of it lies; neighbours of one kind as one. */
  map(): MappedRange[] {
    const { chunkBytes } = this.#store;
    const ranges: { offset: number; bytes: number; copies: MappedRange["copies"] }[] = [];
    const add = (offset: number, bytes: number, copies: MappedRange["copies"]): void => {
      const last = ranges.at(-1);
      if (last && goesOn(last, copies)) last.bytes += bytes;
      else ranges.push({ offset, bytes, copies });
    };
    let at = 0;
    for (const chunk of [...this.#state.layer.chunks()].sort((a, b) => a - b)) {
      const [from, end] = [chunk * chunkBytes, Math.min(this.bytes, (chunk + 1) * chunkBytes)];
      if (from >= this.bytes) break;
      if (from > at) add(at, from - at, []);
      add(from, end - from, this.#store.placeNames(this.#state.layer.find(chunk)));
      at = end;
    }
    if (at < this.bytes) add(at, this.bytes - at, []);
    return ranges;
  }

  *#pieces(offset: number, bytes: number) {
    const { chunkBytes } = this.#store;
    for (let at = 0; at < bytes; ) {
      const within = (offset + at) % chunkBytes;
      const count = Math.min(bytes - at, chunkBytes - within);
      yield { at, within, bytes: count, chunk: Math.floor((offset + at) / chunkBytes) };
      at += count;
    }
  }

  #check(offset: number, bytes: number): void {
    if (offset >= 0 && offset + bytes <= this.bytes) return;
    throw new WasmvisorError(
      "WV_DISK",
      `volume "${this.name}": ${bytes} bytes at ${offset} are beyond its end`,
    );
  }

  #checkWrite(offset: number, bytes: number): void {
    this.#check(offset, bytes);
    if (this.readOnly) throw new WasmvisorError("WV_DISK", `volume "${this.name}" is a snapshot`);
  }
}

function goesOn(before: MappedRange, copies: MappedRange["copies"]): boolean {
  return (
    before.copies.length === copies.length &&
    copies.every(({ device, offset }, i) => {
      const copy = before.copies[i];
      return copy?.device === device && copy.offset + before.bytes === offset;
    })
  );
}
