/**
 * A worker of sweeps that come through a queue. It computes in threads: this one has to tell the queue that it
 * lives, or others would be given the same.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Job, Worker } from "bullmq";
import { onAbort } from "../../base/abort.ts";
import { WallClock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Executor, makeExecutor } from "../executor.ts";
import type { Chunk } from "../expand.ts";
import { DEATHS } from "../poison.ts";
import type { ResultFormat } from "../results/format.ts";
import {
  deathsKey,
  EXPIRY_SEC,
  encodeDone,
  type JobData,
  jobData,
  LOCK_MS,
  QUEUE,
  rowsKey,
  type SweepSpec,
  specKey,
} from "./protocol.ts";
import { loadBullmq, openRedis, pushPieces, type Redis } from "./redis.ts";

export interface ServeOptions {
  /** URL of the server. */
  readonly redis: string;
  readonly workers: number;
  /** A worker that is silent for so long has lost its chunks. */
  readonly lockMs?: number | undefined;
  /** Ends when nothing came for so long; default: never. */
  readonly idleMs?: number | undefined;
  /** Ends when the chunks in hand are done. */
  readonly signal?: AbortSignal | undefined;
  /** The script of the worker threads, and what they run guests with: for tests. */
  readonly workerFile?: string | undefined;
  readonly guestRunnerModule?: string | undefined;
  readonly onReady?: (() => void) | undefined;
  readonly onChunk?: ((chunk: Chunk, sweep: string) => void) | undefined;
  readonly onNotice?: ((line: string) => void) | undefined;
}

export interface Served {
  readonly chunks: number;
  readonly scenarios: number;
}

const clock = new WallClock();
const nowMs = (): number => clock.nowNs() / 1e6;
/** A server that is full is waited for: its coordinator makes room. */
const FULL_RETRY_NS = 500e6;
const FULL_RETRIES = 120;
/** Rows of chunks that are done sooner leave together. */
const TOGETHER_MS = 200;
/** So often may workers be killed with the same job, and once more, before it is called failed. */
const STALLED_MAX = DEATHS - 1;

/** Serves until it is told to end, or is idle for long. Throws what keeps it from beginning. */
export async function serveSweeps(options: ServeOptions): Promise<Served> {
  const { UnrecoverableError, Worker } = await loadBullmq();
  const redis = await openRedis(options.redis);
  const server = new SweepServer(redis, options);
  const lockDuration = options.lockMs ?? LOCK_MS;
  const process = async (job: Job<JobData>): Promise<void> => {
    try {
      await server.process(job.data);
    } catch (error) {
      if (error instanceof WasmvisorError)
        throw new UnrecoverableError(`${error.code}: ${error.message}`);
      throw error;
    }
  };
  const worker = new Worker<JobData, void>(QUEUE, process, {
    connection: redis,
    concurrency: options.workers,
    lockDuration,
    stalledInterval: lockDuration / 2,
    maxStalledCount: STALLED_MAX,
  });
  try {
    await worker.waitUntilReady();
    options.onReady?.();
    await ended(worker, server, options);
  } finally {
    await worker.close().catch(() => undefined);
    await server.close();
    redis.disconnect();
  }
  return server.served;
}

function ended(worker: Worker, server: SweepServer, options: ServeOptions): Promise<void> {
  const { idleMs, onNotice, signal } = options;
  let lastError = "";
  worker.on("error", ({ message }) => {
    if (message !== lastError) onNotice?.(message || "the server went away; waiting for it");
    lastError = message;
  });
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearInterval(timer);
      resolve();
    };
    if (idleMs !== undefined)
      timer = setInterval(() => {
        if (server.idleMs() >= idleMs) end();
      }, 100);
    onAbort(signal, end);
  });
}

interface Pool {
  readonly executor: Promise<Executor>;
  readonly format: ResultFormat;
  jobs: number;
}

class SweepServer {
  readonly #redis: Redis;
  readonly #options: ServeOptions;
  readonly #name = `${hostname()}-${randomUUID()}`;
  /** One for each sweep that is served; those that are not go when another comes. */
  readonly #pools = new Map<string, Pool>();
  #idleSinceMs = nowMs();
  #chunks = 0;
  #scenarios = 0;

  constructor(redis: Redis, options: ServeOptions) {
    this.#redis = redis;
    this.#options = options;
  }

