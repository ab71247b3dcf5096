/** What needs no server: servers that are none, jobs and rows that are none, and how much is asked for at a time. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { Crew } from "../../ts/sweep/queue/crew.ts";
import { decodeDone, encodeDone, jobData } from "../../ts/sweep/queue/protocol.ts";
import { openRedis, redisName } from "../../ts/sweep/queue/redis.ts";
import { RESULT_FORMATS, type ResultFormat } from "../../ts/sweep/results/format.ts";
import { holdsRows } from "../../ts/sweep/results/part.ts";
import { ChunkRunner } from "../../ts/sweep/run-chunk.ts";

const fluidPlan = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: parts
parts:
  - { name: a, fidelity: fluid, axes: { memory: 1GiB, bandwidth: 1Gbit, dirtyRate: [1, 2, 3] } }
`);

let listening: Server | undefined;

afterEach(() => listening?.close());

async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  listening = createServer((socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  }).listen(0, "127.0.0.1");
  await once(listening, "listening");
  return `redis://127.0.0.1:${(listening.address() as { port: number }).port}`;
}

describe("what is no Redis", () => {
  test("but a web server is called so", async () => {
    const url = await listen((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    const error = { code: "WV_MISSING", message: expect.stringMatching(/is no Redis .*--redis/) };
    await expect(openRedis(url)).rejects.toMatchObject(error);
  });

  test("but says nothing is not waited for", async () => {
    const url = await listen(() => undefined);
    const error = { code: "WV_MISSING", message: expect.stringMatching(/is no Redis/) };
    await expect(openRedis(url)).rejects.toMatchObject(error);
  }, 60_000);

  test("but nothing at all is named with its address", async () => {
    const url = await listen(() => undefined);
    listening?.close();
    const message = expect.stringMatching(
      /cannot reach redis:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    );
    await expect(openRedis(url)).rejects.toMatchObject({ code: "WV_MISSING", message });
  });

  test.each(["", "localhost", "http://localhost", "redis://"])("%j is no URL of one", (url) => {
    expect(() => redisName(url)).toThrow("expected a URL like redis://host:6379");
  });
});

test("a name says nothing of user and password", () => {
  expect(redisName("rediss://me:secret@host:1234/2")).toBe("rediss://host:1234");
});

describe("what comes through a queue", () => {
  const done = { chunk: 3, ms: 1.5, worker: "w", threads: 2 };
  const rows = Buffer.from('{"a":1}\n{"a":2}\n');

  const encoded = (rows: Uint8Array, format: ResultFormat = "ndjson"): Buffer =>
    Buffer.concat(encodeDone(done, rows, format));

  test.each(RESULT_FORMATS)("is what was sent, or nothing, as %s", (format) => {
    const bytes = encoded(rows, format);
    expect(decodeDone(bytes)).toEqual({ done, rows });
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x20;
      const its = decodeDone(damaged);
      // A flip in the name of the worker, or in digits, leaves a head that reads; the rows are those of the sum.
      if (its) expect(Buffer.from(its.rows).equals(rows)).toBe(true);
    }
    for (const cut of [0, 1, 20, bytes.length - 1])
      expect(decodeDone(bytes.subarray(0, cut))).toBeUndefined();
    expect(decodeDone(encoded(Buffer.alloc(0), format))).toEqual({ done, rows: Buffer.alloc(0) });
  });

  test.each(RESULT_FORMATS)("is no larger than it says, as %s", (format) => {
    const large = encoded(Buffer.alloc(1 << 20), format);
    // Lines of text are packed.
    expect(large.length < 10_000).toBe(format !== "parquet");
    const says = (bytes: number): Buffer =>
      Buffer.from(
        large.toString("latin1").replace('"bytes":1048576', `"bytes":${bytes}`),
        "latin1",
      );
    expect(decodeDone(says(1 << 20))?.rows.length).toBe(1 << 20);
    for (const bytes of [0, 1, 1000, (1 << 20) - 1, (1 << 20) + 1, 2 ** 31, -1, 0.5])
      expect(decodeDone(says(bytes)), `${bytes}`).toBeUndefined();
  });

  test("is a job only if it looks like one", () => {
    const chunk = { number: 1, from: 10, count: 5 };
    const sweep = "0123456789abcdef0123456789abcdef";
    expect(jobData({ sweep, chunks: [chunk] })).toMatchObject({ sweep, chunks: [chunk] });
    for (const data of [
      null,
      {},
      { sweep: "x", chunks: [chunk] },
      { sweep, chunks: {} },
      { sweep, chunks: [{ ...chunk, count: 1e9 }] },
      { sweep, chunks: [{ ...chunk, from: -1 }] },
      { sweep, chunks: Array(2000).fill(chunk) },
    ])
      expect(() => jobData(data)).toThrow("none of ours");
  });

  test("holds as many rows as it should, whole", async () => {
    expect(holdsRows(rows, "ndjson", 2)).toBe(true);
    expect(holdsRows(rows, "ndjson", 3)).toBe(false);
    expect(holdsRows(rows.subarray(0, -1), "csv", 2)).toBe(false);
    expect(holdsRows(Buffer.alloc(0), "csv", 0)).toBe(false);
    expect(holdsRows(rows, "parquet", 2)).toBe(false);
    const runner = new ChunkRunner({ plan: fluidPlan, seed: 1, format: "parquet" });
    const part = await runner.run({ number: 0, from: 0, count: 2 });
    expect(holdsRows(part, "parquet", 2)).toBe(true);
    expect(holdsRows(part, "parquet", 3)).toBe(false);
    expect(holdsRows(part.subarray(0, -1), "parquet", 2)).toBe(false);
    const cutOut = Buffer.concat([part.subarray(0, 100), part.subarray(101)]);
    expect(holdsRows(cutOut, "parquet", 2)).toBe(false);
  });
});

describe("jobs", () => {
  const chunk = { number: 0, from: 0, count: 100 };
  const heard = (crew: Crew, ms: number, threads = 1, atMs = 0) =>
    crew.heard({ chunk: 0, ms, worker: `w${threads}`, threads }, atMs);

  test("are one chunk until it is known how long that takes, then some seconds", () => {
    const crew = new Crew();
    expect(crew.chunksOfJob(chunk, 1000)).toBe(1);
    heard(crew, 40);
    expect(crew.chunksOfJob(chunk, 1000)).toBe(100);
    expect(crew.chunksOfJob(chunk, 80)).toBe(10);
    expect(crew.chunksOfJob({ ...chunk, count: 16_384 }, 1000)).toBe(4);
    expect(crew.chunksOfJob({ ...chunk, count: 1e6 }, 1000)).toBe(1);
  });

  test("on their way are twice as many as threads were heard of", () => {
    const crew = new Crew();
    expect(crew.wants({ jobs: 7, rows: 0 })).toBe(true);
    expect(crew.wants({ jobs: 8, rows: 0 })).toBe(false);
    heard(crew, 10, 16);
    expect(crew.wants({ jobs: 31, rows: 0 })).toBe(true);
    expect(crew.wants({ jobs: 31, rows: 3e6 })).toBe(false);
    heard(crew, 10, 1, 120_000);
    expect(crew.threads).toBe(4);
  });
});
