/**
 * Beside an image that has come with its guest: which blocks are missing. It is there from the first byte on until
 * the guest's former host has been told that the guest runs here: of one that lacks nothing it says that the guest may
 * have gone on there, with an image of its own.
 *
 *   0   "WVLACKS", u8 version, u32 bytes of a block, u32 blocks, u64 bytes of the disk, u32 CRC-32 of that
 *   28  which process uses the image, in words of its machine; to 4096: 0
 *   4096  bitmap
 *
 * All integers are little endian. Bits only go away, and each only when its block is safe: a write that a power
 * failure cuts leaves some of them set, and these blocks are fetched once more.
 */
import { existsSync, rmSync } from "node:fs";
import { crc32 } from "../base/crc32.ts";
import { WasmvisorError } from "../base/errors.ts";
import { isZero } from "../base/zeros.ts";
import { BlockSet } from "../machine/block-set.ts";
import { blockCountOf, MOVING_BLOCK_BYTES } from "../machine/moving-disk.ts";
import { HostFile } from "./image-file.ts";
import type { MissingRecord } from "./partial-disk.ts";

const MAGIC = new TextEncoder().encode("WVLACKS\x01");
const HEADER_BYTES = 4096;
const SUMMED_BYTES = 24;
const OWNER_AT = 28;
const OWNER_BYTES_MAX = 256;

const pathOf = (image: string): string => `${image}.arriving`;

/** Has `image` a record of what is missing? */
export const isPartial = (image: string): boolean => existsSync(pathOf(image));

/** Has `image` a record by which nothing is missing: it is whole, and may not be the only one? */
export function isUnsettled(image: string): boolean {
  if (!isPartial(image)) return false;
  const file = new HostFile(pathOf(image), "read");
  try {
    const header = new Uint8Array(MAGIC.length);
    file.read(0, header);
    const bitmap = new Uint8Array(Math.max(0, file.bytes - HEADER_BYTES));
    file.read(HEADER_BYTES, bitmap);
    return bitmap.length > 0 && MAGIC.every((byte, i) => header[i] === byte) && isZero(bitmap);
  } finally {
    file.close();
  }
}

export class MissingFile implements MissingRecord {
  readonly #path: string;
  readonly #bytes: number;
  #file: HostFile | undefined;

  readonly #owner: string;

  /**
   * For `image`, a disk of `bytes` bytes; there is no file until something is saved. `owner`: who uses the image from
   * then on, until the record is closed.
   */
  constructor(image: string, bytes: number, owner = "") {
    this.#path = pathOf(image);
    this.#bytes = bytes;
    this.#owner = owner;
  }

  /** Who uses the image, as far as it was said. */
  owner(): string {
    const file = new HostFile(this.#path, "read");
    try {
      const text = new Uint8Array(OWNER_BYTES_MAX);
      file.read(OWNER_AT, text);
      return new TextDecoder().decode(text).replace(/\0.*/s, "");
    } finally {
      file.close();
    }
  }

  save(missing: BlockSet): void {
    const file = this.#file ?? this.#open();
    file.write(HEADER_BYTES, missing.save());
    file.sync();
  }

  #open(): HostFile {
    const isThere = existsSync(this.#path);
    const file = new HostFile(this.#path, isThere ? "write" : "create");
    this.#file = file;
    if (!isThere) file.write(0, headerOf(this.#bytes));
    this.#own(file, this.#owner);
    return file;
  }

  #own(file: HostFile, owner: string): void {
    const text = new Uint8Array(OWNER_BYTES_MAX);
    new TextEncoder().encodeInto(owner, text);
    file.write(OWNER_AT, text);
  }

  /** What is missing. Throws `WV_DISK` if the record is damaged, or of another disk. */
  load(): BlockSet {
    const set = new BlockSet(blockCountOf(this.#bytes));
    const file = new HostFile(this.#path, "read");
    try {
      const header = new Uint8Array(OWNER_AT);
      file.read(0, header);
      const bitmap = new Uint8Array(Math.ceil(set.blockCount / 8));
      file.read(HEADER_BYTES, bitmap);
      const wanted = headerOf(this.#bytes);
      const isWhole = file.bytes === HEADER_BYTES + bitmap.length;
      const isOurs = header.every((byte, i) => wanted[i] === byte);
      if (isWhole && isOurs && set.load(bitmap)) return set;
    } finally {
      file.close();
    }
    throw new WasmvisorError(
      "WV_DISK",
      `"${this.#path}": it is damaged, or of another disk: what is missing is not known; copy the disk anew`,
    );
  }

  remove(): void {
    this.#file?.close();
    this.#file = undefined;
    rmSync(this.#path, { force: true });
  }

  /** Nobody uses the image any more. */
  close(): void {
    if (this.#file) this.#own(this.#file, "");
    this.#file?.close();
    this.#file = undefined;
  }
}

function headerOf(bytes: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint32(8, MOVING_BLOCK_BYTES, true);
  view.setUint32(12, blockCountOf(bytes), true);
  view.setBigUint64(16, BigInt(bytes), true);
  view.setUint32(SUMMED_BYTES, crc32(header, 0, 0, SUMMED_BYTES), true);
  return header;
}
