/** Static RV64 executables (ELF-64, little-endian). Nothing in the file is believed unchecked. */
import { WasmvisorError } from "../base/errors.ts";

/** A part of an ELF file that must be in memory. */
interface ElfSegment {
  /** Physical address. */
  readonly gpa: number;
  /** Content; a view into the file. */
  readonly bytes: Uint8Array;
  /** Bytes in memory; those after `bytes` are zero. */
  readonly memBytes: number;
}

/** The symbols a host may want to know. */
type ElfSymbol = "tohost" | "fromhost" | "begin_signature" | "end_signature";

export interface Elf {
  /** Physical address of the first instruction. */
  readonly entry: number;
  /** In ascending address order, without overlaps. */
  readonly segments: readonly ElfSegment[];
  /** Physical addresses of those symbols that the file has. */
  readonly symbols: ReadonlyMap<ElfSymbol, number>;
}

/** RAM that the file has to fit into. */
export interface RamRange {
  readonly ramBase: number;
  readonly ramBytes: number;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const MACHINE_RISCV = 243;
const TYPE_REL = 1;
const TYPE_EXEC = 2;
const TYPE_DYN = 3;
const PT_LOAD = 1;
const PT_INTERP = 3;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SYMBOLS: readonly ElfSymbol[] = ["tohost", "fromhost", "begin_signature", "end_signature"];
const SYMBOL_NAME_BYTES_MAX = 16;

/** Content, place and the virtual address that goes with it. */
interface LoadSegment extends ElfSegment {
  readonly gva: bigint;
}

/** True if the bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0) === MAGIC;
}

/**
 * Reads a static RV64 executable. Throws `WV_BAD_ELF` naming what is wrong and where, if it is
 * broken, for another machine, dynamic, or does not fit into `ram`.
 */
export function parseElf(bytes: Uint8Array, ram?: RamRange): Elf {
  const view = viewOf(bytes);
  checkHeader(view);
  const segments = readSegments(view, ram);
  const entryGva = view.getBigUint64(24, true);
  const entry = toPhysical(segments, entryGva);
  if (entry === undefined)
    throw bad(`entry 0x${entryGva.toString(16)} lies in none of its segments`);
  const plain = segments.map(({ gpa, bytes: content, memBytes }) => ({
    gpa,
    bytes: content,
    memBytes,
  }));
  return { entry, segments: plain, symbols: readSymbols(view, segments) };
}

function checkHeader(view: DataView): void {
  if (view.byteLength < HEADER_BYTES)
    throw bad(`truncated: ${view.byteLength} bytes, the header alone has ${HEADER_BYTES}`);
  if (view.getUint32(0) !== MAGIC) throw bad("no ELF magic number at byte 0");
  if (view.getUint8(4) !== CLASS_64) throw bad("it is a 32-bit file; build it for rv64");
  if (view.getUint8(5) !== LITTLE_ENDIAN) throw bad("it is big-endian; build it for riscv64");
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_RISCV)
    throw bad(`machine expected ${MACHINE_RISCV} (RISC-V), got ${machine}; build it for riscv64`);
  const type = view.getUint16(16, true);
  if (type === TYPE_DYN)
    throw bad("it is dynamic or position-independent; link it with -static -no-pie");
  if (type === TYPE_REL) throw bad("it is an object file; link it first");
  if (type !== TYPE_EXEC) throw bad(`type expected ${TYPE_EXEC} (executable), got ${type}`);
}

function readSegments(view: DataView, ram: RamRange | undefined): LoadSegment[] {
  const headersAt = fileOffset(view, 32);
  const entryBytes = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (count === 0) throw bad("it has no program headers, so nothing to load");
  if (entryBytes < PROGRAM_HEADER_BYTES)
    throw bad(`program header size expected ${PROGRAM_HEADER_BYTES}, got ${entryBytes}`);
  checkInFile(view, { what: "program headers", at: headersAt, bytes: entryBytes * count });
  const segments: LoadSegment[] = [];
  for (let i = 0; i < count; i++) {
    const at = headersAt + i * entryBytes;
    const type = view.getUint32(at, true);
    if (type === PT_INTERP)
      throw bad(`program header ${i}: it is dynamically linked; link it with -static -no-pie`);
    if (type !== PT_LOAD || view.getBigUint64(at + 40, true) === 0n) continue;
    segments.push(readSegment(view, at, i, ram));
  }
  segments.sort((a, b) => a.gpa - b.gpa);
  for (const [i, next] of segments.slice(1).entries()) {
    const segment = segments[i];
    if (segment && segment.gpa + segment.memBytes > next.gpa)
      throw bad(`segments at ${hex(segment.gpa)} and ${hex(next.gpa)} overlap`);
  }
  if (segments.length === 0) throw bad("it has no segment to load");
  return segments;
}

