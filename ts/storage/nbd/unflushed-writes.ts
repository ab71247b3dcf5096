/** What a server has acknowledged and may still forget. Bounded: when there is much, it is time to flush. */
const BYTES_MAX = 32 * 1024 * 1024;
const WRITES_MAX = 4096;

export interface UnflushedWrite {
  readonly offset: number;
  readonly bytes: number;
  /** Absent: zeros. */
  readonly data: Uint8Array | undefined;
}

export class UnflushedWrites {
  #writes: UnflushedWrite[] = [];
  /** Writes that were forgotten before the first of these. */
  #forgotten = 0;
  #bytes = 0;

  get all(): readonly UnflushedWrite[] {
    return this.#writes;
  }

  add(write: UnflushedWrite): "few" | "many" {
    this.#writes.push(write);
    this.#bytes += write.data?.length ?? 0;
    return this.#bytes > BYTES_MAX || this.#writes.length > WRITES_MAX ? "many" : "few";
  }

  /** A flush that begins now covers what was added so far. */
  mark(): number {
    return this.#forgotten + this.#writes.length;
  }

  forget(mark: number): void {
    const gone = this.#writes.splice(0, Math.max(0, mark - this.#forgotten));
    this.#forgotten += gone.length;
    for (const { data } of gone) this.#bytes -= data?.length ?? 0;
  }
}
