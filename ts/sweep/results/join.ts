/** From the files of all chunks, in order, to one. */
import { CSV_HEADER, csvCell } from "./csv.ts";
import { FACTS_COLUMN, type ResultFormat } from "./format.ts";
import { ParquetJoin } from "./parquet.ts";

/** What a file of results says of itself. */
export interface Facts {
  readonly name: string;
  readonly version: string;
  readonly seed: number;
  readonly resultsVersion: number;
  readonly planHash: string;
  readonly plan: unknown;
}

/** What it gives is written one after the other. */
export interface Joiner {
  head(): Uint8Array;
  /** What a chunk's file gives to the whole. */
  add(part: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const NOTHING = new Uint8Array(0);
const NEWLINE = 10;

/** Lines below lines; `facts` goes to the end of the first one, before its last `closing` bytes. */
function lines(header: string, facts: string, closing: number): Joiner {
  let isFirst = true;
  return {
    head: () => new TextEncoder().encode(header),
    add: (part) => {
      if (!isFirst) return part;
      isFirst = false;
      const end = part.indexOf(NEWLINE) - closing;
      return Buffer.concat([part.subarray(0, end), Buffer.from(facts), part.subarray(end)]);
    },
    end: () => NOTHING,
  };
}

function parquet(facts: Facts): Joiner {
  const join = new ParquetJoin();
  const { plan, ...rest } = facts;
  const texts = Object.entries({ ...rest, plan: JSON.stringify(plan) });
  const footer = Object.fromEntries(
    texts.map(([key, value]) => [`wasmvisor.${key}`, String(value)]),
  );
  return {
    head: () => join.head(),
    add: (part) => join.add(part),
    end: () => join.end(footer),
  };
}

export function makeJoiner(format: ResultFormat, facts: Facts): Joiner {
  if (format === "parquet") return parquet(facts);
  const text = JSON.stringify(facts);
  if (format === "csv") return lines(CSV_HEADER, csvCell(text), 0);
  return lines("", `,${JSON.stringify(FACTS_COLUMN)}:${text}`, 1);
}
