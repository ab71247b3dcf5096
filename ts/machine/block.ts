/** Bytes of a sector, the unit in which guests address disks. */
export const SECTOR_BYTES = 512;

/**
 * A disk as a device sees it: `bytes` bytes at offsets from 0, all calls synchronous. Callers stay
 * inside of `bytes`; whatever fails throws a `WasmvisorError` with code `WV_DISK`, which the device
 * turns into an IO error for the guest.
 */
export interface BlockBackend {
  /** Size in bytes, a multiple of {@link SECTOR_BYTES}. */
  readonly bytes: number;
  readonly readOnly: boolean;
  /** Fills `into` from the disk at `offset`. */
  read(offset: number, into: Uint8Array): void;
  /** Writes `from` to the disk at `offset`. */
  write(offset: number, from: Uint8Array): void;
  /** Returns once everything written before survives the end of this process. */
  flush(): void;
  /** Forgets the content of a range, which reads as zeros from now on. Absent: no such thing here. */
  discard?(offset: number, bytes: number): void;
}
