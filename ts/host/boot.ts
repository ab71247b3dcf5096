/** What a new vm boots: files and images are read, and laid into its memory. */
import { WasmvisorError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { planBoot } from "../vmm/boot-plan.ts";
import { buildDeviceTree } from "../vmm/device-tree.ts";
import { RAM_BASE } from "../vmm/guest-ram.ts";
import { readSource } from "./files.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import type { CreateVmOptions } from "./vm-config.ts";

const RNG_SEED_BYTES = 32;

/** Files and images of a vm, read. */
interface BootFiles {
  readonly firmware: Uint8Array | undefined;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array | undefined;
  readonly append: string;
  readonly dtb: Uint8Array | undefined;
}

/** Reads what `options` name; throws as `Host.createVm` says. */
export async function bootFiles(options: CreateVmOptions): Promise<BootFiles> {
  const { append = "", bare, dtb, initrd } = options;
  const given = [options.image, options.kernel].filter((one) => one !== undefined);
  if (given.length > 1 || (given.length === 0 && bare === undefined))
    throw new WasmvisorError(
      "WV_CONFIG",
      "give exactly one of image, kernel and bare, or bare as firmware of one of the others",
    );
  const firmware =
    given.length === 0 || bare === undefined ? undefined : await readSource(bare, "bare");
  const rest = { firmware, dtb: dtb === undefined ? undefined : await readSource(dtb, "dtb") };
  if (options.image !== undefined) {
    const { resolveImage } = await import("../image/store.ts");
    const image = await resolveImage(options.image, { verify: "size" });
    return {
      kernel: await readSource(image.kernel, "kernel"),
      initrd: await readSource(initrd ?? image.initrd, "initrd"),
      append: `${image.cmdline} ${append}`.trim(),
      ...rest,
    };
  }
  const kernel = options.kernel ?? bare ?? "";
  return {
    ...rest,
    kernel: await readSource(kernel, options.kernel === undefined ? "bare" : "kernel"),
    initrd: initrd === undefined ? undefined : await readSource(initrd, "initrd"),
    append,
  };
}

/** Lays `files` into the memory of `vm`, and its first vCPU in front of them. */
export function boot(vm: VirtualMachine, files: BootFiles): void {
  const { memoryBytes, seed, vcpus, isBare } = vm.config;
  const rngSeed = new Random(seed).split("rng-seed").bytes(new Uint8Array(RNG_SEED_BYTES));
  const virtioSlots = Array.from({ length: vm.machine.board.virtioSlots }, (_, i) => i);
  vm.machine.boot(
    planBoot({
      ramBase: RAM_BASE,
      ramBytes: memoryBytes,
      kernel: files.kernel,
      initrd: files.initrd,
      firmware: files.firmware,
      buildDeviceTree: (initrd) =>
        files.dtb ??
        buildDeviceTree({
          ramBytes: memoryBytes,
          hartCount: vcpus,
          rngSeed,
          bootArgs: files.append,
          initrd,
          virtioSlots,
          firmware: isBare ? "bare" : "vmm",
        }),
    }),
  );
}
