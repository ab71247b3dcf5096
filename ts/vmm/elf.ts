/** A part of an ELF file that must be in memory. */
export interface ElfSegment {
  /** Physical address. */
  readonly gpa: number;
  /** Content; a view into the file. */
  readonly bytes: Uint8Array;
  /** Bytes in memory; those after `bytes` are zero. */
  readonly memBytes: number;
}

/** The symbols a host may want to know. */
export type ElfSymbol = "tohost" | "fromhost" | "begin_signature" | "end_signature";

export interface Elf {
  /** Physical address of the first instruction. */
  readonly entry: number;
  /** In ascending address order, without overlaps. */
  readonly segments: readonly ElfSegment[];
  /** Physical addresses of those symbols that the file has. */
  readonly symbols: ReadonlyMap<ElfSymbol, number>;
}