  get served(): Served {
    return { chunks: this.#chunks, scenarios: this.#scenarios };
  }

  idleMs(): number {
    for (const { jobs } of this.#pools.values()) if (jobs > 0) return 0;
    return nowMs() - this.#idleSinceMs;
  }

  async process(data: unknown): Promise<void> {
    const { chunks, isSuspect, sweep } = jobData(data);
    const pool = await this.#poolOf(sweep);
    try {
      if (isSuspect)
        for (const chunk of chunks) await this.#tryEach(await pool.executor, sweep, chunk);
      await this.#compute(pool, sweep, chunks);
    } finally {
      pool.jobs--;
      this.#idleSinceMs = nowMs();
    }
  }

  /** Scenario by scenario, so that whoever comes after this worker knows what killed it. The rows are not kept. */
  async #tryEach(executor: Executor, sweep: string, chunk: Chunk): Promise<void> {
    const key = deathsKey(sweep);
    const poisoned = new Set(chunk.poisoned);
    for (let from = chunk.from; from < chunk.from + chunk.count; from++) {
      if (poisoned.has(from)) continue;
      await this.#redis.hincrby(key, String(from), 1);
      await this.#redis.expire(key, EXPIRY_SEC);
      await executor.submit({ number: chunk.number, from, count: 1 });
      await this.#redis.hdel(key, String(from));
    }
  }

  /** The next chunk is computed while the rows of the last ones leave, small ones together. */
  async #compute(pool: Pool, sweep: string, chunks: readonly Chunk[]): Promise<void> {
    const executor = await pool.executor;
    let left: Promise<void> = Promise.resolve();
    let inHand: Uint8Array[][] = [];
    let leftMs = nowMs();
    for (const [i, chunk] of chunks.entries()) {
      const beganMs = nowMs();
      const rows = await executor.submit(chunk);
      const ms = nowMs() - beganMs;
      const { workers: threads } = this.#options;
      const done = { chunk: chunk.number, ms, worker: this.#name, threads };
      inHand.push(encodeDone(done, rows, pool.format));
      if (i === chunks.length - 1 || nowMs() - leftMs >= TOGETHER_MS) {
        await left;
        left = this.#push(sweep, inHand);
        left.catch(() => undefined); // It is waited for in a later turn.
        inHand = [];
        leftMs = nowMs();
      }
      this.#chunks++;
      this.#scenarios += chunk.count;
      this.#options.onChunk?.(chunk, sweep);
    }
    await left;
  }

  async #push(sweep: string, messages: readonly Uint8Array[][]): Promise<void> {
    // The coordinator that is done takes its plan away: nobody would read this.
    if ((await this.#redis.exists(specKey(sweep))) === 0) return;
    for (let retry = 0; ; retry++) {
      try {
        await pushPieces(this.#redis, rowsKey(sweep), messages);
        await this.#redis.expire(rowsKey(sweep), EXPIRY_SEC);
        return;
      } catch (error) {
        if (!/^OOM/.test(String((error as Error).message)) || retry >= FULL_RETRIES) throw error;
        await clock.sleep(FULL_RETRY_NS);
      }
    }
  }

  /** The pool of a sweep, with a job more in it. */
  async #poolOf(sweep: string): Promise<Pool> {
    let pool = this.#pools.get(sweep);
    if (!pool) {
      const text = await this.#redis.get(specKey(sweep));
      if (text === null)
        throw new WasmvisorError("WV_STATE", "sweep: its coordinator has taken its plan away");
      pool = this.#pools.get(sweep) ?? this.#makePool(sweep, JSON.parse(text) as SweepSpec);
    }
    pool.jobs++;
    return pool;
  }

  #makePool(sweep: string, { format, plan, seed }: SweepSpec): Pool {
    for (const [name, { executor, jobs }] of this.#pools)
      if (jobs === 0) {
        this.#pools.delete(name);
        void executor.then((its) => its.close());
      }
    const { guestRunnerModule, workerFile, workers } = this.#options;
    const job = { plan, seed, format, guestRunnerModule };
    const pool = {
      executor: makeExecutor(job, { engine: "threads", workers, workerFile }),
      format,
      jobs: 0,
    };
    this.#pools.set(sweep, pool);
    return pool;
  }

  async close(): Promise<void> {
    for (const { executor } of this.#pools.values()) await (await executor).close();
  }
}
