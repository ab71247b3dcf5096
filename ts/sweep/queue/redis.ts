/**
 * Redis (or Valkey) as the engine `bullmq` wants it. BullMQ and its driver are optional: they are loaded here,
 * when they are asked for, and nowhere else.
 */
import { nextTick } from "node:process";
import type { Writable } from "node:stream";
import type { Redis } from "ioredis";
import { WasmvisorError } from "../../base/errors.ts";

export type { Redis } from "ioredis";

/** How long a server may take to answer for the first time. */
const FIRST_ANSWER_MS = 5_000;
/** Between two attempts to reach a server that went away. */
const RETRY_MS_MAX = 500;

/** The packages that no other engine needs. */
export async function loadBullmq(): Promise<typeof import("bullmq")> {
  return load(() => import("bullmq"));
}

async function load<T>(importIt: () => Promise<T>): Promise<T> {
  try {
    return await importIt();
  } catch (cause) {
    throw new WasmvisorError(
      "WV_MISSING",
      "sweep: the engine bullmq needs two packages that are not here; get them with: npm install bullmq@6 ioredis@6",
      { cause },
    );
  }
}

/** `redis://host:6379` without its password: for messages. */
export function redisName(url: string): string {
  const { host, protocol } = parsed(url);
  return `${protocol}//${host}`;
}

function parsed(url: string): URL {
  const its = URL.canParse(url) ? new URL(url) : undefined;
  if (its && /^rediss?:$/.test(its.protocol) && its.hostname !== "") return its;
  throw new WasmvisorError(
    "WV_CONFIG",
    "redis: expected a URL like redis://host:6379 or rediss://user:password@host:6379",
  );
}

/**
 * Connects to a server that has all that a sweep needs. One that is none, is read-only, is full or evicts is
 * refused with the remedy. A server that goes away later is waited for: commands are sent again.
 */
export async function openRedis(url: string): Promise<Redis> {
  const name = redisName(url);
  const { Redis: Driver } = await load(() => import("ioredis"));
  await check(new Driver(url, { ...FIRST, lazyConnect: true }), name);
  const redis = new Driver(url, {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(RETRY_MS_MAX, times * 50),
  });
  redis.on("error", () => undefined); // It is waited for; commands that it refuses reject.
  return redis;
}

/**
 * Adds messages to a list, each in pieces that leave from where they lie. The driver's own way copies all of a
 * command into one buffer: 4 ms for 0.9 MB, nearly all of it for memory that was never touched before.
 */
export async function pushPieces(
  redis: Redis,
  key: string,
  messages: readonly (readonly Uint8Array[])[],
): Promise<void> {
  const { Command } = await load(() => import("ioredis"));
  const command = new Command("rpush", [key]);
  const begin = `*${messages.length + 2}\r\n$5\r\nrpush\r\n$${Buffer.byteLength(key)}\r\n${key}`;
  command.toWritable = (stream) => {
    const socket = stream as Writable;
    socket.cork();
    socket.write(begin);
    for (const pieces of messages) {
      socket.write(`\r\n$${pieces.reduce((sum, { length }) => sum + length, 0)}\r\n`);
      for (const piece of pieces) socket.write(piece);
    }
    nextTick(() => socket.uncork());
    return "\r\n"; // The driver writes it.
  };
  await redis.sendCommand(command);
}

const FIRST = {
  connectTimeout: FIRST_ANSWER_MS,
  commandTimeout: FIRST_ANSWER_MS,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
};

async function check(redis: Redis, name: string): Promise<void> {
  let first: unknown;
  redis.on("error", (error) => {
    first ??= error;
  });
  try {
    // A server that says nothing at all would be waited for.
    await Promise.race([redis.connect(), silence(name)]);
    fits(new Map(infoLines(await redis.info())), name);
    await redis.set("wasmvisor:probe", "1", "PX", 1000);
  } catch (error) {
    throw redisError(error instanceof WasmvisorError ? error : (first ?? error), name);
  } finally {
    redis.disconnect();
  }
}

function silence(name: string): Promise<never> {
  return new Promise((_, reject) => {
    const say = (): void => reject(noRedis(name, "it says nothing"));
    setTimeout(say, FIRST_ANSWER_MS).unref();
  });
}

function* infoLines(info: string): Generator<[string, string]> {
  for (const line of info.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0) yield [line.slice(0, at), line.slice(at + 1)];
  }
}

function fits(info: ReadonlyMap<string, string>, name: string): void {
  const version = info.get("redis_version") ?? "0";
  if (Number.parseInt(version, 10) < 5)
    throw new WasmvisorError(
      "WV_MISSING",
      `redis: ${name} is of version ${version}; BullMQ wants Redis 5 or newer, or Valkey`,
    );
  if (info.get("role") === "slave" && info.get("slave_read_only") !== "0") throw readOnly(name);
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy === "noeviction") return;
  throw new WasmvisorError(
    "WV_MISSING",
    `redis: ${name} evicts keys when its memory is full (maxmemory-policy ${policy}), which would lose jobs; set it right with: redis-cli CONFIG SET maxmemory-policy noeviction`,
  );
}

function readOnly(name: string, cause?: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_MISSING",
    `redis: ${name} is read-only, a replica of another server; give the address of its primary, or make it one with: redis-cli REPLICAOF NO ONE`,
    { cause },
  );
}

function noRedis(name: string, why: string, cause?: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_MISSING",
    `redis: what listens at ${name} is no Redis (${why}); give the address of one with --redis, or start one with: redis-server --appendonly yes`,
    { cause },
  );
}

/** What the server's refusals mean, and what to do about them. */
const REFUSALS: readonly (readonly [RegExp, (name: string) => string])[] = [
  [/NOAUTH|WRONGPASS|invalid password/i, (name) => `${name} wants a password, or another one`],
  [/NOPERM/, (name) => `${name} lets this user do too little; give it +@all ~wasmvisor:* ~bull:*`],
  [/^OOM/, (name) => `${name} is full; give it more with: redis-cli CONFIG SET maxmemory 1gb`],
  [/^MISCONF/, (name) => `${name} cannot write to its disk and takes nothing; make room there`],
];

/** Does the server answer, and takes nothing: until somebody mends it? */
export function isRefusal(error: unknown): boolean {
  return /^(READONLY|NOAUTH|NOPERM|MISCONF)/.test(error instanceof Error ? error.message : "");
}

/** Whatever went wrong with the server as an error with a remedy; our own errors as they are. */
export function redisError(error: unknown, name: string): WasmvisorError {
  if (error instanceof WasmvisorError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const { code } = error as { readonly code?: unknown };
  if (/READONLY/.test(message)) return readOnly(name, error);
  for (const [pattern, words] of REFUSALS)
    if (pattern.test(message))
      return new WasmvisorError("WV_MISSING", `redis: ${words(name)} (${message})`, {
        cause: error,
      });
  if (/RESP type|Protocol error|unknown command|timed out/i.test(message))
    return noRedis(name, message.slice(0, 100), error);
  const why = typeof code === "string" ? code : message;
  return new WasmvisorError(
    "WV_MISSING",
    `redis: cannot reach ${name} (${why}); check the address, or start one with: redis-server --appendonly yes`,
    { cause: error },
  );
}
