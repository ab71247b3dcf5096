/** How much the workers of a queue do, and so how much they should be given at a time. */
import type { Chunk } from "../expand.ts";
import type { Done } from "./protocol.ts";

/**
 * Work in a job: long enough for the queue to be nothing beside it. A worker that dies has sent the rows of all
 * chunks but the last; the others of its job wait until it is missed.
 */
const JOB_MS = 4_000;
/** Rows in a job, and rows on their way together: they lie in the server's memory. */
const JOB_ROWS_MAX = 65_536;
const ROWS_MAX = 2_000_000;
const JOB_CHUNKS_MAX = 256;
/** A worker that was not heard of for so long is not counted on. */
const SILENT_MS = 60_000;
/** Before any worker was heard of. */
const THREADS_MIN = 4;

export class Crew {
  readonly #workers = new Map<string, { readonly threads: number; readonly seenMs: number }>();
  #chunkMs = 0;

  heard({ ms, threads, worker }: Done, nowMs: number): void {
    this.#workers.set(worker, { threads, seenMs: nowMs });
    for (const [name, { seenMs }] of this.#workers)
      if (nowMs - seenMs > SILENT_MS) this.#workers.delete(name);
    // Slowly: one chunk may be unlike the next.
    this.#chunkMs = this.#chunkMs === 0 ? ms : this.#chunkMs + (ms - this.#chunkMs) / 8;
  }

  get threads(): number {
    let threads = 0;
    for (const worker of this.#workers.values()) threads += worker.threads;
    return Math.max(THREADS_MIN, threads);
  }

  /** Is there room for another job? Each thread has one in hand and one waiting. */
  wants(onItsWay: { readonly jobs: number; readonly rows: number }): boolean {
    return onItsWay.jobs < this.threads * 2 && onItsWay.rows < ROWS_MAX;
  }

  /** Chunks of the next job, of those that wait; towards the end fewer, so that all finish together. */
  chunksOfJob(next: Chunk, waiting: number): number {
    if (this.#chunkMs === 0) return 1;
    const byTime = Math.round(JOB_MS / this.#chunkMs);
    const byRows = Math.floor(JOB_ROWS_MAX / next.count);
    const byShare = Math.ceil(waiting / (this.threads * 2));
    return Math.max(1, Math.min(byTime, byRows, byShare, JOB_CHUNKS_MAX));
  }
}
