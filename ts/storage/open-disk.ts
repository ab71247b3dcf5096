/**
 * Opens images with whatever they are based on. Nobody's content decides what a file is: a raw disk belongs to
 * its guest, who could write the head of a qcow2 image into it that names any file of the host as its backing
 * file. So a format is said, by whoever opens a disk and by the image for its backing file; a file of which none
 * was said is raw, and is refused when it looks like a qcow2 image.
 */
import { dirname, isAbsolute, resolve } from "node:path";
import type { BlockBackend, BlockExtent } from "../machine/block.ts";
import type { DiskFormat } from "./disk-format.ts";
import { FileDisk } from "./file-disk.ts";
import { HostFile } from "./image-file.ts";
import { badImage, MAGIC } from "./qcow2/format.ts";
import { type BackingDisk, Qcow2Disk } from "./qcow2/qcow2-disk.ts";
import { readHeader } from "./qcow2/read-header.ts";

/** Backing files below each other. */
const CHAIN_MAX = 32;

export interface OpenDiskOptions {
  readonly path: string;
  readonly format?: DiskFormat | undefined;
  readonly readOnly?: boolean | undefined;
  /** An internal snapshot of a qcow2 image, to be read. */
  readonly snapshot?: string | undefined;
  /** Bytes of the tables of each image that are kept in memory; 8 MiB by default. */
  readonly cacheBytes?: number | undefined;
}

/** A disk in files: nothing of it is done later. */
export interface SyncDisk extends BlockBackend {
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  discard?(offset: number, bytes: number): void;
  zero?(offset: number, bytes: number): void;
  extent?(offset: number, bytes: number): BlockExtent;
  refresh?(): void;
  close(): void;
}

/** Throws `WV_DISK`. */
export function openDisk(options: OpenDiskOptions): SyncDisk {
  const { format, path, readOnly = false } = options;
  if (format === "qcow2") return openQcow2(options, [], readOnly);
  const disk = new FileDisk({ path, readOnly });
  if (format === "raw" || !looksLikeQcow2(disk)) return disk;
  disk.close();
  throw badImage(
    path,
    "it looks like a qcow2 image; say format=qcow2, or format=raw if a guest shall see it as it is",
    0,
  );
}

function looksLikeQcow2(disk: FileDisk): boolean {
  const head = new Uint8Array(4);
  disk.read(0, head);
  return new DataView(head.buffer).getUint32(0) === MAGIC;
}

/** `above`: identities of the files that this one is a backing file of. */
function openQcow2(
  options: OpenDiskOptions,
  above: readonly string[],
  readOnly: boolean,
): Qcow2Disk {
  const { cacheBytes, path, snapshot } = options;
  const file = new HostFile(path, readOnly ? "read" : "write");
  let backing: BackingDisk | undefined;
  try {
    const chain = deeper(file, above);
    backing = openBacking(file, chain, cacheBytes);
    return new Qcow2Disk({ file, readOnly, backing, snapshot, cacheBytes });
  } catch (error) {
    backing?.close?.();
    file.close();
    throw error;
  }
}

function deeper(file: HostFile, above: readonly string[]): readonly string[] {
  if (above.includes(file.identity))
    throw badImage(file.path, "it is, by way of others, its own backing file; restore the chain");
  if (above.length >= CHAIN_MAX)
    throw badImage(
      file.path,
      `more than ${CHAIN_MAX} images are based on each other; merge some with: qemu-img commit`,
    );
  return [...above, file.identity];
}

function openBacking(
  file: HostFile,
  chain: readonly string[],
  cacheBytes: number | undefined,
): BackingDisk | undefined {
  const { backingFormat: format, backingName: name } = readHeader(file);
  if (name === undefined) return undefined;
  if (format !== "raw" && format !== "qcow2")
    throw badImage(
      file.path,
      format === undefined
        ? `it does not say in which format "${name}" is; write it down with: qemu-img rebase -u -F raw|qcow2 -b ${name} ${file.path}`
        : `its backing file is in format "${format}", which is not read here; convert that with: qemu-img convert`,
    );
  if (/^[a-z][\w+.-]*:/.test(name) && !isAbsolute(name))
    throw badImage(file.path, `its backing file "${name}" is no plain file; copy it to one`);
  const path = resolve(dirname(file.path), name);
  if (format === "qcow2") return openQcow2({ path, cacheBytes }, chain, true);
  return openRaw(path, chain);
}

/** A raw backing file of any length. */
function openRaw(path: string, chain: readonly string[]): BackingDisk {
  const file = new HostFile(path, "read");
  try {
    deeper(file, chain);
  } catch (error) {
    file.close();
    throw error;
  }
  return {
    bytes: file.bytes,
    read: (offset, into) => file.read(offset, into),
    close: () => file.close(),
  };
}

/** What a path's format is, for those who only look at it. */
export function probeFormat(path: string): DiskFormat {
  const file = new HostFile(path, "read");
  try {
    const head = new Uint8Array(4);
    file.read(0, head);
    return new DataView(head.buffer).getUint32(0) === MAGIC ? "qcow2" : "raw";
  } finally {
    file.close();
  }
}
