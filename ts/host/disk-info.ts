/** What a vm tells about its disks. */
import { WasmvisorError } from "../base/errors.ts";
import type { BlockBackend } from "../machine/block.ts";
import { MOVING_BLOCK_BYTES, type OnDemandDisk } from "../machine/moving-disk.ts";
import type { VmDiskInfo } from "./api.ts";
import { openedBelow } from "./disk-leases.ts";
import type { VmConfig } from "./vm-config.ts";

const isUrl = (path: string): boolean => /^(nbds?|pool):/.test(path);

/** Disks as they were configured, and what has come of them. */
export function diskInfos(config: VmConfig, disks: readonly BlockBackend[]): VmDiskInfo[] {
  return disks.map((disk, i) => {
    const { format, overlay = false, path } = config.disks[i] ?? {};
    const { missing } = (openedBelow(disk) ?? {}) as Partial<OnDemandDisk>;
    return {
      path,
      format: format ?? (path === undefined || isUrl(path) ? undefined : "raw"),
      bytes: disk.bytes,
      readOnly: disk.readOnly,
      overlay,
      missingBytes: Math.min((missing?.size ?? 0) * MOVING_BLOCK_BYTES, disk.bytes),
    };
  });
}

/** Throws `WV_STATE` while blocks of a disk are still at the host that its guest came from. */
export function checkArrived(vm: string, disks: readonly VmDiskInfo[]): void {
  const index = disks.findIndex(({ missingBytes }) => missingBytes > 0);
  if (index < 0) return;
  throw new WasmvisorError(
    "WV_STATE",
    `${vm}: cannot migrate while disk ${index} follows it from the host that it came from: ` +
      `${disks[index]?.missingBytes} bytes are still there; try again when all of it has come`,
  );
}
