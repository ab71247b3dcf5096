/** Images that are made here for the disks that come with a vm. */
import { mkdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import type { BlockBackend } from "../../machine/block.ts";
import type { ArrivingDisk } from "../../machine/moving-disk.ts";
import type { DiskShape } from "../../migrate/block-frames.ts";
import type { DiskFormat } from "../../storage/disk-format.ts";
import { createDisk } from "../../storage/disk-tools.ts";
import { MissingFile } from "../../storage/missing-record.ts";
import { MovableDisk } from "../../storage/movable-disk.ts";
import { openDisk, type SyncDisk } from "../../storage/open-disk.ts";
import { Overlay } from "../../storage/overlay.ts";
import { PartialDisk } from "../../storage/partial-disk.ts";
import { giveBack, lease } from "../disk-leases.ts";
import { syncDirectory } from "../disk-marks.ts";
import { ownProcess } from "../process-identity.ts";
import type { VmConfig } from "../vm-config.ts";
import { defaultDiskDirectory, removeUnfinished, unfinishedName } from "./unfinished-images.ts";

/** A vm as it is here: the paths of its disks are of this host. */
export interface PlacedDisks {
  readonly config: VmConfig;
  readonly disks: readonly (BlockBackend | undefined)[];
}

export class ArrivingImages {
  readonly #directory: string;
  readonly #shapes: readonly DiskShape[];
  #images: ArrivingImage[] = [];

  /** `shapes`: what comes. */
  constructor(shapes: readonly DiskShape[], directory = defaultDiskDirectory()) {
    this.#shapes = shapes;
    this.#directory = directory;
  }

  get arriving(): readonly ArrivingDisk[] {
    return this.#images;
  }

  /** Makes empty images. Throws `WV_NO_SPACE`, `WV_DISK`, `WV_CONFIG`. */
  place(config: VmConfig): PlacedDisks {
    this.#checkRoom();
    const disks: (BlockBackend | undefined)[] = [];
    const configs = [...config.disks];
    try {
      for (const shape of this.#shapes) {
        const its = configs[shape.index];
        if (!its) throw new WasmvisorError("WV_CONFIG", `there is no disk ${shape.index}`);
        const format = its.format === "qcow2" ? "qcow2" : "raw";
        const image = new ArrivingImage(this.#directory, { vm: config.name, shape, format });
        this.#images.push(image);
        disks[shape.index] = image.open(its);
        configs[shape.index] = { ...its, path: image.path, format };
      }
    } catch (error) {
      for (const disk of disks) if (disk) giveBack(disk);
      this.discard();
      throw error;
    }
    return { config: { ...config, disks: configs }, disks };
  }

  #checkRoom(): void {
    mkdirSync(this.#directory, { recursive: true });
    removeUnfinished(this.#directory);
    const { bavail, bsize } = statfsSync(this.#directory);
    const wanted = this.#shapes.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    if (wanted <= bavail * bsize) return;
    throw new WasmvisorError(
      "WV_NO_SPACE",
      `disks: ${formatSize(wanted, 1)} come, and "${this.#directory}" has room for ` +
        `${formatSize(bavail * bsize, 1)}; free some, or start the host with another --disk-directory`,
    );
  }

  /** The guest does not run here: nothing is left of its disks. */
  discard(): void {
    for (const image of this.#images) image.remove();
    this.#images = [];
  }
}

class ArrivingImage implements ArrivingDisk {
  readonly index: number;
  readonly bytes: number;
  /** Where it is once the guest runs here. */
  readonly path: string;
  readonly onDemand: PartialDisk;
  readonly #unfinished: string;
  readonly #disk: SyncDisk;
  readonly #record: MissingFile;
  #isFlushed = true;

  constructor(
    directory: string,
    its: { readonly vm: string; readonly shape: DiskShape; readonly format: DiskFormat },
  ) {
    const { format, shape, vm } = its;
    this.index = shape.index;
    this.bytes = shape.bytes;
    const suffix = crypto.randomUUID().slice(0, 8);
    const extension = format === "raw" ? "img" : format;
    this.path = join(directory, `${vm}-${shape.index}-${suffix}.${extension}`);
    this.#unfinished = unfinishedName(this.path);
    const path = this.#unfinished;
    createDisk({ path, format, bytes: shape.bytes });
    this.#disk = openDisk({ path, format });
    this.#record = new MissingFile(this.path, shape.bytes, ownProcess());
    this.onDemand = new PartialDisk(this.#disk, this.#record, "new");
    // Now, not when the guest stands still: from its first moment on the image is one of two.
    this.#record.save(this.onDemand.missing);
    syncDirectory(directory);
  }

  /** The disk that the guest sees; who gives that back closes the image. */
  open(its: { readonly readOnly: boolean; readonly overlay: boolean }): BlockBackend {
    const disk = this.onDemand;
    const top = its.overlay ? new Overlay(disk) : new MovableDisk(disk, its.readOnly);
    lease(top, disk);
    return top;
  }

  write(block: number, content: Uint8Array): void {
    this.#isFlushed = false;
    this.onDemand.fill(block, content);
  }

  zero(block: number): void {
    this.#isFlushed = false;
    this.onDemand.fill(block, undefined);
  }

  flush(): void {
    if (!this.#isFlushed) this.#disk.flush();
    this.#isFlushed = true;
  }

  keep(): void {
    renameSync(this.#unfinished, this.path);
    syncDirectory(dirname(this.path));
  }

  /** Of one that lacks something the record stays until it does not. */
  settle(): void {
    if (this.onDemand.missing.size > 0) return;
    this.#record.remove();
    syncDirectory(dirname(this.path));
  }

  remove(): void {
    this.#record.remove();
    rmSync(this.#unfinished, { force: true });
    rmSync(this.path, { force: true });
  }
}
