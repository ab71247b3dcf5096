import { WasmvisorError } from "../base/errors.ts";
import { type BlockBackend, SECTOR_BYTES } from "../machine/block.ts";

export interface MemoryDiskOptions {
  /** What is on the disk: its bytes (used in place, not copied), or its size when it is empty. */
  readonly content: Uint8Array | number;
  readonly readOnly?: boolean | undefined;
}

/** A disk in the memory of this process. */
export class MemoryDisk implements BlockBackend {
  readonly readOnly: boolean;
  readonly #content: Uint8Array;

  /** Throws `WV_DISK` if the size is not a multiple of 512. */
  constructor(options: MemoryDiskOptions) {
    const { content } = options;
    const bytes = typeof content === "number" ? content : content.length;
    if (!Number.isInteger(bytes) || bytes < 0 || bytes % SECTOR_BYTES !== 0)
      throw new WasmvisorError(
        "WV_DISK",
        `memory disk: size expected a multiple of ${SECTOR_BYTES}, got ${bytes}; pad it with zeros`,
      );
    this.#content = typeof content === "number" ? new Uint8Array(content) : content;
    this.readOnly = options.readOnly ?? false;
  }

  get bytes(): number {
    return this.#content.length;
  }

  read(offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    into.set(this.#content.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.#checkWritable(offset, from.length);
    this.#content.set(from, offset);
  }

  flush(): void {
    // Nothing here survives the process.
  }

  discard(offset: number, bytes: number): void {
    this.#checkWritable(offset, bytes);
    this.#content.fill(0, offset, offset + bytes);
  }

  #check(offset: number, bytes: number): void {
    if (offset < 0 || offset + bytes > this.bytes)
      throw new WasmvisorError(
        "WV_DISK",
        `memory disk: ${bytes} bytes at ${offset} are beyond its ${this.bytes} bytes`,
      );
  }

  #checkWritable(offset: number, bytes: number): void {
    if (this.readOnly) throw new WasmvisorError("WV_DISK", "memory disk: it is read-only");
    this.#check(offset, bytes);
  }
}
