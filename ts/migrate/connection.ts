/** One end of a migration stream over a channel: frames out, frames in, a watch on silence. */
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { joinParts } from "../base/join-parts.ts";
import { Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import { brokenError, type Channel } from "./channel.ts";
import {
  encodeFrameHeader,
  encodePreamble,
  type Frame,
  FrameDecoder,
  streamError,
} from "./stream.ts";

export interface OutgoingFrame {
  readonly type: number;
  readonly parts: readonly Uint8Array[];
}

export class Connection {
  readonly #channel: Channel;
  readonly #decoder: FrameDecoder;
  #sequence = 0;
  /** Bytes handed to the channel, with those that a model only pretends to send. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Goes up with everything sent and received, but for what the channel puts into a room. */
  #steps = 0;
  /** Called when all that came has been read, and more is waited for. */
  onDry: () => void = () => undefined;

  /** `accepted`: the frame types that the other end may send. */
  constructor(channel: Channel, accepted: readonly number[]) {
    this.#channel = channel;
    this.#decoder = new FrameDecoder(accepted);
  }

  /** A frame is on its way into the channel. */
  isSending = false;

  /** Goes up with everything sent and received: what the watchdog looks at. */
  get progress(): number {
    return this.#steps + (this.#channel.receivedBytes ?? 0);
  }

  /** Number of the frame that was sent last. */
  get lastSequence(): number {
    return this.#sequence - 1;
  }

  /**
   * Sends one frame and returns its bytes. One sender at a time: see {@link Outbox}. With `headroomBytes` nobody changes
   * `parts` before it is done, and so much in front of the last one may be written.
   */
  *send(
    type: number,
    parts: readonly Uint8Array[] = [],
    modelBytes = 0,
    headroomBytes?: number,
  ): Task<number> {
    if (this.#sequence === 0) {
      const preamble = encodePreamble();
      this.sentBytes += preamble.length;
      yield* wait(this.#channel.send(preamble));
    }
    const frame = [encodeFrameHeader(type, this.#sequence++, parts), ...parts];
    const bytes = frame.reduce((sum, { length }) => sum + length, modelBytes);
    this.isSending = true;
    yield* wait(this.#post(frame, modelBytes, headroomBytes));
    this.isSending = false;
    this.#steps++;
    this.sentBytes += bytes;
    return bytes;
  }

  /**
   * Sends short frames in one piece, over a channel that takes parts: whoever waits for them is woken once, not
   * while more of them are made.
   */
  *sendTogether(frames: readonly OutgoingFrame[]): Task<void> {
    if (!this.#channel.sendParts) {
      for (const { parts, type } of frames) yield* this.send(type, parts);
      return;
    }
    const all = frames.flatMap(({ parts, type }) => [
      encodeFrameHeader(type, this.#sequence++, parts),
      ...parts,
    ]);
    this.isSending = true;
    yield* wait(this.#channel.sendParts(all));
    this.isSending = false;
    this.#steps++;
    for (const { length } of all) this.sentBytes += length;
  }

  #post(frame: readonly Uint8Array[], modelBytes: number, headroomBytes?: number): Wait<void> {
    const channel = this.#channel;
    if (modelBytes !== 0) return channel.send(joinParts(frame), modelBytes);
    if (headroomBytes && channel.sendLent) return channel.sendLent(frame, headroomBytes);
    return channel.sendParts ? channel.sendParts(frame) : channel.send(joinParts(frame));
  }

  /** The next frame, or undefined when the other end closed between two frames. */
  *receive(): Task<Frame | undefined> {
    for (;;) {
      const frame = this.#decoder.next();
      if (frame) return frame;
      this.onDry();
      if (yield* this.#more()) continue;
      if (this.#decoder.isBetweenFrames) return undefined;
      throw streamError(this.#decoder.place, "the stream ends within it");
    }
  }

  /** Waits for bytes and hands them to the decoder; false: there are no more. */
  *#more(): Task<boolean> {
    const decoder = this.#decoder;
    const channel = this.#channel;
    const room = decoder.room;
    let bytes: number;
    if (room && channel.receiveInto) {
      bytes = yield* wait(channel.receiveInto(room));
      decoder.cameInto(bytes);
    } else {
      const chunk = yield* wait(channel.receive());
      bytes = chunk?.length ?? 0;
      if (chunk) decoder.push(chunk);
      else return false;
    }
    this.#steps++;
    this.receivedBytes += bytes;
    return bytes > 0;
  }

  /** The next frame; the end of the stream is a `WV_NETWORK` error. */
  *demand(): Task<Frame> {
    const frame = yield* this.receive();
    if (!frame) throw brokenError("the other end closed it");
    return frame;
  }

  close(): void {
    this.#channel.close();
  }

  abort(reason: unknown): void {
    this.#channel.abort(reason);
  }
}

type Post = readonly [type: number, makeParts: () => readonly Uint8Array[]];

/** Lets many callers that cannot wait send over one connection, in the order in which they asked. */
export class Outbox {
  readonly #connection: Connection;
  readonly #posts: Post[] = [];
  #sending: Future<void> | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends a frame as soon as all before it were sent; its payload is made only then. */
  post(type: number, makeParts: () => readonly Uint8Array[] = () => []): void {
    this.#posts.push([type, makeParts]);
    this.#start();
  }

  /** Likewise, but before all that wait. */
  postFirst(type: number, makeParts: () => readonly Uint8Array[]): void {
    this.#posts.unshift([type, makeParts]);
    this.#start();
  }

  #start(): void {
    if (this.#sending) return;
    this.#sending = new Future();
    runTask(this.#send());
  }

  /** Settles when nothing waits to be sent, or can be sent, any more. */
  *drained(): Task<void> {
    if (this.#sending) yield* wait(this.#sending);
  }

  *#send(): Task<void> {
    try {
      for (let post = this.#posts.shift(); post; post = this.#posts.shift())
        yield* this.#connection.send(post[0], post[1]());
    } catch {
      // Whoever receives over the connection sees that it is broken.
      this.#posts.length = 0;
    } finally {
      const sending = this.#sending;
      this.#sending = undefined;
      sending?.resolve();
    }
  }
}

/** One connection, or several that are one to whoever watches. */
export interface Watched {
  readonly progress: number;
  /** Those that must take what they are given, each for itself: what moves over the others is no excuse. */
  readonly senders?: readonly Connection[];
  /**
   * Since when something is waited for that has to come, if it is: what was sent may be lost on its way though the
   * system has taken it, and what moves over the others, or back, is no excuse for that.
   */
  readonly waitsSinceNs?: number | undefined;
  abort(reason: unknown): void;
}

/**
 * What is watched, made of functions. A class, because getters of an object literal are part of its hidden class: that lies
 * in V8's old space and holds all they see, so a whole migration outlived every minor collection (measured, bench/sweep:
 * 27 of 165 KB of each page-level scenario).
 */
export class WatchedParts implements Watched {
  readonly #parts: PartsOfWatched;

  constructor(parts: PartsOfWatched) {
    this.#parts = parts;
  }

  get progress(): number {
    return this.#parts.progress();
  }

  get senders(): readonly Connection[] {
    return this.#parts.senders?.() ?? [];
  }

  get waitsSinceNs(): number | undefined {
    return this.#parts.waitsSinceNs();
  }

  abort(reason: unknown): void {
    this.#parts.abort(reason);
  }
}

interface PartsOfWatched {
  readonly progress: () => number;
  readonly senders?: () => readonly Connection[];
  readonly waitsSinceNs: () => number | undefined;
  readonly abort: (reason: unknown) => void;
}

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly connection: Watched;
  /** Breaks the connection when nothing moved for this long (up to twice as long). `Infinity`: never. */
  readonly stallNs: number;
}

/** Watches a connection until the result is called. */
export function watchConnection(options: WatchdogOptions): () => void {
  const { clock, connection, stallNs } = options;
  if (stallNs === Number.POSITIVE_INFINITY) return () => undefined;
  const stop = new AbortController();
  function* watch(): Task<void> {
    for (;;) {
      const before = connection.progress;
      const senders = (connection.senders ?? []).filter(({ isSending }) => isSending);
      const frames = senders.map(({ lastSequence }) => lastSequence);
      yield* wait(clock.sleep(stallNs, stop.signal));
      const isStuck = senders.some((one, i) => one.isSending && one.lastSequence === frames[i]);
      const waitsNs = clock.nowNs() - (connection.waitsSinceNs ?? Number.POSITIVE_INFINITY);
      if (isStuck || waitsNs >= stallNs || connection.progress === before) {
        const what = waitsNs >= stallNs ? "what is waited for did not come" : "nothing moved";
        const seconds = stallNs / 1e9;
        connection.abort(new WasmvisorError("WV_TIMEOUT", `migration: ${what} for ${seconds} s`));
        return;
      }
    }
  }
  runTask(watch());
  return () => stop.abort();
}
