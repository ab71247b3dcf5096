/**
 * A disk at an NBD server. Many requests are in flight. When the connection breaks it is made again, for a time
 * that is bounded, and what was not answered is asked again; so is what was written and not flushed, for the
 * server may have lost it. A server that breaks the protocol, or whose disk has changed, is not believed again.
 */
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { WasmvisorError } from "../../base/errors.ts";
import { type BlockBackend, SECTOR_BYTES } from "../../machine/block.ts";
import { type Export, type NbdTls, negotiate } from "./client-handshake.ts";
import * as nbd from "./protocol.ts";
import { Replies } from "./replies.ts";
import type { ByteStream } from "./stream.ts";
import { UnflushedWrites } from "./unflushed-writes.ts";

const DEFAULT_RECONNECT_MS = 20_000;
const DEFAULT_REQUEST_MS = 30_000;
const RETRY_MS = 200;
/** Connections in a row that were made, and broke before anything was answered. */
const FRUITLESS_MAX = 4;

export interface NbdDiskOptions {
  /** `nbd://HOST:PORT/EXPORT`, or `nbds://` over TLS. */
  readonly url: string;
  readonly readOnly?: boolean | undefined;
  /** How long a connection that broke may take to come back; 20 s by default. */
  readonly reconnectMs?: number | undefined;
  /** A server that is silent for so long while it owes answers has gone; 30 s by default. */
  readonly requestMs?: number | undefined;
  /**
   * After a connection did not come back, requests fail at once for so long before it is tried again; 0 by default.
   * For whoever does something else then.
   */
  readonly restMs?: number | undefined;
  readonly tls?: NbdTls | undefined;
  /** How the server is reached; by TCP by default. */
  readonly dial?: ((address: nbd.NbdAddress) => Duplex) | undefined;
}

interface Request {
  readonly command: number;
  readonly flags: number;
  readonly offset: number;
  readonly bytes: number;
  /** To be sent, or to be filled. */
  readonly data?: Uint8Array | undefined;
  /** It was answered once; whoever reconnects asks it again, nobody else waits for it. */
  readonly isReplay?: boolean | undefined;
  readonly resolve: () => void;
  readonly reject: (error: WasmvisorError) => void;
}

type Ask = Omit<Request, "resolve" | "reject">;

