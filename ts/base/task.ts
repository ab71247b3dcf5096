/**
 * Tasks: code that waits, written once for two clocks. A task is a generator that yields whatever
 * it waits for (a promise, or a {@link Future}). `runTask` drives it. On the wall clock the
 * yielded things are promises; on a virtual clock they are futures, which settle *synchronously*,
 * so a whole simulated migration runs in one plain call without a single microtask.
 *
 *     function* greet(clock: Clock): Task<string> {
 *       yield* wait(clock.sleep(1_000_000));
 *       return "a millisecond later";
 *     }
 *     await runTask(greet(new WallClock()));
 */

/** A value now, or one that comes later. */
export type Wait<T> = T | PromiseLike<T>;

/** A generator that waits by yielding. Write `yield* wait(x)` where async code has `await x`. */
export type Task<T> = Generator<PromiseLike<unknown>, T, unknown>;

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: unknown };

/** Like a promise, but its callbacks run inside `resolve`/`reject`, or at once if already settled. */
export class Future<T> implements PromiseLike<T> {
  #outcome: Outcome<T> | undefined;
  #callbacks: ((outcome: Outcome<T>) => void)[] = [];

  get isSettled(): boolean {
    return this.#outcome !== undefined;
  }

  /** Later calls of `resolve` or `reject` are ignored, as with promises. */
  resolve(value: T): void {
    this.#settle({ ok: true, value });
  }

  reject(reason: unknown): void {
    this.#settle({ ok: false, reason });
  }

  #settle(outcome: Outcome<T>): void {
    if (this.#outcome) return;
    this.#outcome = outcome;
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback(outcome);
  }

  /** Calls back once settled, synchronously; unlike `then` it makes no new future. */
  observe(callback: (outcome: Outcome<T>) => void): void {
    if (this.#outcome) callback(this.#outcome);
    else this.#callbacks.push(callback);
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class.
  then<A = T, B = never>(
    onOk?: ((value: T) => A | PromiseLike<A>) | null,
    onFail?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return new Promise<T>((resolve, reject) => {
      this.observe((o) => (o.ok ? resolve(o.value) : reject(o.reason)));
    }).then(onOk, onFail);
  }
}

/** Has `value` still to come? */
export function isPromiseLike<T>(value: Wait<T>): value is PromiseLike<T> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<PromiseLike<T>>).then === "function"
  );
}

/** Goes on with `next`: now, or when `value` is there. */
export function andThen<T, R>(value: Wait<T>, next: (value: T) => Wait<R>): Wait<R> {
  return isPromiseLike(value) ? value.then(next) : next(value);
}

/**
 * Starts `action` for each item, and waits for all that were started, also if one throws or rejects: then for
 * that reason. Nothing to wait for: no promise.
 */
export function startAll<T>(items: Iterable<T>, action: (item: T) => Wait<void>): Wait<void> {
  const later: PromiseLike<void>[] = [];
  try {
    for (const item of items) {
      const done = action(item);
      if (isPromiseLike(done)) later.push(done);
    }
  } catch (error) {
    if (later.length === 0) throw error;
    later.push(Promise.reject(error));
  }
  if (later.length === 0) return;
  if (later.length === 1) return later[0];
  return Promise.allSettled(later).then((outcomes) => {
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  });
}

/** Waits inside a task. A plain value costs nothing. */
export function* wait<T>(value: Wait<T>): Task<T> {
  return isPromiseLike(value) ? ((yield value) as T) : value;
}

/** Runs `task` until it first waits, and from then on whenever what it waits for settles. */
export function runTask<T>(task: Task<T>): Future<T> {
  const result = new Future<T>();
  let running = false;
  let next: Outcome<unknown> | undefined = { ok: true, value: undefined };
  const wake = (outcome: Outcome<unknown>): void => {
    next = outcome;
    if (!running) drive();
  };
  const drive = (): void => {
    running = true;
    try {
      while (next) {
        const input: Outcome<unknown> = next;
        next = undefined;
        const step = input.ok ? task.next(input.value) : task.throw(input.reason);
        if (step.done) {
          result.resolve(step.value);
          return;
        }
        if (step.value instanceof Future) step.value.observe(wake);
        else
          step.value.then(
            (value) => wake({ ok: true, value }),
            (reason: unknown) => wake({ ok: false, reason }),
          );
      }
    } catch (reason) {
      result.reject(reason);
    } finally {
      running = false;
    }
  };
  drive();
  return result;
}

/** A future that has failed already. */
export function rejected<T>(reason: unknown): Future<T> {
  const future = new Future<T>();
  future.reject(reason);
  return future;
}

/** A real promise of a task's result, for code outside of tasks. */
export function promiseOf<T>(future: Future<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    future.observe((o) => (o.ok ? resolve(o.value) : reject(o.reason)));
  });
}
