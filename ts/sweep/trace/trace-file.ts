/** A trace's file that is written as its bytes come: whole when it is closed, whenever that is. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { FrameCounter, type TraceCounts } from "../../migrate/trace/frames.ts";

export class TraceFileWriter {
  readonly #path: string;
  readonly #file: number;
  readonly #frames = new FrameCounter();
  bytes = 0;

  /** Throws `WV_CONFIG` for a place where no file can be. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, "w");
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code;
      const message = `--out: cannot write "${path}" (${why}); choose another place`;
      throw new WasmvisorError("WV_CONFIG", message, { cause });
    }
  }

  get intervals(): number {
    return this.#frames.intervals;
  }
  get dirtyPages(): number {
    return this.#frames.pages;
  }

  /** Whole frames only reach the file. */
  write(piece: Uint8Array): void {
    this.#put(this.#frames.push(piece));
  }

  #put(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.bytes += bytes.length;
  }

  /** Ends the trace here, if it has not ended. */
  close(): TraceCounts {
    this.#put(this.#frames.end());
    closeSync(this.#file);
    return this.#frames;
  }

  discard(): void {
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }
}
