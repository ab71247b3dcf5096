/**
 * Pieces of L2 tables and refcount blocks that are kept in memory, up to a number of bytes. Changed ones are
 * written only when whoever owns the cache says so, because the order matters (see `qcow2-disk.ts`).
 */
import type { ImageFile } from "../image-file.ts";

const SLICE_BYTES_MAX = 4096;

export type TableKind = "l2" | "refcounts";

export interface Slice {
  readonly offset: number;
  readonly kind: TableKind;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  isDirty: boolean;
}

export class TableCache {
  readonly sliceBytes: number;
  readonly #file: ImageFile;
  readonly #slices = new Map<number, Slice>();
  readonly #slicesMax: number;
  readonly #onPressure: () => void;
  readonly #dirty = new Set<Slice>();
  #last: Slice | undefined;

  /** `onPressure`: the cache is full of changed slices; write them. */
  constructor(
    file: ImageFile,
    options: {
      readonly clusterBytes: number;
      readonly cacheBytes: number;
      readonly onPressure: () => void;
    },
  ) {
    this.#file = file;
    this.sliceBytes = Math.min(options.clusterBytes, SLICE_BYTES_MAX);
    this.#slicesMax = Math.max(4, Math.floor(options.cacheBytes / this.sliceBytes));
    this.#onPressure = options.onPressure;
  }

  /** The slice in which the byte at `offset` of the file lies. */
  at(offset: number, kind: TableKind): Slice {
    const start = offset - (offset % this.sliceBytes);
    if (this.#last?.offset === start) return this.#last;
    let slice = this.#slices.get(start);
    if (slice) this.#slices.delete(start);
    else slice = this.#load(start, kind);
    this.#slices.set(start, slice); // Behind the others: the first is the one used least recently.
    this.#last = slice;
    return slice;
  }

  #load(offset: number, kind: TableKind): Slice {
    if (this.#slices.size >= this.#slicesMax) this.#makeRoom();
    const bytes = new Uint8Array(this.sliceBytes);
    this.#file.read(offset, bytes);
    return { offset, kind, bytes, view: new DataView(bytes.buffer), isDirty: false };
  }

  #makeRoom(): void {
    if (this.#dirty.size > this.#slicesMax / 2) this.#onPressure();
    for (const [offset, slice] of this.#slices) {
      if (slice.isDirty) continue;
      this.#slices.delete(offset);
      if (this.#last === slice) this.#last = undefined;
      return;
    }
  }

  changed(slice: Slice): void {
    if (slice.isDirty) return;
    slice.isDirty = true;
    this.#dirty.add(slice);
  }

  hasDirty(kind: TableKind): boolean {
    for (const slice of this.#dirty) if (slice.kind === kind) return true;
    return false;
  }

  /** Writes the changed slices of a kind, in the order of the file. */
  write(kind: TableKind): void {
    const slices = [...this.#dirty].filter((slice) => slice.kind === kind);
    for (const slice of slices.sort((a, b) => a.offset - b.offset)) {
      this.#file.write(slice.offset, slice.bytes);
      slice.isDirty = false;
      this.#dirty.delete(slice);
    }
  }

  /** The range is no table any more. */
  forget(offset: number, bytes: number): void {
    for (let at = offset; at < offset + bytes; at += this.sliceBytes) {
      const slice = this.#slices.get(at);
      if (!slice) continue;
      this.#dirty.delete(slice);
      this.#slices.delete(at);
      if (this.#last === slice) this.#last = undefined;
    }
  }
}
