/** Rows as comma-separated values (RFC 4180), with a line of names above. */

import type { ResultRow } from "../scenario.ts";
import { FACTS_COLUMN } from "./format.ts";
import { COLUMN_KINDS, COLUMN_NAMES, type RowBuffer } from "./row-buffer.ts";

/** The line above all rows. The last column is {@link FACTS_COLUMN}: nothing is in it but in the first row. */
export const CSV_HEADER = `${[...COLUMN_NAMES, FACTS_COLUMN].join(",")}\n`;

export function csvCell(value: string | number): string {
  if (typeof value === "number") return String(value);
  // A row is one line, whatever an error's message says.
  const text = value.replace(/[\r\n]+/g, " ");
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvLines(rows: RowBuffer): string {
  let text = "";
  for (let i = 0; i < rows.length; i++) {
    let line = "";
    for (let c = 0; c < COLUMN_NAMES.length; c++)
      line += `${c > 0 ? "," : ""}${csvCell(rows.value(c, i))}`;
    text += `${line},\n`;
  }
  return text;
}

/** A line of `csvLines` as the row that it was made of. */
export function parseCsvRow(line: string): ResultRow {
  const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
  const entries = COLUMN_NAMES.map((name, c) => {
    const text = cells[c] ?? "";
    return [name, COLUMN_KINDS[name] === "text" ? text : Number(text)];
  });
  return Object.fromEntries(entries) as unknown as ResultRow;
}
