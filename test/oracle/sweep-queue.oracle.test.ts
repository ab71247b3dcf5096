/**
 * Sweeps over a queue, with everything killed that can be: the results are, byte for byte, those of the same
 * plan computed inline. The processes are the command's own, the server is Debian's.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { POISONED } from "../../ts/sweep/poison.ts";
import { encodeDone, QUEUE } from "../../ts/sweep/queue/protocol.ts";
import type { ResultFormat } from "../../ts/sweep/results/format.ts";
import { wasmvisor } from "../cli/binary.ts";
import {
  CHUNKS,
  Command,
  chunksIn,
  PLAN,
  SCENARIOS,
  SERVER,
  Server,
  stateOf,
  until,
} from "./queue-fixture.ts";

const home = mkdtempSync(join(tmpdir(), "wasmvisor-queue-"));
const plan = join(home, "plan.yaml");
const running = new Set<Command>();
const inline = new Map<ResultFormat, Buffer>();
let server: Server;
let folders = 0;

const worker = (...args: string[]): Command => {
  const command = new Command([
    "worker",
    "--redis",
    server.url,
    "--workers",
    "1",
    "--lock",
    "1s",
    ...args,
  ]);
  running.add(command);
  return command;
};

const openQueue = (): Queue =>
  new Queue(QUEUE, {
    connection: { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null },
  });

const folder = (): string => join(home, String(folders++));

function sweep(out: string, format: ResultFormat, ...args: string[]): Command {
  const options = ["--out", out, "--format", format, "--no-report"];
  const command = new Command(["sweep", plan, "--redis", server.url, ...options, ...args]);
  running.add(command);
  return command;
}

/** It ended well, and its results are those of the inline run. */
async function expectWhole(command: Command, out: string, format: ResultFormat): Promise<void> {
  // On a busy machine a worker needs longer to start than a coordinator waits before it says that there is none.
  const words = /wasmvisor: (?!no worker ).*/;
  expect([await command.ended, command.text.match(words)?.[0]]).toEqual([0, undefined]);
  expect(stateOf(out)).toBe("complete");
  const results = readFileSync(join(out, `results.${format}`));
  expect(results.equals(inline.get(format) as Buffer)).toBe(true);
}

const someChunks = (out: string, count: number) =>
  until(`${count} chunks`, () => chunksIn(out) >= count);

