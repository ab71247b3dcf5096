/**
 * Where everything goes before the first instruction. Addresses rise to the right:
 *
 *   RAM base | kernel (Image: +text_offset, usually 2 MiB) | ... | initrd | device tree | gap | end
 *
 * Firmware, if the guest brings its own, goes to RAM base (or where its ELF file says), below the kernel.
 * It finds the device tree in a1 and OpenSBI's "dynamic information" in a2, which names the kernel.
 *
 * The gap keeps the device tree off the top of RAM, where kernels map and allocate first.
 */
import { WasmvisorError } from "../base/errors.ts";
import { type Elf, isElf, parseElf } from "./elf.ts";
import { parseLinuxImage } from "./linux-image.ts";

/** Bytes that must be in RAM before the first instruction. */
interface BootWrite {
  readonly gpa: number;
  readonly bytes: Uint8Array;
}

/** First byte and the byte after the last. */
export interface InitrdRange {
  readonly start: number;
  readonly end: number;
}

export interface BootPlanOptions {
  readonly ramBase: number;
  readonly ramBytes: number;
  /** A Linux `Image` or an ELF file. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array | undefined;
  /** What runs first, in M-mode, and goes on to the kernel: an ELF file, or bytes for RAM base. */
  readonly firmware?: Uint8Array | undefined;
  /** Called more than once; its size must not depend on the range. Absent: no device tree. */
  readonly buildDeviceTree?: ((initrd: InitrdRange | undefined) => Uint8Array) | undefined;
}

export interface BootPlan {
  readonly writes: readonly BootWrite[];
  /** First pc of hart 0. */
  readonly entry: number;
  /** For a1 of hart 0; 0 without a device tree. */
  readonly deviceTreeGpa: number;
  /** For a2 of all harts: what firmware should know of the kernel; 0 without firmware. */
  readonly firmwareInfoGpa: number;
  /** Present when the kernel is an ELF file (symbols such as `tohost`). */
  readonly elf: Elf | undefined;
}

const PAGE_BYTES = 4096;
/** "OSBI" in the order of its bytes. */
const FIRMWARE_INFO_MAGIC = 0x4942534f;
const GAP_BYTES_MAX = 0x20_0000;

/** A kernel at its place; `end` is the byte after all it needs. */
interface PlacedKernel {
  readonly writes: readonly BootWrite[];
  readonly entry: number;
  readonly end: number;
  readonly elf: Elf | undefined;
}

/**
 * Plans a boot. Throws `WV_BAD_ELF` or `WV_BAD_IMAGE` naming what is broken or does not fit. Memory
 * that no write covers must be zero.
 */
export function planBoot(options: BootPlanOptions): BootPlan {
  const { ramBase, ramBytes, initrd, buildDeviceTree } = options;
  const kernel = isElf(options.kernel) ? placeElf(options) : placeImage(options);
  const firmware = options.firmware && placeFirmware(options, options.firmware, kernel);
  const writes = [...(firmware?.writes ?? []), ...kernel.writes];
  let top = ramBase + ramBytes;
  let firmwareInfoGpa = 0;
  if (firmware) {
    firmwareInfoGpa = top - PAGE_BYTES;
    writes.push({ gpa: firmwareInfoGpa, bytes: firmwareInfo(kernel.entry) });
  }

  let deviceTreeGpa = 0;
  const blankRange = initrd && { start: ramBase, end: ramBase + initrd.length };
  const treeBytes = buildDeviceTree?.(blankRange).length ?? 0;
  if (buildDeviceTree) {
    top -= Math.min(GAP_BYTES_MAX, alignDown(ramBytes / 16));
    top = placeBelow(top, treeBytes, { what: "device tree", floor: kernel.end, options });
    deviceTreeGpa = top;
  }
  let range: InitrdRange | undefined;
  if (initrd) {
    const start = placeBelow(top, initrd.length, { what: "initrd", floor: kernel.end, options });
    range = { start, end: start + initrd.length };
    writes.push({ gpa: start, bytes: initrd });
  }
  if (buildDeviceTree) {
    const bytes = buildDeviceTree(range);
    if (bytes.length > treeBytes)
      throw bad(`device tree grew from ${treeBytes} to ${bytes.length} bytes with the initrd`);
    writes.push({ gpa: deviceTreeGpa, bytes });
  }
  const { entry } = firmware ?? kernel;
  return { writes, entry, deviceTreeGpa, firmwareInfoGpa, elf: (firmware ?? kernel).elf };
}

/** Firmware must end before the kernel begins. */
function placeFirmware(
  options: BootPlanOptions,
  bytes: Uint8Array,
  kernel: PlacedKernel,
): PlacedKernel {
  const { ramBase } = options;
  const placed = isElf(bytes)
    ? placeElf({ ...options, kernel: bytes })
    : { writes: [{ gpa: ramBase, bytes }], entry: ramBase, end: ramBase + bytes.length };
  const floor = Math.min(...kernel.writes.map(({ gpa }) => gpa));
  if (placed.end > floor)
    throw bad(`firmware ends at 0x${placed.end.toString(16)}, behind the start of the kernel`);
  return { elf: undefined, ...placed };
}

/** struct fw_dynamic_info of OpenSBI: six words of 64 bits; the next stage runs in S-mode. */
function firmwareInfo(kernelEntry: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(48));
  const words = [FIRMWARE_INFO_MAGIC, 2, kernelEntry, 1, 0, 0];
  words.forEach((word, i) => {
    view.setBigUint64(i * 8, BigInt(word), true);
  });
  return new Uint8Array(view.buffer);
}

function placeElf(options: BootPlanOptions): PlacedKernel {
  const elf = parseElf(options.kernel, options);
  const end = Math.max(...elf.segments.map(({ gpa, memBytes }) => gpa + memBytes));
  const writes = elf.segments
    .filter(({ bytes }) => bytes.length > 0)
    .map(({ gpa, bytes }) => ({ gpa, bytes }));
  return { writes, entry: elf.entry, end, elf };
}

function placeImage(options: BootPlanOptions): PlacedKernel {
  const image = parseLinuxImage(options.kernel);
  const entry = options.ramBase + image.textOffset;
  const end = entry + image.imageBytes;
  if (end > options.ramBase + options.ramBytes)
    throw bad(
      `kernel needs ${mib(image.textOffset + image.imageBytes)} MiB of RAM, the guest has ${mib(options.ramBytes)} MiB; give it more memory`,
    );
  return { writes: [{ gpa: entry, bytes: options.kernel }], entry, end, elf: undefined };
}

/** The highest page-aligned place for `bytes` bytes that ends at or below `top`. */
function placeBelow(
  top: number,
  bytes: number,
  at: { readonly what: string; readonly floor: number; readonly options: BootPlanOptions },
): number {
  const gpa = alignDown(top - bytes);
  if (gpa < at.floor)
    throw bad(
      `${at.what} of ${bytes} bytes does not fit behind the kernel in ${mib(at.options.ramBytes)} MiB of RAM; give the guest more memory`,
    );
  return gpa;
}

function alignDown(gpa: number): number {
  return Math.floor(gpa / PAGE_BYTES) * PAGE_BYTES;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function bad(what: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `boot: ${what}`);
}
