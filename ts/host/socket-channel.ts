/** Migration streams over sockets. */
import type { Duplex } from "node:stream";
import { WallClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { joinParts } from "../base/join-parts.ts";
import { Future, rejected, type Wait } from "../base/task.ts";
import { nextTurn } from "../base/turns.ts";
import { brokenError, type Channel, ReceiveQueue } from "../migrate/channel.ts";
import type { Access } from "./access.ts";
import { ownProcess, PROCESS_HEADER } from "./process-identity.ts";
import { ReadBuffers, readingInto } from "./read-buffers.ts";
import { acceptUpgrade, connectUpgraded, UPGRADE_MIGRATION } from "./upgrade.ts";

/** A sender waits while the socket holds more than this. */
const UNSENT_BYTES_MAX = 1 << 20;
/** Frames up to this size get memory of their own; larger ones share buffers that are used again. */
const SMALL_BYTES = 16 << 10;
/**
 * Shorter frames are copied rather than waited for: TLS says only after a turn of the event loop that it has them. As
 * long as the last round of an idle guest (150 KiB) they are not: memory for a copy of that is fresh, a millisecond.
 */
const LENT_BYTES_MIN = 64 << 10;
/** Buffers that wait to be used again, by whichever channel: the next guest leaves over another one. */
const SPARE_MAX = 4;
const spare: Uint8Array[] = [];
/** So much may be sent, for so long, before whatever else waits in this thread (guests) has its turn. */
const BURST_BYTES_MAX = 1 << 21;
const BURST_NS_MAX = 2e6;
const clock = new WallClock();
/** The socket is not read while so much waits for the reader. */
const UNREAD_BYTES_MAX = 4 << 20;

/**
 * A channel over a connected socket, which it owns from now on. Whoever closes it has read what it
 * wanted: what still comes is thrown away, so that the other end is not stuck with it and gets to
 * read what was sent last.
 */
export class SocketChannel implements Channel {
  readonly #socket: Duplex;
  readonly #incoming = new ReceiveQueue();
  readonly #buffers: ReadBuffers;
  /** The socket reads next into what is left of a room that a reader gave. */
  #room: Uint8Array | undefined;
  receivedBytes = 0;
  #blocked: Future<void> | undefined;
  /** The parts that the socket still looks at, if there are any. */
  #lent: object | undefined;
  /** Sent since the event loop went round, and when that began. */
  #burstBytes = 0;
  #burstNs = 0;
  #failure: { readonly reason: unknown } | undefined;
  #isEnded = false;

  /** `head`: bytes of the stream that were read already. `accepted`: by a server, and not read since. */
  constructor(upgraded: Duplex, head?: Uint8Array, origin?: "accepted") {
    this.#buffers = new ReadBuffers(upgraded);
    const onBytes = (bytes: Uint8Array): void => this.#arrive(bytes);
    const reading =
      origin &&
      readingInto(upgraded, {
        take: () => this.#takeBuffer(),
        came: (length, buffer) => this.#came(length, buffer),
      });
    const socket = reading ?? upgraded;
    this.#socket = socket;
    if ("setNoDelay" in socket) (socket as { setNoDelay(on: boolean): void }).setNoDelay(true);
    if (head && head.length > 0) this.#incoming.push(head);
    this.#incoming.onRoom = () => {
      if (socket.isPaused() && this.#incoming.bytes < UNREAD_BYTES_MAX / 2) socket.resume();
    };
    this.#incoming.onDone = (bytes) => this.#buffers.giveBack(bytes);
    if (!reading) socket.on("data", onBytes);
    socket.on("end", () => this.#incoming.close());
    socket.on("error", (cause: NodeJS.ErrnoException) =>
      this.#fail(broken(cause.code ?? cause.message, cause)),
    );
    socket.on("close", () => {
      if (!socket.readableEnded) this.#fail(brokenError("the connection is gone"));
      else this.#failSending(brokenError("the connection is closed"));
    });
  }

  #takeBuffer(): Uint8Array {
    this.#room = this.#incoming.room;
    return this.#room ?? this.#buffers.take();
  }

  /** The socket has read `length` bytes into `buffer`. */
  #came(length: number, buffer: Uint8Array): void {
    if (buffer !== this.#room) this.#arrive(this.#buffers.use(buffer, length));
    else if (!this.#isEnded) {
      this.receivedBytes += length;
      this.#incoming.filled(length);
    }
  }

  #arrive(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    if (this.#isEnded) this.#buffers.giveBack(bytes);
    else this.#incoming.push(bytes);
    if (this.#incoming.bytes > UNREAD_BYTES_MAX) this.#socket.pause();
  }

  #fail(reason: unknown): void {
    this.#incoming.fail(reason);
    this.#failSending(reason);
  }

  #failSending(reason: unknown): void {
    this.#failure ??= { reason };
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.reject(reason);
  }

  send(bytes: Uint8Array, modelBytes = 0): Wait<void> {
    if (modelBytes !== 0) throw new TypeError("only a simulated link carries model bytes");
    if (this.#failure) return rejected(this.#failure.reason);
    if (this.#isEnded) return rejected(brokenError("it was closed here"));
    return this.#write(bytes, this.#onWritten);
  }

  sendParts(parts: readonly Uint8Array[]): Wait<void> {
    let bytes = 0;
    for (const { length } of parts) bytes += length;
    if (bytes <= SMALL_BYTES || this.#failure || this.#isEnded) return this.send(joinParts(parts));
    const buffer = this.#bufferOf(bytes);
    let at = 0;
    for (const part of parts) {
      buffer.set(part, at);
      at += part.length;
    }
    let isFree = false;
    const blocked = this.#write(buffer.subarray(0, bytes), (error) => {
      // A socket that broke may still hold it.
      if (!error && !isFree) this.#giveBack(buffer);
      this.#onWritten();
    });
    // The system has taken all of it. The callback comes later, when the next one may have been sent.
    isFree = this.#socket.writableLength === 0 && !this.#failure;
    if (isFree) this.#giveBack(buffer);
    return blocked;
  }

  sendLent(parts: readonly Uint8Array[], headroomBytes: number): Wait<void> {
    const isLong = (parts.at(-1)?.length ?? 0) >= LENT_BYTES_MIN;
    const frame = isLong ? inPlace(parts, headroomBytes) : undefined;
    if (!frame || this.#failure || this.#isEnded) return this.sendParts(parts);
    const lent = {};
    this.#lent = lent;
    this.#socket.write(frame, () => this.#onTaken(lent));
    if (this.#socket.writableLength === 0) this.#lent = undefined; // The system has taken all of it.
    this.#noteBurst(frame.length);
    if (!this.#lent && !this.#isBurstOver) return;
    this.#blocked = new Future();
    return this.#blocked;
  }

  /** The socket has no more use for the parts that it was lent as `lent`. */
  #onTaken(lent: object): void {
    if (this.#lent === lent) this.#lent = undefined;
    this.#onWritten();
  }

  #giveBack(buffer: Uint8Array): void {
    if (spare.length < SPARE_MAX) spare.push(buffer);
  }

  /** Memory that was used before, if it is large enough: fresh memory costs more than all the copying. */
  #bufferOf(bytes: number): Uint8Array {
    for (let one = spare.pop(); one; one = spare.pop()) if (one.length >= bytes) return one;
    return Buffer.allocUnsafeSlow(bytes + (bytes >> 3)); // The next one may be a little larger.
  }

  #write(bytes: Uint8Array, onWritten: (error?: Error | null) => void): Wait<void> {
    this.#socket.write(bytes, onWritten);
    this.#noteBurst(bytes.length);
    if (this.#socket.writableLength <= UNSENT_BYTES_MAX && !this.#isBurstOver) return;
    this.#blocked = new Future();
    return this.#blocked;
  }

  get #isBurstOver(): boolean {
    if (this.#burstBytes === 0) return false;
    return this.#burstBytes >= BURST_BYTES_MAX || clock.nowNs() - this.#burstNs > BURST_NS_MAX;
  }

  /** A system that takes all that it is given would keep this thread from everything else. */
  #noteBurst(bytes: number): void {
    if (this.#burstBytes === 0) {
      this.#burstNs = clock.nowNs();
      nextTurn(() => {
        this.#burstBytes = 0;
        this.#onWritten();
      });
    }
    this.#burstBytes += bytes;
  }

  readonly #onWritten = (): void => {
    if (!this.#blocked || this.#failure || this.#isBurstOver || this.#lent) return;
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) return;
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked.resolve();
  };

  receive(): Wait<Uint8Array | undefined> {
    return this.#incoming.next();
  }

  receiveInto(room: Uint8Array): Wait<number> {
    return this.#incoming.nextInto(room);
  }

  close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.end();
    this.#socket.resume();
  }

  abort(reason: unknown): void {
    this.#fail(reason);
    // What was sent before a close still leaves, unless its memory is somebody else's from now on.
    if (this.#isEnded && !this.#socket.writableFinished && !this.#lent)
      this.#socket.once("finish", () => this.#socket.destroy());
    else this.#socket.destroy();
  }
}

