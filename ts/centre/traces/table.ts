/** A row of a table in text, which knows where it stands, so that whatever is wrong with it can be told by its place. */
import { badTrace, linesOf } from "./lines.ts";

export interface TableFormat {
  /** Between fields; blanks around them do not count. */
  readonly separator: "," | ";";
  /** The names of the columns, in order. */
  readonly columns: readonly string[];
  /** The first line has their names. */
  readonly hasHeader: boolean;
}

export class Row {
  readonly file: string;
  readonly line: number;
  readonly #fields: readonly string[];
  readonly #columns: readonly string[];

  constructor(file: string, line: number, fields: readonly string[], columns: readonly string[]) {
    this.file = file;
    this.line = line;
    this.#fields = fields;
    this.#columns = columns;
  }

  text(column: string): string {
    return (this.#fields[this.#index(column)] ?? "").trim().replace(/^"(.*)"$/, "$1");
  }

  /** A number from `min` on; `otherwise` where the field is empty, if that is allowed. */
  number(column: string, min: number, otherwise?: number): number {
    const text = this.text(column);
    if (text === "" && otherwise !== undefined) return otherwise;
    const value = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value < Number.POSITIVE_INFINITY))
      this.fail(
        column,
        `expected a number from ${min} on, got ${JSON.stringify(text.slice(0, 40))}`,
      );
    return value;
  }

  fail(column: string, what: string): never {
    const index = this.#index(column);
    const before = this.#fields.slice(0, index).join("-").length + (index > 0 ? 1 : 0);
    badTrace(this.file, this.line, before + 1, `${column}: ${what}`);
  }

  #index(column: string): number {
    return this.#columns.indexOf(column);
  }
}

/** The rows of a table; one whose columns are not those of the format is refused. */
export async function* rowsOf(file: string, format: TableFormat): AsyncGenerator<Row> {
  const { columns, hasHeader, separator } = format;
  let line = 0;
  for await (const text of linesOf(file)) {
    line++;
    if (text.trim() === "") continue;
    const fields = text.split(separator);
    if (hasHeader && line === 1) checkHeader(file, fields, columns);
    else if (fields.length < columns.length) {
      const missing = columns.slice(fields.length).join(", ");
      badTrace(
        file,
        line,
        text.length + 1,
        `${fields.length} columns where there are ${columns.length}: no ${missing}; is this the right table, and was it fetched whole?`,
      );
    } else yield new Row(file, line, fields, columns);
  }
}

function checkHeader(file: string, fields: readonly string[], columns: readonly string[]): void {
  let at = 1;
  for (const [i, column] of columns.entries()) {
    const found = fields[i]?.trim() ?? "";
    if (found !== column)
      badTrace(
        file,
        1,
        at,
        `expected the column ${JSON.stringify(column)}, got ${JSON.stringify(found.slice(0, 60))}; is this the right table?`,
      );
    at += (fields[i]?.length ?? 0) + 1;
  }
}
