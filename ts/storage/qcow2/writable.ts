/** Whether an image may be written, and what of it must not be overwritten by data. */
import type { ImageFile } from "../image-file.ts";
import { badImage, type Qcow2Header, REMEDY_CHECK } from "./format.ts";
import type { Mapping } from "./mapping.ts";
import { Refcounts } from "./refcounts.ts";
import { type Qcow2Snapshot, readSnapshots } from "./snapshots.ts";
import type { TableCache } from "./table-cache.ts";

const METADATA_CLUSTERS_MAX = 1 << 20;
const OFFSET_AUTOCLEAR = 88;

export interface ImageParts {
  readonly file: ImageFile;
  readonly cache: TableCache;
  readonly header: Qcow2Header;
  readonly mapping: Mapping;
  readonly snapshots: readonly Qcow2Snapshot[];
}

/** Throws `WV_DISK` for an image that is marked, or whose tables are not counted: writing would make it worse. */
export function prepareWriting(parts: ImageParts): {
  readonly refcounts: Refcounts;
  /** Clusters of header, L1 and L2 tables, and snapshots. Those of refcounts are in `Refcounts.own`. */
  readonly metadata: Set<number>;
} {
  const { cache, file, header } = parts;
  const { path } = file;
  if (header.isCorrupt)
    throw badImage(path, `it is marked as corrupt; ${REMEDY_CHECK}, or add ,ro`, 72);
  if (header.isDirty)
    throw badImage(
      path,
      "its refcounts may be out of date; repair them with: qemu-img check -r all, or add ,ro",
      72,
    );
  const refcounts = new Refcounts(file, cache, header);
  const metadata = findMetadata(parts);
  for (const set of [metadata, refcounts.own])
    for (const cluster of set)
      if (refcounts.get(cluster) === 0)
        throw badImage(
          path,
          `a cluster of its tables has refcount 0; ${REMEDY_CHECK}, or add ,ro`,
          cluster * 2 ** header.clusterBits,
        );
  // We keep none of what these bits stand for up to date.
  if (header.hasAutoclear) file.write(OFFSET_AUTOCLEAR, new Uint8Array(8));
  return { refcounts, metadata };
}

function findMetadata({ file, header, mapping, snapshots }: ImageParts): Set<number> {
  const clusterBytes = 2 ** header.clusterBits;
  const found = new Set<number>([0]);
  const add = (offset: number, bytes: number): void => {
    const last = Math.floor((offset + Math.max(bytes, 1) - 1) / clusterBytes);
    for (let i = Math.floor(offset / clusterBytes); i <= last; i++) found.add(i);
    if (found.size > METADATA_CLUSTERS_MAX)
      throw badImage(file.path, "it has more tables than can be written here; add ,ro");
  };
  const { l1Entries, l1Offset, snapshotCount, snapshotsOffset } = header;
  if (l1Entries > 0) add(l1Offset, l1Entries * 8);
  for (const table of mapping.tables) if (table !== 0) add(table, 1);
  if (snapshotCount > 0) add(snapshotsOffset, readSnapshots(file, header).bytes);
  for (const { l1 } of snapshots) if (l1.entries > 0) add(l1.offset, l1.entries * 8);
  return found;
}
