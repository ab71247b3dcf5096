/** The rest of an image of which not all has come: its guest, or its host, ended before. */
import { existsSync } from "node:fs";
import { WasmvisorError } from "../base/errors.ts";
import { isZero } from "../base/zeros.ts";
import { bytesOfBlock, MOVING_BLOCK_BYTES } from "../machine/moving-disk.ts";
import type { DiskFormat } from "../storage/disk-format.ts";
import { isPartial, isUnsettled, MissingFile } from "../storage/missing-record.ts";
import { openDisk } from "../storage/open-disk.ts";
import { PartialDisk } from "../storage/partial-disk.ts";
import { openPath, unsettled } from "./disks.ts";
import { isAlive, ownProcess } from "./process-identity.ts";

export interface PullOptions {
  readonly path: string;
  readonly format: DiskFormat;
  /** Where the rest is: `nbd://HOST:PORT/NAME`, or a file. */
  readonly from: string;
  readonly fromFormat?: DiskFormat | undefined;
  readonly onProgress?: ((missingBlocks: number) => void) | undefined;
}

/**
 * Fetches what is missing; returns how many blocks that were. What the guest has written is kept. It may be broken off
 * at any time, and begun again. Throws `WV_DISK`.
 */
export async function pullDisk(options: PullOptions): Promise<number> {
  const { format, from, fromFormat, path } = options;
  if (!isPartial(path) && existsSync(path))
    throw new WasmvisorError("WV_DISK", `disk "${path}": all of it is there, as far as is known`);
  if (isUnsettled(path)) throw unsettled(path);
  const image = openDisk({ path, format });
  const record = new MissingFile(path, image.bytes, ownProcess());
  try {
    if (isAlive(record.owner()))
      throw new WasmvisorError(
        "WV_DISK",
        `disk "${path}": it is in use, and what is missing comes to whoever uses it; ` +
          "destroy that vm before you fetch it otherwise",
      );
    const source = await openPath({ path: from, format: fromFormat, readOnly: true });
    try {
      if (source.bytes !== image.bytes)
        throw new WasmvisorError(
          "WV_DISK",
          `"${from}" has ${source.bytes} bytes and "${path}" ${image.bytes}: it is not where that came from`,
        );
      const disk = new PartialDisk(image, record);
      const watcher = { onMissing: () => undefined, onOverwritten: () => undefined };
      disk.expect(record.load(), watcher);
      const blocks = disk.missing.size;
      await fetchAll(disk, source, options.onProgress);
      disk.finish();
      return blocks;
    } finally {
      await source.close?.();
    }
  } finally {
    record.close();
    image.close();
  }
}

async function fetchAll(
  disk: PartialDisk,
  source: Awaited<ReturnType<typeof openPath>>,
  onProgress: (missingBlocks: number) => void = () => undefined,
): Promise<void> {
  const buffer = new Uint8Array(MOVING_BLOCK_BYTES);
  for (let block = disk.missing.next(0); block !== undefined; block = disk.missing.next(block)) {
    const content = buffer.subarray(0, bytesOfBlock(block, disk.bytes));
    await source.read(block * MOVING_BLOCK_BYTES, content);
    disk.place(block, isZero(content) ? undefined : content);
    onProgress(disk.missing.size);
  }
}
