/** `wasmvisor sweep` and `wasmvisor report`: many migrations, one plan. */
import { basename, join } from "node:path";
import { formatTime } from "../../base/units.ts";
import { ENGINES } from "../../sweep/executor.ts";
import { parsePlan } from "../../sweep/plan.ts";
import { writeReport } from "../../sweep/report/report.ts";
import { runSweep, type SweepProgress } from "../../sweep/run-sweep.ts";
import { readManifest, readRows } from "../../sweep/store.ts";
import { Summarizer } from "../../sweep/summary.ts";
import { formatSummaryTable } from "../../sweep/table.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";

const RESULTS_FILE = "results.ndjson";

export async function sweep({ args, options, out }: CommandContext): Promise<number> {
  const file = args[0] as string;
  const plan = parsePlan(parse.inputFile(file, "plan").toString("utf8"), file);
  const summary = await runSweep(plan, {
    out: parse.text(options.out) ?? basename(file).replace(/\.(ya?ml|json)$/, ""),
    engine: parse.oneOf(options.engine, ENGINES, "--engine"),
    workers: parse.integer(options.workers, "--workers", 1),
    seed: parse.integer(options.seed, "--seed"),
    resume: options.resume === true,
    signal: interruptSignal(),
    onProgress: (progress) => out.progress(progressLine(progress)),
  });
  out.progressDone();
  out.result(summary, () => formatSummaryTable(summary));
  for (const part of summary.skippedParts)
    out.log(`wasmvisor: part "${part}" was left out: there is no guest runner`);
  out.log(`results and report in ${summary.out}`);
  return summary.errors > 0 ? EXIT_FAILED : EXIT_DONE;
}

function progressLine({ done, etaMs, phase, scenariosPerSec, total }: SweepProgress): string {
  if (phase === "report") return "sweep: writing the report";
  const left = etaMs === undefined ? "" : `, ${formatTime(Math.round(etaMs * 1e6), 0)} left`;
  return `sweep: ${done} of ${total}, ${Math.round(scenariosPerSec)}/s${left}`;
}

/** Writes the report again from the results of a finished sweep. */
export async function report({ args, out }: CommandContext): Promise<number> {
  const folder = args[0] as string;
  const { plan, seed } = readManifest(folder);
  const results = join(folder, RESULTS_FILE);
  parse.readable(results, "report");
  const summarizer = new Summarizer();
  for await (const row of readRows(results)) summarizer.add(row);
  const files = await writeReport({ out: folder, plan, seed, summarizer });
  out.result({ out: folder, scenarios: summarizer.rows, files }, () => files.report);
  return EXIT_DONE;
}
