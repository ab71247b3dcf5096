/** The files that a run leaves: what it came to, every migration, and two timelines. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import type { CentreSummary } from "../measures.ts";
import type { CentreSimulation } from "../simulation.ts";
import { ganttPage } from "./gantt.ts";
import { perfettoTrace } from "./perfetto.ts";

export interface CentreFiles {
  readonly summary: string;
  readonly migrations: string;
  readonly trace: string;
  readonly gantt: string;
}

/** Writes them into a folder, all or none; throws `WV_MISSING` where there is no room for them. */
export function writeCentreFiles(
  out: string,
  simulation: CentreSimulation,
  summary: CentreSummary,
): CentreFiles {
  const files = {
    summary: join(out, "summary.json"),
    migrations: join(out, "migrations.ndjson"),
    trace: join(out, "trace.json"),
    gantt: join(out, "gantt.html"),
  };
  const pieces: Readonly<Record<keyof CentreFiles, () => Iterable<string>>> = {
    summary: () => [`${JSON.stringify(summary, null, 2)}\n`],
    migrations: () => migrationLines(simulation),
    trace: () => perfettoTrace(simulation),
    gantt: () => ganttPage(simulation, summary),
  };
  const names = Object.keys(files) as (keyof CentreFiles)[];
  try {
    mkdirSync(out, { recursive: true });
    for (const name of names) write(partOf(files[name]), pieces[name]());
  } catch (error) {
    for (const name of names) rmSync(partOf(files[name]), { force: true });
    throw writeError(out, error);
  }
  // All of one run, or all of the one before: nothing takes room any more.
  for (const name of names) renameSync(partOf(files[name]), files[name]);
  return files;
}

const partOf = (path: string): string => `${path}.part`;

function writeError(out: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause;
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const what = isFull ? `no room to write to "${out}"` : `cannot write to "${out}"`;
  const remedy = isFull ? "make room there" : "see to it that it can be written";
  const message = `centre: ${what} (${code}); ${remedy}, or choose another folder with --out: what was there is kept`;
  return new WasmvisorError("WV_MISSING", message, { cause });
}

function* migrationLines({ centre, records }: CentreSimulation): Generator<string> {
  for (const record of records) {
    const { bytes, downtimeNs, endNs, error, gapNs, requestedNs, rounds, startNs, state } = record;
    const row = {
      vm: centre.vms[record.vm]?.name,
      source: centre.hosts[record.source]?.name,
      target: centre.hosts[record.target]?.name,
      state,
      error,
      requested_s: requestedNs / 1e9,
      started_s: startNs < 0 ? null : startNs / 1e9,
      ended_s: endNs / 1e9,
      downtime_ms: downtimeNs / 1e6,
      gap_ms: gapNs / 1e6,
      transferred_bytes: Math.round(bytes),
      dirty_sync_count: rounds,
    };
    yield `${JSON.stringify(row)}\n`;
  }
}

function write(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, "w");
  try {
    let text = "";
    for (const piece of pieces) {
      text += piece;
      if (text.length < 1 << 16) continue;
      writeFileSync(file, text);
      text = "";
    }
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}
