/** Servers that a sweep cannot use: each is refused at once, with what to do, by coordinator and worker. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { wasmvisor } from "../cli/binary.ts";
import { PLAN, SERVER, Server } from "./queue-fixture.ts";

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
});
