import type { Elf } from "./elf.ts";

/** Bytes that must be in RAM before the first instruction. */
export interface BootWrite {
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
  /** Called more than once; its size must not depend on the range. Absent: no device tree. */
  readonly buildDeviceTree?: ((initrd: InitrdRange | undefined) => Uint8Array) | undefined;
}

export interface BootPlan {
  readonly writes: readonly BootWrite[];
  /** First pc of hart 0. */
  readonly entry: number;
  /** For a1 of hart 0; 0 without a device tree. */
  readonly deviceTreeGpa: number;
  /** Present when the kernel is an ELF file (symbols such as `tohost`). */
  readonly elf: Elf | undefined;
}
