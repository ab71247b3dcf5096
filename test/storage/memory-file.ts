/** Stand-ins for files: in memory, and one that remembers what was written since it was last synced. */
import type { ImageFile } from "../../ts/storage/image-file.ts";

export class MemoryFile implements ImageFile {
  readonly path = "test.qcow2";
  #content: Uint8Array;
  #bytes: number;
  /** From here on writes fail as on a device that is full. */
  bytesMax = Number.POSITIVE_INFINITY;
  syncs = 0;

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#content = content;
    this.#bytes = content.length;
  }

  get bytes(): number {
    return this.#bytes;
  }
  get content(): Uint8Array {
    return this.#content.subarray(0, this.#bytes);
  }
  read(offset: number, into: Uint8Array): void {
    into.fill(0);
    if (offset < this.#bytes)
      into.set(this.#content.subarray(offset, Math.min(this.#bytes, offset + into.length)));
  }
  write(offset: number, from: Uint8Array): void {
    if (offset + from.length > this.bytesMax) throw new Error("ENOSPC");
    if (offset + from.length > this.#bytes) this.truncate(offset + from.length);
    this.#content.set(from, offset);
  }
  truncate(bytes: number): void {
    if (bytes > this.#content.length) {
      const larger = new Uint8Array(Math.max(bytes, 2 * this.#content.length));
      larger.set(this.content);
      this.#content = larger;
    }
    if (bytes < this.#bytes) this.#content.fill(0, bytes, this.#bytes);
    this.#bytes = bytes;
  }
  sync(): void {
    this.syncs++;
  }
  close(): void {
    // Nothing to give back.
  }
}

/** A file whose every write is remembered, so that it can be seen as a crash would have left it. */
export class LoggedFile extends MemoryFile {
  readonly #base: Uint8Array;
  readonly log: ({ readonly offset: number; readonly bytes: Uint8Array } | "sync")[] = [];

  constructor(content: Uint8Array) {
    super(content.slice());
    this.#base = content.slice();
  }

  override write(offset: number, from: Uint8Array): void {
    super.write(offset, from);
    this.log.push({ offset, bytes: from.slice() });
  }
  override sync(): void {
    super.sync();
    this.log.push("sync");
  }

  /** What is left of the first `count` entries if those behind the last sync of them survive only if `survives`. */
  after(count: number, survives: (index: number) => boolean): MemoryFile {
    const file = new MemoryFile(this.#base.slice());
    const safe = this.log.lastIndexOf("sync", count - 1);
    for (const [i, entry] of this.log.slice(0, count).entries())
      if (entry !== "sync" && (i < safe || survives(i))) file.write(entry.offset, entry.bytes);
    return file;
  }
}
