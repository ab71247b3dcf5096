/** Opens disks by where they are: a file, a volume of a pool, or an export of an NBD server. Node only. */
import { WasmvisorError } from "../base/errors.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { DiskFormat } from "../storage/disk-format.ts";
import { FileDisk } from "../storage/file-disk.ts";
import { isPartial, isUnsettled } from "../storage/missing-record.ts";
import { isNbdUrl } from "../storage/nbd/protocol.ts";
import { openDisk } from "../storage/open-disk.ts";
import { ThreadedDisk } from "../storage/threaded-disk.ts";
import { checkMark } from "./disk-marks.ts";
import { openExport } from "./exports.ts";
import { isPoolPath, openVolume } from "./pools.ts";

/** For a guest in wall time: what takes long is done beside it. */
export function besideGuest(disk: BlockBackend): BlockBackend {
  return disk instanceof FileDisk ? new ThreadedDisk(disk) : disk;
}

/** Throws `WV_DISK`, `WV_CONFIG` for plain NBD that would leave this machine, `WV_AUTH` without credentials. */
export async function openPath(where: {
  readonly path: string;
  readonly format?: DiskFormat | undefined;
  readonly readOnly: boolean;
}): Promise<BlockBackend> {
  const { format, path, readOnly } = where;
  if (isPoolPath(path)) return openVolume(path, readOnly);
  if (!isNbdUrl(path)) {
    if (!readOnly) checkMark(path);
    if (isUnsettled(path)) {
      if (!readOnly) throw unsettled(path);
    } else if (isPartial(path)) throw partial(path);
    return openDisk({ path, format, readOnly });
  }
  if (format === "qcow2")
    throw new WasmvisorError(
      "WV_CONFIG",
      `disk "${path}": an export is raw for us; let its server read the qcow2 image`,
    );
  return openExport(path, { readOnly });
}

function partial(path: string): WasmvisorError {
  return new WasmvisorError(
    "WV_DISK",
    `disk "${path}": not all of it has come yet; where it came from, serve that image, ` +
      `then fetch the rest: wasmvisor disk pull ${path} nbd://HOST:PORT/NAME`,
  );
}

/** It came with a guest, and the host that filled it ended before the guest's former host knew. */
export function unsettled(path: string): WasmvisorError {
  return new WasmvisorError(
    "WV_DISK",
    `disk "${path}": all of it has come, but the host that its guest came from may have gone on with that guest; ` +
      `look there: if it runs there, remove this image, else remove "${path}.arriving"; or open it with ,ro or ,overlay`,
  );
}
