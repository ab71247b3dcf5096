/** The runs of guests/expected/runs.json, and whether a console shows what they should print. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

export interface ExpectedRun {
  readonly program: string;
  readonly append: string;
  readonly memoryMiB: number;
  /** The guest powers off with reason 1. */
  readonly fails: boolean;
  readonly slow?: boolean;
  /** Beginnings of lines, in order. */
  readonly lines: readonly string[];
}

export const guestBin = join(import.meta.dirname, "../guests/bin");

/** All but the slow ones. */
export const guestRuns: readonly ExpectedRun[] = (
  JSON.parse(readFileSync(join(guestBin, "../expected/runs.json"), "utf8")) as ExpectedRun[]
).filter((run) => !run.slow);

/** Each expected line begins a printed one, in the same order. */
export function expectLines(printed: readonly string[], lines: readonly string[]): void {
  let at = 0;
  for (const line of lines) {
    const found = printed.findIndex((text, index) => index >= at && text.startsWith(line));
    expect(found, `${line}\nin\n${printed.join("\n")}`).toBeGreaterThanOrEqual(0);
    at = found + 1;
  }
}