/**
 * What `parts` are when put together, in the memory of the last one: one piece, because of several TLS would make one,
 * in fresh memory. Undefined: there is no room for that.
 */
function inPlace(parts: readonly Uint8Array[], headroomBytes: number): Uint8Array | undefined {
  const last = parts.at(-1);
  if (!last) return undefined;
  const heads = parts.slice(0, -1);
  const bytes = heads.reduce((sum, { length }) => sum + length, 0);
  if (bytes > headroomBytes) return undefined;
  const whole = new Uint8Array(last.buffer, last.byteOffset - bytes, bytes + last.length);
  let at = 0;
  for (const head of heads) {
    whole.set(head, at);
    at += head.length;
  }
  return whole;
}

function broken(why: string, cause: unknown): WasmvisorError {
  return new WasmvisorError("WV_NETWORK", `migration channel: ${why}`, { cause });
}

/**
 * Where migrations come in; and where their sources come back: to ask what became of one, or with another
 * channel for it.
 */
export const PATH_MIGRATION = "/v1/migration";
export const PATH_OUTCOME = "/v1/migration/outcome";

export interface MigrationTarget {
  readonly target: string;
  readonly access?: Access | undefined;
  readonly path: typeof PATH_MIGRATION | typeof PATH_OUTCOME;
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectedMigration {
  readonly channel: Channel;
  /** What the target says which process it is, see `process-identity.ts`. */
  readonly process: string | undefined;
}

/** The channel of a client that wants to be upgraded to one. `head`: bytes of it that were read already. */
export function acceptMigration(socket: Duplex, head: Uint8Array): SocketChannel {
  const own = ownProcess();
  acceptUpgrade(socket, UPGRADE_MIGRATION, own === undefined ? {} : { [PROCESS_HEADER]: own });
  return new SocketChannel(socket, head, "accepted");
}

/** Opens a channel to the host at `target`. Throws `WV_CONFIG`, `WV_NETWORK`, `WV_AUTH`, `WV_ABORTED`. */
export async function connectMigration(to: MigrationTarget): Promise<ConnectedMigration> {
  const own = ownProcess();
  const asked = own === undefined ? {} : { [PROCESS_HEADER]: own };
  const wanted = { ...to, headers: asked, protocol: UPGRADE_MIGRATION };
  const { socket, head, headers } = await connectUpgraded(wanted);
  const peer = headers[PROCESS_HEADER];
  const process = typeof peer === "string" ? peer : undefined;
  return { channel: new SocketChannel(socket, head), process };
}
