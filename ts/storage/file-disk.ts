/** A disk in a raw image file. Node only: nothing that runs in a browser imports this file. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  readvSync,
  write as writeLater,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { WasmvisorError } from "../base/errors.ts";
import { type BlockBackend, SECTOR_BYTES } from "../machine/block.ts";

/** In which `stat` counts, whatever blocks the file system has. */
const STAT_BLOCK_BYTES = 512;

const writeSome = promisify(writeLater);

export interface FileDiskOptions {
  readonly path: string;
  /** Opens the file for reading only; guests see a write-protected disk. */
  readonly readOnly?: boolean | undefined;
}

export class FileDisk implements BlockBackend {
  readonly readOnly: boolean;
  #bytes: number;
  readonly #path: string;
  readonly #file: number;
  #isOpen = true;

  /** Throws `WV_DISK` if the file is missing, not accessible, or not an image of whole sectors. */
  constructor(options: FileDiskOptions) {
    this.#path = options.path;
    this.readOnly = options.readOnly ?? false;
    this.#file = openImage(options.path, this.readOnly);
    try {
      this.#bytes = imageBytes(options.path, this.#file);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Without its holes. A file system that compresses says less. */
  usedBytes(): number {
    const { blocks } = this.#attempt("look", () => fstatSync(this.#file));
    return Math.min(this.#bytes, blocks * STAT_BLOCK_BYTES);
  }

  /** The file may have become larger. */
  refresh(): void {
    this.#bytes = imageBytes(this.#path, this.#file);
  }

  read(offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    let done = 0;
    while (done < into.length) {
      const count = this.#attempt("read", () =>
        readSync(this.#file, into, done, into.length - done, offset + done),
      );
      if (count === 0) throw this.#failure("read", "the file has become shorter");
      done += count;
    }
  }

  readPieces(offset: number, into: readonly Uint8Array[]): void {
    const bytes = into.reduce((sum, { length }) => sum + length, 0);
    this.#check(offset, bytes);
    const count = this.#attempt("read", () => readvSync(this.#file, into, offset));
    if (count === bytes) return;
    let at = offset; // The system takes only so many at once.
    for (const piece of into) {
      this.read(at, piece);
      at += piece.length;
    }
  }

  write(offset: number, from: Uint8Array): void {
    if (this.readOnly) throw this.#failure("write", "it is open for reading only");
    this.#check(offset, from.length);
    let done = 0;
    while (done < from.length)
      done += this.#attempt("write", () =>
        writeSync(this.#file, from, done, from.length - done, offset + done),
      );
  }

  /** The same as {@link write}, in a thread of its own. */
  async writeLater(offset: number, from: Uint8Array): Promise<void> {
    if (this.readOnly) throw this.#failure("write", "it is open for reading only");
    this.#check(offset, from.length);
    for (let done = 0; done < from.length; ) {
      const { bytesWritten } = await this.#attemptLater("write", () =>
        writeSome(this.#file, from, done, from.length - done, offset + done),
      );
      done += bytesWritten;
    }
  }

  flush(): void {
    if (!this.readOnly) this.#attempt("flush", () => fsyncSync(this.#file));
  }

  /** Closes the file; every later access fails with `WV_DISK`. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }

  #check(offset: number, bytes: number): void {
    if (offset < 0 || offset + bytes > this.bytes)
      throw this.#failure(
        "access",
        `${bytes} bytes at ${offset} are beyond its ${this.bytes} bytes`,
      );
  }

  #attempt<Result>(action: string, run: () => Result): Result {
    if (!this.#isOpen) throw this.#failure(action, "it is closed");
    try {
      return run();
    } catch (error) {
      throw this.#failure(action, messageOf(error), error);
    }
  }

  async #attemptLater<Result>(action: string, run: () => Promise<Result>): Promise<Result> {
    if (!this.#isOpen) throw this.#failure(action, "it is closed");
    try {
      return await run();
    } catch (error) {
      throw this.#failure(action, messageOf(error), error);
    }
  }

  #failure(action: string, why: string, cause?: unknown): WasmvisorError {
    return new WasmvisorError("WV_DISK", `disk "${this.#path}": cannot ${action}: ${why}`, {
      cause,
    });
  }
}

function openImage(path: string, readOnly: boolean): number {
  try {
    return openSync(path, readOnly ? "r" : "r+");
  } catch (error) {
    throw new WasmvisorError("WV_DISK", `disk "${path}": ${adviceFor(error, readOnly)}`, {
      cause: error,
    });
  }
}

function adviceFor(error: unknown, readOnly: boolean): string {
  const code = (error as { code?: string }).code;
  if (code === "ENOENT")
    return "there is no such file; check the path, or make one with: truncate -s 1G FILE";
  if (code === "EISDIR") return "it is a directory; name a raw image file";
  if (code === "EROFS" || (code === "EACCES" && !readOnly))
    return "it cannot be written; make it writable (chmod u+w), or add ,ro or ,overlay";
  if (code === "EACCES") return "it cannot be read; make it readable (chmod u+r)";
  return messageOf(error);
}

function imageBytes(path: string, file: number): number {
  const stat = fstatSync(file);
  if (!stat.isFile())
    throw new WasmvisorError("WV_DISK", `disk "${path}": it is not a file; name a raw image file`);
  if (stat.size === 0 || stat.size % SECTOR_BYTES !== 0)
    throw new WasmvisorError(
      "WV_DISK",
      `disk "${path}": size expected a multiple of ${SECTOR_BYTES} bytes above 0, got ${stat.size}; pad it with: truncate -s %${SECTOR_BYTES} FILE`,
    );
  return stat.size;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
