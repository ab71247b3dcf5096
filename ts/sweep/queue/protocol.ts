/**
 * What coordinator and workers of a sweep say to each other through Redis.
 *
 *   bull:wasmvisor-sweep-rN:*      BullMQ's: jobs, each a run of chunks by number
 *   wasmvisor:sweep:ID:spec        plan, seed and format: what every chunk is a function of
 *   wasmvisor:sweep:ID:rows        a list: chunks that are done, until the coordinator has them
 *   wasmvisor:sweep:ID:deaths      a hash: scenarios that were begun and not ended, and how often (of suspects alone)
 *
 * Redis is a post box, never the ledger: that is the folder of the sweep. Whatever is lost here is asked for
 * again, whatever comes twice is dropped.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { crc32 } from "../../base/crc32.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { Chunk } from "../expand.ts";
import type { ResultFormat } from "../results/format.ts";
import type { SweepJob } from "../run-chunk.ts";
import { RESULTS_VERSION } from "../store.ts";

/** Workers of another version would compute other bytes: they look into another queue. */
export const QUEUE = `wasmvisor-sweep-r${RESULTS_VERSION}`;
/** What nobody comes back for is forgotten after a week. */
export const EXPIRY_SEC = 7 * 86_400;
/** A worker that is silent for so long is taken for dead. */
export const LOCK_MS = 30_000;

export const specKey = (sweep: string): string => `wasmvisor:sweep:${sweep}:spec`;
export const rowsKey = (sweep: string): string => `wasmvisor:sweep:${sweep}:rows`;
export const deathsKey = (sweep: string): string => `wasmvisor:sweep:${sweep}:deaths`;

/** A job of the queue. */
export interface JobData {
  readonly sweep: string;
  readonly chunks: readonly Chunk[];
  /** Something in it kills workers: each scenario is tried by itself first, and leaves a note while it lasts. */
  readonly isSuspect?: boolean;
}

export const JOB_CHUNKS_MAX = 1024;
const CHUNK_ROWS_MAX = 1e6;

const isCount = (value: unknown, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;

function isChunk(value: unknown): value is Chunk {
  const { count, from, number, poisoned = [] } = (value ?? {}) as Partial<Chunk>;
  const isPart =
    isCount(number, 2 ** 32) && isCount(from, 2 ** 40) && isCount(count, CHUNK_ROWS_MAX);
  return isPart && Array.isArray(poisoned) && poisoned.every((one) => isCount(one, 2 ** 41));
}

/** What stands in a job, if it is one of ours; anybody may put things into a queue. */
export function jobData(value: unknown): JobData {
  const { chunks, isSuspect = false, sweep } = (value ?? {}) as Partial<JobData>;
  const isGood =
    typeof sweep === "string" &&
    /^[\da-f]{32}$/.test(sweep) &&
    Array.isArray(chunks) &&
    chunks.length <= JOB_CHUNKS_MAX &&
    chunks.every(isChunk);
  if (isGood) return { sweep, chunks, isSuspect: isSuspect === true };
  throw new WasmvisorError("WV_CONFIG", `sweep: a job that is none of ours`);
}

/** The code of modules is never taken from a queue. */
export type SweepSpec = Omit<SweepJob, "guestRunnerModule">;

/** A chunk that is done, and who did it in what time. */
export interface Done {
  readonly chunk: number;
  readonly ms: number;
  readonly worker: string;
  readonly threads: number;
}

interface Head extends Done {
  /** Of the rows. */
  readonly crc: number;
  readonly bytes: number;
  readonly isPacked: boolean;
}

/** Rows of a chunk, at most: whatever a message says of itself, no more is made of it. */
const ROWS_BYTES_MAX = 2 ** 30;
/** A small window takes 6.7 instead of 7.8 ms for 1.3 MB, and makes the same of them. */
const PACKING = { level: 1, windowBits: 12, memLevel: 9 };

/** A line of JSON, then the rows: lines of text packed, to a quarter; Parquet as it is, which is packed already. */
export function encodeDone(done: Done, rows: Uint8Array, format: ResultFormat): Uint8Array[] {
  const isPacked = format !== "parquet";
  const head: Head = { ...done, crc: crc32(rows), bytes: rows.length, isPacked };
  const chunkSize = (rows.length >> 1) + 64;
  const body = isPacked ? deflateRawSync(rows, { ...PACKING, chunkSize }) : rows;
  return [Buffer.from(`${JSON.stringify(head)}\n`), body];
}

/** Undefined: damaged, or nothing of ours. */
export function decodeDone(message: Buffer): { done: Done; rows: Uint8Array } | undefined {
  const end = message.indexOf(10);
  try {
    const head = JSON.parse(message.toString("utf8", 0, Math.max(0, end))) as Head;
    const { bytes, crc, isPacked, ...done } = head;
    const isGood = isCount(done.chunk, 2 ** 32) && Number.isFinite(done.ms) && done.threads > 0;
    if (!isGood || !isCount(bytes, ROWS_BYTES_MAX)) return undefined;
    const body = message.subarray(end + 1);
    // In one piece, and no more than it says: zlib knows no smaller pieces, and no limit of 0.
    const limits = { chunkSize: bytes + 64, maxOutputLength: Math.max(1, bytes) };
    const rows = isPacked ? inflateRawSync(body, limits) : body;
    return rows.length === bytes && crc === crc32(rows) ? { done, rows } : undefined;
  } catch {
    return undefined;
  }
}
