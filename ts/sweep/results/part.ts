/** Is what is said to be a chunk's rows one? */
import type { ResultFormat } from "./format.ts";
import { footerIn, TAIL_BYTES } from "./parquet-footer.ts";

/** Whole, in this format, and with so many rows? What was cut or comes from elsewhere is not. */
export function holdsRows(part: Uint8Array, format: ResultFormat, rows: number): boolean {
  if (format === "parquet") return holdsGroup(part, rows);
  if (part.length === 0 || part[part.length - 1] !== 10) return false;
  let lines = 0;
  for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) lines++;
  return lines === rows;
}

function holdsGroup(part: Uint8Array, rows: number): boolean {
  const footer = footerIn(part);
  if (!footer) return false;
  const { metadata_length, num_rows, row_groups } = footer;
  // Columns lie one after the other from the magic bytes on: what was cut out is missed in the length.
  const columns = row_groups.flatMap((group) => group.columns);
  const bytes = columns.reduce((sum, one) => sum + Number(one.meta_data?.total_compressed_size), 0);
  return num_rows === BigInt(rows) && part.length === 4 + bytes + metadata_length + TAIL_BYTES;
}
