/**
 * Makes a kernel module as small as its loader allows. The loader hashes, copies and walks all of
 * it: Debian's ext4.ko carries 212,847 local labels in 7 MB, of which its relocations use 8,158.
 * Gone are the appended signature, sections that are neither loaded nor needed to load (.BTF,
 * .comment, ...), and local symbols that nothing refers to. Every section that is loaded keeps its
 * bytes, flags and place in the order.
 *
 * Symbols cannot simply go: relocations name them by index, and RISC-V's %pcrel_lo relocations
 * need the label of their %pcrel_hi. So symbols that a kept relocation uses stay and the
 * relocations are renumbered; defined global symbols and named functions stay for stack traces.
 *
 *   file = [module][signature][struct module_signature 12 bytes]["~Module signature appended~\n"]
 *
 * (kernel, Documentation/admin-guide/module-signing.rst; System V ABI chapter 4)
 */
import {
  badElf,
  ELF_HEADER_BYTES,
  readElfObject,
  SECTION_BYTES,
  type Section,
  SHT_NOBITS,
  stringAt,
  viewOf,
} from "./elf-object.ts";

const SIGNATURE_MAGIC = Buffer.from("~Module signature appended~\n", "latin1");
const SIGNATURE_TRAILER_BYTES = 12;

const SHT_NULL = 0;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_RELA = 4;
const SHF_ALLOC = 0x2n;
const SHF_LINK_ORDER = 0x80n;
/** Types whose link and info fields are understood below; with any other the module stays whole. */
const KNOWN_TYPES: ReadonlySet<number> = new Set([
  SHT_NULL,
  1, // PROGBITS
  SHT_SYMTAB,
  SHT_STRTAB,
  SHT_RELA,
  7, // NOTE
  SHT_NOBITS,
  14, // INIT_ARRAY
  15, // FINI_ARRAY
  0x70000003, // RISCV_ATTRIBUTES
]);

const SYMBOL_BYTES = 24;
const RELA_BYTES = 24;
const SHN_LORESERVE = 0xff00;
const SHN_XINDEX = 0xffff;
const STB_LOCAL = 0;
const STT_FUNC = 2;

/** A section on its way into the new file, with its index there. */
interface Kept {
  readonly section: Section;
  readonly oldIndex: number;
  readonly newIndex: number;
  data: Uint8Array;
}

interface Symbols {
  readonly table: Uint8Array;
  readonly names: Uint8Array;
  readonly firstGlobal: number;
  /** Old symbol index to new, -1 where the symbol went. */
  readonly indexOf: Int32Array;
}

/** The module without its appended signature; the same bytes when it has none. */
export function stripSignature(module: Uint8Array): Uint8Array {
  const magicAt = module.length - SIGNATURE_MAGIC.length;
  const trailerAt = magicAt - SIGNATURE_TRAILER_BYTES;
  if (trailerAt < 0 || !SIGNATURE_MAGIC.equals(module.subarray(magicAt))) return module;
  const signatureBytes = viewOf(module).getUint32(trailerAt + 8, false);
  if (signatureBytes > trailerAt) throw badElf("the signature is longer than the file");
  return module.subarray(0, trailerAt - signatureBytes);
}

/**
 * The module with everything removed that loading does not need. The result loads to the same
 * code and data; it is unsigned, so the kernel notes the taint `E`.
 *
 * Throws `WV_BAD_ELF` for a file that is not a well-formed module.
 */
