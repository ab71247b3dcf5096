/**
 * A disk in a qcow2 image. All is synchronous. Tables are cached and written in an order that leaves, wherever
 * this process or the machine ends, at most clusters that are counted but that nobody uses:
 *
 *     data, refcounts that grew   --sync-->   L2, L1   --sync-->   refcounts that shrink
 *
 * That is why clusters that are given up wait in `#deferred`, and why a table is never written alone.
 */
import { type BlockBackend, type BlockExtent, SECTOR_BYTES } from "../../machine/block.ts";
import type { ImageFile } from "../image-file.ts";
import { readCompressed } from "./compressed.ts";
import { badImage, type Qcow2Header, REMEDY_CHECK } from "./format.ts";
import { type CompressedEntry, type Entry, Mapping } from "./mapping.ts";
import { readHeader } from "./read-header.ts";
import type { Refcounts, Run } from "./refcounts.ts";
import { type Qcow2Snapshot, readSnapshots } from "./snapshots.ts";
import { TableCache } from "./table-cache.ts";
import { prepareWriting } from "./writable.ts";

const DEFAULT_CACHE_BYTES = 8 * 1024 * 1024;
const DEFERRED_MAX = 16384;
/** Clusters that are allocated at once. */
const RUN_BYTES_MAX = 4 * 1024 * 1024;

/** What a disk reads that is based on another: synchronous, and smaller or larger than it. */
export interface BackingDisk {
  readonly bytes: number;
  read(offset: number, into: Uint8Array): void;
  extent?(offset: number, bytes: number): BlockExtent;
  refresh?(): void;
  close?(): void;
}

export interface Qcow2Options {
  readonly file: ImageFile;
  readonly readOnly: boolean;
  readonly backing?: BackingDisk | undefined;
  /** Read this internal snapshot (its name or id) instead of the disk as it is now. */
  readonly snapshot?: string | undefined;
  /** Bytes of tables that are kept in memory; 8 MiB by default. */
  readonly cacheBytes?: number | undefined;
}

export class Qcow2Disk implements BlockBackend, BackingDisk {
  readonly readOnly: boolean;
  readonly #file: ImageFile;
  readonly #options: Qcow2Options;
  readonly #backing: BackingDisk | undefined;
  #header!: Qcow2Header;
  #clusterBytes = 0;
  #cache!: TableCache;
  #mapping!: Mapping;
  /** Of disks that are written. */
  #refcounts: Refcounts | undefined;
  #snapshots: readonly Qcow2Snapshot[] = [];
  #bytes = 0;
  /** Clusters that hold tables. */
  #metadata = new Set<number>();
  /** Clusters that nobody uses any more once the tables are written. */
  #deferred: number[] = [];
  #isUnsynced = false;
  #unpacked: { offset: number; cluster: Uint8Array } | undefined;

  /** Throws `WV_DISK` for whatever is not an image that can be read, or written, here. */
  constructor(options: Qcow2Options) {
    this.#options = options;
    this.#file = options.file;
    this.#backing = options.backing;
    this.readOnly = options.readOnly;
    this.#load();
  }

  get bytes(): number {
    return this.#bytes;
  }
  get header(): Qcow2Header {
    return this.#header;
  }
  get snapshots(): readonly Qcow2Snapshot[] {
    return this.#snapshots;
  }

