/** A worker thread of a sweep: piscina calls the default export for each chunk. */
import { workerData } from "piscina";
import type { Chunk } from "./expand.ts";
import { ChunkRunner, type SweepJob } from "./run-chunk.ts";

const runner = new ChunkRunner(workerData as SweepJob);

export default function runChunk(chunk: Chunk): Promise<Uint8Array> {
  return runner.run(chunk);
}
