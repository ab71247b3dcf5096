/**
 * Time, on the wall or simulated. This file is the only place that asks the machine for the time.
 * Time is an integer count of nanoseconds as a number: exact for 104 days.
 */
import { abortError, onAbort } from "./abort.ts";
import { Future } from "./task.ts";

export interface Clock {
  /** Nanoseconds since some fixed moment; never goes back. */
  nowNs(): number;
  /** Settles `ns` later. An abort of `signal` rejects with `WV_ABORTED`. */
  sleep(ns: number, signal?: AbortSignal): PromiseLike<void>;
}

/**
 * What the wall clock shows when the process starts. From zero on, times would be small integers for two seconds: what
 * V8 compiles meanwhile knows no others, and is thrown away when it meets the first one (measured: 4 ms of the
 * first turn of a guest that came).
 */
const WALL_START_NS = 2 ** 40;

/** The machine's monotonic clock. */
export class WallClock implements Clock {
  nowNs(): number {
    return WALL_START_NS + Math.round(performance.now() * 1e6);
  }

  /** As exact as the platform's timers are (about 1 ms). */
  sleep(ns: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let forget = (): void => undefined;
      const timer = setTimeout(
        () => {
          forget();
          resolve();
        },
        Math.max(0, ns / 1e6),
      );
      forget = onAbort(signal, () => {
        clearTimeout(timer);
        reject(abortError(signal));
      });
    });
  }
}

/** The time of day in nanoseconds since 1970, exact to about 1 us. */
export function realTimeNs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1e6);
}

interface Timer {
  readonly atNs: number;
  readonly order: number;
  /** Undefined once cancelled. */
  action: (() => void) | undefined;
}

const isBefore = (a: Timer, b: Timer): boolean =>
  a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);

/**
 * A clock that only moves when told to. Events due at the same moment happen in the order in
 * which they were asked for, so a run is a pure function of its inputs.
 */
export class VirtualClock implements Clock {
  #nowNs: number;
  #order = 0;
  /** A binary heap, the earliest timer first. */
  readonly #timers: Timer[] = [];

  constructor(startNs = 0) {
    this.#nowNs = startNs;
  }

  nowNs(): number {
    return this.#nowNs;
  }

  sleep(ns: number, signal?: AbortSignal): Future<void> {
    const future = new Future<void>();
    let forget = (): void => undefined;
    const cancel = this.after(ns, () => {
      forget();
      future.resolve();
    });
    if (signal)
      forget = onAbort(signal, () => {
        cancel();
        future.reject(abortError(signal));
      });
    return future;
  }

  /** Calls `action` when `ns` have passed, rounded up to a whole one; the result cancels that. */
  after(ns: number, action: () => void): () => void {
    const timer: Timer = {
      atNs: this.#nowNs + Math.max(0, Math.ceil(ns)),
      order: this.#order++,
      action,
    };
    this.#push(timer);
    return () => {
      timer.action = undefined;
    };
  }

  /** Moves to the next event and lets it happen. False if there is none. */
  step(): boolean {
    for (;;) {
      const timer = this.#pop();
      if (!timer) return false;
      if (!timer.action) continue;
      this.#nowNs = timer.atNs;
      timer.action();
      return true;
    }
  }

  /** Moves `ns` ahead; everything due until then happens at its moment. */
  advance(ns: number): void {
    const untilNs = this.#nowNs + ns;
    for (;;) {
      const first = this.#timers[0];
      if (!first || first.atNs > untilNs) break;
      this.step();
    }
    this.#nowNs = untilNs;
  }

  /** Lets everything happen that is due, until nothing is left or `isDone` says so. */
  run(isDone: () => boolean = () => false): void {
    while (!isDone() && this.step());
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!isBefore(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#timers;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer))
        child++;
      const below = heap[child] as Timer;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** Milliseconds since 1970, as file systems count. */
export const epochMs = (): number => Date.now();
