/**
 * A simulated full-duplex link on a virtual clock: bytes leave one after the other at `bytesPerSec`
 * and arrive `latencyNs` later. A send settles when its last byte has left. Where packets get lost a
 * connection is slower than the link (`tcp-flow.ts`), and several of them share it.
 */
import type { VirtualClock } from "../base/clock.ts";
import { Future, rejected, type Wait } from "../base/task.ts";
import { brokenError, type Channel, ReceiveQueue } from "./channel.ts";
import { flowBytesPerSec } from "./tcp-flow.ts";

export interface SimLinkOptions {
  readonly clock: VirtualClock;
  /** Bytes a second in each direction; `Infinity` is allowed. */
  readonly bytesPerSec: number;
  /** One way. Default 0. */
  readonly latencyNs?: number | undefined;
  /** Share of the packets that get lost. Default 0. */
  readonly lossRatio?: number | undefined;
}

/** A link that any number of connections share. */
export interface SimulatedNetwork {
  /** Both ends of another connection. */
  open(): readonly [Channel, Channel];
}

/** One direction of the link: when the last byte of all connections has left. */
interface Wire {
  freeAtNs: number;
}

export function simulatedNetwork(options: SimLinkOptions): SimulatedNetwork {
  const { bytesPerSec, lossRatio = 0 } = options;
  if (!(bytesPerSec > 0)) throw new RangeError("bytesPerSec: expected more than 0");
  if (!(lossRatio >= 0 && lossRatio < 1))
    throw new RangeError(`lossRatio: expected 0 to 1, got ${lossRatio}`);
  const [there, back]: [Wire, Wire] = [{ freeAtNs: 0 }, { freeAtNs: 0 }];
  return {
    open: () => {
      const left = new SimEnd(options, there);
      const right = new SimEnd(options, back);
      left.peer = right;
      right.peer = left;
      return [left, right];
    },
  };
}

/** Both ends of the only connection of a link. */
export function simulatedLink(options: SimLinkOptions): readonly [Channel, Channel] {
  return simulatedNetwork(options).open();
}

class SimEnd implements Channel {
  peer: SimEnd | undefined;
  readonly #clock: VirtualClock;
  readonly #wire: Wire;
  readonly #wireNsPerByte: number;
  readonly #nsPerByte: number;
  readonly #latencyNs: number;
  readonly #queue = new ReceiveQueue();
  /** When the last byte sent so far has left. */
  #freeAtNs = 0;
  #sending: Future<void> | undefined;

  constructor({ bytesPerSec, clock, latencyNs = 0, lossRatio = 0 }: SimLinkOptions, wire: Wire) {
    this.#clock = clock;
    this.#wire = wire;
    this.#wireNsPerByte = 1e9 / bytesPerSec;
    this.#nsPerByte = 1e9 / flowBytesPerSec({ bytesPerSec, latencyNs, lossRatio });
    this.#latencyNs = latencyNs;
  }

  send(bytes: Uint8Array, modelBytes = 0): Wait<void> {
    const failure = this.#queue.failure;
    if (failure) return rejected(failure.reason);
    const now = this.#clock.nowNs();
    const count = bytes.length + modelBytes;
    const wire = this.#wire;
    wire.freeAtNs = Math.max(now, wire.freeAtNs) + count * this.#wireNsPerByte;
    // What others send keeps the link busy, what is lost only this connection.
    const paced = Math.max(now, this.#freeAtNs) + count * this.#nsPerByte;
    this.#freeAtNs = Math.max(wire.freeAtNs, paced);
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

  receiveInto(room: Uint8Array): Wait<number> {
    return this.#queue.nextInto(room);
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
