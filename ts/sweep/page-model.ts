/**
 * Fidelity `page`: a guest that is only a set of pages and a writer, moved by the migration engine
 * itself over a simulated link on a virtual clock. Sizes move instead of bytes. The whole run is
 * one synchronous call and a function of the scenario alone.
 */
import type { VirtualClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import {
  type BatchLimit,
  GUEST_PAGE_BYTES,
  type GuestShape,
  type Migratable,
  type PageBatch,
  type PageSet,
} from "../machine/migratable.ts";
import type { MigrationResult } from "../migrate/source.ts";
import { qemuStats } from "../migrate/stats.ts";
import type { PageKernel } from "./page-kernel.ts";
import type { Distribution, Measurement, Scenario } from "./scenario.ts";
import { simulateMigration } from "./simulate.ts";

const NOTHING = new Uint8Array(0);
const PAGES_MAX = 1 << 28;
const WRITER_KINDS = { uniform: 0, "hot-cold": 1, sequential: 2, zipf: 3 } as const;

/** The guest on the source. */
class ModelGuest implements Migratable {
  readonly shape: GuestShape;
  readonly #scenario: Scenario;
  readonly #kernel: PageKernel;
  readonly #clock: VirtualClock;
  readonly #usedPages: number;
  /** Time that the guest has run, up to `#sinceNs`. */
  #ranNs = 0;
  #sinceNs: number | undefined;
  #written = 0;

  constructor(scenario: Scenario, kernel: PageKernel, clock: VirtualClock) {
    this.#scenario = scenario;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#sinceNs = clock.nowNs();
    this.#usedPages = Math.ceil(scenario.usedBytes / GUEST_PAGE_BYTES);
    const pageCount = Math.ceil(scenario.memoryBytes / GUEST_PAGE_BYTES);
    this.shape = { kind: "page-model/1", pageCount, config: NOTHING };
    const { seed } = scenario;
    if (kernel.modelCreate(pageCount, seed >>> 0, Math.floor(seed / 2 ** 32)) !== 0)
      throw new WasmvisorError("WV_NO_MEMORY", `page model: no room for ${pageCount} pages`);
    this.#setWriter(scenario.distribution);
  }

  #setWriter(distribution: Distribution): void {
    const kernel = this.#kernel;
    const pages = Math.ceil(this.#scenario.workingSetBytes / GUEST_PAGE_BYTES);
    if (kernel.modelWriter(WRITER_KINDS[distribution.kind], 0, pages) !== 0)
      throw new WasmvisorError("WV_CONFIG", "page model: the working set is larger than memory");
    if (distribution.kind === "hot-cold")
      kernel.modelHot(Math.round(pages * distribution.hotPages), distribution.hotWrites);
    if (distribution.kind === "zipf" && kernel.modelZipf(distribution.exponent) !== 0)
      throw new WasmvisorError("WV_NO_MEMORY", "page model: no room for the Zipf table");
  }

  /** Lets the writer do what it did since it was last looked at. */
  #catchUp(): void {
    const nowNs = this.#clock.nowNs();
    if (this.#sinceNs !== undefined) {
      this.#ranNs += nowNs - this.#sinceNs;
      this.#sinceNs = nowNs;
    }
    const due = Math.floor((this.#scenario.dirtyRate * this.#ranNs) / 1e9);
    this.#kernel.modelWrite(due - this.#written);
    this.#written = due;
  }

  newPageSet(): PageSet {
    return { count: () => this.#kernel.modelRemaining(), release: () => undefined };
  }

  startDirtyLog(): void {
    this.#catchUp();
    this.#kernel.modelFill();
  }

  stopDirtyLog(): void {
    // The writer writes on; nobody looks.
  }

  harvest(): number {
    this.#catchUp();
    if (this.#usedPages > 0)
      this.#kernel.modelBackground(this.#usedPages, this.#scenario.backgroundPages);
    return this.#kernel.modelHarvest();
  }

  takeBatch(_set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    const kernel = this.#kernel;
    const { normalPagesMax, zeroPagesMax } = limit;
    const nextGfn = kernel.modelTake(fromGfn, normalPagesMax, zeroPagesMax, this.#usedPages);
    const normalPages = kernel.modelTakenNormal();
    const zeroPages = kernel.modelTakenZero();
    const { normalPageBytes, zeroPageBytes } = this.#scenario.wire;
    const modelBytes = normalPages * normalPageBytes + zeroPages * zeroPageBytes;
    return { normalPages, zeroPages, nextGfn: nextGfn >>> 0, records: NOTHING, modelBytes };
  }

  applyBatch(): void {
    throw new WasmvisorError("WV_STATE", "page model: this end only sends");
  }

  pause(): void {
    this.#catchUp();
    this.#sinceNs = undefined;
  }

  resume(): void {
    this.#sinceNs = this.#clock.nowNs();
  }

  saveState(): Uint8Array {
    return NOTHING;
  }

  restoreState(): void {
    // There is none.
  }

  memoryHash(): string {
    return "";
  }

  destroy(): void {
    this.#sinceNs = undefined;
  }
}

/** Its twin on the target has nothing to keep: what arrives is counted by the engine. */
function modelTarget(shape: GuestShape): Migratable {
  const nothing = (): void => undefined;
  const never = (): never => {
    throw new WasmvisorError("WV_STATE", "page model: this end only receives");
  };
  return {
    shape,
    newPageSet: never,
    startDirtyLog: never,
    stopDirtyLog: nothing,
    harvest: never,
    takeBatch: never,
    applyBatch: nothing,
    pause: nothing,
    resume: nothing,
    saveState: never,
    restoreState: nothing,
    memoryHash: () => "",
    destroy: nothing,
  };
}

/** Pages that the link moves in one of the engine's windows. */
function windowPages(scenario: Scenario): number {
  const perWindow = scenario.bandwidthBytesPerSec / 10 / scenario.wire.normalPageBytes;
  return Math.max(1, Math.min(Math.ceil(perWindow), PAGES_MAX));
}

/** Moves a page-level guest as `scenario` says. */
export function simulatePages(scenario: Scenario, kernel: PageKernel): MigrationResult {
  return simulateMigration(scenario, {
    source: (clock) => new ModelGuest(scenario, kernel, clock),
    target: modelTarget,
    // As few events as there are decisions: 2,000 instead of 1,000 scenarios a second (measured,
    // Node 20, bench/sweep).
    options: { batchPages: PAGES_MAX, probePages: windowPages(scenario) },
  });
}

/** A migration's result as the row of a sweep has it. */
export function measurementOf(result: MigrationResult, pageCount: number): Measurement {
  const stats = qemuStats(result.stats, pageCount);
  const isCompleted = result.state === "completed";
  return {
    state: isCompleted ? "completed" : "failed",
    error: isCompleted ? "" : messageOf(result.error),
    total_time_ms: stats["total-time"],
    downtime_ms: stats.downtime,
    setup_time_ms: stats["setup-time"],
    transferred_bytes: stats.ram.transferred,
    normal_pages: stats.ram.normal,
    duplicate_pages: stats.ram.duplicate,
    dirty_sync_count: stats.ram["dirty-sync-count"],
    remaining_bytes: stats.ram.remaining,
    dirty_pages_rate: stats.ram["dirty-pages-rate"],
    mbps: stats.ram.mbps,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
