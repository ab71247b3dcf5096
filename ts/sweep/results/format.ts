/** In what form the rows of a sweep are kept. */

export type ResultFormat = "parquet" | "csv" | "ndjson";
export const RESULT_FORMATS: readonly ResultFormat[] = ["parquet", "csv", "ndjson"];

/**
 * Lines of text have no room for what they are results of but among the rows. So the first row has it, in a column of
 * its own behind all others, as JSON: name, version, seed and plan.
 */
export const FACTS_COLUMN = "sweep";

/** From so many rows on Parquet is the default: lines of text become gigabytes. */
const PARQUET_ROWS = 100_000;

export function defaultFormat(rows: number): ResultFormat {
  return rows > PARQUET_ROWS ? "parquet" : "ndjson";
}
