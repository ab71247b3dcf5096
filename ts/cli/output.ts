/**
 * Where words go: results to stdout, as text or JSON; logs and progress to stderr. With `--json` a
 * command prints one document, or a line of JSON for each thing as it happens.
 */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

export class Output {
  readonly isJson: boolean;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** The result: `document` with `--json`, otherwise `text`. */
  result(document: unknown, text: () => string): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(document)}\n`);
    else {
      const shown = text();
      if (shown !== "") process.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
    }
  }

  /** One thing of a stream; nothing without `--json`. */
  event(document: unknown): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** A line for humans, on stderr. */
  log(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** Progress that replaces itself on a terminal; elsewhere it is not shown. */
  progress(line: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  }

  /** Takes the progress line away. */
  progressDone(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}

/** Text in colour, where stdout is a terminal that wants it. */
export function styled(style: Style, text: string): string {
  const { NO_COLOR: noColor } = process.env;
  const isWanted = process.stdout.isTTY && !noColor;
  return isWanted ? styleText(style, text) : text;
}

/** Rows as aligned columns. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) =>
    Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [styled("bold", line(head)), ...rows.map(line)].join("\n");
}

/** Resolves once everything written to stdout has left. */
export function drained(): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.destroyed || process.stdout.writableLength === 0) resolve();
    else process.stdout.write("", () => resolve());
  });
}
