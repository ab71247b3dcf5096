/**
 * Where the clusters of a disk are: an L1 table (kept in memory) of L2 tables of 64-bit entries.
 *
 *     63 refcount is 1   62 compressed   55..9 offset in the file   0 reads as zeros (version 3)
 *     compressed:        61..x sectors of 512 bytes beyond the first   x-1..0 offset, x = 70 - cluster bits
 */
import type { ImageFile } from "../image-file.ts";
import { badImage, REMEDY_CHECK, store64, TWO_32 } from "./format.ts";
import type { Slice, TableCache } from "./table-cache.ts";

const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const ZERO = 1;
const OFFSET_HI = 0x00ff_ffff;
const OFFSET_LO = 0xffff_fe00;
const FILE_OFFSET_MAX = 2 ** 53;

export interface CompressedEntry {
  readonly kind: "compressed";
  readonly offset: number;
  readonly bytes: number;
}

export interface PlainEntry {
  readonly kind: "data" | "zero";
  readonly offset: number;
  readonly isCopied: boolean;
}

/** What an L2 entry says. `offset` 0 of a zero cluster: no room is kept for it. */
export type Entry = { readonly kind: "none" } | PlainEntry | CompressedEntry;

export interface L1Place {
  readonly offset: number;
  readonly entries: number;
}

const NONE: Entry = { kind: "none" };

export class Mapping {
  readonly #file: ImageFile;
  readonly #cache: TableCache;
  readonly #clusterBits: number;
  readonly #clusterBytes: number;
  readonly #place: L1Place;
  readonly #l1: Float64Array;
  /** The L2 table belongs to this L1 table alone. */
  readonly #isCopied: Uint8Array;
  readonly #dirtyEntries = new Set<number>();

  constructor(
    file: ImageFile,
    cache: TableCache,
    shape: { readonly clusterBits: number; readonly l1: L1Place },
  ) {
    this.#file = file;
    this.#cache = cache;
    this.#clusterBits = shape.clusterBits;
    this.#clusterBytes = 2 ** shape.clusterBits;
    this.#place = shape.l1;
    const bytes = new Uint8Array(shape.l1.entries * 8);
    file.read(shape.l1.offset, bytes);
    const view = new DataView(bytes.buffer);
    this.#l1 = new Float64Array(shape.l1.entries);
    this.#isCopied = new Uint8Array(shape.l1.entries);
    for (let i = 0; i < shape.l1.entries; i++) {
      const [hi, lo] = [view.getUint32(8 * i), view.getUint32(8 * i + 4)];
      const offset = (hi & OFFSET_HI) * TWO_32 + ((lo & OFFSET_LO) >>> 0);
      if (offset % this.#clusterBytes !== 0 || offset >= Math.max(file.bytes, 1))
        throw badImage(
          file.path,
          `the L2 table at 0x${offset.toString(16)} is misaligned or not in the file; ${REMEDY_CHECK}`,
          shape.l1.offset + 8 * i,
        );
      this.#l1[i] = offset;
      this.#isCopied[i] = hi >>> 31;
    }
  }

  get l2Entries(): number {
    return this.#clusterBytes / 8;
  }

  /** Offsets of all L2 tables; 0: there is none. */
  get tables(): Float64Array {
    return this.#l1;
  }

  /** Index in L1 of the table for `cluster`. */
  tableOf(cluster: number): number {
    return Math.floor(cluster / this.l2Entries);
  }

  isTableCopied(index: number): boolean {
    return this.#isCopied[index] === 1;
  }

  /** From now on the table `index`, which is ours alone, is at `offset`. */
  setTable(index: number, offset: number): void {
    this.#l1[index] = offset;
    this.#isCopied[index] = 1;
    this.#dirtyEntries.add(index);
  }

  #sliceOf(cluster: number): { readonly slice: Slice; readonly at: number } | undefined {
    const table = this.#l1[this.tableOf(cluster)] ?? 0;
    if (table === 0) return undefined;
    const offset = table + 8 * (cluster % this.l2Entries);
    const slice = this.#cache.at(offset, "l2");
    return { slice, at: offset - slice.offset };
  }

  get(cluster: number): Entry {
    const found = this.#sliceOf(cluster);
    if (!found) return NONE;
    const { at, slice } = found;
    const hi = slice.view.getUint32(at);
    const lo = slice.view.getUint32(at + 4);
    if (hi === 0 && lo === 0) return NONE;
    if (hi & COMPRESSED) return this.#compressed(hi, lo, slice.offset + at);
    const offset = (hi & OFFSET_HI) * TWO_32 + ((lo & OFFSET_LO) >>> 0);
    const isZero = (lo & ZERO) !== 0;
    if (offset % this.#clusterBytes !== 0 || (offset >= this.#file.bytes && !isZero))
      throw badImage(
        this.#file.path,
        `the cluster at 0x${offset.toString(16)} is misaligned or not in the file; ${REMEDY_CHECK}`,
        slice.offset + at,
      );
    if (offset === 0 && !isZero) return NONE;
    return { kind: isZero ? "zero" : "data", offset, isCopied: (hi & COPIED) !== 0 };
  }

  #compressed(hi: number, lo: number, place: number): Entry {
    const shift = 70 - this.#clusterBits - 32;
    const offset = (hi & ((1 << shift) - 1) & 0x3fff_ffff) * TWO_32 + lo;
    const sectors = ((hi & 0x3fff_ffff) >>> shift) + 1;
    if (offset >= this.#file.bytes || offset >= FILE_OFFSET_MAX)
      throw badImage(
        this.#file.path,
        `the compressed cluster at 0x${offset.toString(16)} is not in the file; ${REMEDY_CHECK}`,
        place,
      );
    return { kind: "compressed", offset, bytes: sectors * 512 - (offset % 512) };
  }

  /** The L2 table for `cluster` must be there, and ours alone. */
  set(
    cluster: number,
    entry: { readonly kind: "none" | "data" | "zero"; readonly offset: number },
  ): void {
    const found = this.#sliceOf(cluster);
    if (!found) return;
    const { at, slice } = found;
    store64(slice.view, at, entry.offset);
    if (entry.kind === "zero") slice.view.setUint8(at + 7, ZERO);
    if (entry.offset !== 0) slice.view.setUint8(at, 0x80);
    this.#cache.changed(slice);
  }

  get isDirty(): boolean {
    return this.#dirtyEntries.size > 0 || this.#cache.hasDirty("l2");
  }

  /** Writes what has changed: L2 tables, then what names new ones. */
  write(): void {
    this.#cache.write("l2");
    const entry = new DataView(new ArrayBuffer(8));
    for (const index of this.#dirtyEntries) {
      store64(entry, 0, this.#l1[index] as number);
      if (this.#l1[index] !== 0) entry.setUint8(0, entry.getUint8(0) | 0x80);
      this.#file.write(this.#place.offset + 8 * index, new Uint8Array(entry.buffer));
    }
    this.#dirtyEntries.clear();
  }
}
