/**
 * What a run comes to. SLA violation as Beloglazov and Buyya define it, so that figures can be laid beside theirs:
 *
 *   SLATAH   mean over hosts of: time with all processors in use / time on
 *   PDM      mean over vms of: CPU that a migration (or a failure) took from it / CPU that it wanted
 *   SLAV     SLATAH x PDM
 */
import type { Job } from "./centre-schema.ts";
import type { JobReport, JobRun } from "./jobs/job-run.ts";
import type { MigrationRecord } from "./records.ts";
import type { CentreSimulation } from "./simulation.ts";

export interface LinkUse {
  readonly name: string;
  readonly bytes: number;
  /** Of what it could have carried from the first migration to the last. */
  readonly share: number;
}

export interface CentreSummary {
  readonly centre: string;
  readonly job: string;
  readonly kind: Job["kind"];
  readonly planner: string;
  readonly seed: number;
  readonly hosts: number;
  readonly vms: number;
  readonly simulated_s: number;
  readonly migrations: number;
  readonly completed: number;
  readonly failed: number;
  /** From the first request to the end of the last migration. */
  readonly makespan_s: number;
  readonly total_downtime_ms: number;
  readonly downtime_p50_ms: number;
  readonly downtime_p95_ms: number;
  readonly downtime_max_ms: number;
  readonly total_time_p50_s: number;
  readonly total_time_p95_s: number;
  readonly transferred_bytes: number;
  readonly energy_kwh: number;
  readonly cpu_requested_s: number;
  readonly cpu_contended_s: number;
  readonly cpu_stopped_s: number;
  /** What was not given of what was wanted, 0 to 1. */
  readonly sla_violation: number;
  readonly slatah: number;
  readonly pdm: number;
  readonly slav: number;
  readonly restarts: number;
  readonly restart_downtime_max_s: number;
  readonly hosts_wanted: number;
  readonly hosts_done: number;
  readonly window_met: boolean | null;
  readonly unplaced: readonly string[];
  readonly lost: readonly string[];
  /** Why migrations failed, and how many. */
  readonly errors: Readonly<Record<string, number>>;
  /** Those that carried anything, the busiest first. */
  readonly links: readonly LinkUse[];
}

export function summarize(run: JobRun, planner: string, seed: number): CentreSummary {
  const { job, report, simulation } = run;
  const { centre, records, restarts } = simulation;
  const done = records.filter(({ state }) => state === "completed");
  const downtimes = done.map(({ downtimeNs }) => downtimeNs / 1e6).sort((a, b) => a - b);
  const times = done.map(({ endNs, startNs }) => (endNs - startNs) / 1e9).sort((a, b) => a - b);
  const makespanNs = makespanOf(records);
  const ups = restarts.map(({ failedNs, upNs }) => (upNs - failedNs) / 1e9);
  return {
    centre: centre.name,
    job: job.name,
    kind: job.kind,
    planner,
    seed,
    hosts: centre.hosts.length,
    vms: centre.vms.length,
    simulated_s: simulation.nowNs / 1e9,
    migrations: records.length,
    completed: done.length,
    failed: records.length - done.length,
    makespan_s: makespanNs / 1e9,
    total_downtime_ms: sum(downtimes),
    downtime_p50_ms: percentile(downtimes, 0.5),
    downtime_p95_ms: percentile(downtimes, 0.95),
    downtime_max_ms: percentile(downtimes, 1),
    total_time_p50_s: percentile(times, 0.5),
    total_time_p95_s: percentile(times, 0.95),
    transferred_bytes: Math.round(sum(records.map(({ bytes }) => bytes))),
    energy_kwh: sum(simulation.hosts.map(({ load }) => load.joules)) / 3.6e6,
    ...slaOf(simulation),
    restarts: restarts.length,
    restart_downtime_max_s: Math.max(0, ...ups),
    ...reported(report),
    errors: errorsOf(records),
    links: linksOf(simulation, makespanNs),
  };
}

function reported({ hostsDone, hostsWanted, lost, unplaced, windowMet }: JobReport) {
  return {
    hosts_wanted: hostsWanted,
    hosts_done: hostsDone,
    window_met: windowMet ?? null,
    unplaced,
    lost,
  };
}

function makespanOf(records: readonly MigrationRecord[]): number {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { endNs, requestedNs } of records) {
    first = Math.min(first, requestedNs);
    last = Math.max(last, endNs);
  }
  return records.length > 0 ? last - first : 0;
}

function slaOf({ hosts, usage }: CentreSimulation) {
  const requested = sum(usage.map(({ requestedCpuSec }) => requestedCpuSec));
  const contended = sum(usage.map(({ contendedCpuSec }) => contendedCpuSec));
  const stopped = sum(usage.map(({ stoppedCpuSec }) => stoppedCpuSec));
  const slatah = mean(
    hosts.flatMap(({ load }) => (load.onNs > 0 ? [load.fullNs / load.onNs] : [])),
  );
  const pdm = mean(
    usage.flatMap((one) =>
      one.requestedCpuSec > 0 ? [one.stoppedCpuSec / one.requestedCpuSec] : [],
    ),
  );
  return {
    cpu_requested_s: requested,
    cpu_contended_s: contended,
    cpu_stopped_s: stopped,
    sla_violation: requested > 0 ? (contended + stopped) / requested : 0,
    slatah,
    pdm,
    slav: slatah * pdm,
  };
}

function errorsOf(records: readonly MigrationRecord[]): Record<string, number> {
  const errors: Record<string, number> = {};
  for (const { error } of records) if (error !== "") errors[error] = (errors[error] ?? 0) + 1;
  return errors;
}

function linksOf({ centre, linkBytes }: CentreSimulation, makespanNs: number): LinkUse[] {
  const uses: LinkUse[] = [];
  centre.network.links.forEach(({ bytesPerSec, name }, l) => {
    const bytes = Math.round(linkBytes[l] as number);
    if (bytes === 0) return;
    const most = (bytesPerSec * makespanNs) / 1e9;
    uses.push({ name, bytes, share: most > 0 ? bytes / most : 0 });
  });
  return uses.sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number =>
  values.length > 0 ? sum(values) / values.length : 0;

/** Of sorted values; the nearest rank. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
