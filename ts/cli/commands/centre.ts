/** `wasmvisor centre`: a job on a whole data centre. */
import { basename } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, formatTime } from "../../base/units.ts";
import type { CentreFile, Job } from "../../centre/centre-schema.ts";
import type { JobRun } from "../../centre/jobs/job-run.ts";
import { runJob } from "../../centre/jobs/jobs.ts";
import { loadCentre } from "../../centre/load-centre.ts";
import { type CentreSummary, summarize } from "../../centre/measures.ts";
import { writeCentreFiles } from "../../centre/output/files.ts";
import { leastSeconds, type Planner } from "../../centre/planners/placement.ts";
import { PlannerModule } from "../../centre/planners/planner-module.ts";
import { PLANNER_NAMES, PLANNERS, type PlannerName } from "../../centre/planners/planners.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

const PLANNER_TIMEOUT_MS = 10_000;

export async function centre({ args, options, out }: CommandContext): Promise<number> {
  const path = args[0] as string;
  const text = parse.inputFile(path, "data centre").toString("utf8");
  const { centre: built, file } = await loadCentre(
    text,
    path,
    parse.integer(options.seed, "--seed"),
  );
  const job = chosenJob(file, parse.text(options.job));
  const name = parse.text(options.planner) ?? job.planner;
  const timeoutMs = parse.timeMs(options.plannerTimeout, "--planner-timeout") ?? PLANNER_TIMEOUT_MS;
  const planner = openPlanner(name, timeoutMs);
  try {
    const named = { name, plan: planner.plan };
    // Nothing is simulated: whatever a planner is asked, its vms are there at once.
    if (options.dryRun === true) return dryRun(runJob(built, job, named, "at-once"), out);
    const run = runJob(built, job, named);
    const summary = summarize(run, name, file.seed);
    const folder = parse.text(options.out) ?? basename(path).replace(/\.(ya?ml|json)$/, "");
    const files = writeCentreFiles(folder, run.simulation, summary);
    out.result({ ...summary, files }, () => summaryText(summary));
    out.log(`timelines in ${files.gantt} and ${files.trace}`);
    return isDone(summary) ? EXIT_DONE : EXIT_FAILED;
  } finally {
    await planner.close();
  }
}

function chosenJob({ jobs }: CentreFile, name: string | undefined): Job {
  const job = name === undefined ? jobs[0] : jobs.find((one) => one.name === name);
  if (job) return job;
  throw new WasmvisorError(
    "WV_CONFIG",
    `--job: there is no job ${name}; the file has ${jobs.map((one) => one.name).join(", ")}`,
  );
}

function openPlanner(name: string, timeoutMs: number) {
  const own = PLANNERS[name as PlannerName] as Planner | undefined;
  if (own && PLANNER_NAMES.includes(name as PlannerName))
    return { plan: own, close: async () => undefined };
  if (/\.m?js$/.test(name)) {
    parse.inputFile(name, "--planner");
    return new PlannerModule(name, timeoutMs);
  }
  throw new WasmvisorError(
    "WV_CONFIG",
    `--planner: expected ${PLANNER_NAMES.join(", ")}, or an ES module like planner.mjs, got "${name}"`,
  );
}

/** Nothing failed, nobody was left, and it was in time. */
function isDone({ failed, lost, unplaced, window_met: windowMet }: CentreSummary): boolean {
  return failed === 0 && lost.length === 0 && unplaced.length === 0 && windowMet !== false;
}

/** What the planner says, and what that takes at least. */
function dryRun(run: JobRun, out: CommandContext["out"]): number {
  const { moves, report, simulation } = run;
  const { hosts, network, vms } = simulation.centre;
  const planned = moves.map(({ target, vm }, i) => ({
    vm: vms[vm]?.name ?? "",
    source: hosts[simulation.records[i]?.source ?? -1]?.name ?? "",
    target: hosts[target]?.name ?? "",
    memory_bytes: vms[vm]?.memoryBytes ?? 0,
  }));
  const bytes = planned.reduce((sum, one) => sum + one.memory_bytes, 0);
  const least = leastSeconds(
    network,
    planned.map(({ memory_bytes: bytes }, i) => ({
      links:
        network.route(simulation.records[i]?.source ?? -1, moves[i]?.target ?? -1)?.links ?? [],
      bytes,
    })),
  );
  const document = {
    moves: planned,
    memory_bytes: bytes,
    least_s: least,
    unplaced: report.unplaced,
  };
  out.result(document, () => {
    const rows = planned.map((one) => [
      one.vm,
      one.source,
      one.target,
      formatSize(one.memory_bytes),
    ]);
    const sum = `${planned.length} migrations, ${formatSize(bytes)}, at least ${formatTime(least * 1e9, 1)}`;
    return rows.length > 0
      ? `${columns(["vm", "from", "to", "memory"], rows)}\n${sum}`
      : "no vm has to move";
  });
  return EXIT_DONE;
}

function summaryText(s: CentreSummary): string {
  const lines: [string, string][] = [
    ["job", `${s.job} (${s.kind}) by ${s.planner}`],
    ["migrations", `${s.completed} of ${s.migrations} completed`],
    ["makespan", formatTime(Math.round(s.makespan_s * 1e9), 1)],
    [
      "downtime",
      `${ms(s.total_downtime_ms)} in all, p95 ${ms(s.downtime_p95_ms)}, max ${ms(s.downtime_max_ms)}`,
    ],
    ["sent", formatSize(s.transferred_bytes, 1)],
    [
      "energy",
      `${s.energy_kwh.toFixed(3)} kWh in ${formatTime(Math.round(s.simulated_s * 1e9), 1)}`,
    ],
    [
      "SLA",
      `${(100 * s.sla_violation).toFixed(3)} % of CPU not given; SLAV ${s.slav.toExponential(2)}`,
    ],
  ];
  const [busiest] = s.links;
  if (busiest)
    lines.push([
      "busiest link",
      `${busiest.name}, ${formatSize(busiest.bytes, 1)}, ${(100 * busiest.share).toFixed(0)} %`,
    ]);
  if (s.hosts_wanted > 0) lines.push(["hosts", `${s.hosts_done} of ${s.hosts_wanted} done`]);
  if (s.window_met !== null) lines.push(["window", s.window_met ? "met" : "missed"]);
  if (s.restarts > 0)
    lines.push([
      "restarts",
      `${s.restarts}, down for ${formatTime(s.restart_downtime_max_s * 1e9, 1)} at most`,
    ]);
  if (s.unplaced.length > 0) lines.push(["no place for", some(s.unplaced)]);
  if (s.lost.length > 0) lines.push(["stay down", some(s.lost)]);
  for (const [why, count] of Object.entries(s.errors)) lines.push(["failed", `${count}: ${why}`]);
  return lines.map(([name, value]) => `${name.padEnd(13)} ${value}`).join("\n");
}

const ms = (value: number): string => formatTime(Math.round(value * 1e6), 1);
const some = (names: readonly string[]): string =>
  names.length > 5
    ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`
    : names.join(", ");
