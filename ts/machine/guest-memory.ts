/**
 * What a device may do with a guest's RAM. Addresses are guest physical (gpa) as JavaScript
 * numbers: whatever does not fit 53 bits is outside of any RAM by definition.
 */
export interface GuestMemory {
  /** First gpa of RAM. */
  readonly ramBase: number;
  /** Bytes of RAM from `ramBase` on. */
  readonly ramBytes: number;
  /**
   * False if a page of these bytes has not arrived and cannot be brought at once: whoever asks does
   * nothing now, and is asked to look again when it is there. True for what is outside of RAM.
   */
  isHere(gpa: number, bytes: number): boolean;
  /** Copies RAM from `gpa` on into `into`. False, and nothing copied, if a byte lies outside RAM. */
  read(gpa: number, into: Uint8Array): boolean;
  /** Copies `from` to RAM at `gpa`: counts as a guest write (dirty log, copy-on-write). False, and nothing copied, if a byte lies outside RAM. */
  write(gpa: number, from: Uint8Array): boolean;
  /**
   * The RAM itself from `gpa` on, in pieces, to be filled at once, before anything else is done with the guest:
   * counts as a guest write of all of it. Undefined if a byte lies outside RAM. Absent: `write` is the only way.
   */
  piecesToFill?(gpa: number, bytes: number): Uint8Array[] | undefined;
}
