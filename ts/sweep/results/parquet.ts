/**
 * Rows as Parquet. A chunk is a file of its own with one row group; `ParquetJoin` puts such files together
 * without encoding anything again: the row groups move, the footer is made anew.
 *
 * What is the same in all rows of a chunk (most axes are) costs next to nothing, counts are kept as differences, and
 * numbers that are few by their place in a list. All others are plain doubles: compressing them takes four times as
 * long as all the rest, for a quarter of the size.
 */
import type { FileMetaData } from "hyparquet";
import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import { WasmvisorError } from "../../base/errors.ts";
import { joinParts } from "../../base/join-parts.ts";
import { footerIn, TAIL_BYTES } from "./parquet-footer.ts";
import { COLUMN_KINDS, COLUMN_NAMES, type Column, type RowBuffer } from "./row-buffer.ts";

const MAGIC = Uint8Array.from([0x50, 0x41, 0x52, 0x31]);
const MAGIC_BYTES = MAGIC.length;
const TYPES = {
  count: { type: "INT32" },
  number: { type: "DOUBLE" },
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
} as const;

const ELEMENTS = COLUMN_NAMES.map(
  (name): SchemaElement => ({ name, repetition_type: "REQUIRED", ...TYPES[COLUMN_KINDS[name]] }),
);
const SCHEMA: SchemaElement[] = [{ name: "root", num_children: ELEMENTS.length }, ...ELEMENTS];

type RowGroup = FileMetaData["row_groups"][number];
type ColumnChunk = RowGroup["columns"][number];

/** A column of a chunk: its bytes, in parts, and where they are if a file begins with them (behind its magic). */
interface EncodedColumn {
  readonly parts: readonly Uint8Array[];
  readonly chunk: ColumnChunk;
}

/** Columns that are the same in all rows, by number, value and rows: most axes, chunk after chunk. */
const constants = new Map<string, EncodedColumn>();
const CONSTANTS_MAX = 4096;

/** So many different values in a chunk are few: their places take a byte. */
const FEW = 255;

/** How many different values there are, as far as it matters: 1, few, or more. */
function valuesIn(column: Column): number {
  let last = column[0];
  let i = 1;
  while (i < column.length && column[i] === last) i++;
  if (i >= column.length) return 1;
  const found = new Set([last]);
  for (; i < column.length && found.size <= FEW; i++) {
    if (column[i] === last) continue;
    last = column[i];
    found.add(last);
  }
  return found.size;
}

function encodeColumn(c: number, data: Column): EncodedColumn {
  const values = valuesIn(data);
  if (values > 1 && data instanceof Int32Array) return encodeValues(c, data, "DELTA_BINARY_PACKED");
  if (values > FEW && data instanceof Float64Array) return encodeNumbers(c, data);
  if (values > 1) return encodeValues(c, data, "RLE_DICTIONARY");
  const key = `${c} ${data.length} ${data[0]}`;
  let column = constants.get(key);
  if (!column) {
    column = encodeValues(c, data, "RLE_DICTIONARY");
    if (constants.size >= CONSTANTS_MAX) constants.clear();
    constants.set(key, column);
  }
  return column;
}

/** What stands before the numbers of a column, by column and rows: it does not depend on what they are. */
const heads = new Map<number, EncodedColumn>();

/**
 * A column of plain numbers is its header and the numbers as this machine has them (little-endian, as all that
 * run Node): the writer's own way, value by value, takes ten times as long.
 */
function encodeNumbers(c: number, data: Float64Array): EncodedColumn {
  const key = c * 2 ** 32 + data.length;
  let head = heads.get(key);
  if (!head) {
    const { parts, chunk } = encodeValues(c, data, "PLAIN");
    head = { parts: parts.map((part) => part.slice(0, part.length - data.byteLength)), chunk };
    if (heads.size >= CONSTANTS_MAX) heads.clear();
    heads.set(key, head);
  }
  const numbers = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { parts: [...head.parts, numbers], chunk: head.chunk };
}

