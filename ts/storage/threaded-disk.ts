/**
 * A raw image whose long writes are done by threads of Node, while the guest goes on. Short ones are done at once:
 * the way to a thread and back takes longer than they do; and so are reads, which go straight into the guest's
 * memory (measured, docs/decisions.md). When an answer comes is up to the host's scheduler, so this is nothing for a
 * guest in virtual time.
 */
import type { Wait } from "../base/task.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { FileDisk } from "./file-disk.ts";

const LONG_BYTES = 256 * 1024;

export class ThreadedDisk implements BlockBackend {
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly #file: FileDisk;
  readonly #writing = new Set<Promise<void>>();

  constructor(file: FileDisk) {
    this.#file = file;
    this.bytes = file.bytes;
    this.readOnly = file.readOnly;
  }

  usedBytes(): number {
    return this.#file.usedBytes();
  }

  read(offset: number, into: Uint8Array): void {
    this.#file.read(offset, into);
  }

  readPieces(offset: number, into: readonly Uint8Array[]): void {
    this.#file.readPieces(offset, into);
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    if (from.length >= LONG_BYTES) return this.#writeLater(offset, from);
    this.#file.write(offset, from);
  }

  async #writeLater(offset: number, from: Uint8Array): Promise<void> {
    const done = this.#file.writeLater(offset, from);
    this.#writing.add(done);
    try {
      await done;
    } finally {
      this.#writing.delete(done);
    }
  }

  flush(): void {
    this.#file.flush();
  }

  /** Not while a thread writes: the number of a file that is closed may be another one's by then. */
  close(): Wait<void> {
    if (this.#writing.size === 0) return this.#file.close();
    return Promise.allSettled(this.#writing).then(() => this.#file.close());
  }
}
