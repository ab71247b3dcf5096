/**
 * The coordinator of a sweep on many machines: gives chunks to the queue, takes rows from it, and looks after
 * what is on its way. What Redis lost is given again; what comes twice, damaged or unasked is dropped.
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Queue } from "bullmq";
import { abortError, onAbort } from "../../base/abort.ts";
import { WallClock } from "../../base/clock.ts";
import { type ErrorCode, WasmvisorError } from "../../base/errors.ts";
import type { Executor } from "../executor.ts";
import type { Chunk } from "../expand.ts";
import { DEATHS } from "../poison.ts";
import { holdsRows } from "../results/part.ts";
import type { SweepJob } from "../run-chunk.ts";
import { Crew } from "./crew.ts";
import {
  deathsKey,
  decodeDone,
  EXPIRY_SEC,
  type JobData,
  QUEUE,
  rowsKey,
  type SweepSpec,
  specKey,
} from "./protocol.ts";
import { isRefusal, loadBullmq, openRedis, type Redis, redisError, redisName } from "./redis.ts";

export interface QueueOptions {
  /** URL of the server. */
  readonly redis: string;
  /** What this sweep is, in this place: one that is resumed finds what is on its way. */
  readonly identity: string;
  /** What people should know, a line each. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** How often what is on its way is looked after. */
  readonly lookMs?: number | undefined;
  /** How long a server may be away before the sweep ends. */
  readonly awayMs?: number | undefined;
}

const LOOK_MS = 1_000;
/** While rows come, jobs are looked at this seldom: a question for each was a sixth of what a coordinator does. */
const LOOKS_PER_JOBS = 5;
const AWAY_MS = 120_000;
/** Chunks that may wait here; the queue has far fewer. */
const SLOTS = 4096;
/** A chunk that fails alone so often ends the sweep. */
const FAILURES_MAX = 3;
/** A job that is gone is given again when it was missed so often, with nothing on its way. */
const MISSED_MAX = 2;
const HINT_AFTER_MS = 5_000;

const clock = new WallClock();
const nowMs = (): number => clock.nowNs() / 1e6;

interface Asked {
  /** With what is known by now to be poison in it. */
  chunk: Chunk;
  readonly resolve: (rows: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  failures: number;
}

interface Sent {
  readonly id: string;
  readonly left: Map<number, Chunk>;
  missed: number;
}

export async function makeQueueExecutor(job: SweepJob, options: QueueOptions): Promise<Executor> {
  if (job.guestRunnerModule !== undefined)
    throw new WasmvisorError("WV_CONFIG", "sweep: a queue carries no guest runner of one's own");
  const { Queue } = await loadBullmq();
  const redis = await openRedis(options.redis);
  const queue = new Queue<JobData>(QUEUE, { connection: redis });
  queue.on("error", () => undefined); // The driver tries again; what fails for good rejects.
  const { format, plan, seed } = job;
  const sweep = createHash("sha256").update(options.identity).digest("hex").slice(0, 32);
  const its = new QueueExecutor({ redis, queue, sweep, spec: { format, plan, seed }, options });
  await its.begin();
  return its;
}

interface Parts {
  readonly redis: Redis;
  readonly queue: Queue<JobData>;
  readonly sweep: string;
  readonly spec: SweepSpec;
  readonly options: QueueOptions;
}

class QueueExecutor implements Executor {
  readonly slots = SLOTS;
  readonly #redis: Redis;
  readonly #inbox: Redis;
  readonly #queue: Queue<JobData>;
  readonly #sweep: string;
  readonly #spec: SweepSpec;
  readonly #options: QueueOptions;
  readonly #crew = new Crew();
  readonly #asked = new Map<number, Asked>();
  /** Chunks that are in no job, in order. */
  readonly #backlog: Chunk[] = [];
  readonly #sent = new Map<string, Sent>();
  #isSending = false;
  #end: { readonly error: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #readyMs = nowMs();
  #heardMs = nowMs();
  /** Since jobs were last looked at. */
  #looks = 0;
  #isHeard = false;

  constructor({ options, queue, redis, spec, sweep }: Parts) {
    this.#redis = redis;
    this.#inbox = redis.duplicate();
    this.#inbox.on("error", () => undefined);
    this.#queue = queue;
    this.#sweep = sweep;
    this.#spec = spec;
    this.#options = options;
  }

  async begin(): Promise<void> {
    await this.#writeSpec();
    void this.#receive();
    this.#lookLater();
  }

