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
import { SilenceMeter } from "../migrate/silence.ts";
import type { MigrationResult } from "../migrate/source.ts";
import { qemuStats } from "../migrate/stats.ts";
import type { PageKernel } from "./page-kernel.ts";
import { CATCH_UP_NS, HEARTBEAT_NS, ModelTarget, modelSet, TICK_NS } from "./page-model-target.ts";
import type { Distribution, Measurement, Scenario } from "./scenario.ts";
import { simulateMigration } from "./simulate.ts";

const NOTHING = new Uint8Array(0);
const PAGES_MAX = 1 << 28;
const WRITER_KINDS = { uniform: 0, "hot-cold": 1, sequential: 2, zipf: 3 } as const;

interface ModelParts {
  readonly scenario: Scenario;
  readonly kernel: PageKernel;
  readonly clock: VirtualClock;
  readonly silence: SilenceMeter;
}

/** The guest on the source. */
class ModelGuest implements Migratable {
  readonly shape: GuestShape;
  readonly #scenario: Scenario;
  readonly #kernel: PageKernel;
  readonly #clock: VirtualClock;
  readonly #silence: SilenceMeter;
  readonly #usedPages: number;
  /** Time that the guest has run, up to `#sinceNs`. */
  #ranNs = 0;
  #sinceNs: number | undefined;
  #written = 0;
  /** Pages that it may dirty in a second, and those that it was granted and has not used. */
  #limitPagesPerSec = Number.POSITIVE_INFINITY;
  #quota = 0;

