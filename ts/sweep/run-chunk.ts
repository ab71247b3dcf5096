/** Runs one chunk of a sweep and gives its rows as bytes. The same in every engine. */
import { throwIfAborted } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { type Chunk, ChunkScenarios } from "./expand.ts";
import { fluidMeasurement } from "./fluid/measurement.ts";
import { FluidMemory } from "./fluid/memory.ts";
import { simulateFluid } from "./fluid/migration.ts";
import { loadPageKernel, type PageKernel } from "./page-kernel.ts";
import { measurementOf, simulatePages } from "./page-model.ts";
import type { Plan } from "./plan-schema.ts";
import { POISONED } from "./poison.ts";
import { ENCODERS } from "./results/encoders.ts";
import type { ResultFormat } from "./results/format.ts";
import { RowBuffer } from "./results/row-buffer.ts";
import type { GuestScenarioRunner, Measurement, Scenario } from "./scenario.ts";

/** What a worker needs to know once; plain data that may be posted to a thread. */
export interface SweepJob {
  readonly plan: Plan;
  readonly seed: number;
  readonly format: ResultFormat;
  /** URL of a module that exports `createGuestScenarioRunner`; without it guest parts fail. */
  readonly guestRunnerModule?: string | undefined;
}

/** Of what was not run. */
export const NO_MEASUREMENT: Measurement = {
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

function failed(error: unknown): Measurement {
  const words = error instanceof Error ? error.message : String(error);
  const code = error instanceof WasmvisorError ? `${error.code}: ` : "";
  return { ...NO_MEASUREMENT, error: `${code}${words}` };
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
   * The rows of a chunk, in the format of the job. A scenario that throws, or is known to kill, becomes a row
   * with the state `error`; a missing guest runner or kernel rejects, as every other row would suffer the same.
   * The rows may be left in `room`: fresh memory costs a page fault for each 4 KiB of it.
   */
  async run(chunk: Chunk, signal?: AbortSignal, room?: ArrayBuffer): Promise<Uint8Array> {
    if (chunk.count === 0) return new Uint8Array(0);
    const { format, plan, seed } = this.#job;
    const poisoned = new Set(chunk.poisoned);
    if (!this.#rows.holds(chunk.count)) this.#rows = new RowBuffer(chunk.count);
    const rows = this.#rows;
    rows.clear();
    const scenarios = new ChunkScenarios(plan, chunk, seed);
    for (let i = 0; i < chunk.count; i++) {
      throwIfAborted(signal);
      const scenario = scenarios.next();
      if (poisoned.has(scenario.index)) {
        rows.add(scenario, { ...NO_MEASUREMENT, error: POISONED });
        continue;
      }
      // No promise for what needs none: it would cost as much as a fluid scenario.
      if (scenario.fidelity === "guest") rows.add(scenario, await this.#guest(scenario, signal));
      else this.#add(scenario, signal);
    }
    return ENCODERS[format](rows, room);
  }

  #add(scenario: Scenario, signal?: AbortSignal): void {
    if (scenario.fidelity === "page") this.#pageKernel();
    let row = scenario;
    let measured: Measurement;
    try {
      if (scenario.fidelity === "page") measured = this.#page(scenario, "");
      else {
        measured = fluidMeasurement(simulateFluid(scenario, this.#fluid));
        if (measured.near !== "" && this.#auto.has(scenario.part)) {
          row = { ...scenario, fidelity: "page" };
          measured = this.#page(row, measured.near);
        }
      }
    } catch (error) {
      throwIfAborted(signal);
      row = scenario;
      measured = failed(error);
    }
    this.#rows.add(row, measured);
  }

  #page(scenario: Scenario, near: string): Measurement {
    const result = simulatePages(scenario, this.#pageKernel());
    return { ...measurementOf(result, Math.ceil(scenario.memoryBytes / 4096)), near };
  }

  #pageKernel(): PageKernel {
    this.#kernel ??= loadPageKernel();
    return this.#kernel;
  }

  async #guest(scenario: Scenario, signal?: AbortSignal): Promise<Measurement> {
    const guests = await this.#guestRunner();
    try {
      return { ...NO_MEASUREMENT, ...(await guests.run(scenario, signal)) };
    } catch (error) {
      throwIfAborted(signal);
      return failed(error);
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