export function stripModule(module: Uint8Array): Uint8Array {
  const bare = stripSignature(module);
  const elf = readElfObject(bare);
  const symbolIndex = elf.sections.findIndex(({ type }) => type === SHT_SYMTAB);
  if (symbolIndex < 0) throw badElf("there is no symbol table");
  if (!elf.sections.every(({ type }) => KNOWN_TYPES.has(type))) return bare;
  const nameIndex = elf.sections[symbolIndex]?.link ?? 0;
  const keep = chooseSections(elf.sections, [symbolIndex, nameIndex, elf.nameSection]);
  const kept: Kept[] = [];
  for (const [oldIndex, section] of elf.sections.entries()) {
    if (!keep.has(oldIndex)) continue;
    kept.push({ section, oldIndex, newIndex: kept.length, data: section.data });
  }
  const newIndexOf = new Map(kept.map((one) => [one.oldIndex, one.newIndex]));
  const symbols = renumber(elf.sections, { keep, newIndexOf, symbolIndex, nameIndex });
  const sectionNames = new StringTable();
  const nameOffsets = kept.map(({ section }) => sectionNames.add(section.name));
  for (const one of kept) {
    if (one.oldIndex === symbolIndex) one.data = symbols.table;
    else if (one.oldIndex === nameIndex) one.data = symbols.names;
    else if (one.oldIndex === elf.nameSection) one.data = sectionNames.bytes();
    else if (one.section.type === SHT_RELA) one.data = renumberRelocations(one.data, symbols);
  }
  const firstGlobal = symbols.firstGlobal;
  return layOut(kept, { ...elf, newIndexOf, nameOffsets, firstGlobal });
}

/** What is loaded, the three tables, and relocations of what stays. */
function chooseSections(sections: readonly Section[], tables: readonly number[]): Set<number> {
  const keep = new Set([0, ...tables]);
  for (const [index, section] of sections.entries()) {
    const isLoaded = (section.flags & SHF_ALLOC) !== 0n && !/^\.BTF(\.base)?$/.test(section.name);
    if (isLoaded) keep.add(index);
  }
  for (const [index, section] of sections.entries()) {
    if (section.type === SHT_RELA && keep.has(section.info)) keep.add(index);
  }
  return keep;
}

function renumber(
  sections: readonly Section[],
  at: {
    keep: ReadonlySet<number>;
    newIndexOf: ReadonlyMap<number, number>;
    symbolIndex: number;
    nameIndex: number;
  },
): Symbols {
  const { data, info } = sections[at.symbolIndex] ?? { data: new Uint8Array(0), info: 0 };
  const oldNames = sections[at.nameIndex]?.data ?? new Uint8Array(0);
  const count = data.length / SYMBOL_BYTES;
  if (!Number.isInteger(count) || info > count) throw badElf("the symbol table is odd");
  const view = viewOf(data);
  const used = usedSymbols(sections, at.keep, count);
  const indexOf = new Int32Array(count).fill(-1);
  const names = new StringTable();
  const rows: Uint8Array[] = [];
  let firstGlobal = 0;
  for (let index = 0; index < count; index++) {
    const row = index * SYMBOL_BYTES;
    const binding = (data[row + 4] ?? 0) >> 4;
    const kind = (data[row + 4] ?? 0) & 0xf;
    const home = view.getUint16(row + 6, true);
    if (home === SHN_XINDEX) throw badElf("extended section numbers are not supported");
    const newHome = home >= SHN_LORESERVE ? home : at.newIndexOf.get(home);
    if (newHome === undefined && used[index]) throw badElf("a relocation refers to what must go");
    if (newHome === undefined) continue;
    const isNamed = binding !== STB_LOCAL || kind === STT_FUNC;
    if (index > 0 && !used[index] && !isNamed) continue;
    const copy = data.slice(row, row + SYMBOL_BYTES);
    const name = isNamed ? stringAt(oldNames, view.getUint32(row, true)) : "";
    viewOf(copy).setUint32(0, names.add(name), true);
    viewOf(copy).setUint16(6, newHome, true);
    indexOf[index] = rows.length;
    rows.push(copy);
    if (index < info) firstGlobal = rows.length;
  }
  return { table: Buffer.concat(rows), names: names.bytes(), firstGlobal, indexOf };
}

