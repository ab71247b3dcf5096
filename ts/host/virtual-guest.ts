/**
 * A real guest on a virtual clock, for the migration engine: whenever the engine looks at it, the
 * guest first does what it would have done until then. So the engine that moves guests between
 * processes simulates their migration deterministically.
 */

import type { VirtualClock } from "../base/clock.ts";
import type { Wait } from "../base/task.ts";
import type {
  BatchLimit,
  GuestShape,
  Migratable,
  MissingWatcher,
  PageBatch,
  PageEncoding,
  PageSet,
} from "../machine/migratable.ts";
import { loneGuest } from "../vmm/lone-vm.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import type { Vm } from "../vmm/vm.ts";

/** A guest that lacks pages runs ahead of the clock by this much at most, so that it faults on time. */
const AHEAD_NS = 100_000;

export class VirtualGuest implements Migratable {
  readonly #vm: Vm;
  readonly #inner: MigratableVm;
  readonly #clock: VirtualClock;
  /** Engine time up to which the guest has run; undefined while it is paused. */
  #sinceNs: number | undefined;
  /** Pages that have not arrived, faults that were met and not told yet, and whether it runs ahead now. */
  #missingPages = 0;
  #faults: number[] = [];
  #wanted: number[] = [];
  #isAhead = false;
  #watcher: MissingWatcher | undefined;

  /** `vm` has a virtual clock. It runs from now on, in the time of `clock`, if `isRunning`. */
  constructor(vm: Vm, clock: VirtualClock, isRunning: boolean) {
    this.#vm = vm;
    this.#clock = clock;
    this.#inner = loneGuest(vm);
    if (isRunning) this.#sinceNs = clock.nowNs();
  }

  get shape(): GuestShape {
    return this.#inner.shape;
  }

  /** Lets the guest do what is due. */
  #catchUp(): void {
    if (this.#sinceNs === undefined) return;
    const nowNs = this.#clock.nowNs();
    if (nowNs <= this.#sinceNs) return;
    this.#vm.runFor(nowNs - this.#sinceNs);
    this.#sinceNs = nowNs;
  }

  awaitPages(set: PageSet, watcher: MissingWatcher): void {
    this.#missingPages = set.count();
    this.#inner.awaitPages(set, {
      onMissing: (gfn) => this.#faults.push(gfn),
      onArrived: (gfn) => watcher.onArrived(gfn),
      onWanted: (gfns) => this.#wanted.push(...gfns),
    });
    this.#watcher = watcher;
  }
  addMissing(set: PageSet): void {
    this.#inner.addMissing(set);
  }
  placeBatch(batch: Omit<PageBatch, "nextGfn">): number {
    if (this.#vm.isBlocked) this.#catchUp(); // Time went on while it waited.
    const placed = this.#inner.placeBatch(batch);
    this.#missingPages -= placed;
    if (!this.#isAhead) this.#tellFaults(); // Those of devices that looked again.
    this.#runAhead();
    return placed;
  }

  /** Runs until the first fault, ahead of the clock, and tells of it when the clock is there. */
  #runAhead(): void {
    if (this.#isAhead || this.#sinceNs === undefined || this.#missingPages === 0) return;
    if (this.#vm.isBlocked) return;
    const ranNs = this.#vm.runFor(AHEAD_NS, () => this.#faults.length > 0);
    this.#sinceNs += ranNs;
    this.#isAhead = true;
    this.#clock.after(this.#sinceNs - this.#clock.nowNs(), () => {
      this.#isAhead = false;
      this.#tellFaults();
      this.#runAhead();
    });
  }

  #tellFaults(): void {
    for (const gfn of this.#faults.splice(0)) this.#watcher?.onMissing(gfn);
    if (this.#wanted.length > 0) this.#watcher?.onWanted(this.#wanted.splice(0));
  }

  newPageSet(): PageSet {
    return this.#inner.newPageSet();
  }
  startDirtyLog(set: PageSet): void {
    this.#catchUp();
    this.#inner.startDirtyLog(set);
  }
  stopDirtyLog(): void {
    this.#inner.stopDirtyLog();
  }
  harvest(set: PageSet): number {
    this.#catchUp();
    return this.#inner.harvest(set);
  }
  noteReads(): void {
    this.#catchUp();
    this.#inner.noteReads();
  }
  takeReads(set: PageSet, into: PageSet, pagesMax: number): number {
    this.#catchUp();
    return this.#inner.takeReads(set, into, pagesMax);
  }
  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    this.#catchUp();
    return this.#inner.takeBatch(set, fromGfn, limit);
  }
  applyBatch(batch: Omit<PageBatch, "nextGfn">): void {
    this.#inner.applyBatch(batch);
  }
  encode(encoding: PageEncoding): void {
    this.#inner.encode(encoding);
  }
  limitDirty(pagesPerSec: number): void {
    this.#catchUp();
    this.#inner.limitDirty(pagesPerSec);
  }
  pause(): void {
    this.#catchUp();
    this.#sinceNs = undefined;
  }
  resume(): void {
    this.#sinceNs ??= this.#clock.nowNs();
    this.#runAhead();
  }
  saveState(): Uint8Array {
    return this.#inner.saveState();
  }
  restoreState(state: Uint8Array): void {
    this.#inner.restoreState(state);
  }
  memoryHash(): string {
    return this.#inner.memoryHash();
  }
  destroy(): Wait<void> {
    this.#sinceNs = undefined;
    return this.#inner.destroy();
  }
}
