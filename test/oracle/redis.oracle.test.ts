/** Servers that a sweep cannot use: each is refused at once, with what to do, by coordinator and worker. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { makeQueueExecutor } from "../../ts/sweep/queue/queue-executor.ts";
import { wasmvisor } from "../cli/binary.ts";
import { Command, chunksIn, PLAN, SERVER, Server, stateOf, until } from "./queue-fixture.ts";

const home = mkdtempSync(join(tmpdir(), "wasmvisor-redis-"));
const plan = join(home, "plan.yaml");
writeFileSync(plan, PLAN);
afterAll(() => rmSync(home, { recursive: true, force: true }));

const sweep = ["sweep", plan, "--out", join(home, "out"), "--no-report"];

describe.skipIf(!SERVER)("a server", () => {
  test.each([
    [
      "that evicts",
      ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
      /evicts keys .*allkeys-lru.*redis-cli CONFIG SET maxmemory-policy noeviction/,
    ],
    [
      "that is read-only",
      ["--replicaof", "127.0.0.1 1"],
      /is read-only, a replica.*redis-cli REPLICAOF NO ONE/,
    ],
    ["that is full", ["--maxmemory", "1"], /is full; .*redis-cli CONFIG SET maxmemory/],
    ["that wants a password", ["--requirepass", "secret"], /wants a password/],
  ])("%s is refused with the remedy", async (_, args, message) => {
    const server = await Server.start(...args);
    try {
      for (const command of [sweep, ["worker"]]) {
        const { status, stderr } = await wasmvisor([...command, "--redis", server.url]);
        expect(stderr).toMatch(message);
        expect(stderr).toContain(`redis://127.0.0.1:${server.port}`);
        expect(status).toBe(3);
      }
    } finally {
      await server.stop();
    }
  });

  test("says nothing of its password", async () => {
    const server = await Server.start("--requirepass", "secret");
    try {
      const url = `redis://:wrongword@127.0.0.1:${server.port}`;
      const { stderr, status } = await wasmvisor(["worker", "--redis", url]);
      expect(stderr).toMatch(/wants a password, or another one/);
      expect(stderr).not.toContain("wrongword");
      expect(status).toBe(3);
    } finally {
      await server.stop();
    }
  });

  test("that becomes a replica half-way ends the sweep, which goes on when it is none any more", async () => {
    const server = await Server.start();
    const client = server.client();
    const [out, inline] = [join(home, "half"), join(home, "inline")];
    const options = ["--format", "csv", "--no-report", "--out"];
    const worker = new Command(["worker", "--redis", server.url, "--workers", "1", "--lock", "1s"]);
    try {
      const its = ["sweep", plan, "--redis", server.url, ...options, out];
      const first = new Command(its);
      await until("some chunks", () => chunksIn(out) >= 10);
      await client.replicaof("127.0.0.1", "1");
      expect(await first.ended, first.text).toBe(3);
      expect(first.text).toMatch(/is read-only, a replica.*redis-cli REPLICAOF NO ONE/);
      expect(stateOf(out)).toBe("running");
      await client.replicaof("NO", "ONE");
      const second = new Command([...its, "--resume"]);
      expect(await second.ended, second.text).toBe(0);
      await new Command(["sweep", plan, "--engine", "inline", ...options, inline]).ended;
      const [there, here] = [out, inline].map((one) => readFileSync(join(one, "results.csv")));
      expect(there?.equals(here as Buffer)).toBe(true);
    } finally {
      await worker.kill();
      client.disconnect();
      await server.stop();
    }
  });

  test("that goes away and does not come back ends the sweep with what to do", async () => {
    const server = await Server.start();
    const executor = await makeQueueExecutor(
      { plan: parsePlan(PLAN), seed: 1, format: "csv" },
      { redis: server.url, identity: "away", awayMs: 500, lookMs: 50 },
    );
    const rows = executor.submit({ number: 0, from: 0, count: 1 });
    await server.kill();
    const message = /has been away for \d+ s; what was done is kept: start it again.*--resume/;
    await expect(rows).rejects.toMatchObject({
      code: "WV_MISSING",
      message: expect.stringMatching(message),
    });
    await executor.close();
    await server.stop();
  });
});
