/** What a vm is built of beside its config, and what of that its twins and forks get. */
import { WasmvisorError } from "../base/errors.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { TaggedShare } from "../machine/file-share.ts";
import { Overlay } from "../storage/overlay.ts";
import type { GuestRam } from "../vmm/guest-ram.ts";
import { share } from "./disk-leases.ts";
import type { VmNic } from "./networks/vm-nic.ts";
import type { VmConfig } from "./vm-config.ts";

export interface VmParts {
  readonly disks: readonly BlockBackend[];
  readonly nics: readonly VmNic[];
  readonly shares: readonly TaggedShare[];
  /** That of its parent. */
  readonly ram?: GuestRam | undefined;
}

/** Paths that mean the same wherever the config goes. */
export async function absolutePaths(config: VmConfig): Promise<VmConfig> {
  const hasPaths = config.disks.some((disk) => disk.path !== undefined) || config.shares.length > 0;
  if (!hasPaths) return config;
  const { resolve } = await import("node:path");
  const shares = config.shares.map((share) => ({ ...share, path: resolve(share.path) }));
  const disks = config.disks.map((disk) =>
    disk.path === undefined || /^(nbds?|pool):/.test(disk.path)
      ? disk
      : { ...disk, path: resolve(disk.path) },
  );
  return { ...config, disks, shares };
}

/** The disk of a fork. Throws `WV_STATE` if both would write it. */
export function forkDisk(vm: string, disk: BlockBackend, index: number): BlockBackend {
  if (disk instanceof Overlay || disk.readOnly) {
    const twin = disk instanceof Overlay ? disk.fork() : disk;
    share(disk, twin);
    return twin;
  }
  throw new WasmvisorError(
    "WV_STATE",
    `${vm}: disk ${index} is writable and not an overlay, so two vms would write it; use overlay: true`,
  );
}
