/**
 * What the engine sends its stream over: an ordered, reliable stream of bytes in both directions,
 * that may be slow and may break. Sockets are wrapped elsewhere; here are the ones that need no
 * machine: a pair in memory, and (in `sim-link.ts`) a simulated link.
 */
import { WasmvisorError } from "../base/errors.ts";
import { Future, type Wait } from "../base/task.ts";

export interface Channel {
  /**
   * Sends `bytes`, which are the channel's from now on: do not change them. Settles when the channel
   * can take more (back-pressure). Rejects with `WV_NETWORK` once the channel is broken.
   * `modelBytes` are carried by simulated links only: bytes that take time but do not exist.
   */
  send(bytes: Uint8Array, modelBytes?: number): Wait<void>;
  /**
   * Like {@link send} of all `parts`, one behind the other, which stay the caller's: what cannot leave at once
   * is copied. Channels need not have it.
   */
  sendParts?(parts: readonly Uint8Array[]): Wait<void>;
  /**
   * The next bytes in order, cut anywhere, yours until you ask for more; `undefined` when the other end has
   * closed. Call it again only after it settled. Rejects with `WV_NETWORK` once the channel is broken.
   */
  receive(): Wait<Uint8Array | undefined>;
  /** The other end sees the end of the stream after what was sent before. */
  close(): void;
  /** Breaks the channel at once: waiting calls here reject with `reason`, those there with `WV_NETWORK`. */
  abort(reason: unknown): void;
}

/** The error that a channel rejects with when the other end broke it. */
export function brokenError(why: string): WasmvisorError {
  return new WasmvisorError("WV_NETWORK", `migration channel: ${why}`);
}

/** The receiving end of a channel: chunks, then an end or a failure. */
export class ReceiveQueue {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isClosed = false;
  #failure: { readonly reason: unknown } | undefined;
  #waiting: Future<Uint8Array | undefined> | undefined;
  #given: Uint8Array | undefined;
  /** Called with what the reader is done with: it has asked for more. */
  onDone: ((bytes: Uint8Array) => void) | undefined;
  /** Called when the reader took everything below `capacityBytes`. */
  onRoom: (() => void) | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  get failure(): { readonly reason: unknown } | undefined {
    return this.#failure;
  }

  push(bytes: Uint8Array): void {
    if (this.#failure || this.#isClosed) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) {
      this.#given = bytes;
      waiting.resolve(bytes);
      return;
    }
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#chunks.length > 0) return;
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  /** Everything not yet read is lost. */
  fail(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = { reason };
    this.#chunks.length = 0;
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }

  next(): Wait<Uint8Array | undefined> {
    if (this.#given) this.onDone?.(this.#given);
    this.#given = undefined;
    if (this.#failure) return rejected(this.#failure.reason);
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#bytes -= chunk.length;
      this.#given = chunk;
      this.onRoom?.();
      return chunk;
    }
    if (this.#isClosed) return undefined;
    this.#waiting = new Future();
    return this.#waiting;
  }
}

/** A future that has failed already. */
export function rejected<T>(reason: unknown): Future<T> {
  const future = new Future<T>();
  future.reject(reason);
  return future;
}

class MemoryChannel implements Channel {
  readonly #incoming: ReceiveQueue;
  readonly #outgoing: ReceiveQueue;
  readonly #capacityBytes: number;
  #blocked: Future<void> | undefined;

  constructor(incoming: ReceiveQueue, outgoing: ReceiveQueue, capacityBytes: number) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#capacityBytes = capacityBytes;
    outgoing.onRoom = () => this.#unblock();
  }

  #unblock(): void {
    if (!this.#blocked || this.#outgoing.bytes > this.#capacityBytes) return;
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked.resolve();
  }

  send(bytes: Uint8Array, modelBytes = 0): Wait<void> {
    if (modelBytes !== 0) throw new TypeError("only a simulated link carries model bytes");
    const failure = this.#outgoing.failure ?? this.#incoming.failure;
    if (failure) return rejected(failure.reason);
    this.#outgoing.push(bytes);
    if (this.#outgoing.bytes <= this.#capacityBytes) return;
    this.#blocked = new Future();
    return this.#blocked;
  }

  receive(): Wait<Uint8Array | undefined> {
    return this.#incoming.next();
  }

  close(): void {
    this.#outgoing.close();
  }

  abort(reason: unknown): void {
    this.#blocked?.reject(reason);
    this.#blocked = undefined;
    this.#incoming.fail(reason);
    this.#outgoing.fail(brokenError("the other end broke it"));
    this.#peer?.broken();
  }

  #peer: MemoryChannel | undefined;

  /** Ties the two ends together, so that breaking one wakes a sender at the other. */
  static tie(a: MemoryChannel, b: MemoryChannel): void {
    a.#peer = b;
    b.#peer = a;
  }

  broken(): void {
    this.#blocked?.reject(brokenError("the other end broke it"));
    this.#blocked = undefined;
  }
}

/**
 * Two ends of a channel in memory. A sender waits while more than `capacityBytes` are unread.
 *
 * @example
 * const [source, target] = memoryChannels();
 */
export function memoryChannels(capacityBytes = 4 << 20): readonly [Channel, Channel] {
  const toRight = new ReceiveQueue();
  const toLeft = new ReceiveQueue();
  const left = new MemoryChannel(toLeft, toRight, capacityBytes);
  const right = new MemoryChannel(toRight, toLeft, capacityBytes);
  MemoryChannel.tie(left, right);
  return [left, right];
}