describe.skipIf(!SERVER)("a sweep over a queue", () => {
  beforeAll(async () => {
    writeFileSync(plan, PLAN);
    server = await Server.start();
    for (const format of ["parquet", "csv", "ndjson"] as const) {
      const out = folder();
      const args = ["--engine", "inline", "--out", out, "--format", format, "--no-report"];
      const { status, stderr } = await wasmvisor(["sweep", plan, ...args]);
      expect(status, stderr).toBe(0);
      inline.set(format, readFileSync(join(out, `results.${format}`)));
    }
  });

  afterEach(async () => {
    for (const command of running) await command.kill();
    running.clear();
    const client = server.client();
    await client.flushall();
    client.disconnect();
  });

  afterAll(async () => {
    await server?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  test("has each scenario once, in order, and leaves nothing of it in the server", async () => {
    const out = folder();
    worker();
    worker();
    const command = sweep(out, "ndjson");
    await expectWhole(command, out, "ndjson");
    const lines = readFileSync(join(out, "results.ndjson"), "utf8").trimEnd().split("\n");
    const indices = lines.map((line) => JSON.parse(line).index);
    expect(indices).toEqual(Array.from({ length: SCENARIOS }, (_, i) => i));
    const client = server.client();
    expect(await client.keys("wasmvisor:sweep:*")).toEqual([]);
    client.disconnect();
  });

  test("survives kill -9 of each worker in turn", async () => {
    const out = folder();
    const [first, second] = [worker(), worker()];
    const command = sweep(out, "parquet");
    await someChunks(out, 10);
    await first.kill();
    await someChunks(out, 30);
    await second.kill();
    worker();
    await expectWhole(command, out, "parquet");
  });

  test("survives kill -9 of the coordinator", async () => {
    const out = folder();
    worker();
    for (const count of [10, 40]) {
      const command = sweep(out, "csv", "--resume");
      await someChunks(out, count);
      await command.kill();
      expect(stateOf(out)).toBe("running");
      expect(chunksIn(out)).toBeLessThan(CHUNKS);
    }
    await expectWhole(sweep(out, "csv", "--resume"), out, "csv");
  });

  test("ends with 130 at Ctrl-C, and goes on where it was", async () => {
    const out = folder();
    worker();
    const command = sweep(out, "parquet");
    await someChunks(out, 20);
    expect(await command.kill("SIGINT")).toBe(130);
    const kept = chunksIn(out);
    expect(kept).toBeGreaterThanOrEqual(20);
    const again = sweep(out, "parquet", "--resume", "--json");
    await expectWhole(again, out, "parquet");
    expect(JSON.parse(again.text.match(/^\{.*\}$/m)?.[0] as string).computed).toBeLessThanOrEqual(
      SCENARIOS - kept * (SCENARIOS / CHUNKS),
    );
  });

  test("survives kill -9 of the server, twice", async () => {
    const out = folder();
    worker();
    worker();
    const command = sweep(out, "parquet");
    for (const count of [10, 40]) {
      await someChunks(out, count);
      await server.kill();
      await sleep(300);
      await server.start();
    }
    await expectWhole(command, out, "parquet");
  });

  test("survives a server that forgets everything", async () => {
    const out = folder();
    worker();
    const command = sweep(out, "csv");
    await someChunks(out, 20);
    await server.kill();
    server.forget();
    await server.start();
    await expectWhole(command, out, "csv");
  });

  test("takes the rows of a slow worker once, though others did its chunks meanwhile", async () => {
    const out = folder();
    const slow = worker("--json");
    const command = sweep(out, "ndjson");
    await until("a chunk of the slow one", () => slow.text.includes('"chunk"'));
    slow.child.kill("SIGSTOP"); // Its lock of a second runs out.
    worker();
    await someChunks(out, Math.floor(0.75 * CHUNKS));
    slow.child.kill("SIGCONT"); // It sends what it had in hand.
    await expectWhole(command, out, "ndjson");
  });

  test("drops what comes twice: every job, and rows", async () => {
    const out = folder();
    const client = server.client();
    const queue = openQueue();
    const command = sweep(out, "parquet");
    await until("jobs", async () => (await queue.getWaitingCount()) > 0);
    for (const job of await queue.getWaiting())
      await queue.add(job.name, job.data, { jobId: `twin-${job.id}` });
    worker();
    const twins = (async () => {
      for (let i = 0; i < 50 && chunksIn(out) < CHUNKS; i++) {
        for (const key of await client.keys("wasmvisor:sweep:*:rows"))
          for (const message of await client.lrangeBuffer(key, 0, 0))
            await client.rpush(key, message);
        await sleep(5);
      }
    })();
    await expectWhole(command, out, "parquet");
    await twins;
    await queue.close();
    client.disconnect();
  });

  test.each(["exit", "kill"])(
    "has a row for a scenario that kills its %s, the same as in threads",
    async (death) => {
      const out = folder();
      const command = sweep(out, "ndjson");
      // Whoever looks after workers starts one for each that died.
      let isOver = false;
      const env = { ...process.env, WV_TEST_DEATH: death, WV_TEST_POISON: "1234" };
      const script = fileURLToPath(new URL("./deadly-worker.mjs", import.meta.url));
      const serve = async (): Promise<number> => {
        let deaths = 0;
        for (; !isOver; deaths++) {
          const child = spawn(process.execPath, [script, server.url, "500"], { env });
          void command.ended.then(() => child.kill("SIGKILL"));
          await once(child, "exit");
        }
        return deaths;
      };
      const served = serve();
      expect(await command.ended, command.text).toBe(0);
      isOver = true;
      // A worker and a coordinator more were ended by this test.
      expect(await served).toBeGreaterThanOrEqual(death === "kill" ? 4 : 1);
      const lines = readFileSync(join(out, "results.ndjson"), "utf8").split("\n");
      const expected = (inline.get("ndjson") as Buffer).toString().split("\n");
      expect(lines.length).toBe(expected.length);
      const others = lines.filter((line, i) => line !== expected[i]);
      expect(others).toEqual([lines[1234]]);
      expect(JSON.parse(others[0] as string)).toMatchObject({
        ...{ index: 1234, state: "error", error: POISONED },
      });
    },
    180_000,
  );

  test("is not harmed by poison: foreign jobs, foreign and damaged rows", async () => {
    const out = folder();
    const client = server.client();
    const queue = openQueue();
    for (const data of [
      null,
      "x",
      { sweep: "../../etc", chunks: [] },
      { sweep: "0".repeat(32), chunks: [{ number: 0, from: 0, count: 1e12 }] },
    ])
      await queue.add("chunks", data);
    const command = sweep(out, "ndjson");
    let key: string | undefined;
    await until("its plan", async () => {
      [key] = await client.keys("wasmvisor:sweep:*:spec");
      return key !== undefined;
    });
    const rows = (key as string).replace("spec", "rows");
    const done = { chunk: 1, ms: 1, worker: "evil", threads: 1 };
    await client.rpush(
      rows,
      Buffer.from([0, 1, 2, 255]),
      "{}\n",
      "null\n",
      Buffer.from('{"chunk":1}\nxx'),
    );
    const line = Buffer.from("{}\n");
    const lies = [
      encodeDone(done, line, "ndjson"),
      encodeDone(done, line, "parquet"),
      encodeDone(done, Buffer.alloc(0), "ndjson"),
      encodeDone({ ...done, chunk: 10 ** 9 }, line, "ndjson"),
    ];
    await client.rpush(rows, ...lies.map((pieces) => Buffer.concat(pieces)));
    worker();
    await expectWhole(command, out, "ndjson");
    await queue.close();
    client.disconnect();
  });
});
