/** `wasmvisor sweep` and `wasmvisor report`: many migrations, one plan. */
import { basename } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatTime } from "../../base/units.ts";
import { estimateSweep, formatEstimate } from "../../sweep/estimate.ts";
import { ENGINES } from "../../sweep/executor.ts";
import { parsePlan } from "../../sweep/plan.ts";
import { RESULT_FORMATS } from "../../sweep/results/format.ts";
import { rebuildReport, runSweep, type SweepProgress } from "../../sweep/run-sweep.ts";
import { formatSummaryTable } from "../../sweep/table.ts";
import { collectAlone } from "../collector.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";
import { ProgressBar } from "../progress-bar.ts";

export async function sweep({ args, options, out }: CommandContext): Promise<number> {
  const file = args[0] as string;
  const plan = parsePlan(parse.inputFile(file, "plan").toString("utf8"), file);
  const redis = parse.text(options.redis);
  const engine =
    parse.oneOf(options.engine, ENGINES, "--engine") ??
    (redis === undefined ? undefined : "bullmq");
  const workers = parse.integer(options.workers, "--workers", 1);
  if (options.dryRun === true) {
    const estimate = await estimateSweep(plan, { engine, workers });
    out.result(estimate, () => formatEstimate(estimate));
    return EXIT_DONE;
  }
  collectAlone();
  const bar = new ProgressBar("sweep");
  const summary = await runSweep(plan, {
    out: parse.text(options.out) ?? basename(file).replace(/\.(ya?ml|json)$/, ""),
    engine,
    redis: redis ?? process.env["WASMVISOR_REDIS"],
    workers,
    format: parse.oneOf(options.format, RESULT_FORMATS, "--format"),
    report: options.report === false ? "none" : "html",
    seed: parse.integer(options.seed, "--seed"),
    resume: options.resume === true,
    signal: interruptSignal(),
    onNotice: (line) => out.log(`wasmvisor: ${line}`),
    onProgress: ({ done, total, ...rest }) => bar.update({ done, total, detail: detail(rest) }),
  }).finally(() => bar.stop());
  out.result(summary, () => formatSummaryTable(summary));
  out.log(`${summary.files.report ? "results and report" : "results"} in ${summary.out}`);
  return summary.errors > 0 ? EXIT_FAILED : EXIT_DONE;
}

function detail({ etaMs, phase, scenariosPerSec }: Omit<SweepProgress, "done" | "total">): string {
  if (phase === "report") return "writing the report";
  const left = etaMs === undefined ? "" : `, ${formatTime(Math.round(etaMs * 1e6), 0)} left`;
  return `${Math.round(scenariosPerSec)}/s${left}`;
}

/** Writes the report again from the results of a finished sweep. */
export async function report({ args, options, out }: CommandContext): Promise<number> {
  const [svg, png] = [parse.text(options.svg), parse.text(options.png)];
  const font = parse.text(options.font);
  if (font !== undefined && png === undefined)
    throw new WasmvisorError("WV_CONFIG", "--font: goes with --png");
  const summary = await rebuildReport(args[0] as string, { svg, png, font });
  out.result(summary, () => summary.files.report);
  return EXIT_DONE;
}
