/**
 * Fidelity `page`: a guest that is only a set of pages and a writer, moved by the migration engine
 * itself over a simulated link on a virtual clock. Sizes move instead of bytes. The whole run is
 * one synchronous call and a function of the scenario alone.
 */
import type { VirtualClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Wait } from "../base/task.ts";
import {
  type BatchLimit,
  GUEST_PAGE_BYTES,
  type GuestShape,
  type Migratable,
  type PageBatch,
  type PageEncoding,
  type PageSet,
} from "../machine/migratable.ts";
import { SilenceMeter } from "../migrate/silence.ts";
import type { MigrationResult } from "../migrate/source.ts";
import { qemuStats } from "../migrate/stats.ts";
import { storeU32 } from "../migrate/stream.ts";
import { FRAMES_PER_WINDOW, idlePush, pagesBytesPerSec } from "./link.ts";
import type { PageKernel } from "./page-kernel.ts";
import { CATCH_UP_NS, HEARTBEAT_NS, ModelTarget, modelSet, TICK_NS } from "./page-model-target.ts";
import { PageWriter } from "./page-writer.ts";
import type { Measurement, Scenario } from "./scenario.ts";
import { simulateMigration } from "./simulate.ts";

const NOTHING = new Uint8Array(0);
const PAGES_MAX = 1 << 28;

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
  /** Goes on on the target. */
  readonly writer: PageWriter;
  /** From where it was paused to its next heartbeat, in its own time. */
  nextBeatNs = HEARTBEAT_NS;
  #sinceNs: number | undefined;
  /** Writes that are due and were not allowed yet. */
  #owed = 0;
  /** A cache of sent pages that begins with the second pass. */
  #lateSlots = 0;
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
    this.writer = new PageWriter(scenario, kernel);
  }

  /** Lets the writer do what it did since it was last looked at. */
  #catchUp(): void {
    if (this.#sinceNs === undefined) return;
    const passedNs = this.#clock.nowNs() - this.#sinceNs;
    this.#sinceNs += passedNs;
    if (this.#limitPagesPerSec === Number.POSITIVE_INFINITY) {
      this.writer.run(passedNs, this.#write);
      return;
    }
    for (let ns = 0; ns < passedNs; ns += TICK_NS)
      this.#writeLimited(Math.min(TICK_NS, passedNs - ns));
  }

  readonly #write = (count: number): void => {
    this.#kernel.modelWrite(count);
  };

  /** What is due after `passedNs` more, as far as it may; what is 50 ms late is given up. */
  #writeLimited(passedNs: number): void {
    this.writer.run(passedNs, (count) => {
      this.#owed += count;
    });
    this.#owed = Math.min(this.#owed, Math.floor((this.writer.dirtyRate * CATCH_UP_NS) / 1e9));
    this.#quota += (this.#limitPagesPerSec * passedNs) / 1e9;
    this.#owed -= this.#kernel.modelWriteLimited(this.#owed, Math.floor(Math.max(0, this.#quota)));
    this.#quota -= this.#kernel.modelFresh();
    this.#quota = Math.min(this.#quota, Math.max(1, this.#limitPagesPerSec / 1000));
  }

  limitDirty(pagesPerSec: number): void {
    this.#catchUp();
    this.#limitPagesPerSec = pagesPerSec;
    this.#quota = 0;
    this.#owed = 0;
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

  startDirtyLog(): Wait<void> {
    this.#catchUp();
    this.#kernel.modelFill();
    const { setupNs } = this.#scenario;
    return setupNs > 0 ? this.#clock.sleep(setupNs) : undefined;
  }

  encode({ cacheBytes }: PageEncoding): void {
    const slots = Math.min(this.shape.pageCount, Math.floor(cacheBytes / GUEST_PAGE_BYTES));
    const isLate = this.#scenario.xbzrleFrom === "second-pass";
    this.#lateSlots = isLate ? slots : 0;
    if (!isLate || slots === 0) this.#cache(slots);
  }

  #cache(slots: number): void {
    if (this.#kernel.modelCache(slots) !== 0)
      throw new WasmvisorError("WV_NO_MEMORY", `page model: no room for a cache of ${slots} pages`);
  }

  stopDirtyLog(): void {
    // The writer writes on; nobody looks.
  }

  harvest(): number {
    this.#catchUp();
    if (this.#lateSlots > 0) this.#cache(this.#lateSlots);
    this.#lateSlots = 0;
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
    const deltaPages = kernel.modelTakenKnown();
    const { deltaPageBytes, normalPageBytes, zeroPageBytes } = this.#scenario.wire;
    const modelBytes =
      (normalPages - deltaPages) * normalPageBytes +
      deltaPages * deltaPageBytes +
      zeroPages * zeroPageBytes;
    // Written out: an object that is spread and added to gets a hidden class of its own each time (measured, bench/sweep).
    if (this.#sinceNs !== undefined)
      return { normalPages, zeroPages, deltaPages, nextGfn, records: NOTHING, modelBytes };
    // The guest has stopped: all pages of this range have left now.
    const records = new Uint8Array(8);
    storeU32(records, 0, fromGfn);
    storeU32(records, 4, nextGfn);
    const unpretended = modelBytes - records.length;
    return { normalPages, zeroPages, deltaPages, nextGfn, records, modelBytes: unpretended };
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
    const sinceNs = this.#clock.nowNs() % HEARTBEAT_NS;
    this.#silence.beat(this.#clock.nowNs() - sinceNs);
    this.nextBeatNs = HEARTBEAT_NS - sinceNs;
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
  const perWindow = pagesBytesPerSec(scenario) / 10 / scenario.wire.normalPageBytes;
  return Math.max(1, Math.min(Math.ceil(perWindow), PAGES_MAX));
}

/**
 * Pages of one frame. As few events as there are decisions: 2,000 instead of 1,000 scenarios a second (measured,
 * Node 20, bench/sweep). Several connections need frames for each of them, as small as they are fair.
 */
function framePages(scenario: Scenario): number {
  const { channels = 1 } = scenario;
  if (channels === 1) return PAGES_MAX;
  return Math.max(1, Math.ceil(windowPages(scenario) / (FRAMES_PER_WINDOW * channels)));
}

/** Moves a page-level guest as `scenario` says. */
export function simulatePages(scenario: Scenario, kernel: PageKernel): MigrationResult {
  const silence = new SilenceMeter();
  let guest: ModelGuest | undefined;
  return simulateMigration(scenario, {
    source: (clock) => {
      guest = new ModelGuest({ clock, kernel, scenario, silence });
      return guest;
    },
    target: (shape, clock) =>
      new ModelTarget({
        clock,
        kernel,
        shape,
        silence,
        // Whoever waits for nothing changes nothing of what is measured: it need not write.
        writer: scenario.missingStores === "wait" ? guest?.writer : undefined,
        nextBeatNs: () => guest?.nextBeatNs ?? HEARTBEAT_NS,
      }),
    options: {
      batchPages: framePages(scenario),
      probePages: windowPages(scenario),
      ...(scenario.missingStores === "wait" ? {} : idlePush(scenario)),
      silence,
    },
  });
}

/** A migration's result as the row of a sweep has it. */
export function measurementOf(result: MigrationResult, pageCount: number): Measurement {
  const stats = qemuStats(result.stats, pageCount);
  const isCompleted = result.state === "completed";
  return {
    state: isCompleted ? "completed" : "failed",
    error: isCompleted ? "" : messageOf(result.error),
    near: "",
    total_time_ms: stats["total-time"],
    downtime_ms: stats.downtime,
    gap_ms: stats.gap,
    setup_time_ms: stats["setup-time"],
    transferred_bytes: stats.ram.transferred,
    normal_pages: stats.ram.normal,
    duplicate_pages: stats.ram.duplicate,
    delta_pages: stats["xbzrle-cache"].pages,
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
