/**
 * A hand-made kernel module: the parts that matter to the stripper, small enough to count. Symbols
 * (old index): 0 null, 1 .text section, 2 .L0 (used), 3 .L1 (unused), 4 helper (unused, function),
 * 5 init_module (global), 6 printk (undefined global, used).
 */

interface Part {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly link?: number;
  readonly info?: number;
  readonly entryBytes?: number;
  readonly data: Uint8Array;
}

const names = ["", ".L0", ".L1", "helper", "init_module", "printk"];
const strtab = Buffer.from(`${names.join("\0")}\0`);
const nameOffset = (name: string): number => strtab.indexOf(`${name}\0`);

function symbol(name: string, info: number, section: number, value = 0): Buffer {
  const row = Buffer.alloc(24);
  row.writeUInt32LE(name === "" ? 0 : nameOffset(name), 0);
  row.writeUInt8(info, 4);
  row.writeUInt16LE(section, 6);
  row.writeBigUInt64LE(BigInt(value), 8);
  return row;
}

function relocation(offset: number, type: number, symbolIndex: number): Buffer {
  const row = Buffer.alloc(24);
  row.writeBigUInt64LE(BigInt(offset), 0);
  row.writeUInt32LE(type, 8);
  row.writeUInt32LE(symbolIndex, 12);
  return row;
}

export const MODINFO =
  "license=GPL\0depends=jbd2,mb-cache\0softdep=pre: crypto-crc32c\0name=probe-me\0vermagic=6.12 SMP\0";

/** The module, with `extra` sections after `.comment`. */
export function makeModule(extra: readonly Part[] = []): Buffer {
  const symtab = Buffer.concat([
    symbol("", 0, 0),
    symbol("", 3, 1),
    symbol(".L0", 0, 1, 4),
    symbol(".L1", 0, 1, 8),
    symbol("helper", 2, 1, 12),
    symbol("init_module", 0x12, 1),
    symbol("printk", 0x10, 0),
  ]);
  const base: Part[] = [
    { name: "", type: 0, data: Buffer.alloc(0) },
    { name: ".text", type: 1, flags: 6, data: Buffer.alloc(16, 0x13) },
    { name: ".BTF", type: 1, data: Buffer.alloc(1000, 7) },
    {
      name: ".rela.text",
      type: 4,
      flags: 0x40,
      link: 6,
      info: 1,
      entryBytes: 24,
      data: Buffer.concat([relocation(0, 23, 6), relocation(4, 24, 2)]),
    },
    { name: ".modinfo", type: 1, flags: 2, data: Buffer.from(MODINFO) },
    { name: ".comment", type: 1, data: Buffer.from("a compiler\0") },
    { name: ".symtab", type: 2, link: 7, info: 5, entryBytes: 24, data: symtab },
    { name: ".strtab", type: 3, data: strtab },
  ];
  return assemble([...base, ...extra]);
}

/** `module` as the kernel's sign-file leaves it. */
export function sign(module: Uint8Array, signatureBytes = 40): Buffer {
  const trailer = Buffer.alloc(12);
  trailer.writeUInt8(2, 2);
  trailer.writeUInt32BE(signatureBytes, 8);
  const magic = Buffer.from("~Module signature appended~\n");
  return Buffer.concat([module, Buffer.alloc(signatureBytes, 0xaa), trailer, magic]);
}

function assemble(parts: readonly Part[]): Buffer {
  const all: Part[] = [...parts, { name: ".shstrtab", type: 3, data: Buffer.alloc(0) }];
  const nameTable = Buffer.from(`\0${all.map(({ name }) => name).join("\0")}\0`);
  let end = 64;
  let nameAt = 1;
  const headers: Buffer[] = [];
  const bodies: Buffer[] = [Buffer.alloc(64)];
  for (const part of all) {
    const data = part.name === ".shstrtab" ? nameTable : part.data;
    const row = Buffer.alloc(64);
    row.writeUInt32LE(part.name === "" ? 0 : nameAt, 0);
    nameAt += part.name.length + 1;
    row.writeUInt32LE(part.type, 4);
    row.writeBigUInt64LE(BigInt(part.flags ?? 0), 8);
    row.writeBigUInt64LE(BigInt(end), 24);
    row.writeBigUInt64LE(BigInt(data.length), 32);
    row.writeUInt32LE(part.link ?? 0, 40);
    row.writeUInt32LE(part.info ?? 0, 44);
    row.writeBigUInt64LE(8n, 48);
    row.writeBigUInt64LE(BigInt(part.entryBytes ?? 0), 56);
    headers.push(row);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 7)]);
    bodies.push(padded);
    end += padded.length;
  }
  const header = bodies[0] ?? Buffer.alloc(0);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(243, 18);
  header.writeBigUInt64LE(BigInt(end), 40);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(all.length, 60);
  header.writeUInt16LE(all.length - 1, 62);
  return Buffer.concat([...bodies, ...headers]);
}
