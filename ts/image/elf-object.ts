/**
 * The sections of an ELF64 little-endian object, bounds-checked, read-only. Enough for kernel
 * modules: what they say about themselves (`module-info.ts`) and what can go (`strip-module.ts`).
 *
 *   header 64 bytes: ... e_type@16 e_machine@18 e_shoff@40 e_shentsize@58 e_shnum@60 e_shstrndx@62
 *   section 64 bytes: name@0 type@4 flags@8 addr@16 offset@24 size@32 link@40 info@44 align@48
 *   entsize@56                                              (System V ABI, chapter 4)
 */
import { WasmvisorError } from "../base/errors.ts";

export const ELF_HEADER_BYTES = 64;
export const SECTION_BYTES = 64;
export const SHT_NOBITS = 8;

const EM_RISCV = 243;
const ET_REL = 1;
const SECTION_COUNT_MAX = 0xff00; // SHN_LORESERVE: above it the numbering changes.
const ALIGN_MAX = 1 << 16;

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  /** Bytes in memory; `data` is empty for a section without file contents. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entryBytes: number;
  readonly data: Uint8Array;
}

export interface ElfObject {
  /** The file header as it stands. */
  readonly header: Uint8Array;
  readonly sections: readonly Section[];
  /** Index of the section that holds the section names. */
  readonly nameSection: number;
}

/** Reads a relocatable RISC-V object. Throws `WV_BAD_ELF` saying what is wrong with it. */
export function readElfObject(file: Uint8Array): ElfObject {
  if (file.length < ELF_HEADER_BYTES) throw badElf("shorter than an ELF header");
  const view = viewOf(file);
  if (view.getUint32(0) !== 0x7f454c46) throw badElf("the magic is missing");
  if (file[4] !== 2 || file[5] !== 1) throw badElf("expected ELF64, little-endian");
  if (view.getUint16(16, true) !== ET_REL) throw badElf("expected a relocatable object");
  if (view.getUint16(18, true) !== EM_RISCV) throw badElf("expected machine RISC-V");
  if (view.getUint16(58, true) !== SECTION_BYTES) throw badElf("odd section header size");
  const count = view.getUint16(60, true);
  const nameSection = view.getUint16(62, true);
  if (count === 0 || count >= SECTION_COUNT_MAX) throw badElf(`${count} sections`);
  const tableOffset = number64(view, 40);
  if (tableOffset + count * SECTION_BYTES > file.length) throw badElf("the section table is cut");
  const raw = Array.from({ length: count }, (_, index) =>
    readSection(file, view, tableOffset + index * SECTION_BYTES),
  );
  const names = raw[nameSection];
  if (!names) throw badElf("the section name table is missing");
  const sections = raw.map((section) => ({
    ...section,
    name: stringAt(names.data, section.nameOffset),
  }));
  return { header: file.subarray(0, ELF_HEADER_BYTES), sections, nameSection };
}

/** A view over exactly the bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The NUL-terminated string at `offset` of a string table. Throws `WV_BAD_ELF` if there is none. */
export function stringAt(table: Uint8Array, offset: number): string {
  const end = offset < table.length ? table.indexOf(0, offset) : -1;
  if (end < 0) throw badElf("a name lies outside its string table");
  return Buffer.from(table.buffer, table.byteOffset + offset, end - offset).toString("latin1");
}

/** A 64-bit field that must be a sane file offset or size. */
function number64(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  if (value > 0xffffffffn) throw badElf("an offset or size is beyond 4 GiB");
  return Number(value);
}

function readSection(
  file: Uint8Array,
  view: DataView,
  at: number,
): Omit<Section, "name"> & { nameOffset: number } {
  const type = view.getUint32(at + 4, true);
  const offset = number64(view, at + 24);
  const size = number64(view, at + 32);
  const align = number64(view, at + 48);
  const hasData = type !== SHT_NOBITS && type !== 0;
  if (hasData && offset + size > file.length) throw badElf("a section reaches past the end");
  if (align > ALIGN_MAX || (align & (align - 1)) !== 0) throw badElf("an alignment is odd");
  return {
    nameOffset: view.getUint32(at, true),
    type,
    flags: view.getBigUint64(at + 8, true),
    address: view.getBigUint64(at + 16, true),
    size,
    link: view.getUint32(at + 40, true),
    info: view.getUint32(at + 44, true),
    align: Math.max(align, 1),
    entryBytes: number64(view, at + 56),
    data: hasData ? file.subarray(offset, offset + size) : new Uint8Array(0),
  };
}

export function badElf(why: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_ELF", `kernel module: ${why}`);
}
