/** The file under a disk image: bytes at offsets, in memory for tests and fuzzing, else of the file system. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { WasmvisorError } from "../base/errors.ts";

export interface ImageFile {
  /** What messages call it. */
  readonly path: string;
  /** Length of the file now. */
  readonly bytes: number;
  /** Fills `into`, with zeros beyond the end. */
  read(offset: number, into: Uint8Array): void;
  /** Beyond the end the file grows. */
  write(offset: number, from: Uint8Array): void;
  truncate(bytes: number): void;
  /** What was written before survives a power failure. */
  sync(): void;
  close(): void;
}

/** Files of the file system. Whatever fails throws `WV_DISK`. */
export class HostFile implements ImageFile {
  readonly path: string;
  /** Which file it is, by whatever name. */
  readonly identity: string;
  readonly #file: number;
  #bytes: number;
  #isOpen = true;

  constructor(path: string, mode: "read" | "write" | "create") {
    this.path = path;
    this.#file = this.#attempt("open", () =>
      openSync(path, mode === "read" ? "r" : mode === "write" ? "r+" : "wx+"),
    );
    const stat = fstatSync(this.#file);
    this.identity = `${stat.dev}:${stat.ino}`;
    this.#bytes = stat.size;
    if (stat.isFile()) return;
    this.close();
    throw new WasmvisorError("WV_DISK", `disk "${path}": it is not a file; name an image file`);
  }

  get bytes(): number {
    return this.#bytes;
  }

  read(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = this.#attempt("read", () =>
        readSync(this.#file, into, done, into.length - done, offset + done),
      );
      if (count === 0) {
        into.fill(0, done);
        return;
      }
      done += count;
    }
  }

  write(offset: number, from: Uint8Array): void {
    let done = 0;
    while (done < from.length)
      done += this.#attempt("write", () =>
        writeSync(this.#file, from, done, from.length - done, offset + done),
      );
    this.#bytes = Math.max(this.#bytes, offset + from.length);
  }

  truncate(bytes: number): void {
    this.#attempt("resize", () => ftruncateSync(this.#file, bytes));
    this.#bytes = bytes;
  }

  sync(): void {
    this.#attempt("flush", () => fsyncSync(this.#file));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }

  #attempt<Result>(action: string, run: () => Result): Result {
    try {
      if (action !== "open" && !this.#isOpen) throw new Error("it is closed");
      return run();
    } catch (cause) {
      const why = adviceFor(cause, this.path);
      throw new WasmvisorError("WV_DISK", `disk "${this.path}": cannot ${action}: ${why}`, {
        cause,
      });
    }
  }
}

function adviceFor(error: unknown, path: string): string {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  switch (code) {
    case "ENOENT":
      return `there is no such file; check the path, or make one with: wasmvisor disk create ${path} 1GiB`;
    case "EEXIST":
      return "it exists already; remove it first, or choose another name";
    case "EACCES":
    case "EROFS":
      return "it may not be accessed so; change its mode, or add ,ro or ,overlay";
    case "ENOSPC":
      return "no space left on its device; free some and let the guest try again";
    default:
      return message;
  }
}
