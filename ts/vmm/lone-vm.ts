/**
 * A vm that no host lists: a vCPU, memory, a console, and a virtual clock. For scenarios, traces and rehearsals,
 * whose results depend on nothing else.
 */
import type { Core } from "../../bindings/core.ts";
import { VirtualClock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { planBoot } from "./boot-plan.ts";
import { buildDeviceTree } from "./device-tree.ts";
import { RAM_BASE } from "./guest-ram.ts";
import { MigratableVm } from "./migratable-vm.ts";
import { Vm, type VmOptions } from "./vm.ts";

export type LoneVmOptions = Pick<VmOptions, "memoryBytes" | "mips"> &
  Partial<Pick<VmOptions, "vcpus" | "ram" | "isBare" | "onConsole">>;

const nothing = (): void => undefined;

/** Throws `WV_NO_MEMORY`. */
export function loneVm(core: Core, options: LoneVmOptions): Vm {
  return new Vm({
    core,
    vcpus: 1,
    clock: "virtual",
    wall: new VirtualClock(),
    random: new Random(1),
    disks: [],
    console: "uart",
    isBare: false,
    onConsole: nothing,
    ...options,
  });
}

/** Boots a kernel in it; no bit depends on anything but what is given. Throws what `planBoot` throws. */
export function bootLone(
  vm: Vm,
  files: {
    readonly kernel: Uint8Array;
    readonly initrd?: Uint8Array | undefined;
    readonly bootArgs?: string | undefined;
  },
): void {
  const { bootArgs, initrd, kernel } = files;
  const { ramBytes } = vm.ram;
  const tree = { ramBytes, hartCount: 1, rngSeed: new Uint8Array(32), bootArgs };
  vm.boot(
    planBoot({
      ramBase: RAM_BASE,
      ramBytes,
      kernel,
      initrd,
      buildDeviceTree: (range) => buildDeviceTree({ ...tree, initrd: range }),
    }),
  );
}

/** What a migration takes it for. Pausing is the business of whoever lets it run. */
export function loneGuest(vm: Vm): MigratableVm {
  return new MigratableVm(vm, {
    config: new Uint8Array(0),
    pause: nothing,
    resume: nothing,
    destroy: () => vm.destroy(),
  });
}