export class NbdDisk implements BlockBackend {
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly discard?: (offset: number, bytes: number) => Promise<void>;
  readonly #options: NbdDiskOptions;
  readonly #address: nbd.NbdAddress;
  readonly #export: Export;
  readonly #pending = new Map<bigint, Request>();
  readonly #unflushed = new UnflushedWrites();
  #stream: ByteStream | undefined;
  #cookie = 0n;
  #answers = 0;
  #isClosed = false;
  #isReconnecting = false;
  /** The connection did not come back a moment ago. */
  #isResting = false;
  #fruitless = 0;
  #liar: WasmvisorError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(options: NbdDiskOptions, stream: ByteStream, found: Export) {
    this.#options = options;
    this.#address = nbd.parseNbdUrl(options.url);
    this.#export = found;
    this.bytes = found.bytes;
    this.readOnly = options.readOnly === true || (found.flags & nbd.READ_ONLY) !== 0;
    if (found.flags & nbd.SEND_TRIM && found.flags & nbd.SEND_WRITE_ZEROES)
      this.discard = (offset, bytes) => this.#clear(offset, bytes, 0);
    this.#use(stream, found);
  }

  /** Throws `WV_DISK` if there is no such export, or `WV_CONFIG` for an address that is none. */
  static async connect(options: NbdDiskOptions): Promise<NbdDisk> {
    const address = nbd.parseNbdUrl(options.url);
    const { found, stream } = await open(address, options);
    if (found.bytes === 0 || found.bytes % SECTOR_BYTES !== 0) {
      stream.destroy();
      throw failure(options.url, `size expected a multiple of 512 above 0, got ${found.bytes}`);
    }
    if (!options.readOnly && found.flags & nbd.READ_ONLY) {
      stream.destroy();
      throw failure(options.url, "the server exports it for reading only; add ,ro or ,overlay");
    }
    return new NbdDisk(options, stream, found);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#ask({
      command: nbd.CMD_READ,
      flags: 0,
      offset,
      bytes: into.length,
      data: into,
    });
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const bytes = from.length;
    await this.#ask({ command: nbd.CMD_WRITE, flags: 0, offset, bytes, data: from });
    await this.#wrote({ offset, bytes, data: new Uint8Array(from) });
  }

  async flush(): Promise<void> {
    if ((this.#export.flags & nbd.SEND_FLUSH) === 0) return;
    const mark = this.#unflushed.mark();
    await this.#ask({ command: nbd.CMD_FLUSH, flags: 0, offset: 0, bytes: 0 });
    this.#unflushed.forget(mark);
  }

  async zero(offset: number, bytes: number): Promise<void> {
    if (this.#export.flags & nbd.SEND_WRITE_ZEROES)
      return this.#clear(offset, bytes, nbd.FLAG_NO_HOLE);
    const zeros = new Uint8Array(Math.min(bytes, 1 << 20));
    for (let at = 0; at < bytes; at += zeros.length)
      await this.write(offset + at, zeros.subarray(0, Math.min(zeros.length, bytes - at)));
  }

  /** TRIM need not read as zeros afterwards; WRITE_ZEROES, which may leave a hole, does. */
  async #clear(offset: number, bytes: number, flags: number): Promise<void> {
    await this.#ask({ command: nbd.CMD_WRITE_ZEROES, flags, offset, bytes });
    await this.#wrote({ offset, bytes, data: undefined });
  }

  async #wrote(write: {
    offset: number;
    bytes: number;
    data: Uint8Array | undefined;
  }): Promise<void> {
    if ((this.#export.flags & nbd.SEND_FLUSH) === 0) return;
    if (this.#unflushed.add(write) === "many") await this.flush();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream?.write(
      encodeRequest({ command: nbd.CMD_DISC, flags: 0, offset: 0, bytes: 0 }, 0n),
    );
    this.#stream?.end();
    this.#failAll("it is closed");
  }

  #ask(ask: Ask): Promise<void> {
    if (this.#liar) return Promise.reject(this.#liar);
    if (this.#isClosed) return Promise.reject(failure(this.#options.url, "it is closed"));
    if (this.#isResting)
      return Promise.reject(
        failure(this.#options.url, "the server has gone; it is tried again soon"),
      );
    if (ask.offset < 0 || ask.offset + ask.bytes > this.bytes)
      return Promise.reject(
        failure(this.#options.url, `${ask.bytes} bytes at ${ask.offset} are beyond the disk`),
      );
    return new Promise((resolve, reject) => {
      const cookie = ++this.#cookie;
      const request = { ...ask, resolve, reject };
      this.#pending.set(cookie, request);
      if (this.#stream) this.#send(this.#stream, cookie, request);
      else if (!this.#isReconnecting) void this.#reconnect();
      this.#watch();
    });
  }

  #send(stream: ByteStream, cookie: bigint, request: Request): void {
    const head = encodeRequest(request, cookie);
    if (request.command === nbd.CMD_WRITE && request.data) stream.write(head, request.data);
    else stream.write(head);
  }

  /** A connection on which nothing comes, though answers are due, is broken. */
  #watch(): void {
    if (this.#timer || this.#pending.size === 0) return;
    const before = this.#answers;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#answers === before && this.#pending.size > 0) this.#stream?.destroy();
      this.#watch();
    }, this.#options.requestMs ?? DEFAULT_REQUEST_MS);
    this.#timer.unref?.();
  }

  #use(stream: ByteStream, { replies }: Export): void {
    this.#stream = stream;
    this.#listen(stream, replies).catch((error: unknown) => {
      stream.destroy();
      if (this.#stream === stream) this.#stream = undefined;
      if (this.#isClosed) return;
      if (error instanceof WasmvisorError) this.#distrust(error);
      else this.#broken();
    });
  }

  #broken(): void {
    for (const [cookie, request] of this.#pending)
      if (request.isReplay) {
        this.#pending.delete(cookie);
        request.reject(failure(this.#options.url, "the connection broke"));
      }
    if (this.#pending.size === 0) return;
    // Else whoever takes connections and then says nothing would keep a guest waiting for ever.
    if (++this.#fruitless >= FRUITLESS_MAX)
      this.#giveUp("the server takes requests and answers none");
    else void this.#reconnect();
  }

  async #listen(stream: ByteStream, replies: "simple" | "structured"): Promise<never> {
    const { url } = this.#options;
    const reader = new Replies<Request>(stream, {
      isStructured: replies === "structured",
      requestOf: (cookie) => this.#pending.get(cookie),
      lie: (what) => failure(url, what),
    });
    for (;;) {
      const answered = await reader.next();
      this.#answers++;
      if (!answered) continue;
      const { cookie, failure: why, request } = answered;
      if (!request.isReplay) this.#fruitless = 0;
      this.#pending.delete(cookie);
      if (why === undefined) request.resolve();
      else request.reject(failure(url, `the server failed: ${why}`));
    }
  }

  #distrust(error: WasmvisorError): void {
    this.#liar = error;
    for (const request of this.#pending.values()) request.reject(error);
    this.#pending.clear();
  }

  #failAll(why: string): void {
    for (const request of this.#pending.values()) request.reject(failure(this.#options.url, why));
    this.#pending.clear();
  }

  #giveUp(why: string): void {
    this.#failAll(why);
    const { restMs = 0 } = this.#options;
    if (restMs === 0) return;
    this.#isResting = true;
    setTimeout(() => {
      this.#isResting = false;
    }, restMs).unref?.();
  }

  async #reconnect(): Promise<void> {
    if (this.#isReconnecting) return;
    this.#isReconnecting = true;
    const { reconnectMs = DEFAULT_RECONNECT_MS } = this.#options;
    let isOver = false;
    const deadline = setTimeout(() => {
      isOver = true;
    }, reconnectMs);
    let last: unknown;
    try {
      while (!isOver && !this.#isClosed) {
        try {
          await this.#again();
          if (this.#stream || this.#liar || this.#pending.size === 0) return;
        } catch (error) {
          if (this.#liar) return;
          last = error;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY_MS, reconnectMs)));
      }
      this.#giveUp(`the connection broke and did not come back: ${messageOf(last)}`);
    } finally {
      clearTimeout(deadline);
      this.#isReconnecting = false;
    }
  }

  async #again(): Promise<void> {
    const { found, stream } = await open(this.#address, this.#options);
    if (found.bytes !== this.#export.bytes || found.flags !== this.#export.flags) {
      stream.destroy();
      this.#distrust(failure(this.#options.url, "the disk was another when the server came back"));
      return;
    }
    const asked = [...this.#pending];
    this.#pending.clear();
    this.#use(stream, found);
    // What the server may have forgotten, in the order in which it was written; then what it owes.
    const replayed = this.#unflushed.all.map(({ bytes, data, offset }) =>
      data
        ? { command: nbd.CMD_WRITE, flags: 0, offset, bytes, data, isReplay: true }
        : { command: nbd.CMD_WRITE_ZEROES, flags: 0, offset, bytes, isReplay: true },
    );
    try {
      for (const ask of replayed) await this.#ask(ask);
    } finally {
      for (const [cookie, request] of asked) {
        this.#pending.set(cookie, request);
        if (this.#stream === stream) this.#send(stream, cookie, request);
      }
      // It lied about what was asked again: nobody will answer these either.
      if (this.#liar) this.#distrust(this.#liar);
    }
  }
}

async function open(
  address: nbd.NbdAddress,
  options: NbdDiskOptions,
): Promise<{ readonly stream: ByteStream; readonly found: Export }> {
  const socket = options.dial?.(address) ?? dialTcp(address);
  let problem: Error | undefined;
  socket.on("error", (error) => {
    problem = error;
  });
  // For all of it together: one who sends a byte now and then is silent, too.
  const deadline = setTimeout(() => {
    problem ??= new Error("it does not come to an end with its greeting");
    socket.destroy();
  }, options.requestMs ?? DEFAULT_REQUEST_MS);
  try {
    return await negotiate(socket, address, options.tls);
  } catch (error) {
    socket.destroy();
    if (error instanceof WasmvisorError) throw error;
    throw failure(options.url, `cannot reach it: ${messageOf(problem ?? error)}`);
  } finally {
    clearTimeout(deadline);
  }
}

function dialTcp({ host, port }: nbd.NbdAddress): Duplex {
  const socket = connectTcp({ host, port });
  socket.setNoDelay(true);
  return socket;
}

function encodeRequest(ask: Ask, cookie: bigint): Uint8Array {
  const head = Buffer.alloc(nbd.REQUEST_BYTES);
  head.writeUInt32BE(nbd.MAGIC_REQUEST, 0);
  head.writeUInt16BE(ask.flags, 4);
  head.writeUInt16BE(ask.command, 6);
  head.writeBigUInt64BE(cookie, 8);
  head.writeBigUInt64BE(BigInt(ask.offset), 16);
  head.writeUInt32BE(ask.bytes, 24);
  return head;
}

export function failure(url: string, why: string): WasmvisorError {
  return new WasmvisorError("WV_DISK", `disk "${url}": ${why}`);
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);
