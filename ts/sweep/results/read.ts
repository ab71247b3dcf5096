/** The rows of a finished sweep, one at a time, whatever they are kept in. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import type { ResultRow } from "../scenario.ts";
import { parseCsvRow } from "./csv.ts";
import { FACTS_COLUMN, type ResultFormat } from "./format.ts";

export async function* readRows(file: string, format: ResultFormat): AsyncGenerator<ResultRow> {
  if (format === "parquet") yield* readParquet(file);
  else {
    const parse = format === "csv" ? parseCsvRow : parseJsonRow;
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
    let isHeader = format === "csv";
    for await (const line of lines) {
      if (line && !isHeader) yield parse(line);
      isHeader = false;
    }
  }
}

function parseJsonRow(line: string): ResultRow {
  const row = JSON.parse(line) as ResultRow & { [FACTS_COLUMN]?: unknown };
  if (row[FACTS_COLUMN] !== undefined) delete row[FACTS_COLUMN];
  return row;
}

/** Row group by row group: memory stays flat. */
async function* readParquet(path: string): AsyncGenerator<ResultRow> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    yield* (await parquetReadObjects({
      file,
      metadata,
      rowStart,
      rowEnd,
    })) as unknown as ResultRow[];
    rowStart = rowEnd;
  }
}
