/**
 * A real guest on a virtual clock, for the migration engine: whenever the engine looks at it, the
 * guest first does what it would have done until then. So the engine that moves guests between
 * processes simulates their migration deterministically.
 */
import type { Clock } from "../base/clock.ts";
import type { Wait } from "../base/task.ts";
import type {
  BatchLimit,
  GuestShape,
  Migratable,
  PageBatch,
  PageSet,
} from "../machine/migratable.ts";
import { MigratableVm } from "../vmm/migratable-vm.ts";
import type { Vm } from "../vmm/vm.ts";

export class VirtualGuest implements Migratable {
  readonly #vm: Vm;
  readonly #inner: MigratableVm;
  readonly #clock: Clock;
  /** Engine time up to which the guest has run; undefined while it is paused. */
  #sinceNs: number | undefined;

  /** `vm` has a virtual clock. It runs from now on, in the time of `clock`, if `isRunning`. */
  constructor(vm: Vm, clock: Clock, isRunning: boolean) {
    this.#vm = vm;
    this.#clock = clock;
    this.#inner = new MigratableVm(vm, {
      config: new Uint8Array(0),
      pause: () => undefined,
      resume: () => undefined,
      destroy: () => vm.destroy(),
    });
    if (isRunning) this.#sinceNs = clock.nowNs();
  }

  get shape(): GuestShape {
    return this.#inner.shape;
  }

  /** Lets the guest do what is due. */
  #catchUp(): void {
    if (this.#sinceNs === undefined) return;
    const nowNs = this.#clock.nowNs();
    this.#vm.runFor(nowNs - this.#sinceNs);
    this.#sinceNs = nowNs;
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
  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    this.#catchUp();
    return this.#inner.takeBatch(set, fromGfn, limit);
  }
  applyBatch(batch: Omit<PageBatch, "nextGfn">): void {
    this.#inner.applyBatch(batch);
  }
  pause(): void {
    this.#catchUp();
    this.#sinceNs = undefined;
  }
  resume(): void {
    this.#sinceNs ??= this.#clock.nowNs();
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
