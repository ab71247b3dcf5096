/**
 * Snapshots: a vm in one file, whose pages can be read one by one.
 *
 *   header   "WVSN", u32 version, zeros up to 4096
 *   pages    those that are not zero, 4096 bytes each, in order of their gfn
 *   config   the vm's config
 *   state    vCPUs, devices, clock, disks
 *   index    three arrays of u32, one element for every 32 pages of the guest (a cluster): bitmap of
 *            those in the file, pages in the file before them, CRC-32 of them
 *   footer   "WVSF", u32 version, u32 pages of the guest, u32 pages in the file,
 *            {u32 bytes, u32 CRC-32} of config, state and index, u32 CRC-32 of the footer before it
 *
 * All integers are little endian. The footer says where everything lies, so a file that was cut, or has
 * a byte too many, is known at once; damage to pages is known when they are read. 32 pages are read at
 * a time: a checksum for each page would cost twelve times the index, and their neighbours are wanted
 * soon (measured: see docs/performance.md).
 */
import { crc32 } from "../base/crc32.ts";
import { WasmvisorError } from "../base/errors.ts";

export const SNAPSHOT_PAGE_BYTES = 4096;
export const SNAPSHOT_VERSION = 2;
export const HEADER_BYTES = 4096;
/** Pages of the guest that one entry of the index is about. */
export const CLUSTER_PAGES = 32;
const MAGIC = 0x4e535657; // "WVSN"
const FOOTER_MAGIC = 0x46535657; // "WVSF"
const FOOTER_WORDS = 11;
export const FOOTER_BYTES = FOOTER_WORDS * 4;
/** No part is larger: a length beyond it is a broken file, not a reason to allocate. */
const PART_BYTES_MAX = 64 << 20;
/** Pages of the largest guest. */
const PAGES_MAX = 1 << 20;

/** A part of the file: its bytes and their checksum. */
export interface SnapshotPart {
  readonly bytes: number;
  readonly crc: number;
}

export interface SnapshotFooter {
  readonly guestPages: number;
  readonly filePages: number;
  readonly config: SnapshotPart;
  readonly state: SnapshotPart;
  readonly index: SnapshotPart;
}

export function badSnapshot(what: string, cause?: unknown): WasmvisorError {
  return new WasmvisorError("WV_BAD_SNAPSHOT", `snapshot ${what}`, { cause });
}

export function partOf(bytes: Uint8Array): SnapshotPart {
  return { bytes: bytes.length, crc: crc32(bytes) };
}

/** Integers as bytes, which are the same memory. */
export function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** The inverse; bytes beyond the last whole word are left out. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length >>> 2);
  // Wasm runs on little-endian machines only, or on those that pretend to be.
  new Uint8Array(words.buffer).set(bytes.subarray(0, words.byteLength));
  return words;
}

export function encodeHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(bytesOf(Uint32Array.of(MAGIC, SNAPSHOT_VERSION)));
  return bytes;
}

/** Throws `WV_BAD_SNAPSHOT` if the file is none, or of a version that this release does not read. */
export function checkHeader(bytes: Uint8Array, name: string): void {
  const [magic, version] = wordsOf(bytes.subarray(0, 8));
  if (magic !== MAGIC) throw badSnapshot(`${name}: this is not a snapshot`);
  if (version !== SNAPSHOT_VERSION)
    throw badSnapshot(
      `${name}: version ${version}; this release reads version ${SNAPSHOT_VERSION}`,
    );
  if (bytes.length !== HEADER_BYTES || bytes.subarray(8).some((byte) => byte !== 0))
    throw badSnapshot(`${name}: the header is damaged`);
}

export function encodeFooter(footer: SnapshotFooter): Uint8Array {
  const { config, filePages, guestPages, index, state } = footer;
  const parts = [config, state, index].flatMap(({ bytes, crc }) => [bytes, crc]);
  const words = Uint32Array.of(FOOTER_MAGIC, SNAPSHOT_VERSION, guestPages, filePages, ...parts, 0);
  const bytes = bytesOf(words);
  const crc = crc32(bytes, 0, 0, FOOTER_BYTES - 4);
  new DataView(bytes.buffer).setUint32(FOOTER_BYTES - 4, crc, true);
  return bytes;
}

/** The footer of a file of `fileBytes` bytes. Throws `WV_BAD_SNAPSHOT` unless everything fits. */
export function decodeFooter(bytes: Uint8Array, fileBytes: number, name: string): SnapshotFooter {
  const words = wordsOf(bytes);
  if (words.length !== FOOTER_WORDS || words[0] !== FOOTER_MAGIC)
    throw badSnapshot(`${name}: cut: its end is missing`);
  if (words[FOOTER_WORDS - 1] !== crc32(bytes, 0, 0, FOOTER_BYTES - 4))
    throw badSnapshot(`${name}: the footer is damaged`);
  const part = (at: number): SnapshotPart => ({
    bytes: words[at] as number,
    crc: words[at + 1] as number,
  });
  const footer: SnapshotFooter = {
    guestPages: words[2] as number,
    filePages: words[3] as number,
    config: part(4),
    state: part(6),
    index: part(8),
  };
  checkSizes(footer, fileBytes, name);
  return footer;
}

function checkSizes(footer: SnapshotFooter, fileBytes: number, name: string): void {
  const { config, filePages, guestPages, index, state } = footer;
  const parts = [config, state, index];
  if (guestPages > PAGES_MAX || filePages > guestPages)
    throw badSnapshot(`${name}: ${filePages} pages of a guest of ${guestPages}`);
  if (parts.some(({ bytes }) => bytes > PART_BYTES_MAX))
    throw badSnapshot(`${name}: a part is larger than ${PART_BYTES_MAX} bytes`);
  if (index.bytes !== indexBytes(guestPages))
    throw badSnapshot(`${name}: an index of ${index.bytes} bytes for ${guestPages} pages`);
  const expected = parts.reduce(
    (sum, { bytes }) => sum + bytes,
    HEADER_BYTES + filePages * SNAPSHOT_PAGE_BYTES + FOOTER_BYTES,
  );
  if (expected !== fileBytes)
    throw badSnapshot(`${name}: cut: ${expected} bytes expected, ${fileBytes} there`);
}

/** An index in memory: views on its three arrays. */
export interface SnapshotIndex {
  readonly words: Uint32Array;
  readonly pages: Uint32Array;
  readonly before: Uint32Array;
  readonly crcs: Uint32Array;
}

function indexBytes(guestPages: number): number {
  return Math.ceil(guestPages / CLUSTER_PAGES) * 12;
}

/** The index in `words`, or an empty one. */
export function indexOf(guestPages: number, words?: Uint32Array): SnapshotIndex {
  const all = words ?? new Uint32Array(indexBytes(guestPages) / 4);
  const clusters = all.length / 3;
  return {
    words: all,
    pages: all.subarray(0, clusters),
    before: all.subarray(clusters, 2 * clusters),
    crcs: all.subarray(2 * clusters),
  };
}

/** Set bits of a word. */
export function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