function readSegment(
  view: DataView,
  at: number,
  index: number,
  ram: RamRange | undefined,
): LoadSegment {
  const what = `segment ${index}`;
  const offset = fileOffset(view, at + 8);
  const gpa = size(view, at + 24, `${what}: physical address`);
  const fileBytes = size(view, at + 32, `${what}: file size`);
  const memBytes = size(view, at + 40, `${what}: memory size`);
  if (fileBytes > memBytes)
    throw bad(`${what}: file size ${fileBytes} is larger than memory size ${memBytes}`);
  checkInFile(view, { what, at: offset, bytes: fileBytes });
  if (ram && (gpa < ram.ramBase || gpa + memBytes > ram.ramBase + ram.ramBytes))
    throw bad(
      `${what}: ${hex(gpa)} to ${hex(gpa + memBytes)} is outside of RAM (${hex(ram.ramBase)} to ${hex(ram.ramBase + ram.ramBytes)}); give the guest more memory or link it elsewhere`,
    );
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, fileBytes);
  return { gpa, memBytes, bytes, gva: view.getBigUint64(at + 16, true) };
}

function toPhysical(segments: readonly LoadSegment[], gva: bigint): number | undefined {
  const segment = segments.find((s) => gva >= s.gva && gva < s.gva + BigInt(s.memBytes));
  return segment && segment.gpa + Number(gva - segment.gva);
}

/** Looks only for the few symbols we know; a file without a symbol table has none. */
function readSymbols(view: DataView, segments: readonly LoadSegment[]): Map<ElfSymbol, number> {
  const symbols = new Map<ElfSymbol, number>();
  const sections = readSections(view);
  const table = sections.find(({ type }) => type === SHT_SYMTAB); // There is at most one.
  if (!table) return symbols;
  const strings = sections[table.link];
  if (strings?.type !== SHT_STRTAB)
    throw bad(`symbol table: its string table (section ${table.link}) does not exist`);
  for (let at = table.at; at + SYMBOL_BYTES <= table.at + table.bytes; at += SYMBOL_BYTES) {
    const name = knownName(view, strings, view.getUint32(at, true));
    const gva = view.getBigUint64(at + 8, true);
    // A symbol at the very end of a segment (end_signature) belongs to none: take it as it is.
    if (name) symbols.set(name, toPhysical(segments, gva) ?? Number(gva));
  }
  return symbols;
}

interface Section {
  readonly type: number;
  readonly link: number;
  readonly at: number;
  readonly bytes: number;
}

function readSections(view: DataView): Section[] {
  const headersAt = fileOffset(view, 40);
  const entryBytes = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  if (headersAt === 0 || count === 0) return [];
  if (entryBytes < SECTION_HEADER_BYTES)
    throw bad(`section header size expected ${SECTION_HEADER_BYTES}, got ${entryBytes}`);
  checkInFile(view, { what: "section headers", at: headersAt, bytes: entryBytes * count });
  return Array.from({ length: count }, (_, i) => readSection(view, headersAt + i * entryBytes, i));
}

function readSection(view: DataView, at: number, index: number): Section {
  const type = view.getUint32(at + 4, true);
  const section = { type, link: view.getUint32(at + 40, true), at: 0, bytes: 0 };
  if (type !== SHT_SYMTAB && type !== SHT_STRTAB) return section;
  const place = { at: fileOffset(view, at + 24), bytes: size(view, at + 32, `section ${index}`) };
  checkInFile(view, { what: `section ${index}`, ...place });
  return { ...section, ...place };
}

function knownName(view: DataView, strings: Section, offset: number): ElfSymbol | undefined {
  let name = "";
  for (let i = offset; i < strings.bytes && name.length < SYMBOL_NAME_BYTES_MAX; i++) {
    const byte = view.getUint8(strings.at + i);
    if (byte === 0) break;
    name += String.fromCharCode(byte);
  }
  return SYMBOLS.find((symbol) => symbol === name);
}

function fileOffset(view: DataView, at: number): number {
  return size(view, at, `offset at byte ${at}`);
}

function size(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw bad(`${what}: 0x${value.toString(16)} is beyond any file or memory`);
  return Number(value);
}

function checkInFile(
  view: DataView,
  range: { readonly what: string; readonly at: number; readonly bytes: number },
): void {
  if (range.at + range.bytes > view.byteLength)
    throw bad(
      `truncated: ${range.what} at bytes ${range.at} to ${range.at + range.bytes}, the file has ${view.byteLength}`,
    );
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function bad(what: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_ELF", `ELF file: ${what}`);
}
