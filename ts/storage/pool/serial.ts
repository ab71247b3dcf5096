import { runTask, type Task, type Wait } from "../../base/task.ts";

/** Runs tasks one after the other; one that waits for nothing is done at once. */
export class Serial {
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  run<T>(task: () => Task<T>): Wait<T> {
    if (this.#isBusy)
      return new Promise<T>((resolve, reject) => {
        this.#waiting.push(() => {
          try {
            Promise.resolve(this.#start(task)).then(resolve, reject);
          } catch (error) {
            reject(error);
          }
        });
      });
    return this.#start(task);
  }

  #start<T>(task: () => Task<T>): Wait<T> {
    this.#isBusy = true;
    const future = runTask(task());
    let now: { value: T } | { reason: unknown } | undefined;
    future.observe((outcome) => {
      now = outcome.ok ? { value: outcome.value } : { reason: outcome.reason };
      this.#isBusy = false;
      this.#waiting.shift()?.();
    });
    if (!now) return future;
    if ("reason" in now) throw now.reason;
    return (now as { value: T }).value;
  }
}
