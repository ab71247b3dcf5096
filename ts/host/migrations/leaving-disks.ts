/** Which disks of a vm go with it to another host, and what becomes of their images here. */
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { LeavingDisk } from "../../machine/moving-disk.ts";
import { leavingReadOnly, MovableDisk } from "../../storage/movable-disk.ts";
import { openedBelow } from "../disk-leases.ts";
import { clearMark, type MovedMark, markMoved } from "../disk-marks.ts";
import type { VirtualMachine } from "../virtual-machine.ts";
import type { DiskConfig } from "../vm-config.ts";

/** Exports are where they are for whoever opens them. */
const isExport = ({ path }: DiskConfig): boolean => path !== undefined && /^nbds?:/.test(path);

/** All that the target does not find by itself. Throws `WV_CONFIG` for one that cannot be copied. */
export function leavingDisks(vm: VirtualMachine, clock: Clock): LeavingDisk[] {
  return vm.config.disks.flatMap((config, index) => {
    if (isExport(config)) return [];
    const disk = vm.machine.options.disks[index];
    if (disk instanceof MovableDisk) return [disk.leaving(index, clock)];
    const below = disk && openedBelow(disk);
    if (below) return [leavingReadOnly(below, { index, clock })];
    throw new WasmvisorError(
      "WV_CONFIG",
      `${vm.name}: disk ${index} cannot be copied: it is yours`,
    );
  });
}

/** The image files that are the target's once the guest runs there. */
function imagesOf(vm: VirtualMachine): string[] {
  return vm.config.disks.flatMap(({ overlay, path, readOnly }) =>
    path === undefined || overlay || readOnly || /^[a-z]+:/.test(path) ? [] : [path],
  );
}

/** Notes beside the images of a vm that they are, or may be, old. */
export class MovedImages {
  readonly #images: readonly string[];
  readonly #mark: Omit<MovedMark, "state">;
  readonly #forget: () => void;

  constructor(vm: VirtualMachine, mark: Omit<MovedMark, "state" | "vm">) {
    this.#images = imagesOf(vm);
    this.#mark = { vm: vm.name, ...mark };
    // Whoever lets it go on here decides that they are not.
    this.#forget = vm.events.on("status", ({ status }) => {
      if (status === "running") this.clear();
    });
  }

  /** The target is told to run it: nobody knows for a moment. */
  committing(): void {
    for (const image of this.#images) markMoved(image, { ...this.#mark, state: "committing" });
  }

  moved(): void {
    this.#forget();
    for (const image of this.#images) markMoved(image, { ...this.#mark, state: "moved" });
  }

  clear(): void {
    for (const image of this.#images) clearMark(image);
  }
}
