/** A worker thread of a sweep: piscina calls the default export for each chunk. */
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { WasmvisorError } from "../base/errors.ts";
import type { Chunk } from "./expand.ts";
import { ChunkRunner, type SweepJob } from "./run-chunk.ts";

/** A chunk, and memory that its rows may be left in: it comes back with them. */
export interface ChunkTask {
  readonly chunk: Chunk;
  readonly room: ArrayBuffer;
}

/** What a thread has to say of a chunk. One that says nothing has died. */
export type ChunkAnswer =
  | { readonly rows: Uint8Array }
  | { readonly code: string | undefined; readonly message: string };

/** Rows that leave this thread as they are: a copy of half a megabyte is made twice, here and there. */
class Leaving {
  readonly #rows: Uint8Array;

  constructor(rows: Uint8Array) {
    this.#rows = rows;
  }

  get [transferableSymbol](): object {
    return [this.#rows.buffer];
  }

  get [valueSymbol](): object {
    return { rows: this.#rows };
  }
}

const runner = new ChunkRunner(workerData as SweepJob);

export default async function runChunk({ chunk, room }: ChunkTask): Promise<ChunkAnswer> {
  try {
    const rows = await runner.run(chunk, undefined, room);
    return move(new Leaving(rows)) as unknown as ChunkAnswer;
  } catch (error) {
    const code = error instanceof WasmvisorError ? error.code : undefined;
    return { code, message: error instanceof Error ? error.message : String(error) };
  }
}
