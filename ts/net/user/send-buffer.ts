/** Bytes that were sent and not acknowledged, and behind them those that were not sent yet. */
export class SendBuffer {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are acknowledged. */
  #skipped = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes are the callee's to keep. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /** The first `count` bytes have arrived. */
  drop(count: number): void {
    this.#length -= count;
    let at = this.#skipped + count;
    let gone = 0;
    while (gone < this.#chunks.length && at >= (this.#chunks[gone] as Uint8Array).length) {
      at -= (this.#chunks[gone] as Uint8Array).length;
      gone++;
    }
    this.#chunks.splice(0, gone);
    this.#skipped = at;
  }

  /** Copies the bytes from `offset` on. */
  copy(offset: number, into: Uint8Array): void {
    let at = offset + this.#skipped;
    let done = 0;
    for (const chunk of this.#chunks) {
      if (done === into.length) return;
      if (at >= chunk.length) {
        at -= chunk.length;
        continue;
      }
      const part = chunk.subarray(at, at + into.length - done);
      into.set(part, done);
      done += part.length;
      at = 0;
    }
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#skipped = 0;
    this.#length = 0;
  }
}
