/**
 * What a qcow2 image begins with (versions 2 and 3 of the specification that comes with QEMU). All integers
 * are big-endian:
 *
 *      0  magic "QFI\xfb"        24  size                     60  snapshots, their number
 *      4  version               32  encryption (0)           64  their table
 *      8  name of the backing   36  L1 table: entries        72  incompatible features      (from here on v3)
 *         file: offset          40  L1 table: offset         80  compatible features
 *     16  its length            48  refcount table: offset   88  autoclear features
 *     20  log2(cluster bytes)   56  refcount table: clusters 96  log2(refcount bits)   100  header bytes
 *
 * then header extensions {type u32, bytes u32, content padded to 8}, up to one of type 0.
 */
import { WasmvisorError } from "../../base/errors.ts";

export const MAGIC = 0x5146_49fb;
export const TWO_32 = 0x1_0000_0000;
const HEADER_V2_BYTES = 72;
const HEADER_V3_BYTES = 104;
const EXTENSION_BACKING_FORMAT = 0xe279_2aca;
export const CLUSTER_BITS_MIN = 9;
export const CLUSTER_BITS_MAX = 21;
const BACKING_NAME_BYTES_MAX = 1023;
/** Limits of QEMU, which bound our memory, too. */
const L1_BYTES_MAX = 32 * 1024 * 1024;
const REFCOUNT_TABLE_BYTES_MAX = 8 * 1024 * 1024;
const SNAPSHOTS_MAX = 65536;

const INCOMPATIBLE_DIRTY = 1;
const INCOMPATIBLE_CORRUPT = 2;
const INCOMPATIBLE_COMPRESSION = 8;
/** Bits that change the format of the image and that are not read here. */
const INCOMPATIBLE_NAMES: readonly (string | undefined)[] = [
  undefined,
  undefined,
  "an external data file",
  undefined,
  "extended L2 entries (subclusters)",
];

export type CompressionType = "deflate" | "zstd";

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Size of the disk in bytes. */
  readonly bytes: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountOrder: number;
  readonly snapshotCount: number;
  readonly snapshotsOffset: number;
  /** Refcounts may be too small: whoever wrote it last ended before it had written all. */
  readonly isDirty: boolean;
  /** Somebody found it broken. */
  readonly isCorrupt: boolean;
  readonly hasAutoclear: boolean;
  readonly compression: CompressionType;
  readonly backingName: string | undefined;
  readonly backingFormat: string | undefined;
}

/** A `WV_DISK` about one image that says where it is broken and what to do. */
export function badImage(path: string, what: string, offset?: number): WasmvisorError {
  const place = offset === undefined ? "" : ` at byte ${offset}`;
  return new WasmvisorError("WV_DISK", `disk "${path}"${place}: ${what}`);
}

export const REMEDY_CHECK =
  "look at it with: qemu-img check (-r all repairs a copy), or restore it";

export function load64(view: DataView, at: number): number {
  return view.getUint32(at) * TWO_32 + view.getUint32(at + 4);
}

export function store64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / TWO_32));
  view.setUint32(at + 4, value % TWO_32);
}

