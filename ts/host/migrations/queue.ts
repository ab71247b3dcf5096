/**
 * Who may migrate when: a limit on how many do at the same time, and a queue for the others, by
 * priority and then by arrival.
 */
import { abortError, onAbort } from "../../base/abort.ts";
import { Future } from "../../base/task.ts";

interface Waiting {
  readonly place: Place;
  readonly turn: Future<void>;
}

export class MigrationQueue {
  readonly #runningMax: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #arrivals = 0;

  /** `runningMax`: how many have their turn at the same time. */
  constructor(runningMax: number) {
    this.#runningMax = runningMax;
  }

  get running(): number {
    return this.#running;
  }

  /** A place in the queue. It keeps its order of arrival, however often it takes a turn. */
  place(priority: number): Place {
    return new Place(this, priority, this.#arrivals++);
  }

  /** @internal */
  enter(place: Place, signal: AbortSignal | undefined): Future<void> {
    const turn = new Future<void>();
    const waiting = { place, turn };
    const forget = onAbort(signal, () => {
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
      turn.reject(abortError(signal));
    });
    turn.observe(() => forget());
    if (turn.isSettled) return turn;
    const behind = this.#waiting.findIndex((other) => place.isBefore(other.place));
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiting);
    this.#advance();
    return turn;
  }

  /** @internal */
  leave(): void {
    this.#running--;
    this.#advance();
  }

  /** @internal How many come first; undefined for whoever does not wait. */
  positionOf(place: Place): number | undefined {
    const at = this.#waiting.findIndex((one) => one.place === place);
    return at < 0 ? undefined : at;
  }

  #advance(): void {
    while (this.#running < this.#runningMax) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#running++;
      next.turn.resolve();
    }
  }
}

export class Place {
  readonly priority: number;
  readonly #queue: MigrationQueue;
  readonly #order: number;
  #hasTurn = false;

  /** @internal Made by `MigrationQueue.place`. */
  constructor(queue: MigrationQueue, priority: number, order: number) {
    this.#queue = queue;
    this.priority = priority;
    this.#order = order;
  }

  get hasTurn(): boolean {
    return this.#hasTurn;
  }

  /** How many come first; undefined unless it waits. */
  get position(): number | undefined {
    return this.#queue.positionOf(this);
  }

  isBefore(other: Place): boolean {
    if (this.priority !== other.priority) return this.priority > other.priority;
    return this.#order < other.#order;
  }

  /** Settles when it is its turn. An abort rejects with `WV_ABORTED` and leaves the queue. */
  turn(signal?: AbortSignal): Future<void> {
    const turn = this.#queue.enter(this, signal);
    turn.observe((o) => {
      this.#hasTurn = o.ok;
    });
    return turn;
  }

  /** Ends its turn, so that the next one comes. Harmless if it has none. */
  release(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#queue.leave();
  }
}