function encodeValues(
  c: number,
  data: Column,
  encoding: "PLAIN" | "DELTA_BINARY_PACKED" | "RLE_DICTIONARY",
): EncodedColumn {
  const writer = new ByteWriter();
  const element = ELEMENTS[c] as SchemaElement;
  const schema = [{ name: "root", num_children: 1 }, element];
  const statistics = element.name === "index";
  const file = new ParquetWriter({ writer, schema, codec: "UNCOMPRESSED", statistics });
  const columnData = [{ name: element.name, data, encoding } as const];
  file.write({ columnData, rowGroupSize: data.length, pageSize: 2 ** 30 });
  const chunk = file.row_groups[0]?.columns[0] as ColumnChunk;
  return { parts: [writer.getBytes().slice(MAGIC_BYTES)], chunk };
}

/** The same chunk of a column, `shift` bytes further on. */
function moved(chunk: ColumnChunk, shift: bigint): ColumnChunk {
  const data = chunk.meta_data;
  if (!data) return chunk;
  const { dictionary_page_offset: dictionary } = data;
  return {
    ...chunk,
    file_offset: chunk.file_offset + shift,
    meta_data: {
      ...data,
      data_page_offset: data.data_page_offset + shift,
      ...(dictionary === undefined ? {} : { dictionary_page_offset: dictionary + shift }),
    },
  };
}

/** What a file with these row groups ends with. */
function footerOf(rowGroups: RowGroup[], facts: Readonly<Record<string, string>>): Uint8Array {
  const writer = new ByteWriter();
  const kvMetadata = Object.entries(facts).map(([key, value]) => ({ key, value }));
  const file = new ParquetWriter({ writer, schema: SCHEMA, createdBy: "wasmvisor", kvMetadata });
  file.row_groups = rowGroups;
  for (const group of rowGroups) file.num_rows += group.num_rows;
  file.finish();
  // The writer began a file of its own; this one began long ago.
  return writer.getBytes().subarray(MAGIC_BYTES);
}

/** A chunk as a file with one row group: in `room` if that is large enough. */
export function encodeParquet(rows: RowBuffer, room?: ArrayBuffer): Uint8Array {
  const columns: ColumnChunk[] = [];
  const parts: Uint8Array[] = [MAGIC];
  let bytes = 0;
  let total = 0n;
  for (let c = 0; c < COLUMN_NAMES.length; c++) {
    const column = encodeColumn(c, rows.column(c));
    columns.push(moved(column.chunk, BigInt(bytes)));
    parts.push(...column.parts);
    for (const part of column.parts) bytes += part.length;
    total += column.chunk.meta_data?.total_uncompressed_size ?? 0n;
  }
  const num_rows = BigInt(rows.length);
  parts.push(footerOf([{ columns, total_byte_size: total, num_rows }], {}));
  return joinParts(parts, room);
}

/** One file from those of all chunks. What it gives is written one after the other. */
export class ParquetJoin {
  readonly #rowGroups: RowGroup[] = [];
  #offset = 0;

  /** What the file begins with. */
  head(): Uint8Array {
    return MAGIC;
  }

  /** The rows of a chunk's file, where they are now. */
  add(part: Uint8Array): Uint8Array {
    const metadata = footerIn(part);
    if (!metadata) throw new WasmvisorError("WV_STATE", "sweep: a chunk's file is damaged");
    for (const group of metadata.row_groups) {
      const columns = group.columns.map((chunk) => moved(chunk, BigInt(this.#offset)));
      this.#rowGroups.push({ ...group, columns });
    }
    const body = part.subarray(MAGIC_BYTES, part.length - metadata.metadata_length - TAIL_BYTES);
    this.#offset += body.length;
    return body;
  }

  /** What the file ends with: where everything is, and `facts` for whoever finds it. */
  end(facts: Readonly<Record<string, string>>): Uint8Array {
    return footerOf(this.#rowGroups, facts);
  }
}
