/** What a vm is built of beside its config, and what of that its twins and forks get. */
import { WasmvisorError } from "../base/errors.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { TaggedShare } from "../machine/file-share.ts";
import { Overlay } from "../storage/overlay.ts";
import type { GuestRam } from "../vmm/guest-ram.ts";
import { giveBack, share } from "./disk-leases.ts";
import type { ArrivingImages } from "./migrations/arriving-images.ts";
import type { VmNic } from "./networks/vm-nic.ts";
import { closeShares } from "./shares.ts";
import type { VmConfig } from "./vm-config.ts";

export interface VmParts {
  readonly disks: readonly BlockBackend[];
  readonly nics: readonly VmNic[];
  readonly shares: readonly TaggedShare[];
  /** That of its parent. */
  readonly ram?: GuestRam | undefined;
}

/** What is said of a twin beside its config. */
export interface TwinOptions {
  readonly name?: string | undefined;
  /** Makes the images of disks that come. */
  readonly images?: ArrivingImages | undefined;
  /** A guest goes on in it as if nothing had happened. */
  readonly arrives?: boolean | undefined;
}

/** Opens what a vm is built of. A failure leaves nothing open, and no card on a switch. */
export async function openParts(open: {
  readonly shares: () => Promise<readonly TaggedShare[]>;
  readonly disks: () => Promise<readonly BlockBackend[]>;
  readonly nics: () => Promise<readonly VmNic[]>;
}): Promise<VmParts> {
  const shares = await open.shares();
  let disks: readonly BlockBackend[] = [];
  try {
    disks = await open.disks();
    return { shares, disks, nics: await open.nics() };
  } catch (error) {
    for (const disk of disks) giveBack(disk);
    closeShares(shares);
    throw error;
  }
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
