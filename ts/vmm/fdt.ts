/**
 * Flattened device trees (Devicetree specification 0.4, chapter 5). Integers are big-endian.
 *
 *   header 40 bytes | memory reservations {address u64, bytes u64}, ended by zeros
 *   | structure: BEGIN name, PROP bytes nameoffset content, END, ... FDT_END | strings
 */
import { WasmvisorError } from "../base/errors.ts";
import { joinParts } from "../base/join-parts.ts";

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_BYTES = 40;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;
const END = 9;
const DEPTH_MAX = 64;
const NAME_BYTES_MAX = 1024;
const TWO_32 = 0x1_0000_0000;

/** What a property may hold: cells, one or more strings, raw bytes, or `true` for no content. */
export type FdtValue = number | readonly number[] | string | readonly string[] | Uint8Array | true;

/** A node of a device tree; order of properties and children is the order of calls. */
export class FdtNode {
  readonly name: string;
  readonly properties = new Map<string, Uint8Array>();
  readonly children: FdtNode[] = [];

  /** The root's name is empty. */
  constructor(name = "") {
    this.name = name;
  }

  /** Sets a property. Numbers are 32-bit cells; see {@link cells64} for pairs. */
  set(name: string, value: FdtValue): this {
    this.properties.set(name, encodeValue(value));
    return this;
  }

  /** Adds a child and returns it. */
  child(name: string): FdtNode {
    const node = new FdtNode(name);
    this.children.push(node);
    return node;
  }

  /** The node at a path such as `/soc/serial@10000000`, if there is one. */
  find(path: string): FdtNode | undefined {
    let node: FdtNode | undefined = this;
    for (const part of path.split("/").filter(Boolean))
      node = node?.children.find((child) => child.name === part);
    return node;
  }

  /** A property as text, without the final NUL. */
  text(name: string): string | undefined {
    const bytes = this.properties.get(name);
    return bytes && new TextDecoder().decode(bytes).replace(/\0$/, "");
  }

  /** A property as 32-bit cells. */
  cells(name: string): number[] | undefined {
    const bytes = this.properties.get(name);
    if (!bytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(4 * i));
  }
}

/** Each value as two cells, high half first. */
export function cells64(...values: readonly number[]): number[] {
  return values.flatMap((value) => [Math.floor(value / TWO_32), value % TWO_32]);
}

/** Lays a tree out. The same tree gives the same bytes. */
export function encodeFdt(root: FdtNode): Uint8Array {
  const structure = new CellWriter();
  const strings = new StringTable();
  writeNode(root, structure, strings);
  structure.cell(END);
  const reservationBytes = 16;
  const structureAt = HEADER_BYTES + reservationBytes;
  const stringsAt = structureAt + structure.length;
  const stringBytes = strings.toBytes();
  const totalBytes = (stringsAt + stringBytes.length + 7) & ~7;
  const out = new Uint8Array(totalBytes);
  const view = new DataView(out.buffer);
  const header = [
    MAGIC,
    totalBytes,
    structureAt,
    stringsAt,
    HEADER_BYTES,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    0, // boot_cpuid_phys
    stringBytes.length,
    structure.length,
  ];
  for (const [i, value] of header.entries()) view.setUint32(4 * i, value);
  out.set(structure.toBytes(), structureAt);
  out.set(stringBytes, stringsAt);
  return out;
}

/** Reads a tree back. Throws `WV_BAD_IMAGE` naming the place if it is broken. */
export function decodeFdt(bytes: Uint8Array): FdtNode {
  return new FdtReader(bytes).root();
}

function encodeValue(value: FdtValue): Uint8Array {
  if (value === true) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value.slice();
  if (typeof value === "string") return new TextEncoder().encode(`${value}\0`);
  const list: readonly (number | string)[] = typeof value === "number" ? [value] : value;
  if (list.some((item) => typeof item === "string"))
    return new TextEncoder().encode(list.map((item) => `${item}\0`).join(""));
  const bytes = new Uint8Array(4 * list.length);
  const view = new DataView(bytes.buffer);
  for (const [i, item] of list.entries()) view.setUint32(4 * i, item as number);
  return bytes;
}

