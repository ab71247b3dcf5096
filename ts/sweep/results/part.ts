/** Is what is said to be a chunk's rows one? */
import { parquetMetadata } from "hyparquet";
import type { ResultFormat } from "./format.ts";

/** Whole, in this format, and with so many rows? What was cut or comes from elsewhere is not. */
export function holdsRows(part: Uint8Array, format: ResultFormat, rows: number): boolean {
  if (format === "parquet") return holdsGroup(part, rows);
  if (part.length === 0 || part[part.length - 1] !== 10) return false;
  let lines = 0;
  for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) lines++;
  return lines === rows;
}

/** Length of the footer, and the magic bytes behind it. */
const TAIL_BYTES = 8;

function holdsGroup(part: Uint8Array, rows: number): boolean {
  if (part.length < TAIL_BYTES) return false;
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const footerBytes = view.getUint32(part.length - TAIL_BYTES, true) + TAIL_BYTES;
  try {
    // A copy of the footer alone: the rows are megabytes.
    const footer = part.slice(Math.max(0, part.length - footerBytes));
    const { num_rows, row_groups } = parquetMetadata(new Uint8Array(footer).buffer);
    // Columns lie one after the other from the magic bytes on: what was cut out is missed in the length.
    const columns = row_groups.flatMap((group) => group.columns);
    const bytes = columns.reduce(
      (sum, one) => sum + Number(one.meta_data?.total_compressed_size),
      0,
    );
    return num_rows === BigInt(rows) && part.length === 4 + bytes + footerBytes;
  } catch {
    return false;
  }
}
