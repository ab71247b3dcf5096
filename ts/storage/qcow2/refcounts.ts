/**
 * Who uses the clusters of an image: a table (kept in memory) of blocks of counters of 1 to 64 bits. A cluster
 * with count 0 is free. New blocks count themselves; a table that is full moves behind everything else.
 */
import type { ImageFile } from "../image-file.ts";
import { badImage, load64, type Qcow2Header, REMEDY_CHECK, store64 } from "./format.ts";
import type { Slice, TableCache } from "./table-cache.ts";

const OFFSET_TABLE = 48;

export interface Run {
  /** Index of the first cluster. */
  readonly cluster: number;
  readonly count: number;
}

export class Refcounts {
  readonly #file: ImageFile;
  readonly #cache: TableCache;
  readonly #clusterBytes: number;
  readonly #bits: number;
  readonly #perBlock: number;
  readonly #max: number;
  /** Offset of each block; 0: none, all its clusters are free. */
  #table: Float64Array;
  #tableOffset: number;
  readonly #dirtyEntries = new Set<number>();
  /** No cluster before this one is free. */
  #guess = 0;
  /** Clusters that hold blocks or the table: nobody else may write them. */
  readonly own = new Set<number>();

  constructor(file: ImageFile, cache: TableCache, header: Qcow2Header) {
    this.#file = file;
    this.#cache = cache;
    this.#clusterBytes = 2 ** header.clusterBits;
    this.#bits = 2 ** header.refcountOrder;
    this.#perBlock = (this.#clusterBytes * 8) / this.#bits;
    this.#max = this.#bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** this.#bits - 1;
    this.#tableOffset = header.refcountTableOffset;
    this.#table = this.#readTable(header.refcountTableClusters);
  }

  #readTable(clusters: number): Float64Array {
    const bytes = new Uint8Array(clusters * this.#clusterBytes);
    this.#file.read(this.#tableOffset, bytes);
    const view = new DataView(bytes.buffer);
    const table = new Float64Array(bytes.length / 8);
    this.#ownAll(this.#tableOffset, clusters);
    for (let i = 0; i < table.length; i++) {
      const offset = load64(view, 8 * i);
      if (offset % this.#clusterBytes !== 0 || offset > this.#file.bytes)
        throw badImage(
          this.#file.path,
          `the refcount block at 0x${offset.toString(16)} is misaligned or not in the file; ${REMEDY_CHECK}`,
          this.#tableOffset + 8 * i,
        );
      table[i] = offset;
      if (offset !== 0) this.#ownAll(offset, 1);
    }
    return table;
  }

  #ownAll(offset: number, clusters: number): void {
    const first = offset / this.#clusterBytes;
    for (let i = 0; i < clusters; i++) this.own.add(first + i);
  }

  /** Clusters that the table can speak of. */
  get covered(): number {
    return this.#table.length * this.#perBlock;
  }

  get(cluster: number): number {
    const block = this.#table[Math.floor(cluster / this.#perBlock)] ?? 0;
    if (block === 0) return 0;
    const index = cluster % this.#perBlock;
    const bit = index * this.#bits;
    const offset = block + Math.floor(bit / 8);
    return this.#load(this.#cache.at(offset, "refcounts"), offset, bit & 7);
  }