/** One byte per symbol: 1 where a kept relocation refers to it. */
function usedSymbols(
  sections: readonly Section[],
  keep: ReadonlySet<number>,
  count: number,
): Uint8Array {
  const used = new Uint8Array(count);
  for (const [index, section] of sections.entries()) {
    if (section.type !== SHT_RELA || !keep.has(index)) continue;
    if (section.data.length % RELA_BYTES !== 0) throw badElf("a relocation table is cut");
    const view = viewOf(section.data);
    for (let row = 0; row < section.data.length; row += RELA_BYTES) {
      const symbol = view.getUint32(row + 12, true);
      if (symbol >= count) throw badElf("a relocation refers to no symbol");
      used[symbol] = 1;
    }
  }
  return used;
}

function renumberRelocations(rela: Uint8Array, symbols: Symbols): Uint8Array {
  const copy = rela.slice();
  const view = viewOf(copy);
  for (let row = 0; row < copy.length; row += RELA_BYTES) {
    const symbol = symbols.indexOf[view.getUint32(row + 12, true)] ?? -1;
    if (symbol < 0) throw badElf("a relocation lost its symbol");
    view.setUint32(row + 12, symbol, true);
  }
  return copy;
}

function layOut(
  kept: readonly Kept[],
  from: {
    header: Uint8Array;
    newIndexOf: ReadonlyMap<number, number>;
    nameOffsets: readonly number[];
    nameSection: number;
    firstGlobal: number;
  },
): Uint8Array {
  const offsets: number[] = [];
  let end = ELF_HEADER_BYTES;
  for (const { section, data } of kept) {
    end = alignUp(end, section.align);
    offsets.push(section.type === SHT_NULL ? 0 : end);
    end += data.length;
  }
  const tableOffset = alignUp(end, 8);
  const file = new Uint8Array(tableOffset + kept.length * SECTION_BYTES);
  const view = viewOf(file);
  file.set(from.header);
  view.setBigUint64(40, BigInt(tableOffset), true);
  view.setUint16(60, kept.length, true);
  view.setUint16(62, from.newIndexOf.get(from.nameSection) ?? 0, true);
  const newIndex = (old: number): number => from.newIndexOf.get(old) ?? 0;
  for (const [index, { section, data }] of kept.entries()) {
    const at = tableOffset + index * SECTION_BYTES;
    const isLinked =
      section.type === SHT_RELA ||
      section.type === SHT_SYMTAB ||
      (section.flags & SHF_LINK_ORDER) !== 0n;
    file.set(data, offsets[index] ?? 0);
    view.setUint32(at, from.nameOffsets[index] ?? 0, true);
    view.setUint32(at + 4, section.type, true);
    view.setBigUint64(at + 8, section.flags, true);
    view.setBigUint64(at + 16, section.address, true);
    view.setBigUint64(at + 24, BigInt(offsets[index] ?? 0), true);
    view.setBigUint64(at + 32, BigInt(hasNoData(section) ? section.size : data.length), true);
    view.setUint32(at + 40, isLinked ? newIndex(section.link) : section.link, true);
    view.setUint32(at + 44, infoOf(section, newIndex, from.firstGlobal), true);
    view.setBigUint64(at + 48, BigInt(section.type === SHT_NULL ? 0 : section.align), true);
    view.setBigUint64(at + 56, BigInt(section.entryBytes), true);
  }
  return file;
}

function infoOf(section: Section, newIndex: (old: number) => number, firstGlobal: number): number {
  if (section.type === SHT_RELA) return newIndex(section.info);
  return section.type === SHT_SYMTAB ? firstGlobal : section.info;
}

function hasNoData(section: Section): boolean {
  return section.type === SHT_NOBITS || section.type === SHT_NULL;
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

/** A string table that keeps each name once; offset 0 is the empty name. */
class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #chunks: Buffer[] = [Buffer.alloc(1)];
  #end = 1;

  add(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const chunk = Buffer.from(`${name}\0`, "latin1");
    const offset = this.#end;
    this.#offsets.set(name, offset);
    this.#chunks.push(chunk);
    this.#end += chunk.length;
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}
