/**
 * What the engine sends its stream over: an ordered, reliable stream of bytes in both directions,
 * that may be slow and may break. Sockets are wrapped elsewhere; here are the ones that need no
 * machine: a pair in memory, and (in `sim-link.ts`) a simulated link.
 */
import { WasmvisorError } from "../base/errors.ts";
import { Future, rejected, type Wait } from "../base/task.ts";

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
   * Likewise, but of parts that nobody changes before it settles: they are not copied. Once it has settled, or rejected,
   * the channel looks at them no more. `headroomBytes` in front of the last one are the channel's, too. Channels need
   * not have it.
   */
  sendLent?(parts: readonly Uint8Array[], headroomBytes: number): Wait<void>;
  /**
   * The next bytes in order, cut anywhere, yours until you ask for more; `undefined` when the other end has
   * closed. Call it again only after it settled. Rejects with `WV_NETWORK` once the channel is broken.
   */
  receive(): Wait<Uint8Array | undefined>;
  /**
   * Likewise, but puts what comes next into `room`, from its beginning. Settles with how many bytes that are: all that
   * it holds, fewer only when nothing more comes. Channels need not have it.
   */
  receiveInto?(room: Uint8Array): Wait<number>;
  /** Goes up as bytes come, also while `receiveInto` waits for more of them. */
  readonly receivedBytes?: number;
  /** The other end sees the end of the stream after what was sent before. */
  close(): void;
  /** Breaks the channel at once: waiting calls here reject with `reason`, those there with `WV_NETWORK`. */
  abort(reason: unknown): void;
}

/** The error that a channel rejects with when the other end broke it. */
export function brokenError(why: string): WasmvisorError {
  return new WasmvisorError("WV_NETWORK", `migration channel: ${why}`);
}

/** Where a reader wants what comes next. */
interface Sink {
  readonly room: Uint8Array;
  filled: number;
  readonly done: Future<number>;
}

/** The receiving end of a channel: chunks, then an end or a failure. */
export class ReceiveQueue {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isClosed = false;
  #failure: { readonly reason: unknown } | undefined;
  #waiting: Future<Uint8Array | undefined> | undefined;
  #given: Uint8Array | undefined;
  /** Of the first chunk so much was put into a room. */
  #from = 0;
  #sink: Sink | undefined;
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
    if (this.#sink) this.filled(this.#drain(this.#sink.room.subarray(this.#sink.filled)));
  }

  /** Where the next bytes may be put straight away, if a reader waits for so many of them. */
  get room(): Uint8Array | undefined {
    return this.#sink?.room.subarray(this.#sink.filled);
  }

  /** So many bytes were put into the beginning of {@link room}. */
  filled(bytes: number): void {
    const sink = this.#sink;
    if (!sink) return;
    sink.filled += bytes;
    if (sink.filled < sink.room.length) return;
    this.#sink = undefined;
    sink.done.resolve(sink.filled);
  }

  /** Moves what is here into `room`; returns how many bytes that were. */
  #drain(room: Uint8Array): number {
    let at = 0;
    for (let chunk = this.#chunks[0]; chunk && at < room.length; chunk = this.#chunks[0]) {
      const part = chunk.subarray(this.#from, this.#from + room.length - at);
      room.set(part, at);
      at += part.length;
      this.#from += part.length;
      if (this.#from < chunk.length) break;
      this.#chunks.shift();
      this.#from = 0;
      this.onDone?.(chunk);
    }
    this.#bytes -= at;
    if (at > 0) this.onRoom?.();
    return at;
  }

  close(): void {
    this.#isClosed = true;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.done.resolve(sink.filled);
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
    this.#sink?.done.reject(reason);
    this.#sink = undefined;
  }

  #giveBack(): void {
    if (this.#given) this.onDone?.(this.#given);
    this.#given = undefined;
  }

  next(): Wait<Uint8Array | undefined> {
    this.#giveBack();
    if (this.#failure) return rejected(this.#failure.reason);
    const chunk = this.#chunks.shift();
    if (chunk) {
      const rest = this.#from === 0 ? chunk : chunk.subarray(this.#from);
      this.#from = 0;
      this.#bytes -= rest.length;
      this.#given = chunk;
      this.onRoom?.();
      return rest;
    }
    if (this.#isClosed) return undefined;
    this.#waiting = new Future();
    return this.#waiting;
  }

  /** See {@link Channel.receiveInto}. */
  nextInto(room: Uint8Array): Wait<number> {
    this.#giveBack();
    if (this.#failure) return rejected(this.#failure.reason);
    const filled = this.#drain(room);
    if (filled === room.length || this.#isClosed) return filled;
    this.#sink = { room, filled, done: new Future() };
    return this.#sink.done;
  }
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

  receiveInto(room: Uint8Array): Wait<number> {
    return this.#incoming.nextInto(room);
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