  constructor(parts: ModelParts) {
    const { clock, kernel, scenario } = parts;
    this.#silence = parts.silence;
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
    const base = Math.floor((this.#scenario.workingSetOffsetBytes ?? 0) / GUEST_PAGE_BYTES);
    if (kernel.modelWriter(WRITER_KINDS[distribution.kind], base, pages) !== 0)
      throw new WasmvisorError("WV_CONFIG", "page model: the working set is larger than memory");
    if (distribution.kind === "hot-cold")
      kernel.modelHot(Math.round(pages * distribution.hotPages), distribution.hotWrites);
    if (distribution.kind === "zipf" && kernel.modelZipf(distribution.exponent) !== 0)
      throw new WasmvisorError("WV_NO_MEMORY", "page model: no room for the Zipf table");
  }

  /** Lets the writer do what it did since it was last looked at. */
  #catchUp(): void {
    const nowNs = this.#clock.nowNs();
    const fromNs = this.#ranNs;
    if (this.#sinceNs === undefined) return; // Whatever it owes: it stands still.
    this.#ranNs += nowNs - this.#sinceNs;
    this.#sinceNs = nowNs;
    if (this.#limitPagesPerSec !== Number.POSITIVE_INFINITY) {
      for (let ns = fromNs; ns < this.#ranNs; ns += TICK_NS)
        this.#writeLimited(
          Math.min(ns + TICK_NS, this.#ranNs),
          Math.min(TICK_NS, this.#ranNs - ns),
        );
      return;
    }
    const due = Math.floor((this.#scenario.dirtyRate * this.#ranNs) / 1e9);
    this.#kernel.modelWrite(due - this.#written);
    this.#written = due;
  }

  /** What is due at `atNs` of its time, as far as it may; what is 50 ms late is given up. */
  #writeLimited(atNs: number, passedNs: number): void {
    const { dirtyRate } = this.#scenario;
    const all = Math.floor((dirtyRate * atNs) / 1e9);
    this.#written = Math.max(this.#written, all - Math.floor((dirtyRate * CATCH_UP_NS) / 1e9));
    this.#quota += (this.#limitPagesPerSec * passedNs) / 1e9;
    this.#written += this.#kernel.modelWriteLimited(
      all - this.#written,
      Math.floor(Math.max(0, this.#quota)),
    );
    this.#quota -= this.#kernel.modelFresh();
    this.#quota = Math.min(this.#quota, Math.max(1, this.#limitPagesPerSec / 1000));
  }

  limitDirty(pagesPerSec: number): void {
    this.#catchUp();
    this.#limitPagesPerSec = pagesPerSec;
    this.#quota = 0;
  }

  newPageSet(): PageSet {
    const kernel = this.#kernel;
    const { pageCount } = this.shape;
    return modelSet({
      pageCount,
      count: () => kernel.modelRemaining(),
      has: (gfn) => kernel.modelHas(gfn) !== 0,
      bitmap: () =>
        new Uint8Array(kernel.memory.buffer, kernel.modelSet(), Math.ceil(pageCount / 8)),
    });
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
    const { dirtyPages, normalPagesMax, untilGfn, zeroPagesMax } = limit;
    if (dirtyPages === "leave") this.#catchUp();
    kernel.modelSkip(dirtyPages === "leave" ? 1 : 0);
    kernel.modelUntil(untilGfn ?? this.shape.pageCount);
    const taken = kernel.modelTake(fromGfn, normalPagesMax, zeroPagesMax, this.#usedPages);
    const nextGfn = taken >>> 0;
    const normalPages = kernel.modelTakenNormal();
    const zeroPages = kernel.modelTakenZero();
    const { normalPageBytes, zeroPageBytes } = this.#scenario.wire;
    const modelBytes = normalPages * normalPageBytes + zeroPages * zeroPageBytes;
    if (this.#sinceNs !== undefined)
      return { normalPages, zeroPages, nextGfn, records: NOTHING, modelBytes };
    // The guest has stopped: all pages of this range have left now.
    const records = new Uint8Array(Uint32Array.of(fromGfn, nextGfn).buffer);
    return { normalPages, zeroPages, nextGfn, records, modelBytes: modelBytes - records.length };
  }

  awaitPages(): never {
    return this.applyBatch();
  }
  addMissing(): never {
    return this.applyBatch();
  }
  placeBatch(): never {
    return this.applyBatch();
  }

  applyBatch(): never {
    throw new WasmvisorError("WV_STATE", "page model: this end only sends");
  }

  pause(): void {
    this.#catchUp();
    this.#sinceNs = undefined;
    // Its last heartbeat was up to 10 ms ago; one is enough to measure the silence after it.
    this.#silence.beat(Math.floor(this.#clock.nowNs() / HEARTBEAT_NS) * HEARTBEAT_NS);
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

/** Pages that the link moves in one of the engine's windows. */
function windowPages(scenario: Scenario): number {
  const perWindow = scenario.bandwidthBytesPerSec / 10 / scenario.wire.normalPageBytes;
  return Math.max(1, Math.min(Math.ceil(perWindow), PAGES_MAX));
}

/** Moves a page-level guest as `scenario` says. */
export function simulatePages(scenario: Scenario, kernel: PageKernel): MigrationResult {
  const silence = new SilenceMeter();
  return simulateMigration(scenario, {
    source: (clock) => new ModelGuest({ clock, kernel, scenario, silence }),
    target: (shape, clock) => new ModelTarget({ clock, kernel, scenario, shape, silence }),
    // As few events as there are decisions: 2,000 instead of 1,000 scenarios a second (measured,
    // Node 20, bench/sweep).
    options: { batchPages: PAGES_MAX, probePages: windowPages(scenario), silence },
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
    gap_ms: stats.gap,
    setup_time_ms: stats["setup-time"],
    transferred_bytes: stats.ram.transferred,
    normal_pages: stats.ram.normal,
    duplicate_pages: stats.ram.duplicate,
    dirty_sync_count: stats.ram["dirty-sync-count"],
    postcopy_requests: stats.ram["postcopy-requests"],
    remaining_bytes: stats.ram.remaining,
    dirty_pages_rate: stats.ram["dirty-pages-rate"],
    mbps: stats.ram.mbps,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
