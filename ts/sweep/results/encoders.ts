/** Rows of a chunk as bytes, in each format. */
import { csvLines } from "./csv.ts";
import type { ResultFormat } from "./format.ts";
import { encodeParquet } from "./parquet.ts";
import type { RowBuffer } from "./row-buffer.ts";

/** May leave the bytes in `room`. */
type Encoder = (rows: RowBuffer, room?: ArrayBuffer) => Uint8Array;

const utf8 = new TextEncoder();

function ndjson(rows: RowBuffer): Uint8Array {
  let text = "";
  for (let i = 0; i < rows.length; i++) text += `${JSON.stringify(rows.row(i))}\n`;
  return utf8.encode(text);
}

export const ENCODERS: Readonly<Record<ResultFormat, Encoder>> = {
  ndjson,
  csv: (rows) => utf8.encode(csvLines(rows)),
  parquet: encodeParquet,
};
