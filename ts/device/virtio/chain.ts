import type { GuestMemory } from "../../machine/guest-memory.ts";

/** A buffer of the driver, known to lie inside RAM. */
export interface Segment {
  readonly gpa: number;
  readonly bytes: number;
}

/** What the driver asks for: buffers to read, then buffers to write, each as one byte stream. */
export class DescriptorChain {
  /** Index of the first descriptor, by which the chain is returned. */
  readonly head: number;
  readonly readableBytes: number;
  readonly writableBytes: number;
  readonly #source: SegmentCursor;
  readonly #target: SegmentCursor;

  constructor(
    memory: GuestMemory,
    head: number,
    buffers: { readonly readable: readonly Segment[]; readonly writable: readonly Segment[] },
  ) {
    this.head = head;
    this.#source = new SegmentCursor(memory, buffers.readable);
    this.#target = new SegmentCursor(memory, buffers.writable);
    this.readableBytes = this.#source.bytes;
    this.writableBytes = this.#target.bytes;
  }

  /** Readable bytes not read yet. */
  get unreadBytes(): number {
    return this.#source.leftBytes;
  }

  /** Reads on, and returns how many bytes there were (fewer than asked for at the end). */
  read(into: Uint8Array): number {
    return this.#source.transfer(into, "read");
  }

  /** Writes on, and returns how many bytes fitted. */
  write(from: Uint8Array): number {
    return this.#target.transfer(from, "write");
  }

  /** The next `bytes` of the guest's own memory, to be filled at once. Undefined: use `write`. */
  piecesToFill(bytes: number): Uint8Array[] | undefined {
    return this.#target.piecesToFill(bytes);
  }

  /** Moves the place where `write` goes on. */
  seekWrite(offset: number): void {
    this.#target.seek(offset);
  }
}

class SegmentCursor {
  readonly bytes: number;
  readonly #memory: GuestMemory;
  readonly #segments: readonly Segment[];
  #index = 0;
  #offset = 0;
  #done = 0;

  constructor(memory: GuestMemory, segments: readonly Segment[]) {
    this.#memory = memory;
    this.#segments = segments;
    this.bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  get leftBytes(): number {
    return this.bytes - this.#done;
  }

  seek(offset: number): void {
    this.#index = 0;
    this.#offset = 0;
    this.#done = 0;
    this.#advance(Math.min(offset, this.bytes));
  }

  transfer(bytes: Uint8Array, direction: "read" | "write"): number {
    let moved = 0;
    while (moved < bytes.length) {
      const segment = this.#segments[this.#index];
      if (!segment) break;
      const count = Math.min(bytes.length - moved, segment.bytes - this.#offset);
      const part = bytes.subarray(moved, moved + count);
      this.#memory[direction](segment.gpa + this.#offset, part);
      moved += count;
      this.#advance(count);
    }
    return moved;
  }

  piecesToFill(bytes: number): Uint8Array[] | undefined {
    const pieces: Uint8Array[] = [];
    for (let left = Math.min(bytes, this.leftBytes); left > 0; ) {
      const segment = this.#segments[this.#index] as Segment;
      const count = Math.min(left, segment.bytes - this.#offset);
      const some = this.#memory.piecesToFill?.(segment.gpa + this.#offset, count);
      if (!some) return undefined;
      pieces.push(...some);
      left -= count;
      this.#advance(count);
    }
    return pieces;
  }

  #advance(count: number): void {
    this.#done += count;
    let left = count;
    for (;;) {
      const segment = this.#segments[this.#index];
      if (!segment) return;
      const step = Math.min(left, segment.bytes - this.#offset);
      this.#offset += step;
      left -= step;
      if (this.#offset < segment.bytes) return;
      this.#index++;
      this.#offset = 0;
    }
  }
}