function writeNode(node: FdtNode, out: CellWriter, strings: StringTable): void {
  out.cell(BEGIN_NODE);
  out.padded(new TextEncoder().encode(`${node.name}\0`));
  for (const [name, content] of node.properties) {
    out.cell(PROP);
    out.cell(content.length);
    out.cell(strings.offsetOf(name));
    out.padded(content);
  }
  for (const child of node.children) writeNode(child, out, strings);
  out.cell(END_NODE);
}

class CellWriter {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  cell(value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    this.#push(bytes);
  }

  padded(content: Uint8Array): void {
    const bytes = new Uint8Array((content.length + 3) & ~3);
    bytes.set(content);
    this.#push(bytes);
  }

  toBytes(): Uint8Array {
    return joinParts(this.#parts);
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }
}

class StringTable {
  readonly #offsets = new Map<string, number>();
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  offsetOf(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#length;
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.#offsets.set(text, offset);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return offset;
  }

  toBytes(): Uint8Array {
    return joinParts(this.#parts);
  }
}

class FdtReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stringsAt: number;
  readonly #stringsEnd: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#end = bytes.length;
    if (this.#u32(0) !== MAGIC) throw broken("no magic number at byte 0");
    if (this.#u32(24) > VERSION || this.#u32(20) < VERSION)
      throw broken(`version ${this.#u32(20)} is not ${VERSION}`);
    const totalBytes = this.#u32(4);
    this.#at = this.#u32(8);
    this.#stringsAt = this.#u32(12);
    this.#stringsEnd = this.#stringsAt + this.#u32(32);
    this.#end = this.#at + this.#u32(36);
    if (totalBytes > bytes.length || this.#end > totalBytes || this.#stringsEnd > totalBytes)
      throw broken(`cut off: ${bytes.length} bytes of ${totalBytes}`);
  }

  root(): FdtNode {
    if (this.#token() !== BEGIN_NODE) throw broken("no root node");
    const root = this.#node(0);
    if (this.#token() !== END) throw broken(`no end mark at byte ${this.#at}`);
    return root;
  }

  #node(depth: number): FdtNode {
    if (depth > DEPTH_MAX) throw broken(`nodes nested deeper than ${DEPTH_MAX}`);
    const nameAt = this.#at;
    const name = this.#string(nameAt, this.#end);
    this.#skip(name.length + 1);
    const node = new FdtNode(name);
    for (;;) {
      const token = this.#token();
      if (token === END_NODE) return node;
      if (token === BEGIN_NODE) node.children.push(this.#node(depth + 1));
      else if (token === PROP) this.#property(node);
      else throw broken(`unknown token ${token} before byte ${this.#at}`);
    }
  }

  #property(node: FdtNode): void {
    const bytes = this.#u32(this.#at);
    const nameAt = this.#stringsAt + this.#u32(this.#at + 4);
    const contentAt = this.#at + 8;
    if (contentAt + bytes > this.#end) throw broken(`property cut off at byte ${this.#at}`);
    const name = this.#string(nameAt, this.#stringsEnd);
    node.properties.set(name, this.#bytes.slice(contentAt, contentAt + bytes));
    this.#skip(8 + bytes);
  }

  #token(): number {
    for (;;) {
      const token = this.#u32(this.#at);
      this.#at += 4;
      if (token !== NOP) return token;
    }
  }

  #skip(bytes: number): void {
    this.#at += (bytes + 3) & ~3;
  }

  #u32(at: number): number {
    if (at + 4 > this.#end) throw broken(`cut off at byte ${at}`);
    return this.#view.getUint32(at);
  }

  #string(at: number, end: number): string {
    const nul = at < end ? this.#bytes.indexOf(0, at) : -1;
    if (nul < 0 || nul >= end || nul - at > NAME_BYTES_MAX)
      throw broken(`name without end at byte ${at}`);
    return String.fromCharCode(...this.#bytes.subarray(at, nul));
  }
}

function broken(what: string): WasmvisorError {
  return new WasmvisorError(
    "WV_BAD_IMAGE",
    `device tree: ${what}; build it again with dtc or leave it to wasmvisor`,
  );
}