/** Parses what an image of `fileBytes` bytes begins with: at least its first cluster, or all of it. */
export function parseHeader(path: string, head: Uint8Array, fileBytes: number): Qcow2Header {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const fail = (what: string, at: number): WasmvisorError => badImage(path, what, at);
  if (fileBytes < HEADER_V2_BYTES || view.getUint32(0) !== MAGIC)
    throw fail("it is not a qcow2 image; say format=raw if it is a raw one", 0);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3)
    throw fail(`version expected 2 or 3, got ${version}; convert it with: qemu-img convert`, 4);
  const isOld = version === 2;
  if (!isOld && fileBytes < HEADER_V3_BYTES) throw fail(`its header is cut; ${REMEDY_CHECK}`, 0);
  const clusterBits = view.getUint32(20);
  if (clusterBits < CLUSTER_BITS_MIN || clusterBits > CLUSTER_BITS_MAX)
    throw fail(`cluster bits expected 9 to 21, got ${clusterBits}; ${REMEDY_CHECK}`, 20);
  if (view.getUint32(32) !== 0)
    throw fail("it is encrypted, which is not read here; convert it with: qemu-img convert", 32);
  const incompatible = isOld ? 0 : checkIncompatible(path, view);
  const headerBytes = isOld ? HEADER_V2_BYTES : view.getUint32(100);
  if (headerBytes < (isOld ? HEADER_V2_BYTES : HEADER_V3_BYTES) || headerBytes > 1 << clusterBits)
    throw fail(`header bytes expected 104 to a cluster, got ${headerBytes}; ${REMEDY_CHECK}`, 100);
  const header: Qcow2Header = {
    version,
    clusterBits,
    bytes: load64(view, 24),
    l1Entries: view.getUint32(36),
    l1Offset: load64(view, 40),
    refcountTableOffset: load64(view, 48),
    refcountTableClusters: view.getUint32(56),
    snapshotCount: view.getUint32(60),
    snapshotsOffset: load64(view, 64),
    refcountOrder: isOld ? 4 : view.getUint32(96),
    isDirty: (incompatible & INCOMPATIBLE_DIRTY) !== 0,
    isCorrupt: (incompatible & INCOMPATIBLE_CORRUPT) !== 0,
    hasAutoclear: !isOld && load64(view, 88) !== 0,
    compression: compressionOf(path, view, { incompatible, headerBytes }),
    backingName: backingName(path, view, 1 << clusterBits),
    backingFormat: backingFormat(path, view, headerBytes),
  };
  checkSizes(path, header, fileBytes);
  return header;
}

function checkIncompatible(path: string, view: DataView): number {
  const [hi, lo] = [view.getUint32(72), view.getUint32(76)];
  for (let bit = 0; bit < 64; bit++) {
    const isSet = (((bit < 32 ? lo : hi) >>> (bit & 31)) & 1) === 1;
    const name = INCOMPATIBLE_NAMES[bit] ?? (bit > 4 ? `the unknown feature ${bit}` : undefined);
    if (isSet && name)
      throw badImage(
        path,
        `it uses ${name}, which is not understood here; convert it with: qemu-img convert`,
        72,
      );
  }
  return lo;
}

function compressionOf(
  path: string,
  view: DataView,
  header: { readonly incompatible: number; readonly headerBytes: number },
): CompressionType {
  if ((header.incompatible & INCOMPATIBLE_COMPRESSION) === 0) return "deflate";
  const type = header.headerBytes > 104 ? view.getUint8(104) : 0;
  if (type > 1)
    throw badImage(path, `compression expected deflate (0) or zstd (1), got ${type}`, 104);
  return type === 1 ? "zstd" : "deflate";
}

function backingName(path: string, view: DataView, clusterBytes: number): string | undefined {
  const at = load64(view, 8);
  if (at === 0) return undefined;
  const bytes = view.getUint32(16);
  if (bytes > BACKING_NAME_BYTES_MAX || at + bytes > Math.min(view.byteLength, clusterBytes))
    throw badImage(path, `the name of its backing file does not fit; ${REMEDY_CHECK}`, 8);
  if (bytes === 0) return undefined;
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
}

function backingFormat(path: string, view: DataView, headerBytes: number): string | undefined {
  const end = load64(view, 8) || view.byteLength;
  for (let at = headerBytes; at + 8 <= Math.min(end, view.byteLength); ) {
    const type = view.getUint32(at);
    const bytes = view.getUint32(at + 4);
    if (type === 0) return undefined;
    if (at + 8 + bytes > Math.min(end, view.byteLength))
      throw badImage(path, `a header extension is cut; ${REMEDY_CHECK}`, at);
    if (type === EXTENSION_BACKING_FORMAT)
      return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 8, bytes));
    at += 8 + Math.ceil(bytes / 8) * 8;
  }
  return undefined;
}

