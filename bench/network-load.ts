/**
 * Load on a guest from outside: clients of its redis that look at every answer, and a transfer to it whose hash the
 * guest says in the end. Any connection that ends, and any byte that is another one, is a failure.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const VALUE_BYTES = 1024;
const KEYS = 512;
const PART_BYTES = 64 * 1024;
const RESULT_MS = 60_000;

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  socket.setNoDelay(true);
  return socket;
}

/** Bytes that tell where they belong: another number, other bytes. */
function numbered(number: number, bytes: number): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(String(number)).digest();
}

/** Several connections, each with one SET and GET after the other. */
export class RedisLoad {
  readonly #sockets: Socket[] = [];
  #count = 0;
  #longestMs = 0;
  #failure: Error | undefined;
  #isOver = false;

  static async start(port: number, connections: number): Promise<RedisLoad> {
    const load = new RedisLoad();
    for (let i = 0; i < connections; i++) load.#talk(await connected(port), i);
    return load;
  }

  /** Pairs of SET and GET that were answered. Throws what went wrong. */
  get count(): number {
    if (this.#failure) throw this.#failure;
    return this.#count;
  }

  /** The longest that an answer has taken since this was asked the last time. */
  takeLongestMs(): number {
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  stop(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #talk(socket: Socket, connection: number): void {
    this.#sockets.push(socket);
    let round = 0;
    let expected = Buffer.alloc(0);
    let done = 0;
    let askedMs = 0;
    const ask = (): void => {
      const key = `key:${connection}:${round % KEYS}`;
      const value = numbered(connection * 1e9 + round++, VALUE_BYTES);
      const [size, end] = [`$${VALUE_BYTES}\r\n`, "\r\n"].map((text) => Buffer.from(text));
      expected = Buffer.concat([Buffer.from("+OK\r\n"), size as Buffer, value, end as Buffer]);
      done = 0;
      askedMs = performance.now();
      const name = `$${key.length}\r\n${key}\r\n`;
      const set = Buffer.from(`*3\r\n$3\r\nSET\r\n${name}`);
      const get = Buffer.from(`*2\r\n$3\r\nGET\r\n${name}`);
      socket.write(Buffer.concat([set, size as Buffer, value, end as Buffer, get]));
    };
    socket.on("data", (part: Buffer) => {
      const wanted = expected.subarray(done, done + part.length);
      if (!part.equals(wanted))
        this.#fail(new Error(`redis: other bytes: ${part.subarray(0, 80)}`));
      done += part.length;
      if (done < expected.length) return;
      this.#count++;
      this.#longestMs = Math.max(this.#longestMs, performance.now() - askedMs);
      ask();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("redis: a connection was closed")));
    ask();
  }

  #fail(error: Error): void {
    if (!this.#isOver) this.#failure ??= error;
  }
}

/** One connection, over which bytes go until it is told to stop; the other end says their SHA-256 then. */
export class HashedTransfer {
  readonly #socket: Socket;
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #said = "";
  #failure: Error | undefined;
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("drain", () => this.#send());
    socket.on("data", (part: Buffer) => {
      this.#said += part.toString("latin1");
    });
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    socket.on("end", () => {
      if (!this.#isOver) this.#failure ??= new Error("the transfer was ended by the other end");
    });
  }

  static async start(port: number): Promise<HashedTransfer> {
    const transfer = new HashedTransfer(await connected(port));
    transfer.#send();
    return transfer;
  }

  /** Bytes that were sent. Throws what went wrong. */
  get bytes(): number {
    if (this.#failure) throw this.#failure;
    return this.#bytes;
  }

  #send(): void {
    while (!this.#isOver) {
      const part = numbered(this.#bytes, PART_BYTES);
      this.#hash.update(part);
      this.#bytes += part.length;
      if (!this.#socket.write(part)) return;
    }
  }

  /** Ends it. Throws unless the other end has had just these bytes. */
  async stop(): Promise<void> {
    this.#isOver = true;
    const ended = once(this.#socket, "end", { signal: AbortSignal.timeout(RESULT_MS) });
    this.#socket.end();
    await ended;
    this.#socket.destroy();
    if (this.#failure) throw this.#failure;
    const expected = this.#hash.digest("hex");
    if (!this.#said.includes(expected))
      throw new Error(`transfer: ${this.#bytes} bytes, expected ${expected}, got "${this.#said}"`);
  }
}
