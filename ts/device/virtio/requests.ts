/** Requests of a device that end later: how many there are, and waiting until there is none. */
import { WasmvisorError } from "../../base/errors.ts";
import { Future, type Wait } from "../../base/task.ts";

export class RequestsInFlight {
  readonly #device: string;
  #count = 0;
  #isDraining = false;
  #drained: Future<void> | undefined;

  constructor(device: string) {
    this.#device = device;
  }

  get count(): number {
    return this.#count;
  }

  /** No other may begin: somebody waits until there is none. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
  }

  /** Whoever waits for the last one goes on. Call it when what {@link end} left behind has been done. */
  settle(): void {
    if (this.#count > 0) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Settles when there is none; none begins until {@link resume}. */
  drain(): Wait<void> {
    this.#isDraining = true;
    if (this.#count === 0) return;
    this.#drained ??= new Future();
    return this.#drained;
  }

  /** The guest goes on: who still waits gets `WV_STATE`. */
  resume(): void {
    this.#drained?.reject(new WasmvisorError("WV_STATE", `${this.#device}: the guest goes on`));
    this.#drained = undefined;
    this.#isDraining = false;
  }
}
