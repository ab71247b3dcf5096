/** A socket as a protocol reads it: so many bytes, then so many. */
import type { Duplex } from "node:stream";

/** The other end has closed, or the connection broke. */
export class StreamEnd extends Error {}

export class ByteStream {
  readonly #socket: Duplex;
  #isOver = false;
  #waiting: (() => void)[] = [];
  readonly #onChange = (): void => {
    for (const wake of this.#waiting.splice(0)) wake();
  };
  readonly #onOver = (): void => {
    this.#isOver = true;
    this.#onChange();
  };

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("readable", this.#onChange);
    socket.on("drain", this.#onChange);
    for (const event of ["end", "close", "error"]) socket.on(event, this.#onOver);
  }

  /** From now on somebody else reads the socket. */
  release(): void {
    this.#socket.off("readable", this.#onChange);
    this.#socket.off("drain", this.#onChange);
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Throws `StreamEnd` if there are no more so many bytes. */
  async read(bytes: number): Promise<Buffer> {
    if (bytes === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk = this.#socket.read(bytes) as Buffer | null;
      if (chunk?.length === bytes) return chunk;
      if (chunk || this.#isOver) throw new StreamEnd("the connection has ended");
      await this.#changed();
    }
  }

  /** Reads into `into` as the bytes come. */
  async fill(into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const there = Math.min(this.#socket.readableLength, into.length - done);
      if (there === 0) {
        if (this.#isOver) throw new StreamEnd("the connection has ended");
        this.#socket.read(0);
        if (this.#socket.readableLength === 0) await this.#changed();
        continue;
      }
      const chunk = this.#socket.read(there) as Buffer;
      into.set(chunk, done);
      done += chunk.length;
    }
  }

  /** Writes all parts as one. */
  write(...parts: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  /** The same; `onGone` is called when the bytes are not needed any more. */
  writeThen(onGone: () => void, ...parts: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    const last = parts.length - 1;
    this.#socket.cork();
    for (const [i, part] of parts.entries())
      if (i < last) this.#socket.write(part);
      else this.#socket.write(part, (error) => error ?? onGone());
    this.#socket.uncork();
  }

  /** Waits while the other end has much to read before. */
  async drained(): Promise<void> {
    while (!this.#isOver && this.#socket.writableNeedDrain) await this.#changed();
    if (this.#isOver) throw new StreamEnd("the connection has ended");
  }

  /** Sends what was written, then no more. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
