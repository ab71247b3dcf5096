/**
 * A simulated full-duplex link on a virtual clock: bytes leave one after the other at `bytesPerSec`
 * and arrive `latencyNs` later. A send settles when its last byte has left.
 */
import type { VirtualClock } from "../base/clock.ts";
import { Future, type Wait } from "../base/task.ts";
import { brokenError, type Channel, ReceiveQueue, rejected } from "./channel.ts";

export interface SimLinkOptions {
  readonly clock: VirtualClock;
  /** Bytes a second in each direction; `Infinity` is allowed. */
  readonly bytesPerSec: number;
  /** One way. Default 0. */
  readonly latencyNs?: number | undefined;
}

/** Both ends of the link. */
export function simulatedLink(options: SimLinkOptions): readonly [Channel, Channel] {
  if (!(options.bytesPerSec > 0)) throw new RangeError("bytesPerSec: expected more than 0");
  const left = new SimEnd(options);
  const right = new SimEnd(options);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class SimEnd implements Channel {
  peer: SimEnd | undefined;
  readonly #clock: VirtualClock;
  readonly #nsPerByte: number;
  readonly #latencyNs: number;
  readonly #queue = new ReceiveQueue();
  /** When the last byte sent so far has left. */
  #freeAtNs = 0;
  #sending: Future<void> | undefined;

  constructor(options: SimLinkOptions) {
    this.#clock = options.clock;
    this.#nsPerByte = 1e9 / options.bytesPerSec;
    this.#latencyNs = options.latencyNs ?? 0;
  }

  send(bytes: Uint8Array, modelBytes = 0): Wait<void> {
    const failure = this.#queue.failure;
    if (failure) return rejected(failure.reason);
    const now = this.#clock.nowNs();
    const leftNs = (bytes.length + modelBytes) * this.#nsPerByte;
    this.#freeAtNs = Math.max(now, this.#freeAtNs) + leftNs;
    const untilLeftNs = this.#freeAtNs - now;
    const sending = new Future<void>();
    this.#sending = sending;
    if (this.#latencyNs === 0) {
      this.#clock.after(untilLeftNs, () => {
        this.peer?.deliver(bytes);
        sending.resolve();
      });
    } else {
      this.#clock.after(untilLeftNs, () => sending.resolve());
      this.#clock.after(untilLeftNs + this.#latencyNs, () => this.peer?.deliver(bytes));
    }
    return sending;
  }

  deliver(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  receive(): Wait<Uint8Array | undefined> {
    return this.#queue.next();
  }

  close(): void {
    const untilLeftNs = Math.max(0, this.#freeAtNs - this.#clock.nowNs());
    this.#clock.after(untilLeftNs + this.#latencyNs, () => this.peer?.ended());
  }

  ended(): void {
    this.#queue.close();
  }

  abort(reason: unknown): void {
    this.broken(reason);
    this.#clock.after(this.#latencyNs, () =>
      this.peer?.broken(brokenError("the other end broke it")),
    );
  }

  broken(reason: unknown): void {
    this.#queue.fail(reason);
    this.#sending?.reject(reason);
    this.#sending = undefined;
  }
}
