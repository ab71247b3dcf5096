/** New, empty images. Their layout: header, refcount table, its blocks, L1 table. */
import { WasmvisorError } from "../../base/errors.ts";
import type { ImageFile } from "../image-file.ts";
import {
  CLUSTER_BITS_MAX,
  CLUSTER_BITS_MIN,
  encodeHeader,
  l1EntriesFor,
  type Qcow2Header,
  store64,
} from "./format.ts";

export interface CreateQcow2Options {
  /** Size of the disk, a multiple of 512. */
  readonly bytes: number;
  readonly version?: 2 | 3 | undefined;
  /** 64 KiB by default; a power of two from 512 to 2 MiB. */
  readonly clusterBytes?: number | undefined;
  /** Bits of a reference count: 1, 2, 4, ... 64; 16 by default, and always in version 2. */
  readonly refcountBits?: number | undefined;
  readonly backing?: { readonly name: string; readonly format: "raw" | "qcow2" } | undefined;
}

const REFCOUNT_TABLE_BYTES_MAX = 8 * 1024 * 1024;
const L1_BYTES_MAX = 32 * 1024 * 1024;

function check(isGood: boolean, what: string, got: unknown): void {
  if (!isGood) throw new WasmvisorError("WV_CONFIG", `${what}, got ${got}`);
}

/** Writes an empty image into an empty file. Throws `WV_CONFIG` for a shape that no image has. */
export function createQcow2(file: ImageFile, options: CreateQcow2Options): void {
  const { backing, bytes, clusterBytes = 65536, refcountBits = 16, version = 3 } = options;
  const clusterBits = Math.log2(clusterBytes);
  check(
    Number.isInteger(clusterBits) &&
      clusterBits >= CLUSTER_BITS_MIN &&
      clusterBits <= CLUSTER_BITS_MAX,
    "cluster size: expected a power of two from 512 to 2MiB",
    clusterBytes,
  );
  const refcountOrder = Math.log2(refcountBits);
  const orders = version === 2 ? [4] : [0, 1, 2, 3, 4, 5, 6];
  check(
    orders.includes(refcountOrder),
    "refcount bits: expected 1, 2, 4 ... 64 (in version 2: 16)",
    refcountBits,
  );
  const l1Entries = l1EntriesFor(bytes, clusterBits);
  check(
    bytes > 0 && bytes % 512 === 0 && l1Entries * 8 <= L1_BYTES_MAX,
    "size: expected a multiple of 512 that clusters of this size can cover",
    bytes,
  );
  const l1Clusters = Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes));
  const perBlock = (clusterBytes * 8) / refcountBits;
  let blocks = 1;
  const table = (): number => Math.max(1, Math.ceil((blocks * 8) / clusterBytes));
  const total = (): number => 1 + table() + blocks + l1Clusters;
  while (blocks * perBlock < total()) blocks++;
  check(
    table() * clusterBytes <= REFCOUNT_TABLE_BYTES_MAX,
    "size: too large for these clusters",
    bytes,
  );
  const header: Qcow2Header = {
    version,
    clusterBits,
    bytes,
    l1Entries,
    l1Offset: (1 + table() + blocks) * clusterBytes,
    refcountTableOffset: clusterBytes,
    refcountTableClusters: table(),
    refcountOrder,
    snapshotCount: 0,
    snapshotsOffset: 0,
    isDirty: false,
    isCorrupt: false,
    hasAutoclear: false,
    compression: "deflate",
    backingName: backing?.name,
    backingFormat: backing?.format,
  };
  const tables = new DataView(new ArrayBuffer((table() + blocks) * clusterBytes));
  for (let i = 0; i < blocks; i++) store64(tables, 8 * i, (1 + table() + i) * clusterBytes);
  const from = table() * clusterBytes;
  for (let i = 0; i < total(); i++) countOne(tables, from, { index: i, bits: refcountBits });
  file.truncate(total() * clusterBytes);
  file.write(clusterBytes, new Uint8Array(tables.buffer));
  file.write(0, encodeHeader(header));
  file.sync();
}

function countOne(
  view: DataView,
  from: number,
  { bits, index }: { readonly bits: number; readonly index: number },
): void {
  if (bits >= 8) {
    view.setUint8(from + ((index + 1) * bits) / 8 - 1, 1);
    return;
  }
  const at = from + Math.floor((index * bits) / 8);
  view.setUint8(at, view.getUint8(at) | (1 << ((index * bits) % 8)));
}
