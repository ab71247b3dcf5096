/**
 * Buffers of requests, used again: fresh memory of this size comes from the kernel, page by page, and that takes
 * longer than to copy into it (measured, docs/decisions.md).
 */

/** What waits to be used again, at most. */
const SPARE_BYTES_MAX = 32 * 1024 * 1024;
/** Smaller ones are cheap, and larger ones are seldom asked for. */
const BUFFER_BYTES_MIN = 512;
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

export class SpareBuffers {
  /** By their size, a power of two. */
  readonly #spare = new Map<number, ArrayBufferLike[]>();
  /** Those that are out. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #bytes = 0;

  /** Bytes that wait to be used again. */
  get spareBytes(): number {
    return this.#bytes;
  }

  /** So many bytes, with whatever in them: no `Buffer`, whose `slice` would not be a copy. */
  take(bytes: number): Uint8Array {
    if (bytes < BUFFER_BYTES_MIN || bytes > BUFFER_BYTES_MAX) return new Uint8Array(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const found = this.#spare.get(size)?.pop();
    if (found) this.#bytes -= size;
    const whole = found ?? new ArrayBuffer(size);
    this.#lent.add(whole);
    return new Uint8Array(whole, 0, bytes);
  }

  /** Nobody uses any more what {@link take} gave. */
  give({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    if (!this.#lent.delete(buffer) || this.#bytes + size > SPARE_BYTES_MAX) return;
    this.#bytes += size;
    const list = this.#spare.get(size);
    if (list) list.push(buffer);
    else this.#spare.set(size, [buffer]);
  }
}
