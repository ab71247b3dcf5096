/** Runs one chunk of a sweep and gives its rows as NDJSON text. The same in every engine. */
import { throwIfAborted } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { type Chunk, scenarioAt } from "./expand.ts";
import { loadPageKernel, type PageKernel } from "./page-kernel.ts";
import { measurementOf, simulatePages } from "./page-model.ts";
import type { Plan } from "./plan-schema.ts";
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
  /** URL of a module that exports `createGuestScenarioRunner`; without it guest parts fail. */
  readonly guestRunnerModule?: string | undefined;
}

const NO_MEASUREMENT: Omit<Measurement, "error"> = {
  state: "error",
  total_time_ms: 0,
  downtime_ms: 0,
  gap_ms: 0,
  setup_time_ms: 0,
  transferred_bytes: 0,
  normal_pages: 0,
  duplicate_pages: 0,
  dirty_sync_count: 0,
  postcopy_requests: 0,
  remaining_bytes: 0,
  dirty_pages_rate: 0,
  mbps: 0,
};

export class ChunkRunner {
  readonly #job: SweepJob;
  #kernel: PageKernel | undefined;
  #guests: Promise<GuestScenarioRunner> | undefined;

  constructor(job: SweepJob) {
    this.#job = job;
  }

  /**
   * One line of JSON for each scenario. A scenario that throws becomes a row with the state
   * `error`; a missing guest runner or kernel rejects, as every other row would suffer the same.
   */
  async run(chunk: Chunk, signal?: AbortSignal): Promise<string> {
    let text = "";
    for (let i = 0; i < chunk.count; i++) {
      throwIfAborted(signal);
      const scenario = scenarioAt(this.#job.plan, chunk.from + i, this.#job.seed);
      text += `${JSON.stringify(await this.#row(scenario, signal))}\n`;
    }
    return text;
  }

  async #row(scenario: Scenario, signal?: AbortSignal): Promise<ResultRow> {
    const isPage = scenario.fidelity === "page";
    this.#kernel ??= isPage ? loadPageKernel() : undefined;
    const guests = isPage ? undefined : await this.#guestRunner();
    try {
      const measured = guests
        ? await guests.run(scenario, signal)
        : this.#simulate(scenario, this.#kernel as PageKernel);
      return resultRow(scenario, measured);
    } catch (error) {
      throwIfAborted(signal);
      const message = error instanceof Error ? error.message : String(error);
      return resultRow(scenario, { ...NO_MEASUREMENT, error: message });
    }
  }

  #simulate(scenario: Scenario, kernel: PageKernel): Measurement {
    const result = simulatePages(scenario, kernel);
    return measurementOf(result, Math.ceil(scenario.memoryBytes / 4096));
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
