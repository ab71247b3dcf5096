/** Runs a whole sweep: chunks out, rows in, results in order, then the report. */
import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { abortError, throwIfAborted } from "../base/abort.ts";
import { WallClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { CELLS_CSV_HEADER, type Cell, Cells } from "./cells.ts";
import { type EngineName, type Executor, makeExecutor } from "./executor.ts";
import { type Chunk, repetitionsOf, scenarioCount } from "./expand.ts";
import type { Plan } from "./plan-schema.ts";
import type { QueueOptions } from "./queue/queue-executor.ts";
import { bundleText } from "./report/bundle.ts";
import {
  type FigureFolders,
  type ReportFiles,
  ReportPoints,
  writeReport,
} from "./report/report.ts";
import { defaultFormat, RESULT_FORMATS, type ResultFormat } from "./results/format.ts";
import { readRows } from "./results/read.ts";
import { LineFile, readManifest, type SweepFacts, SweepStore } from "./store.ts";
import type { StrategySummary } from "./summary.ts";

const wall = new WallClock();
const nowMs = (): number => wall.nowNs() / 1e6;

export interface SweepProgress {
  readonly phase: "run" | "report";
  /** Scenarios, with those of an earlier run that is resumed. */
  readonly done: number;
  readonly total: number;
  readonly elapsedMs: number;
  /** Of this run; 0 until something is done. */
  readonly scenariosPerSec: number;
  /** Undefined until something is done. */
  readonly etaMs: number | undefined;
}

export interface SweepOptions {
  /** The folder for everything that comes out. */
  readonly out: string;
  /**
   * `threads`: worker threads, the default. `inline`: all on this thread. `bullmq`: whatever machines run
   * `wasmvisor worker`.
   */
  readonly engine?: EngineName | undefined;
  /** URL of the server of the engine `bullmq`. */
  readonly redis?: string | undefined;
  /** Threads; default: one for each CPU. */
  readonly workers?: number | undefined;
  /** Instead of the plan's own. */
  readonly seed?: number | undefined;
  /** How rows are kept. Default: Parquet for more than 100,000, else NDJSON. */
  readonly format?: ResultFormat | undefined;
  /** `none`: leave results only, no report and no tables. Default: `html`. */
  readonly report?: "html" | "none" | undefined;
  /** Go on with what `out` has. */
  readonly resume?: boolean | undefined;
  /** Ends the sweep with `WV_ABORTED`; finished chunks stay for a resume. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: SweepProgress) => void) | undefined;
  /** What people should know while it runs, a line each. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** URL of a module that runs scenarios of fidelity `guest` instead of our own dirtier. */
  readonly guestRunnerModule?: string | undefined;
  /** The script of the worker threads, for tests and bundlers. */
  readonly workerFile?: string | undefined;
}

export interface SweepSummary {
  readonly name: string;
  readonly out: string;
  readonly seed: number;
  readonly scenarios: number;
  readonly completed: number;
  readonly failed: number;
  readonly errors: number;
  /** Scenarios of parts with the fidelity `auto` that were run again at page level. */
  readonly rerun: number;
  /** Scenarios computed now, not by the run that was resumed. */
  readonly computed: number;
  readonly elapsedMs: number;
  readonly scenariosPerSec: number;
  readonly strategies: readonly StrategySummary[];
  /** Statistics over the repetitions of each point: the first 1,000; `cells.csv` has all. */
  readonly cells: readonly Cell[];
  readonly cellCount: number;
  /** Of a report that was not asked for: empty. */
  readonly files: ReportFiles & { readonly results: string };
}

/**
 * Runs `plan` and leaves results and report in `options.out`. The bytes of the results are a
 * function of plan, seed and format alone: not of the engine, the workers, or how often it was resumed.
 *
 * @example
 * const plan = parsePlan(await readFile("examples/first-look.yaml", "utf8"));
 * const summary = await runSweep(plan, { out: "out/first-look" });
 * console.log(formatSummaryTable(summary));
 */
export async function runSweep(plan: Plan, options: SweepOptions): Promise<SweepSummary> {
  const seed = options.seed ?? plan.seed;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new WasmvisorError("WV_CONFIG", `seed: expected 0 to 2^53 - 1, got ${seed}`);
  throwIfAborted(options.signal);
  const withReport = (options.report ?? "html") === "html";
  if (withReport) bundleText(); // Whatever is missing for the report is better missed before the work.
  const facts: SweepFacts = { plan, seed, format: formatOf(plan, options) };
  const store = new SweepStore(options.out, facts);
  const meter = new Meter(scenarioCount(plan), options.onProgress);
  try {
    const missing = store.open(options.resume ?? false);
    meter.start(missing);
    if (missing.length > 0) {
      const job = { ...facts, guestRunnerModule: options.guestRunnerModule };
      const engine = options.engine ?? "threads";
      const workers = Math.min(options.workers ?? availableParallelism(), missing.length);
      const { workerFile } = options;
      const queue = queueOf(store, options);
      const executor = await makeExecutor(job, { engine, workers, workerFile, queue });
      await runChunks({ executor, chunks: missing, store, meter, signal: options.signal });
    }
    store.finish();
  } finally {
    store.close();
  }
  meter.report("report");
  const { computed, runMs: elapsedMs, scenariosPerSec } = meter;
  const run = { name: plan.name, seed, computed, elapsedMs, scenariosPerSec };
  return withReport ? summarize(run, plan, store) : withoutReport(run, plan, store);
}

function queueOf(store: SweepStore, { onNotice, redis }: SweepOptions): QueueOptions | undefined {
  return redis === undefined ? undefined : { redis, identity: store.identity, onNotice };
}

function formatOf(plan: Plan, { format }: SweepOptions): ResultFormat {
  if (format !== undefined && !RESULT_FORMATS.includes(format))
    throw new WasmvisorError(
      "WV_CONFIG",
      `format: expected ${RESULT_FORMATS.join(" or ")}, got ${JSON.stringify(format)}`,
    );
  return format ?? defaultFormat(scenarioCount(plan));
}

/** Nobody has looked at the rows: what they say is not known. */
function withoutReport(run: RunFacts, plan: Plan, store: SweepStore): SweepSummary {
  const { out, resultsFile } = store;
  const scenarios = scenarioCount(plan);
  const counts = { completed: 0, failed: 0, errors: 0, rerun: 0 };
  const files = { report: "", points: "", figures: [], results: resultsFile };
  const cells = { cells: [], cellCount: 0 };
  return { ...run, ...counts, out, scenarios, strategies: [], ...cells, files };
}

/**
 * Makes the report of a finished sweep again from its results, and its figures as SVG and PNG where that is asked
 * for. Throws `WV_STATE` if `out` holds no finished sweep, `WV_MISSING` for PNG without a font or resvg.
 */
export async function rebuildReport(
  out: string,
  folders: FigureFolders = {},
): Promise<SweepSummary> {
  const { name, plan, resultFormat: format, seed, state } = readManifest(out);
  if (state !== "complete")
    throw new WasmvisorError("WV_STATE", `sweep: ${out} is not finished; go on with --resume`);
  const run = { name, seed, computed: 0, elapsedMs: 0, scenariosPerSec: 0 };
  return summarize(run, plan, new SweepStore(out, { format, plan, seed }), folders);
}

type RunFacts = Pick<SweepSummary, "name" | "seed" | "computed" | "elapsedMs" | "scenariosPerSec">;

/** Reads all rows and writes everything that is made of them. */
async function summarize(
  run: RunFacts,
  plan: Plan,
  store: SweepStore,
  folders: FigureFolders = {},
): Promise<SweepSummary> {
  const { out, resultsFile: results } = store;
  const input = { out, plan, seed: run.seed, ...folders };
  const points = new ReportPoints(input);
  try {
    const cells = await readAll(plan, store, points);
    const files = await writeReport(input, points);
    const { rerun, rows: scenarios } = points.summary;
    const strategies = points.summary.strategies();
    const sum = (key: "completed" | "failed" | "errors"): number =>
      strategies.reduce((n, one) => n + one[key], 0);
    const counts = { completed: sum("completed"), failed: sum("failed"), errors: sum("errors") };
    return {
      ...run,
      ...{ out, scenarios, ...counts, rerun, strategies },
      ...{ cells: cells.shown(), cellCount: cells.count },
      files: { results, ...files },
    };
  } finally {
    points.close();
  }
}

/** Gives all rows to both, and leaves `cells.csv` if cells are more than their only row. */
async function readAll(plan: Plan, store: SweepStore, points: ReportPoints): Promise<Cells> {
  const isRepeated = plan.parts.some((part) => repetitionsOf(plan, part) > 1);
  const lines = isRepeated
    ? new LineFile(join(store.out, "cells.csv"), CELLS_CSV_HEADER)
    : undefined;
  const cells = new Cells(lines && ((line) => lines.add(line)));
  try {
    for await (const row of readRows(store.resultsFile, store.format)) {
      points.summary.add(row);
      cells.add(row);
    }
    points.end();
    cells.end();
    lines?.finish();
  } finally {
    lines?.close();
  }
  return cells;
}

interface ChunkRun {
  readonly executor: Executor;
  readonly chunks: readonly Chunk[];
  readonly store: SweepStore;
  readonly meter: Meter;
  readonly signal: AbortSignal | undefined;
}

/** Keeps the executor's slots busy; the first error stops everything. */
async function runChunks(run: ChunkRun): Promise<void> {
  const { executor, chunks, store, meter, signal } = run;
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  setMaxListeners(0, stop); // Each chunk under way listens, and there may be thousands.
  let next = 0;
  const slot = async (): Promise<void> => {
    for (;;) {
      const chunk = chunks[next++];
      if (!chunk) return;
      if (stop.aborted) throw abortError(stop);
      const rows = await executor.submit(chunk, stop);
      store.add(chunk, rows);
      executor.reuse?.(rows);
      meter.add(chunk.count);
    }
  };
  let first: { readonly error: unknown } | undefined;
  const guarded = async (): Promise<void> => {
    try {
      await slot();
    } catch (error) {
      first ??= { error };
      failed.abort(error);
    }
  };
  try {
    await Promise.all(Array.from({ length: executor.slots }, guarded));
  } finally {
    await executor.close();
  }
  if (first) throw first.error;
}

class Meter {
  readonly #total: number;
  readonly #onProgress: ((progress: SweepProgress) => void) | undefined;
  #startMs = nowMs();
  #done = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  computed = 0;
  runMs = 0;

  constructor(total: number, onProgress: ((progress: SweepProgress) => void) | undefined) {
    this.#total = total;
    this.#onProgress = onProgress;
  }

  get scenariosPerSec(): number {
    return this.runMs > 0 ? (this.computed * 1000) / this.runMs : 0;
  }

  start(missing: readonly Chunk[]): void {
    this.#startMs = nowMs();
    this.#done = this.#total - missing.reduce((n, chunk) => n + chunk.count, 0);
    this.report("run");
    this.#lastMs = Number.NEGATIVE_INFINITY; // The first chunk brings the first estimate: show it.
  }

  add(count: number): void {
    this.#done += count;
    this.computed += count;
    this.runMs = nowMs() - this.#startMs;
    // Ten times a second is as often as anybody looks.
    if (nowMs() - this.#lastMs >= 100 || this.#done === this.#total) this.report("run");
  }

  report(phase: SweepProgress["phase"]): void {
    this.#lastMs = nowMs();
    const perSec = this.scenariosPerSec;
    this.#onProgress?.({
      phase,
      done: this.#done,
      total: this.#total,
      elapsedMs: this.#lastMs - this.#startMs,
      scenariosPerSec: perSec,
      etaMs: perSec > 0 ? ((this.#total - this.#done) * 1000) / perSec : undefined,
    });
  }
}
