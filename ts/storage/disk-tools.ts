/** What one does with images that no guest uses: make, look at, check, convert. Node only. */
import { rmSync } from "node:fs";
import { WasmvisorError } from "../base/errors.ts";
import { type BlockBackend, SECTOR_BYTES } from "../machine/block.ts";
import type { DiskFormat } from "./disk-format.ts";
import { HostFile } from "./image-file.ts";
import { openDisk, probeFormat, type SyncDisk } from "./open-disk.ts";
import { checkQcow2, type Qcow2Check } from "./qcow2/check.ts";
import { type CreateQcow2Options, createQcow2 } from "./qcow2/create.ts";
import { readHeader } from "./qcow2/read-header.ts";
import { type Qcow2Snapshot, readSnapshots } from "./qcow2/snapshots.ts";
import { writeNonZero } from "./sparse.ts";

const COPY_BYTES = 2 * 1024 * 1024;
/** The size of a cluster: of an image of clusters a part takes as much room as all of it. */
const PIECE_BYTES = 65536;

export interface CreateDiskOptions
  extends Pick<CreateQcow2Options, "version" | "clusterBytes" | "refcountBits"> {
  readonly path: string;
  readonly format: DiskFormat;
  /** Default: the size of the backing file. */
  readonly bytes?: number | undefined;
  readonly backing?: { readonly path: string; readonly format: DiskFormat } | undefined;
}

/** Makes an empty image. Throws `WV_DISK` if the file exists, `WV_CONFIG` for what no image can be. */
export function createDisk(options: CreateDiskOptions): { readonly bytes: number } {
  const { backing, format, path } = options;
  const bytes = options.bytes ?? (backing && sizeOf(backing));
  if (bytes === undefined)
    throw new WasmvisorError("WV_CONFIG", "size: missing; give one, like 10GiB, or a backing file");
  if (bytes <= 0 || bytes % SECTOR_BYTES !== 0)
    throw new WasmvisorError("WV_CONFIG", `size: expected a multiple of 512, got ${bytes}`);
  if (format === "raw" && backing)
    throw new WasmvisorError("WV_CONFIG", "backing: only qcow2 images have a backing file");
  const file = new HostFile(path, "create");
  try {
    if (format === "raw") file.truncate(bytes);
    else {
      const named = backing && { name: backing.path, format: backing.format };
      createQcow2(file, { ...options, bytes, backing: named });
    }
  } catch (error) {
    file.close();
    rmSync(path, { force: true });
    throw error;
  }
  file.close();
  return { bytes };
}

function sizeOf({ format, path }: { readonly path: string; readonly format: DiskFormat }): number {
  const disk = openDisk({ path, format, readOnly: true });
  disk.close();
  return disk.bytes;
}

export interface DiskInfo {
  readonly path: string;
  readonly format: DiskFormat;
  /** What a guest sees. */
  readonly bytes: number;
  readonly fileBytes: number;
  readonly version?: 2 | 3 | undefined;
  readonly clusterBytes?: number | undefined;
  readonly refcountBits?: number | undefined;
  readonly compression?: string | undefined;
  readonly isDirty?: boolean | undefined;
  readonly isCorrupt?: boolean | undefined;
  readonly backing?: { readonly name: string; readonly format: string | undefined } | undefined;
  readonly snapshots?: readonly Omit<Qcow2Snapshot, "l1">[] | undefined;
}

/** What an image says of itself; its backing file is not opened. Throws `WV_DISK`. */
export function diskInfo(path: string, given?: DiskFormat | undefined): DiskInfo {
  const format = given ?? probeFormat(path);
  const file = new HostFile(path, "read");
  try {
    const fileBytes = file.bytes;
    if (format === "raw") return { path, format, bytes: fileBytes, fileBytes };
    const header = readHeader(file);
    const { backingName: name } = header;
    return {
      path,
      format,
      bytes: header.bytes,
      fileBytes,
      version: header.version,
      clusterBytes: 2 ** header.clusterBits,
      refcountBits: 2 ** header.refcountOrder,
      compression: header.compression,
      isDirty: header.isDirty,
      isCorrupt: header.isCorrupt,
      backing: name === undefined ? undefined : { name, format: header.backingFormat },
      snapshots: readSnapshots(file, header).snapshots.map(({ l1: _, ...shown }) => shown),
    };
  } finally {
    file.close();
  }
}

/** Throws `WV_DISK` if it is no qcow2 image, or one that cannot be opened. */
export function checkDisk(path: string): Qcow2Check {
  const file = new HostFile(path, "read");
  try {
    return checkQcow2(file);
  } finally {
    file.close();
  }
}

/**
 * Copies what `source` holds into a new image; zeros take no room in it. `onProgress`: bytes that are done. An
 * image that was not finished is removed.
 */
export async function convertDisk(
  source: BlockBackend,
  target: CreateDiskOptions,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<void> {
  const { bytes } = source;
  createDisk({ ...target, bytes });
  const { format, path } = target;
  try {
    const into = openDisk({ path, format });
    try {
      await copy(source, into, onProgress);
      into.flush();
    } finally {
      into.close();
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

async function copy(
  source: BlockBackend,
  target: SyncDisk,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const buffer = new Uint8Array(COPY_BYTES);
  for (let at = 0; at < source.bytes; ) {
    const extent = await source.extent?.(at, source.bytes - at);
    const count = Math.min(extent?.bytes ?? COPY_BYTES, COPY_BYTES, source.bytes - at);
    if (!extent?.isZero) {
      const part = buffer.subarray(0, count);
      await source.read(at, part);
      writeNonZero(target, at, { bytes: part, pieceBytes: PIECE_BYTES });
    }
    at += extent?.isZero ? extent.bytes : count;
    onProgress(Math.min(at, source.bytes));
  }
}
