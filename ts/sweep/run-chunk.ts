/** Runs one chunk of a sweep and gives its rows as bytes. The same in every engine. */
import { throwIfAborted } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { type Chunk, scenarioAt } from "./expand.ts";
import { fluidMeasurement } from "./fluid/measurement.ts";
import { FluidMemory } from "./fluid/memory.ts";
import { simulateFluid } from "./fluid/migration.ts";
import { loadPageKernel, type PageKernel } from "./page-kernel.ts";
import { measurementOf, simulatePages } from "./page-model.ts";
import type { Plan } from "./plan-schema.ts";
import { ENCODERS } from "./results/encoders.ts";
import type { ResultFormat } from "./results/format.ts";
import { RowBuffer } from "./results/row-buffer.ts";
import {
  type GuestScenarioRunner,
  type Measurement,
  type ResultRow,
  resultRow,
  type Scenario,
} from "./scenario.ts";

/** What a worker needs to know once; plain data that may be posted to a thread. */
export interface SweepJob {
  readonly plan: Plan;
  readonly seed: number;
  readonly format: ResultFormat;
  /** URL of a module that exports `createGuestScenarioRunner`; without it guest parts fail. */
  readonly guestRunnerModule?: string | undefined;
}

const NO_MEASUREMENT: Measurement = {
  state: "error",
  error: "",
  near: "",
  total_time_ms: 0,
  downtime_ms: 0,
  gap_ms: 0,
  setup_time_ms: 0,
  transferred_bytes: 0,
  normal_pages: 0,
  duplicate_pages: 0,
  delta_pages: 0,
  dirty_sync_count: 0,
  postcopy_requests: 0,
  remaining_bytes: 0,
  dirty_pages_rate: 0,
  mbps: 0,
};

function errorRow(scenario: Scenario, error: unknown): ResultRow {
  const message = error instanceof Error ? error.message : String(error);
  return resultRow(scenario, { ...NO_MEASUREMENT, error: message });
}

export class ChunkRunner {
  readonly #job: SweepJob;
  readonly #fluid = FluidMemory.buffers();
  readonly #auto: ReadonlySet<string>;
  #rows = new RowBuffer(1);
  #kernel: PageKernel | undefined;
  #guests: Promise<GuestScenarioRunner> | undefined;

  constructor(job: SweepJob) {
    this.#job = job;
    const parts = job.plan.parts.filter((part) => part.fidelity === "auto");
    this.#auto = new Set(parts.map((part) => part.name));
  }

  /**
   * The rows of a chunk, in the format of the job. A scenario that throws becomes a row with the state
   * `error`; a missing guest runner or kernel rejects, as every other row would suffer the same.
   */
  async run(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    const { format, plan, seed } = this.#job;
    if (!this.#rows.holds(chunk.count)) this.#rows = new RowBuffer(chunk.count);
    const rows = this.#rows;
    rows.clear();
    for (let i = 0; i < chunk.count; i++) {
      throwIfAborted(signal);
      const scenario = scenarioAt(plan, chunk.from + i, seed);
      // No promise for what needs none: it would cost as much as a fluid scenario.
      rows.add(
        scenario.fidelity === "guest"
          ? await this.#guestRow(scenario, signal)
          : this.#row(scenario, signal),
      );
    }
    return ENCODERS[format](rows);
  }

  #row(scenario: Scenario, signal?: AbortSignal): ResultRow {
    if (scenario.fidelity === "page") this.#pageKernel();
    try {
      if (scenario.fidelity === "page") return this.#pageRow(scenario, "");
      const fluid = fluidMeasurement(simulateFluid(scenario, this.#fluid));
      if (fluid.near === "" || !this.#auto.has(scenario.part)) return resultRow(scenario, fluid);
      return this.#pageRow({ ...scenario, fidelity: "page" }, fluid.near);
    } catch (error) {
      throwIfAborted(signal);
      return errorRow(scenario, error);
    }
  }

  #pageRow(scenario: Scenario, near: string): ResultRow {
    const result = simulatePages(scenario, this.#pageKernel());
    const measured = measurementOf(result, Math.ceil(scenario.memoryBytes / 4096));
    return resultRow(scenario, { ...measured, near });
  }

  #pageKernel(): PageKernel {
    this.#kernel ??= loadPageKernel();
    return this.#kernel;
  }

  async #guestRow(scenario: Scenario, signal?: AbortSignal): Promise<ResultRow> {
    const guests = await this.#guestRunner();
    try {
      return resultRow(scenario, { ...NO_MEASUREMENT, ...(await guests.run(scenario, signal)) });
    } catch (error) {
      throwIfAborted(signal);
      return errorRow(scenario, error);
    }
  }

  #guestRunner(): Promise<GuestScenarioRunner> {
    this.#guests ??= loadGuestRunner(this.#job.guestRunnerModule);
    return this.#guests;
  }

  async close(): Promise<void> {
    await (await this.#guests?.catch(() => undefined))?.close?.();
  }
}

async function loadGuestRunner(url: string | undefined): Promise<GuestScenarioRunner> {
  if (url === undefined) return (await import("./guest-runner.ts")).createGuestScenarioRunner();
  const module = (await import(url)) as {
    createGuestScenarioRunner?: () => GuestScenarioRunner | Promise<GuestScenarioRunner>;
  };
  if (typeof module.createGuestScenarioRunner !== "function")
    throw new WasmvisorError("WV_CONFIG", `sweep: ${url} exports no createGuestScenarioRunner`);
  return module.createGuestScenarioRunner();
}
