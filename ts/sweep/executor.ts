/** Where the chunks of a sweep are computed: here, in worker threads, or on other machines. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import { abortError, onAbort } from "../base/abort.ts";
import { type ErrorCode, WasmvisorError } from "../base/errors.ts";
import type { Chunk } from "./expand.ts";
import { DEATHS, findPoison } from "./poison.ts";
import type { QueueOptions } from "./queue/queue-executor.ts";
import { ChunkRunner, type SweepJob } from "./run-chunk.ts";
import type { ChunkAnswer, ChunkTask } from "./worker.ts";

export type EngineName = "inline" | "threads" | "bullmq";
export const ENGINES: readonly EngineName[] = ["inline", "threads", "bullmq"];

/** With more of them it is not the scenarios. */
const POISONED_MAX = 100;

export interface Executor {
  /** How many chunks should be under way at a time. */
  readonly slots: number;
  /** Computes a chunk: its rows, in the format of the job. The order of completion is not defined. */
  submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array>;
  /** Nobody reads these rows any more: their memory may hold those of another chunk. */
  reuse?(rows: Uint8Array): void;
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
  #room = new ArrayBuffer(0);

  constructor(job: SweepJob) {
    this.#runner = new ChunkRunner(job);
  }

  async submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    await setImmediate(); // Lets signals and progress through.
    const room = this.#room;
    this.#room = new ArrayBuffer(0);
    return this.#runner.run(chunk, signal, room);
  }

  reuse(rows: Uint8Array): void {
    this.#room = rows.buffer as ArrayBuffer;
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}

class ThreadExecutor implements Executor {
  readonly slots: number;
  readonly #pool: Piscina;
  readonly #rooms: ArrayBuffer[] = [];
  #poisoned = 0;
  /** Who waits for an answer. */
  readonly #waiting = new Set<(death: unknown) => void>();
  /** A thread has died with nothing in hand: one that does not even load, most likely. */
  #broken: { readonly death: unknown } | undefined;

  constructor(pool: Piscina, workers: number) {
    this.#pool = pool;
    pool.on("error", (death) => {
      this.#broken ??= { death };
      for (const reject of this.#waiting) reject(death);
    });
    this.slots = workers * 2;
  }

  /** A thread that dies takes its chunk with it; what kills time and again becomes a row that says so. */
  async submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    const first = await this.#try(chunk, signal);
    if (first.rows) return first.rows;
    const nothing = { number: chunk.number, from: chunk.from, count: 0 };
    if (!(await this.#try(nothing, signal)).rows) throw first.death; // No thread ever starts.
    const survives = async (part: Chunk): Promise<boolean> =>
      (await this.#try(part, signal)).rows !== undefined;
    const poisoned = await findPoison(chunk, survives);
    this.#poisoned += poisoned.length;
    if (this.#poisoned > POISONED_MAX)
      throw new WasmvisorError(
        "WV_LIMIT",
        `sweep: more than ${POISONED_MAX} scenarios killed the threads that computed them`,
        { cause: first.death },
      );
    const again = await this.#try({ ...chunk, poisoned }, signal);
    if (again.rows) return again.rows;
    throw again.death;
  }

  /** Rows, or what every thread died of. */
  async #try(chunk: Chunk, signal?: AbortSignal): Promise<{ rows?: Uint8Array; death?: unknown }> {
    let death: unknown;
    for (let deaths = 0; deaths < DEATHS; deaths++) {
      let answer: ChunkAnswer;
      try {
        answer = await this.#answer(chunk, signal);
      } catch (error) {
        if (signal?.aborted) throw abortError(signal);
        death = error;
        continue;
      }
      if ("rows" in answer) return { rows: answer.rows };
      throw revive(answer.code, answer.message);
    }
    return { death };
  }

  /**
   * Whoever comes first: the thread, the death of one that had nothing in hand, or an abort, after which `close` ends
   * the threads. Nothing of it outlives the chunk, as a race with a promise, or a listener of the pool's own, would.
   */
  #answer(chunk: Chunk, signal?: AbortSignal): Promise<ChunkAnswer> {
    return new Promise<ChunkAnswer>((resolve, reject) => {
      if (this.#broken) return reject(this.#broken.death);
      this.#waiting.add(reject);
      const forget = onAbort(signal, () => reject(undefined));
      const done = (): void => {
        forget();
        this.#waiting.delete(reject);
      };
      const room = this.#rooms.pop() ?? new ArrayBuffer(0);
      const task: ChunkTask = { chunk, room };
      this.#pool
        .run(task, { transferList: [room] })
        .then(resolve, reject)
        .finally(done);
    });
  }

  reuse(rows: Uint8Array): void {
    if (this.#rooms.length < this.slots) this.#rooms.push(rows.buffer as ArrayBuffer);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function revive(code: string | undefined, message: string): Error {
  return code === undefined ? new Error(message) : new WasmvisorError(code as ErrorCode, message);
}