  #load(): void {
    const file = this.#file;
    this.#header = readHeader(file);
    const { clusterBits } = this.#header;
    const clusterBytes = 2 ** clusterBits;
    this.#clusterBytes = clusterBytes;
    const { cacheBytes = DEFAULT_CACHE_BYTES } = this.#options;
    const onPressure = (): void => this.#writeBack();
    this.#cache = new TableCache(file, { clusterBytes, cacheBytes, onPressure });
    this.#snapshots = readSnapshots(file, this.#header).snapshots;
    const { bytes, l1 } = this.#whatToRead();
    this.#bytes = Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
    this.#mapping = new Mapping(file, this.#cache, { clusterBits, l1 });
    this.#unpacked = undefined;
    this.#refcounts = undefined;
    if (this.readOnly) return;
    const { metadata, refcounts } = prepareWriting({
      file,
      cache: this.#cache,
      header: this.#header,
      mapping: this.#mapping,
      snapshots: this.#snapshots,
    });
    this.#metadata = metadata;
    this.#refcounts = refcounts;
  }

  #whatToRead() {
    const { snapshot: wanted } = this.#options;
    const { bytes, l1Entries, l1Offset } = this.#header;
    if (wanted === undefined) return { bytes, l1: { offset: l1Offset, entries: l1Entries } };
    const found = this.#snapshots.find(({ id, name }) => id === wanted || name === wanted);
    if (!found) {
      const names = this.#snapshots.map(({ name }) => name).join(", ") || "none";
      throw badImage(this.#file.path, `it has no snapshot "${wanted}" (there are: ${names})`);
    }
    if (!this.readOnly)
      throw badImage(this.#file.path, `snapshot "${wanted}" can only be read; add ,ro`);
    return found;
  }

  #check(offset: number, bytes: number): void {
    if (offset >= 0 && offset + bytes <= this.#bytes) return;
    throw badImage(
      this.#file.path,
      `${bytes} bytes at ${offset} are beyond its ${this.#bytes} bytes`,
    );
  }

  #writer(): Refcounts {
    if (this.#refcounts) return this.#refcounts;
    throw badImage(this.#file.path, "cannot write: it is open for reading only");
  }

  read(offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    for (let done = 0; done < into.length; ) {
      const { bytes, entry, within } = this.#run(offset + done, into.length - done);
      const part = into.subarray(done, done + bytes);
      if (entry.kind === "none") this.#readBacking(offset + done, part);
      else if (entry.kind === "zero") part.fill(0);
      else if (entry.kind === "compressed")
        part.set(this.#unpack(entry).subarray(within, within + bytes));
      else this.#file.read(entry.offset + within, part);
      done += bytes;
    }
  }

  /** The entry at `offset`, and for how many bytes the disk goes on like that. */
  #run(offset: number, bytesMax: number) {
    const clusterBytes = this.#clusterBytes;
    const cluster = Math.floor(offset / clusterBytes);
    const within = offset - cluster * clusterBytes;
    const entry = this.#mapping.get(cluster);
    let bytes = clusterBytes - within;
    for (let i = 1; bytes < bytesMax && entry.kind !== "compressed"; i++) {
      const next = this.#mapping.get(cluster + i);
      if (next.kind !== entry.kind) break;
      if (
        entry.kind === "data" &&
        next.kind === "data" &&
        next.offset !== entry.offset + i * clusterBytes
      )
        break;
      bytes += clusterBytes;
    }
    return { entry, within, bytes: Math.min(bytes, bytesMax) };
  }

  #readBacking(offset: number, into: Uint8Array): void {
    const { length } = into;
    const there = Math.max(0, Math.min(length, (this.#backing?.bytes ?? 0) - offset));
    if (there > 0) this.#backing?.read(offset, into.subarray(0, there));
    into.fill(0, there);
  }

  #unpack(entry: CompressedEntry): Uint8Array {
    if (this.#unpacked?.offset === entry.offset) return this.#unpacked.cluster;
    const cluster = readCompressed(this.#file, entry, {
      clusterBytes: this.#clusterBytes,
      compression: this.#header.compression,
    });
    this.#unpacked = { offset: entry.offset, cluster };
    return cluster;
  }

  write(offset: number, from: Uint8Array): void {
    const refcounts = this.#writer();
    this.#check(offset, from.length);
    this.#isUnsynced = true;
    for (let done = 0; done < from.length; )
      done += this.#writeSome(refcounts, offset + done, from.subarray(done));
  }

  #writeSome(refcounts: Refcounts, offset: number, from: Uint8Array): number {
    const { bytes, entry, within } = this.#run(offset, from.length);
    if (entry.kind === "data") {
      const own = this.#ownBytes(refcounts, { offset, bytes });
      if (own > 0) {
        this.#mustBeData(entry.offset + within, own);
        this.#file.write(entry.offset + within, from.subarray(0, own));
        return own;
      }
    }
    const cluster = Math.floor(offset / this.#clusterBytes);
    if (within > 0 || from.length < this.#clusterBytes)
      return this.#writePart(refcounts, { cluster, within, from });
    return this.#writeWhole(
      refcounts,
      cluster,
      from.subarray(0, Math.max(bytes, this.#clusterBytes)),
    );
  }

  /** Bytes of a run of data, from its beginning on, that may be written where they are. */
  #ownBytes(
    refcounts: Refcounts,
    run: { readonly offset: number; readonly bytes: number },
  ): number {
    const end = run.offset + run.bytes;
    for (let at = run.offset; at < end; ) {
      const cluster = Math.floor(at / this.#clusterBytes);
      const entry = this.#mapping.get(cluster);
      const isOwn =
        entry.kind === "data" &&
        (entry.isCopied || refcounts.get(entry.offset / this.#clusterBytes) === 1) &&
        this.#isTableOwn(refcounts, cluster);
      if (!isOwn) return at - run.offset;
      at = Math.min(end, (cluster + 1) * this.#clusterBytes);
    }
    return run.bytes;
  }

  #isTableOwn(refcounts: Refcounts, cluster: number): boolean {
    const index = this.#mapping.tableOf(cluster);
    if (this.#mapping.isTableCopied(index)) return true;
    const table = this.#mapping.tables[index] ?? 0;
    return table !== 0 && refcounts.get(table / this.#clusterBytes) === 1;
  }

  /** An image with overlaps must not lose its tables. */
  #mustBeData(offset: number, bytes: number): void {
    const last = Math.floor((offset + bytes - 1) / this.#clusterBytes);
    for (let i = Math.floor(offset / this.#clusterBytes); i <= last; i++)
      if (this.#metadata.has(i) || this.#refcounts?.own.has(i))
        throw badImage(
          this.#file.path,
          `data lies where a table is; ${REMEDY_CHECK}`,
          i * this.#clusterBytes,
        );
  }

  /** A part of a cluster that is not ours yet: the rest of it is what it was. */
  #writePart(
    refcounts: Refcounts,
    part: { readonly cluster: number; readonly within: number; readonly from: Uint8Array },
  ): number {
    const { cluster, from, within } = part;
    const count = Math.min(from.length, this.#clusterBytes - within);
    const whole = new Uint8Array(this.#clusterBytes);
    const start = cluster * this.#clusterBytes;
    this.read(start, whole.subarray(0, Math.min(whole.length, this.#bytes - start)));
    whole.set(from.subarray(0, count), within);
    this.#writeWhole(refcounts, cluster, whole);
    return count;
  }

  /** As many whole clusters of `from` as lie in one L2 table and find room in a row. Returns their bytes. */
  #writeWhole(refcounts: Refcounts, cluster: number, from: Uint8Array): number {
    const clusterBytes = this.#clusterBytes;
    this.#ownTable(refcounts, cluster);
    const { l2Entries } = this.#mapping;
    const wanted = Math.min(
      Math.floor(Math.min(from.length, Math.max(RUN_BYTES_MAX, clusterBytes)) / clusterBytes),
      l2Entries - (cluster % l2Entries),
    );
    const run = refcounts.allocate(wanted);
    try {
      this.#mustBeData(run.cluster * clusterBytes, run.count * clusterBytes);
      this.#file.write(run.cluster * clusterBytes, from.subarray(0, run.count * clusterBytes));
    } catch (error) {
      for (let i = 0; i < run.count; i++) refcounts.set(run.cluster + i, 0);
      throw error;
    }
    for (let i = 0; i < run.count; i++) {
      const before = this.#mapping.get(cluster + i);
      this.#mapping.set(cluster + i, { kind: "data", offset: (run.cluster + i) * clusterBytes });
      this.#giveUp(before);
    }
    return run.count * clusterBytes;
  }

  /** Makes sure that there is an L2 table for `cluster`, which no snapshot shares. */
  #ownTable(refcounts: Refcounts, cluster: number): void {
    if (this.#isTableOwn(refcounts, cluster)) return;
    const index = this.#mapping.tableOf(cluster);
    const before = this.#mapping.tables[index] ?? 0;
    const content = new Uint8Array(this.#clusterBytes);
    if (before !== 0) this.#file.read(before, content); // Shared: never changed in the cache.
    const run: Run = refcounts.allocate(1);
    const offset = run.cluster * this.#clusterBytes;
    try {
      this.#file.write(offset, content);
    } catch (error) {
      refcounts.set(run.cluster, 0);
      throw error;
    }
    this.#cache.forget(offset, this.#clusterBytes);
    this.#mapping.setTable(index, offset);
    this.#metadata.add(run.cluster);
    if (before === 0) return;
    this.#metadata.delete(before / this.#clusterBytes);
    this.#deferred.push(before / this.#clusterBytes);
  }

  /** What an entry of before referred to has one user less, once the tables are written. */
  #giveUp(entry: Entry): void {
    if (entry.kind === "none") return;
    if (entry.kind === "compressed") {
      const last = Math.floor((entry.offset + entry.bytes - 1) / this.#clusterBytes);
      for (let i = Math.floor(entry.offset / this.#clusterBytes); i <= last; i++)
        this.#deferred.push(i);
    } else if (entry.offset !== 0) this.#deferred.push(entry.offset / this.#clusterBytes);
    if (this.#deferred.length > DEFERRED_MAX) this.#writeBack();
  }

  discard(offset: number, bytes: number): void {
    this.#clear(offset, bytes);
  }

  zero(offset: number, bytes: number): void {
    this.#clear(offset, bytes);
  }

  #clear(offset: number, bytes: number): void {
    const refcounts = this.#writer();
    this.#check(offset, bytes);
    const end = offset + bytes;
    for (let at = offset; at < end; ) {
      const cluster = Math.floor(at / this.#clusterBytes);
      const start = cluster * this.#clusterBytes;
      const until = Math.min(end, start + this.#clusterBytes);
      // The last cluster of a disk is whole where the disk ends.
      const isWhole =
        at === start && (until - start === this.#clusterBytes || until === this.#bytes);
      if (!isWhole || !this.#clearCluster(refcounts, cluster)) this.#writeZeros(at, until - at);
      at = until;
    }
  }

  #writeZeros(offset: number, bytes: number): void {
    const entry = this.#mapping.get(Math.floor(offset / this.#clusterBytes));
    if (entry.kind === "zero" || (entry.kind === "none" && !this.#backing)) return;
    this.write(offset, new Uint8Array(bytes));
  }

  /** False: only zeros that are written say what is wanted (version 2 knows no clusters of zeros). */
  #clearCluster(refcounts: Refcounts, cluster: number): boolean {
    const before = this.#mapping.get(cluster);
    if (before.kind === "none" && !this.#backing) return true;
    if (before.kind === "zero" && before.offset === 0) return true;
    const isShown = this.#backing !== undefined;
    if (isShown && this.#header.version === 2) return false;
    this.#ownTable(refcounts, cluster);
    this.#isUnsynced = true;
    this.#mapping.set(cluster, { kind: isShown ? "zero" : "none", offset: 0 });
    this.#giveUp(before);
    return true;
  }

  extent(offset: number, bytes: number): BlockExtent {
    this.#check(offset, bytes);
    const run = this.#run(offset, bytes);
    const { entry } = run;
    if (entry.kind === "zero")
      return { bytes: run.bytes, isZero: true, isAllocated: entry.offset !== 0 };
    if (entry.kind !== "none") return { bytes: run.bytes, isZero: false, isAllocated: true };
    const there = Math.min(run.bytes, (this.#backing?.bytes ?? 0) - offset);
    if (there <= 0) return { bytes: run.bytes, isZero: true, isAllocated: false };
    const below = this.#backing?.extent?.(offset, there);
    return { bytes: below?.bytes ?? there, isZero: below?.isZero ?? false, isAllocated: false };
  }

  flush(): void {
    if (!this.#refcounts) return;
    this.#writeBack();
    this.#refcounts.write();
    if (!this.#isUnsynced) return;
    this.#file.sync();
    this.#isUnsynced = false;
  }

  /** Tables, in the order of the head of this file; then what was given up is free. */
  #writeBack(): void {
    const refcounts = this.#writer();
    if (!this.#mapping.isDirty) {
      if (refcounts.isDirty) this.#isUnsynced = true;
      refcounts.write();
      return;
    }
    refcounts.write();
    this.#file.sync();
    this.#mapping.write();
    this.#file.sync();
    this.#isUnsynced = false;
    const free = this.#deferred;
    this.#deferred = [];
    for (const cluster of free) this.#release(refcounts, cluster);
  }

  #release(refcounts: Refcounts, cluster: number): void {
    refcounts.release(cluster);
    if (refcounts.get(cluster) > 0) return;
    this.#cache.forget(cluster * this.#clusterBytes, this.#clusterBytes);
    const { offset } = this.#unpacked ?? { offset: -1 };
    if (Math.floor(offset / this.#clusterBytes) === cluster) this.#unpacked = undefined;
  }

  refresh(): void {
    this.#backing?.refresh?.();
    this.#load();
  }

  /** Writes nothing: whoever wants to keep what was written flushes. */
  close(): void {
    this.#file.close();
    this.#backing?.close?.();
  }
}
