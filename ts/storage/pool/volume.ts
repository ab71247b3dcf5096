import { WasmvisorError } from "../../base/errors.ts";
import { startAll, type Wait } from "../../base/task.ts";
import type { BlockBackend, BlockExtent } from "../../machine/block.ts";
import { ZEROS } from "./extents.ts";
import type { Layer } from "./layers.ts";
import type { Pool } from "./pool.ts";

/** How chunks are laid onto devices. */
export type VolumeLayout = "linear" | "striped" | "mirrored";

/** Where a part of a volume lies. */
export interface MappedRange {
  readonly offset: number;
  readonly bytes: number;
  /** Each copy: device, and offset on it. None: it reads as zeros. */
  readonly copies: readonly { readonly device: string; readonly offset: number }[];
}

/** A volume of a pool, or a snapshot, as a disk. */
export class Volume implements BlockBackend {
  readonly name: string;
  readonly layout: VolumeLayout;
  readonly readOnly: boolean;
  /** @internal Set by the pool, when it grows. */
  bytes: number;
  /** @internal Its map. */
  layer: Layer;
  readonly #pool: Pool;

  /** @internal Made by `Pool`. */
  constructor(
    pool: Pool,
    parts: {
      readonly name: string;
      readonly bytes: number;
      readonly layout: VolumeLayout;
      readonly readOnly: boolean;
      readonly layer: Layer;
    },
  ) {
    this.#pool = pool;
    this.name = parts.name;
    this.layout = parts.layout;
    this.readOnly = parts.readOnly;
    this.bytes = parts.bytes;
    this.layer = parts.layer;
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    this.#check(offset, into.length);
    return startAll(this.#pieces(offset, into.length), ({ at, bytes, chunk, within }) =>
      this.#pool.readChunk(this, chunk, within, into.subarray(at, at + bytes)),
    );
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    this.#checkWrite(offset, from.length);
    return startAll(this.#pieces(offset, from.length), ({ at, bytes, chunk, within }) =>
      this.#pool.writeChunk(this, chunk, within, from.subarray(at, at + bytes)),
    );
  }

  flush(): Wait<void> {
    return this.readOnly ? undefined : this.#pool.flush(this);
  }

  /** Whole chunks give their room back; the rest is overwritten with zeros. */
  discard(offset: number, bytes: number): Wait<void> {
    this.#checkWrite(offset, bytes);
    return startAll(this.#pieces(offset, bytes), (piece) => {
      const { at, chunk, within } = piece;
      const isWhole =
        within === 0 &&
        (piece.bytes === this.#pool.chunkBytes || offset + at + piece.bytes === this.bytes);
      if (isWhole) return this.#pool.dropChunk(this, chunk);
      if (this.layer.find(chunk) === ZEROS) return;
      return this.#pool.writeChunk(this, chunk, within, new Uint8Array(piece.bytes));
    });
  }

  extent(offset: number, bytes: number): BlockExtent {
    this.#check(offset, bytes);
    let known: boolean | undefined;
    let length = 0;
    for (const { bytes: part, chunk } of this.#pieces(offset, bytes)) {
      const isZero = this.layer.find(chunk) === ZEROS;
      known ??= isZero;
      if (isZero !== known) break;
      length += part;
    }
    return { bytes: length, isZero: known ?? true, isAllocated: !(known ?? true) };
  }

  /** Where all of it lies; neighbours of one kind as one. */
  map(): MappedRange[] {
    const ranges: { offset: number; bytes: number; copies: MappedRange["copies"] }[] = [];
    for (const { at, bytes, chunk } of this.#pieces(0, this.bytes)) {
      const copies = this.#pool.placeNames(this.layer.find(chunk));
      const last = ranges.at(-1);
      const goesOn =
        last?.copies.length === copies.length &&
        copies.every(({ device, offset }, i) => {
          const before = last.copies[i];
          return before?.device === device && before.offset + last.bytes === offset;
        });
      if (last && goesOn) last.bytes += bytes;
      else ranges.push({ offset: at, bytes, copies });
    }
    return ranges;
  }

  *#pieces(offset: number, bytes: number) {
    const { chunkBytes } = this.#pool;
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
