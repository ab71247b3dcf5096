/** Where the chunks of a sweep are computed: here, in worker threads, or on other machines. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import { abortError } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Chunk } from "./expand.ts";
import type { QueueOptions } from "./queue/queue-executor.ts";
import { ChunkRunner, type SweepJob } from "./run-chunk.ts";

export type EngineName = "inline" | "threads" | "bullmq";
export const ENGINES: readonly EngineName[] = ["inline", "threads", "bullmq"];

/** A worker that dies takes its chunk with it; the chunk is tried this often before the sweep ends. */
const ATTEMPTS = 3;

export interface Executor {
  /** How many chunks should be under way at a time. */
  readonly slots: number;
  /** Computes a chunk: its rows, in the format of the job. The order of completion is not defined. */
  submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface ExecutorOptions {
  readonly engine: EngineName;
  /** Threads; default: one for each CPU. */
  readonly workers?: number | undefined;
  /** The worker's script; default: the one beside this file. */
  readonly workerFile?: string | undefined;
  /** Of the engine `bullmq`: where its server is. */
  readonly queue?: QueueOptions | undefined;
}

export async function makeExecutor(job: SweepJob, options: ExecutorOptions): Promise<Executor> {
  const workers = options.workers ?? availableParallelism();
  if (!Number.isSafeInteger(workers) || workers < 1 || workers > 1024)
    throw new WasmvisorError("WV_CONFIG", `workers: expected 1 to 1024, got ${workers}`);
  if (!ENGINES.includes(options.engine))
    throw new WasmvisorError(
      "WV_CONFIG",
      `engine: expected ${ENGINES.join(" or ")}, got ${JSON.stringify(options.engine)}`,
    );
  if (options.engine === "inline") return new InlineExecutor(job);
  if (options.engine === "bullmq") return overQueue(job, options.queue);
  const { Piscina } = await import("piscina");
  const filename = options.workerFile ?? defaultWorkerFile();
  const pool = new Piscina({
    filename,
    workerData: job,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
  });
  return new ThreadExecutor(pool, workers);
}

async function overQueue(job: SweepJob, queue: QueueOptions | undefined): Promise<Executor> {
  if (!queue)
    throw new WasmvisorError(
      "WV_CONFIG",
      "engine: bullmq needs a server: --redis redis://host:6379, or WASMVISOR_REDIS in the environment",
    );
  return (await import("./queue/queue-executor.ts")).makeQueueExecutor(job, queue);
}

/** `worker.js` in this folder; when this runs from source, that of the last build. */
function defaultWorkerFile(): string {
  const here = import.meta.url;
  const url = here.endsWith(".ts")
    ? new URL("../../dist/ts/sweep/worker.js", here)
    : new URL("./worker.js", here);
  const path = fileURLToPath(url);
  if (existsSync(path)) return path;
  throw new WasmvisorError("WV_MISSING", `sweep: ${path} is missing; build it with: npm run build`);
}

class InlineExecutor implements Executor {
  readonly slots = 1;
  readonly #runner: ChunkRunner;

  constructor(job: SweepJob) {
    this.#runner = new ChunkRunner(job);
  }

  async submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    await setImmediate(); // Lets signals and progress through.
    return this.#runner.run(chunk, signal);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}

class ThreadExecutor implements Executor {
  readonly slots: number;
  readonly #pool: Piscina;

  constructor(pool: Piscina, workers: number) {
    this.#pool = pool;
    this.slots = workers * 2;
  }

  async submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.run(chunk, signal ? { signal } : {});
      } catch (error) {
        if (signal?.aborted) throw abortError(signal);
        // What the chunk itself throws would be thrown again; a dead worker is bad luck.
        const isDead = error instanceof Error && /worker exited/i.test(error.message);
        if (!isDead || attempt >= ATTEMPTS) throw revive(error);
      }
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Errors lose their class on the way from a thread, but keep their properties. */
function revive(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof WasmvisorError) return error;
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !code.startsWith("WV_")) return error;
  return new WasmvisorError(code as WasmvisorError["code"], error.message, { cause: error });
}