  #load({ view, offset }: Slice, at: number, bit: number): number {
    const within = at - offset;
    switch (this.#bits) {
      case 8:
        return view.getUint8(within);
      case 16:
        return view.getUint16(within);
      case 32:
        return view.getUint32(within);
      case 64:
        return load64(view, within);
      default:
        return (view.getUint8(within) >> bit) & this.#max;
    }
  }

  set(cluster: number, count: number): void {
    this.#ensureBlock(cluster);
    const index = Math.floor(cluster / this.#perBlock);
    const bit = (cluster % this.#perBlock) * this.#bits;
    const offset = (this.#table[index] as number) + Math.floor(bit / 8);
    const slice = this.#cache.at(offset, "refcounts");
    this.#cache.changed(slice);
    this.#store(slice, offset - slice.offset, { bit: bit & 7, count });
    if (count === 0) this.#guess = Math.min(this.#guess, cluster);
  }

  #store(
    { view }: Slice,
    at: number,
    value: { readonly bit: number; readonly count: number },
  ): void {
    const { bit, count } = value;
    if (this.#bits === 8) view.setUint8(at, count);
    else if (this.#bits === 16) view.setUint16(at, count);
    else if (this.#bits === 32) view.setUint32(at, count);
    else if (this.#bits === 64) store64(view, at, count);
    else view.setUint8(at, (view.getUint8(at) & ~(this.#max << bit)) | (count << bit));
  }

  /** One user less. A count of 0 already is an image that is broken. */
  release(cluster: number): void {
    const count = this.get(cluster);
    if (count === 0)
      throw badImage(
        this.#file.path,
        `a cluster that is in use has refcount 0; ${REMEDY_CHECK}`,
        cluster * this.#clusterBytes,
      );
    this.set(cluster, count - 1);
  }

  /** Takes up to `wanted` free clusters in a row, at least one. */
  allocate(wanted: number): Run {
    let cluster = this.#guess;
    while (!this.#isFree(cluster)) cluster++;
    // The first cluster of a part without counters becomes the block of counters.
    if (this.#needsBlock(cluster)) {
      this.#ensureBlock(cluster);
      while (!this.#isFree(cluster)) cluster++;
    }
    let count = 0;
    while (count < wanted && this.#isFree(cluster + count) && !this.#needsBlock(cluster + count)) {
      this.set(cluster + count, 1);
      count++;
    }
    this.#guess = cluster + count;
    return { cluster, count };
  }

  #isFree(cluster: number): boolean {
    return !this.own.has(cluster) && this.get(cluster) === 0;
  }

  #needsBlock(cluster: number): boolean {
    return (this.#table[Math.floor(cluster / this.#perBlock)] ?? 0) === 0;
  }

  #ensureBlock(cluster: number): void {
    const index = Math.floor(cluster / this.#perBlock);
    if (index >= this.#table.length) this.#growTable(cluster);
    if (this.#table[index] === 0) this.#addBlock(index);
  }

  /** A block of counters at the beginning of what it counts, which is all free. */
  #addBlock(index: number): void {
    let cluster = index * this.#perBlock;
    while (this.own.has(cluster)) cluster++;
    const offset = cluster * this.#clusterBytes;
    this.#file.write(offset, new Uint8Array(this.#clusterBytes));
    this.#cache.forget(offset, this.#clusterBytes);
    this.#table[index] = offset;
    this.#dirtyEntries.add(index);
    this.own.add(cluster);
    this.set(cluster, 1);
  }

  /** A table that covers `cluster` and more, behind everything; the old one becomes free. */
  #growTable(cluster: number): void {
    const entriesOf = (clusters: number): number => (clusters * this.#clusterBytes) / 8;
    const first = this.covered;
    let tableClusters = Math.ceil((1.5 * (cluster / this.#perBlock + 2)) / entriesOf(1));
    let blocks = 1;
    // What is new must be counted, too: by blocks that are new as well.
    while (blocks * this.#perBlock < tableClusters + blocks) blocks++;
    tableClusters = Math.max(
      tableClusters,
      Math.ceil((this.#table.length + blocks + 1) / entriesOf(1)),
    );
    while (blocks * this.#perBlock < tableClusters + blocks) blocks++;
    const table = new Float64Array(entriesOf(tableClusters));
    table.set(this.#table);
    const before = {
      offset: this.#tableOffset,
      clusters: (this.#table.length * 8) / this.#clusterBytes,
    };
    this.#file.write((first + blocks + tableClusters) * this.#clusterBytes - 1, new Uint8Array(1));
    for (let i = 0; i < blocks; i++) {
      const offset = (first + i) * this.#clusterBytes;
      this.#file.write(offset, new Uint8Array(this.#clusterBytes));
      this.#cache.forget(offset, this.#clusterBytes);
      table[this.#table.length + i] = offset;
    }
    this.#table = table;
    this.#tableOffset = (first + blocks) * this.#clusterBytes;
    this.#ownAll(first * this.#clusterBytes, blocks + tableClusters);
    for (let i = 0; i < blocks + tableClusters; i++) this.set(first + i, 1);
    this.#switchTable(before);
  }

  /** Everything the new table speaks of is on disk before the header names it. */
  #switchTable(before: { readonly offset: number; readonly clusters: number }): void {
    this.#cache.write("refcounts");
    const bytes = new Uint8Array(this.#table.length * 8);
    const view = new DataView(bytes.buffer);
    for (const [i, offset] of this.#table.entries()) store64(view, 8 * i, offset);
    this.#file.write(this.#tableOffset, bytes);
    this.#file.sync();
    const fields = new DataView(new ArrayBuffer(12));
    store64(fields, 0, this.#tableOffset);
    fields.setUint32(8, bytes.length / this.#clusterBytes);
    this.#file.write(OFFSET_TABLE, new Uint8Array(fields.buffer));
    this.#file.sync();
    this.#dirtyEntries.clear();
    const first = before.offset / this.#clusterBytes;
    for (let i = 0; i < before.clusters; i++) {
      this.own.delete(first + i);
      this.set(first + i, 0);
    }
  }

  get isDirty(): boolean {
    return this.#dirtyEntries.size > 0 || this.#cache.hasDirty("refcounts");
  }

  /** Writes what has changed: blocks, then the entries of the table that name new ones. */
  write(): void {
    this.#cache.write("refcounts");
    if (this.#dirtyEntries.size === 0) return;
    this.#file.sync();
    const entry = new DataView(new ArrayBuffer(8));
    for (const index of this.#dirtyEntries) {
      store64(entry, 0, this.#table[index] as number);
      this.#file.write(this.#tableOffset + 8 * index, new Uint8Array(entry.buffer));
    }
    this.#dirtyEntries.clear();
  }
}
