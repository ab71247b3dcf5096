/** First in, first out, bytes; grows up to a limit. */
export class ByteQueue {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(64);
  #head = 0;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** Appends what fits under the limit and returns how many bytes that were. */
  push(from: Uint8Array): number {
    const count = Math.min(from.length, this.#bytesMax - this.#length);
    if (this.#length + count > this.#bytes.length) this.#grow(this.#length + count);
    const tail = (this.#head + this.#length) % this.#bytes.length;
    const first = Math.min(count, this.#bytes.length - tail);
    this.#bytes.set(from.subarray(0, first), tail);
    this.#bytes.set(from.subarray(first, count), 0);
    this.#length += count;
    return count;
  }

  /** Takes the oldest byte, or returns -1 when there is none. */
  shift(): number {
    if (this.#length === 0) return -1;
    const byte = this.#bytes[this.#head] ?? 0;
    this.#head = (this.#head + 1) % this.#bytes.length;
    this.#length--;
    return byte;
  }

  /** Takes the oldest bytes, at most as many as `into` holds, and returns how many. */
  take(into: Uint8Array): number {
    const count = Math.min(into.length, this.#length);
    const first = Math.min(count, this.#bytes.length - this.#head);
    into.set(this.#bytes.subarray(this.#head, this.#head + first), 0);
    into.set(this.#bytes.subarray(0, count - first), first);
    this.#head = (this.#head + count) % this.#bytes.length;
    this.#length -= count;
    return count;
  }

  /** A copy of all bytes, oldest first. */
  toBytes(): Uint8Array {
    const copy = new Uint8Array(this.#length);
    const first = Math.min(this.#length, this.#bytes.length - this.#head);
    copy.set(this.#bytes.subarray(this.#head, this.#head + first), 0);
    copy.set(this.#bytes.subarray(0, this.#length - first), first);
    return copy;
  }

  clear(): void {
    this.#head = 0;
    this.#length = 0;
  }

  #grow(bytesMin: number): void {
    let capacity = this.#bytes.length;
    while (capacity < bytesMin) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.toBytes(), 0);
    this.#bytes = grown;
    this.#head = 0;
  }
}