/** Tables lie in the file, are aligned, and are no larger than anybody needs. */
function checkSizes(path: string, header: Qcow2Header, fileBytes: number): void {
  const clusterBytes = 2 ** header.clusterBits;
  const check = (isGood: boolean, what: string, at: number): void => {
    if (!isGood) throw badImage(path, `${what}; ${REMEDY_CHECK}`, at);
  };
  const isPlace = (offset: number, bytes: number): boolean =>
    offset % clusterBytes === 0 && offset + bytes <= fileBytes + clusterBytes;
  const { l1Entries, refcountTableClusters } = header;
  check(Number.isSafeInteger(header.bytes), `a size of ${header.bytes} bytes is absurd`, 24);
  check(l1Entries * 8 <= L1_BYTES_MAX, `an L1 table of ${l1Entries} entries is absurd`, 36);
  check(
    l1Entries >= l1EntriesFor(header.bytes, header.clusterBits),
    `an L1 table of ${l1Entries} entries does not cover ${header.bytes} bytes`,
    36,
  );
  check(
    l1Entries === 0 || (header.l1Offset > 0 && isPlace(header.l1Offset, l1Entries * 8)),
    "the L1 table is misaligned or not in the file",
    40,
  );
  const refcountBytes = refcountTableClusters * clusterBytes;
  check(
    refcountTableClusters > 0 && refcountBytes <= Math.max(REFCOUNT_TABLE_BYTES_MAX, clusterBytes),
    `a refcount table of ${refcountTableClusters} clusters is absurd`,
    56,
  );
  check(
    header.refcountTableOffset > 0 && isPlace(header.refcountTableOffset, refcountBytes),
    "the refcount table is misaligned or not in the file",
    48,
  );
  check(header.refcountOrder <= 6, `a refcount order of ${header.refcountOrder}`, 96);
  check(header.snapshotCount <= SNAPSHOTS_MAX, `${header.snapshotCount} snapshots`, 60);
  check(
    header.snapshotCount === 0 || isPlace(header.snapshotsOffset, 40),
    "the snapshot table is misaligned or not in the file",
    64,
  );
}

/** L1 entries for a disk of `bytes` bytes. */
export function l1EntriesFor(bytes: number, clusterBits: number): number {
  return Math.ceil(bytes / 2 ** (clusterBits + clusterBits - 3));
}

/** The first cluster of a new image. */
export function encodeHeader(header: Qcow2Header): Uint8Array {
  const clusterBytes = 2 ** header.clusterBits;
  const out = new Uint8Array(clusterBytes);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, header.version);
  view.setUint32(20, header.clusterBits);
  store64(view, 24, header.bytes);
  view.setUint32(36, header.l1Entries);
  store64(view, 40, header.l1Offset);
  store64(view, 48, header.refcountTableOffset);
  view.setUint32(56, header.refcountTableClusters);
  if (header.version === 3) {
    view.setUint32(96, header.refcountOrder);
    view.setUint32(100, HEADER_V3_BYTES);
  }
  let at = header.version === 3 ? HEADER_V3_BYTES : HEADER_V2_BYTES;
  if (header.backingFormat)
    at = putExtension(out, at, EXTENSION_BACKING_FORMAT, header.backingFormat);
  at += 8; // The end of the extensions.
  if (header.backingName) {
    const name = new TextEncoder().encode(header.backingName);
    if (name.length > BACKING_NAME_BYTES_MAX || at + name.length > clusterBytes)
      throw new WasmvisorError("WV_DISK", "the name of the backing file is too long for an image");
    store64(view, 8, at);
    view.setUint32(16, name.length);
    out.set(name, at);
  }
  return out;
}

function putExtension(out: Uint8Array, at: number, type: number, text: string): number {
  const content = new TextEncoder().encode(text);
  const view = new DataView(out.buffer);
  view.setUint32(at, type);
  view.setUint32(at + 4, content.length);
  out.set(content, at + 8);
  return at + 8 + Math.ceil(content.length / 8) * 8;
}
