import { WasmvisorError } from "../base/errors.ts";

/** Bytes of one device access. The bus splits 8-byte accesses into two of 4, low half first. */
export type AccessBytes = 1 | 2 | 4;

/** A device as the bus sees it: registers at offsets from the start of its window. */
export interface MmioDevice {
  readonly name: string;
  /** Bytes of its window. */
  readonly windowBytes: number;
  /** Reads a register; the result is an unsigned integer of `bytes` bytes. */
  load(offset: number, bytes: AccessBytes): number;
  /** Writes a register; `value` is an unsigned integer of `bytes` bytes. */
  store(offset: number, bytes: AccessBytes, value: number): void;
}

/** A device at its place in guest physical memory. */
export interface MmioMapping {
  readonly base: number;
  readonly device: MmioDevice;
}

/** Finds the device behind a guest physical address. */
export class MmioBus {
  readonly #mappings: MmioMapping[] = [];

  /** Adds a device. Throws `WV_CONFIG` if its window overlaps another. */
  map(base: number, device: MmioDevice): void {
    const end = base + device.windowBytes;
    const other = this.#mappings.find((m) => base < m.base + m.device.windowBytes && m.base < end);
    if (other)
      throw new WasmvisorError(
        "WV_CONFIG",
        `device "${device.name}" at 0x${base.toString(16)} overlaps "${other.device.name}"`,
      );
    this.#mappings.push({ base, device });
    this.#mappings.sort((a, b) => a.base - b.base);
  }

  /** All devices in address order. */
  get mappings(): readonly MmioMapping[] {
    return this.#mappings;
  }

  /** The mapping that holds all `bytes` bytes at `gpa`, if there is one. */
  find(gpa: number, bytes: number): MmioMapping | undefined {
    for (const m of this.#mappings)
      if (gpa >= m.base && gpa + bytes <= m.base + m.device.windowBytes) return m;
    return undefined;
  }
}
