/** A worker thread of a sweep: piscina calls the default export for each chunk. */
import { workerData } from "piscina";
import { WasmvisorError } from "../base/errors.ts";
import type { Chunk } from "./expand.ts";
import { ChunkRunner, type SweepJob } from "./run-chunk.ts";

/** What a thread has to say of a chunk. One that says nothing has died. */
export type ChunkAnswer =
  | { readonly rows: Uint8Array }
  | { readonly code: string | undefined; readonly message: string };

const runner = new ChunkRunner(workerData as SweepJob);

export default async function runChunk(chunk: Chunk): Promise<ChunkAnswer> {
  try {
    return { rows: await runner.run(chunk) };
  } catch (error) {
    const code = error instanceof WasmvisorError ? error.code : undefined;
    return { code, message: error instanceof Error ? error.message : String(error) };
  }
}
