/** Counts who uses each cluster of an image and compares that with its refcounts, as `qemu-img check` does. */
import type { ImageFile } from "../image-file.ts";
import { badImage, type Qcow2Header } from "./format.ts";
import { type L1Place, Mapping } from "./mapping.ts";
import { readHeader } from "./read-header.ts";
import { Refcounts } from "./refcounts.ts";
import { readSnapshots } from "./snapshots.ts";
import { TableCache } from "./table-cache.ts";

const CACHE_BYTES = 8 * 1024 * 1024;
const CLUSTERS_MAX = 2 ** 28;
const FINDINGS_MAX = 20;

export interface Qcow2Check {
  /** Clusters that are used more often than counted, and other things that will lose data. */
  readonly corruptions: number;
  /** Clusters that are counted more often than used: room that is lost, nothing else. */
  readonly leaks: number;
  readonly usedClusters: number;
  readonly clusterBytes: number;
  /** The first of them in words. */
  readonly findings: readonly string[];
}

/** Throws `WV_DISK` if the image cannot even be opened. */
export function checkQcow2(file: ImageFile): Qcow2Check {
  const header = readHeader(file);
  const clusterBytes = 2 ** header.clusterBits;
  const clusters = Math.ceil(file.bytes / clusterBytes);
  if (clusters > CLUSTERS_MAX)
    throw badImage(file.path, `${clusters} clusters are more than can be checked here`);
  const cache = new TableCache(file, {
    clusterBytes,
    cacheBytes: CACHE_BYTES,
    onPressure: () => {},
  });
  const refcounts = new Refcounts(file, cache, header);
  const census = new Census({ file, cache, header, clusters });
  for (const cluster of refcounts.own) census.use(cluster * clusterBytes, 1);
  census.countAll();
  return census.compare(refcounts);
}

class Census {
  readonly #file: ImageFile;
  readonly #cache: TableCache;
  readonly #header: Qcow2Header;
  readonly #clusterBytes: number;
  readonly #uses: Uint32Array;
  readonly #findings: string[] = [];
  #corruptions = 0;

  constructor(parts: {
    readonly file: ImageFile;
    readonly cache: TableCache;
    readonly header: Qcow2Header;
    readonly clusters: number;
  }) {
    this.#file = parts.file;
    this.#cache = parts.cache;
    this.#header = parts.header;
    this.#clusterBytes = 2 ** parts.header.clusterBits;
    this.#uses = new Uint32Array(parts.clusters);
  }

  #find(what: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(what);
  }

  #broken(what: string): void {
    this.#corruptions++;
    this.#find(what);
  }

  use(offset: number, bytes: number): void {
    const last = Math.floor((offset + Math.max(1, bytes) - 1) / this.#clusterBytes);
    for (let i = Math.floor(offset / this.#clusterBytes); i <= last; i++) {
      if (i < this.#uses.length) this.#uses[i] = (this.#uses[i] as number) + 1;
      else this.#broken(`cluster ${i} is used and lies behind the end of the file`);
    }
  }

  countAll(): void {
    const { isCorrupt, l1Entries, l1Offset, snapshotCount, snapshotsOffset } = this.#header;
    if (isCorrupt) this.#broken("the image is marked as corrupt");
    this.use(0, 1);
    const table = readSnapshots(this.#file, this.#header);
    if (snapshotCount > 0) this.use(snapshotsOffset, table.bytes);
    const places: L1Place[] = [{ offset: l1Offset, entries: l1Entries }];
    for (const { l1 } of table.snapshots) places.push(l1);
    for (const l1 of places) this.#countTree(l1);
  }

  #countTree(l1: L1Place): void {
    if (l1.entries === 0) return;
    this.use(l1.offset, l1.entries * 8);
    const { clusterBits } = this.#header;
    const mapping = new Mapping(this.#file, this.#cache, { clusterBits, l1 });
    for (const [index, table] of mapping.tables.entries()) {
      if (table === 0) continue;
      this.use(table, 1);
      for (let i = 0; i < mapping.l2Entries; i++)
        this.#countEntry(mapping, index * mapping.l2Entries + i);
    }
  }

  #countEntry(mapping: Mapping, cluster: number): void {
    try {
      const entry = mapping.get(cluster);
      if (entry.kind === "compressed") this.use(entry.offset, entry.bytes);
      else if (entry.kind !== "none" && entry.offset !== 0) this.use(entry.offset, 1);
    } catch (error) {
      this.#broken((error as Error).message);
    }
  }

  compare(refcounts: Refcounts): Qcow2Check {
    let leaks = 0;
    let usedClusters = 0;
    const end = Math.min(refcounts.covered, this.#uses.length);
    for (let i = 0; i < end; i++) {
      const uses = this.#uses[i] ?? 0;
      const count = refcounts.get(i);
      if (uses > 0) usedClusters++;
      if (count === uses) continue;
      if (count > uses) {
        leaks++;
        this.#find(`cluster ${i} is leaked: counted ${count} times, used ${uses} times`);
      } else this.#broken(`cluster ${i} is counted ${count} times and used ${uses} times`);
    }
    for (let i = end; i < this.#uses.length; i++)
      if (this.#uses[i] !== 0) this.#broken(`cluster ${i} is used and not counted at all`);
    return {
      corruptions: this.#corruptions,
      leaks,
      usedClusters,
      clusterBytes: this.#clusterBytes,
      findings: this.#findings,
    };
  }
}
