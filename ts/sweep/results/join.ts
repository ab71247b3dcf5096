/** From the files of all chunks, in order, to one. */
import { CSV_HEADER } from "./csv.ts";
import type { ResultFormat } from "./format.ts";
import { ParquetJoin } from "./parquet.ts";

/** What it gives is written one after the other. */
export interface Joiner {
  head(): Uint8Array;
  /** What a chunk's file gives to the whole. */
  add(part: Uint8Array): Uint8Array;
  /** `facts`: what the file says of itself. Lines of text have no room for that. */
  end(facts: Readonly<Record<string, string>>): Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Lines below lines. */
function lines(header: string): Joiner {
  return {
    head: () => new TextEncoder().encode(header),
    add: (part) => part,
    end: () => NOTHING,
  };
}

export function makeJoiner(format: ResultFormat): Joiner {
  if (format === "parquet") return new ParquetJoin();
  return lines(format === "csv" ? CSV_HEADER : "");
}
