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

function holdsGroup(part: Uint8Array, rows: number): boolean {
  try {
    return parquetMetadata(new Uint8Array(part).buffer).num_rows === BigInt(rows);
  } catch {
    return false;
  }
}
