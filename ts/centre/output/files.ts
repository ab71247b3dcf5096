/** The files that a run leaves: what it came to, every migration, and two timelines. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/** Writes them into a folder; each is there whole or not at all. */
export function writeCentreFiles(
  out: string,
  simulation: CentreSimulation,
  summary: CentreSummary,
): CentreFiles {
  mkdirSync(out, { recursive: true });
  const files = {
    summary: join(out, "summary.json"),
    migrations: join(out, "migrations.ndjson"),
    trace: join(out, "trace.json"),
    gantt: join(out, "gantt.html"),
  };
  write(files.summary, [`${JSON.stringify(summary, null, 2)}\n`]);
  write(files.migrations, migrationLines(simulation));
  write(files.trace, perfettoTrace(simulation));
  write(files.gantt, ganttPage(simulation, summary));
  return files;
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
  const partial = `${path}.part`;
  const file = openSync(partial, "w");
  try {
    let text = "";
    for (const piece of pieces) {
      text += piece;
      if (text.length < 1 << 16) continue;
      writeFileSync(file, text);
      text = "";
    }
    writeFileSync(file, text);
  } catch (error) {
    closeSync(file);
    rmSync(partial, { force: true });
    throw error;
  }
  closeSync(file);
  renameSync(partial, path);
}