  #writeSpec(): Promise<unknown> {
    const { plan } = this.#spec;
    const text = JSON.stringify({ ...this.#spec, plan });
    return this.#redis.set(specKey(this.#sweep), text, "EX", EXPIRY_SEC);
  }

  submit(chunk: Chunk, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(this.#end.error);
      const forget = onAbort(signal, () => {
        this.#asked.delete(chunk.number);
        reject(abortError(signal));
      });
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          forget();
          this.#asked.delete(chunk.number);
          settle(value);
        };
      };
      const asked = { chunk, resolve: settled(resolve), reject: settled(reject), failures: 0 };
      this.#asked.set(chunk.number, asked);
      this.#backlog.push(chunk);
      void this.#send();
    });
  }

  /** Keeps as much on its way as the workers there are can do. */
  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      await setImmediate(); // Others ask in the same turn.
      while (!this.#end && this.#backlog.length > 0 && this.#crew.wants(this.#onItsWay())) {
        const jobs: { name: string; data: JobData; opts: object }[] = [];
        while (this.#backlog.length > 0 && this.#crew.wants(this.#onItsWay()))
          jobs.push(this.#nextJob());
        await this.#queue.addBulk(jobs);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isSending = false;
    }
  }

  #onItsWay(): { jobs: number; rows: number } {
    let rows = 0;
    for (const { left } of this.#sent.values())
      for (const { count } of left.values()) rows += count;
    return { jobs: this.#sent.size, rows };
  }

  #nextJob(): { name: string; data: JobData; opts: object } {
    const [first] = this.#backlog as [Chunk];
    const isSuspect = (this.#asked.get(first.number)?.failures ?? 0) > 0;
    const count = isSuspect ? 1 : this.#crew.chunksOfJob(first, this.#backlog.length);
    const taken = this.#backlog.splice(0, count);
    const chunks = taken.map((one) => this.#asked.get(one.number)?.chunk ?? one);
    const last = chunks.at(-1) as Chunk;
    const id = `${this.#sweep}-${first.number}-${last.number}`;
    this.#sent.set(id, { id, left: new Map(chunks.map((one) => [one.number, one])), missed: 0 });
    const opts = {
      jobId: id,
      attempts: 2,
      removeOnComplete: true,
      removeOnFail: { age: EXPIRY_SEC },
    };
    return { name: "chunks", data: { sweep: this.#sweep, chunks, isSuspect }, opts };
  }

  async #receive(): Promise<void> {
    while (!this.#end) {
      try {
        const found = await this.#inbox.blpopBuffer(rowsKey(this.#sweep), 2);
        if (found) this.#take(found[1] as Buffer);
      } catch (error) {
        // Else nothing would ever be taken from it, and nobody told.
        if (isRefusal(error)) this.#fail(error);
        if (!this.#end) await clock.sleep(200e6);
      }
    }
  }

  #take(bytes: Buffer): void {
    const found = decodeDone(bytes);
    if (!found) return;
    const { done, rows } = found;
    const asked = this.#asked.get(done.chunk);
    // Who sent it may be of another mind about what a chunk is.
    if (!asked || !holdsRows(rows, this.#spec.format, asked.chunk.count)) return;
    this.#heardMs = nowMs();
    this.#isHeard = true;
    this.#crew.heard(done, this.#heardMs);
    for (const sent of this.#sent.values())
      if (sent.left.delete(done.chunk)) {
        sent.missed = 0;
        if (sent.left.size === 0) this.#sent.delete(sent.id);
        break;
      }
    asked.resolve(rows);
    void this.#send();
  }

  #lookLater(): void {
    const look = (): void => {
      void this.#look().finally(() => {
        if (!this.#end) this.#lookLater();
      });
    };
    this.#timer = setTimeout(look, this.#options.lookMs ?? LOOK_MS);
  }

  async #look(): Promise<void> {
    if (this.#redis.status !== "ready") return this.#checkAway();
    this.#readyMs = nowMs();
    try {
      await this.#hint();
      if (this.#isTimeForJobs() && !(await this.#areAllThere()))
        for (const sent of [...this.#sent.values()]) await this.#lookAt(sent);
      await this.#send();
    } catch (error) {
      if (this.#redis.status === "ready" && !this.#end) this.#fail(error);
    }
  }

  #isTimeForJobs(): boolean {
    const isQuiet = !this.#isHeard;
    this.#isHeard = false;
    if (!isQuiet && ++this.#looks < LOOKS_PER_JOBS) return false;
    this.#looks = 0;
    return true;
  }

  #checkAway(): void {
    const awayMs = nowMs() - this.#readyMs;
    if (awayMs < (this.#options.awayMs ?? AWAY_MS)) return;
    const name = redisName(this.#options.redis);
    this.#fail(
      new WasmvisorError(
        "WV_MISSING",
        `redis: ${name} has been away for ${Math.round(awayMs / 1000)} s; what was done is kept: start it again, then go on with --resume`,
      ),
    );
  }

  /** Is every job there, and none failed? One question, where asking for each was a fifth of a coordinator's time. */
  async #areAllThere(): Promise<boolean> {
    const keys = [...this.#sent.keys()].map((id) => this.#queue.toKey(id));
    if (keys.length === 0) return true;
    const [there, failed] = await Promise.all([
      this.#redis.exists(...keys),
      this.#redis.zcard(this.#queue.toKey("failed")),
    ]);
    if (there < keys.length || failed > 0) return false;
    for (const sent of this.#sent.values()) sent.missed = 0;
    return true;
  }

  async #lookAt(sent: Sent): Promise<void> {
    const state = await this.#queue.getJobState(sent.id);
    if (state === "failed") return this.#giveAgain(sent, await this.#reasonOf(sent.id));
    if (state !== "unknown") {
      sent.missed = 0;
      return;
    }
    // Its rows may be on their way, here or there; else the server has lost it.
    if ((await this.#redis.llen(rowsKey(this.#sweep))) > 0 || ++sent.missed < MISSED_MAX) return;
    await this.#writeSpec();
    this.#putBack(sent);
  }

  async #reasonOf(id: string): Promise<string> {
    const job = await this.#queue.getJob(id);
    const reason = job?.failedReason ?? "it is gone";
    await job?.remove();
    return reason;
  }

  /**
   * A job that failed is tried chunk by chunk. What kills its workers there becomes a row that says so; a chunk that
   * fails on its own three times ends the sweep.
   */
  async #giveAgain(sent: Sent, reason: string): Promise<void> {
    await this.#writeSpec(); // Perhaps that is what was missing.
    const deaths = await this.#redis.hgetall(deathsKey(this.#sweep));
    this.#putBack(sent);
    for (const chunk of sent.left.values()) {
      const asked = this.#asked.get(chunk.number);
      if (!asked || isBlamed(asked, deaths) || ++asked.failures <= FAILURES_MAX) continue;
      const [, code = "WV_STATE", words = reason] = /^(WV_\w+): (.*)$/s.exec(reason) ?? [];
      const last = chunk.from + chunk.count - 1;
      const message = `sweep: scenarios ${chunk.from} to ${last} failed on every worker: ${words}`;
      asked.reject(new WasmvisorError(code as ErrorCode, message));
    }
  }

  #putBack({ id, left }: Sent): void {
    this.#sent.delete(id);
    this.#backlog.unshift(...[...left.values()].filter((one) => this.#asked.has(one.number)));
  }

  /** Without a worker nothing will ever come. */
  async #hint(): Promise<void> {
    if (nowMs() - this.#heardMs < HINT_AFTER_MS || this.#asked.size === 0) return;
    this.#heardMs = nowMs() + 30_000;
    if ((await this.#queue.getWorkersCount().catch(() => 1)) > 0) return;
    const name = redisName(this.#options.redis);
    this.#options.onNotice?.(
      `no worker (${QUEUE}) at ${name}; start some with: wasmvisor worker --redis ${name}`,
    );
  }

  #fail(error: unknown): void {
    if (this.#end) return;
    this.#end = { error: redisError(error, redisName(this.#options.redis)) };
    for (const asked of [...this.#asked.values()]) asked.reject(this.#end.error);
  }

  /** Takes back what nobody has begun. What is under way is there for a resume. */
  async close(): Promise<void> {
    const isDone = this.#end === undefined && this.#asked.size === 0;
    this.#end ??= { error: new WasmvisorError("WV_STATE", "sweep: it is over") };
    clearTimeout(this.#timer);
    this.#inbox.disconnect();
    if (this.#redis.status === "ready") await this.#tidy(isDone).catch(() => undefined);
    this.#redis.disconnect();
    await this.#queue.close().catch(() => undefined);
  }

  async #tidy(isDone: boolean): Promise<void> {
    for (const { id } of this.#sent.values()) await this.#queue.remove(id).catch(() => 0);
    if (isDone && this.#sent.size === 0)
      await this.#redis.del(...[specKey, rowsKey, deathsKey].map((keyOf) => keyOf(this.#sweep)));
  }
}

/** Notes what killed the workers of a chunk; false: nothing of it was seen to. */
function isBlamed(asked: Asked, deaths: Readonly<Record<string, string>>): boolean {
  const { from, count, poisoned = [] } = asked.chunk;
  const killers = Object.entries(deaths)
    .filter(([, times]) => Number(times) >= DEATHS)
    .map(([index]) => Number(index))
    .filter((index) => index >= from && index < from + count && !poisoned.includes(index));
  asked.chunk = { ...asked.chunk, poisoned: [...poisoned, ...killers] };
  return killers.length > 0;
}
