/**
 * Gives the vms of a host their turns in the thread of its caller. One turn of the loop lasts a few
 * milliseconds and then lets the event loop go round, so nobody waits long for anything.
 */
import { nextTurn } from "../base/turns.ts";

/** Longest sleep while everything is idle: timers of the platform are not exact. */
const SLEEP_MS_MAX = 1000;

/** What a turn left behind: more to do, nothing until then (Infinity: until input), or the end. */
export type Turn = "busy" | "ended" | { readonly wakeInNs: number };

/** Something that wants turns. */
export interface Runnable {
  /** @internal Runs for a few milliseconds. Must not throw. */
  turn(): Turn;
}

export class RunLoop {
  readonly #running = new Set<Runnable>();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** From now on `runnable` gets turns. */
  add(runnable: Runnable): void {
    this.#running.add(runnable);
    this.wake();
  }

  /** No turn of `runnable` begins after this. */
  remove(runnable: Runnable): void {
    this.#running.delete(runnable);
    if (this.#running.size === 0) this.#sleepNoMore();
  }

  /** Something happened (input, a resume): look at everybody again soon. */
  wake(): void {
    this.#sleepNoMore();
    if (this.#isScheduled || this.#running.size === 0) return;
    this.#isScheduled = true;
    nextTurn(() => {
      this.#isScheduled = false;
      this.#go();
    });
  }

  #sleepNoMore(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #go(): void {
    let wakeInNs = Number.POSITIVE_INFINITY;
    for (const runnable of [...this.#running]) {
      if (!this.#running.has(runnable)) continue; // An earlier turn removed it.
      const turn = runnable.turn();
      if (turn === "ended") this.#running.delete(runnable);
      else if (turn === "busy") wakeInNs = 0;
      else wakeInNs = Math.min(wakeInNs, turn.wakeInNs);
    }
    if (this.#running.size === 0) return;
    if (wakeInNs < 200_000) this.wake();
    else this.#sleep(wakeInNs / 1e6);
  }

  #sleep(ms: number): void {
    if (this.#isScheduled) return; // Somebody woke us meanwhile.
    this.#sleepNoMore();
    this.#timer = setTimeout(() => this.wake(), Math.min(ms, SLEEP_MS_MAX));
  }
}
