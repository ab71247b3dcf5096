/**
 * Points as a page carries them: a column for each field; words and repeated values as numbers into a
 * dictionary, others with four digits. A tenth of the size of objects.
 */
import type { Point } from "../summary.ts";

type Cell = string | number | null;
type Key = keyof Point;

export type Columns = {
  readonly rows: number;
  readonly fields: Readonly<
    Record<
      string,
      { readonly words: readonly Cell[]; readonly at: readonly number[] } | readonly Cell[]
    >
  >;
};

/** Worth a dictionary. */
const WORDS_MAX = 512;
const EXACT: ReadonlySet<Key> = new Set(["index", "runs", "completed"]);

const short = (value: Cell): Cell =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;

export function encodeColumns(points: readonly Point[]): Columns {
  const [first] = points;
  const fields: Record<string, Columns["fields"][string]> = {};
  for (const key of Object.keys(first ?? {}) as Key[]) {
    const isExact = EXACT.has(key) || typeof first?.[key] === "string";
    const values = points.map((point) => (isExact ? point[key] : short(point[key])));
    const words = [...new Set(values)];
    const places = new Map(words.map((word, i) => [word, i]));
    fields[key] =
      words.length > WORDS_MAX || words.length * 2 > points.length
        ? values
        : {
            words,
            at: words.length === 1 ? [] : values.map((value) => places.get(value) as number),
          };
  }
  return { rows: points.length, fields };
}

export function decodeColumns({ fields, rows }: Columns): Point[] {
  return Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(
      Object.entries(fields).map(([key, column]) => [
        key,
        "words" in column ? column.words[column.at[i] ?? 0] : column[i],
      ]),
    ),
  ) as unknown as Point[];
}
