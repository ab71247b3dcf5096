/**
 * Gives the vms of a host their turns in the thread of its caller. One turn lasts a few milliseconds;
 * behind each that was used up the event loop goes round, so nobody waits long for anything. Who waits
 * for a timer or for input, and gets it, comes before those that always want to go on.
 */
import type { Clock } from "../base/clock.ts";
import { nextTurn } from "../base/turns.ts";

/** Longest sleep while everything is idle (timers of the platform are not exact), and of one that is idle. */
const SLEEP_MS_MAX = 1000;
/** Sleeps shorter than this are not worth a timer. */
const SLEEP_NS_MIN = 200_000;
/** Short turns between two rounds of the event loop. */
const TURNS_MAX = 16;

/** What a turn left behind: more to do, nothing until then (Infinity: until input), or the end. */
export type Turn = "busy" | "ended" | { readonly wakeInNs: number };

/** Something that wants turns. */
export interface Runnable {
  /** @internal Runs for a few milliseconds. Must not throw. */
  turn(): Turn;
}

export class RunLoop {
  readonly #clock: Clock;
  /** Who used up its last turn; who was idle and has something to do; who is idle, and until when. */
  readonly #busy = new Set<Runnable>();
  readonly #woken = new Set<Runnable>();
  readonly #idle = new Map<Runnable, number>();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get #isEmpty(): boolean {
    return this.#busy.size === 0 && this.#woken.size === 0 && this.#idle.size === 0;
  }

  /** By the clock that it sleeps by. */
  nowNs(): number {
    return this.#clock.nowNs();
  }

  /** From now on `runnable` gets turns. */
  add(runnable: Runnable): void {
    this.#busy.add(runnable);
    this.#schedule();
  }

  /** No turn of `runnable` begins after this. */
  remove(runnable: Runnable): void {
    this.#busy.delete(runnable);
    this.#woken.delete(runnable);
    this.#idle.delete(runnable);
    if (this.#isEmpty) this.#sleepNoMore();
  }

  /** Something happened to `runnable` (input): it is looked at before the others. */
  wake(runnable: Runnable): void {
    if (this.#idle.delete(runnable) || this.#busy.delete(runnable)) this.#woken.add(runnable);
    if (!this.#isEmpty) this.#schedule();
  }

  #schedule(): void {
    this.#sleepNoMore();
    if (this.#isScheduled) return;
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

  /** Turns, until one is used up. */
  #go(): void {
    this.#wakeUntil(this.#clock.nowNs());
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      const next = first(this.#woken) ?? first(this.#busy);
      if (!next) break;
      if (this.#give(next) === "busy") break;
    }
    if (this.#woken.size > 0 || this.#busy.size > 0) this.#schedule();
    else if (this.#idle.size > 0) this.#sleep();
  }

  #wakeUntil(nowNs: number): void {
    for (const [runnable, dueNs] of this.#idle)
      if (dueNs <= nowNs) {
        this.#idle.delete(runnable);
        this.#woken.add(runnable);
      }
  }

  #give(runnable: Runnable): Turn {
    this.#woken.delete(runnable);
    this.#busy.delete(runnable);
    this.#busy.add(runnable); // Behind the others, unless the turn says or does something else.
    const turn = runnable.turn();
    if (turn === "ended") this.remove(runnable);
    else if (turn !== "busy" && this.#busy.delete(runnable)) {
      const wakeInNs = Math.min(turn.wakeInNs, SLEEP_MS_MAX * 1e6);
      this.#idle.set(runnable, this.#clock.nowNs() + wakeInNs);
    }
    return turn;
  }

  #sleep(): void {
    const sleepNs = Math.min(...this.#idle.values()) - this.#clock.nowNs();
    if (sleepNs < SLEEP_NS_MIN) this.#schedule();
    if (this.#isScheduled) return; // Or somebody woke us meanwhile.
    this.#sleepNoMore();
    this.#timer = setTimeout(() => {
      // Whatever clock it is that they wait for: all are looked at.
      this.#wakeUntil(Number.POSITIVE_INFINITY);
      this.#schedule();
    }, sleepNs / 1e6);
  }
}

function first(set: ReadonlySet<Runnable>): Runnable | undefined {
  for (const runnable of set) return runnable;
  return undefined;
}
