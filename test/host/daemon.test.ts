/** The daemon of a host: its control API, who may ask, and the commands that talk to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guest, wasmvisor } from "../cli/binary.ts";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";

let daemon: DaemonProcess;
let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-daemon-"));
  daemon = await startDaemon("256MiB");
});
afterAll(async () => {
  await daemon.kill("SIGKILL");
  await rm(scratch, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: unknown;
}

function ask(
  method: string,
  path: string,
  options: { readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answer> {
  const { body, headers = {} } = options;
  const { hostname, port } = new URL(daemon.address.replace("tcp:", "http:"));
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode, body: JSON.parse(text) }));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

const JSON_TYPE = { "Content-Type": "application/json" };
const refused = (status: number, code: string): object => ({
  status,
  body: { code, message: expect.any(String) },
});

describe("refuses", () => {
  test("web pages, by their Origin and by a Host that is not this machine's", async () => {
    const origin = await ask("GET", "/v1/vms", { headers: { Origin: "http://localhost:3000" } });
    expect(origin).toEqual(refused(403, "WV_CONFIG"));
    const rebound = await ask("GET", "/v1/vms", { headers: { Host: "evil.example:7070" } });
    expect(rebound).toEqual(refused(403, "WV_CONFIG"));
  });

  test("bodies that are not JSON, not said to be, too large, or of unknown fields", async () => {
    const post = (headers: Record<string, string>, body: string) =>
      ask("POST", "/v1/vms", { headers, body });
    expect(await post({ "Content-Type": "text/plain" }, "{}")).toEqual(refused(415, "WV_CONFIG"));
    expect(await post(JSON_TYPE, "{")).toEqual(refused(400, "WV_CONFIG"));
    expect(await post(JSON_TYPE, "[1]")).toEqual(refused(400, "WV_CONFIG"));
    expect(await post(JSON_TYPE, '{"kernal":"x"}')).toEqual(refused(400, "WV_CONFIG"));
    expect(await post(JSON_TYPE, '{"kernel":5}')).toEqual(refused(400, "WV_CONFIG"));
    expect(await post(JSON_TYPE, '{"disks":[5]}')).toEqual(refused(400, "WV_CONFIG"));
    const large = JSON.stringify({ append: "x".repeat(100_000) });
    expect(await post(JSON_TYPE, large)).toEqual(refused(413, "WV_LIMIT"));
  });

  test("paths, methods and vms that do not exist", async () => {
    expect(await ask("GET", "/")).toEqual(refused(404, "WV_CONFIG"));
    expect(await ask("GET", "/v1/vms/nobody")).toEqual(refused(404, "WV_CONFIG"));
    expect(await ask("GET", "/v1/vms/%E0%A4%A")).toEqual(refused(400, "WV_CONFIG"));
    expect(await ask("PUT", "/v1/vms")).toEqual(refused(405, "WV_CONFIG"));
    const odd = { headers: JSON_TYPE, body: "{}" };
    expect(await ask("POST", "/v1/vms/nobody/constructor", odd)).toEqual(refused(404, "WV_CONFIG"));
    await expect(daemon.client.console("nobody")).rejects.toMatchObject({ code: "WV_CONFIG" });
  });

  test("what does not fit the state, with a status of its own", async () => {
    await daemon.client.create({ name: "idle", kernel: guest("hello.elf"), memory: "16MiB" });
    const pause = await ask("POST", "/v1/vms/idle/pause", { headers: JSON_TYPE, body: "{}" });
    expect(pause).toEqual(refused(409, "WV_STATE"));
    await daemon.client.destroy("idle");
  });
});

test("says that it is well", async () => {
  const { body, status } = await ask("GET", "/v1/health");
  expect(status).toBe(200);
  expect(body).toEqual({ status: "ok", freeBytes: expect.any(Number), vms: 0 });
});

test("rubbish on a migration connection harms nobody", async () => {
  const { connectUpgraded, UPGRADE_MIGRATION } = await import("../../ts/host/upgrade.ts");
  const target = daemon.address;
  const { socket } = await connectUpgraded({
    target,
    path: "/v1/migration",
    protocol: UPGRADE_MIGRATION,
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => undefined);
  socket.resume();
  socket.end(Buffer.alloc(100_000, 0x5a));
  await closed;
  expect(await daemon.client.list()).toEqual([]);
});

test("the commands drive a vm through its life", { timeout: 300_000 }, async () => {
  const env = { WASMVISOR_HOST: daemon.address };
  const run = async (...args: string[]): Promise<unknown> => {
    const { status, stderr, stdout } = await wasmvisor([...args, "--json"], { env });
    expect([status, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout);
  };
  const kernel = ["--kernel", guest("kv.elf"), "--memory", "32MiB", "--append", "report=20000"];
  expect(await run("create", "kv", ...kernel)).toMatchObject({ name: "kv", status: "created" });
  expect(await run("start", "kv")).toMatchObject({ status: "running" });
  await printed(daemon.client, "kv", { pattern: /kv ok/ });
  expect(await run("pause", "kv")).toMatchObject({ status: "paused" });
  expect(await run("fork", "kv", "twin")).toMatchObject({ name: "twin", status: "paused" });
  const file = join(scratch, "kv.wvs");
  expect(await run("snapshot", "kv", file)).toEqual({ name: "kv", path: file });
  expect(await run("restore", file, "again")).toMatchObject({
    name: "again",
    status: "paused",
    populatedBytes: 0,
  });
  const eager = ["restore", file, "eager", "--pages", "at-once"];
  expect(await run(...eager)).toMatchObject({ name: "eager", missingBytes: 0 });
  const shared = (await run("memory", "--share-pages")) as {
    readonly savedBytes: number;
    readonly sharePages: { readonly savedBytes: number };
  };
  expect(shared.sharePages.savedBytes).toBeGreaterThan(1 << 20);
  expect(shared.savedBytes).toBeGreaterThanOrEqual(shared.sharePages.savedBytes);
  expect(await run("memory")).toMatchObject({ savedBytes: shared.savedBytes });
  const words = await wasmvisor(["memory"], { env });
  expect(words.stdout).toMatch(/^total +\S+\nfree +\S+\nin guests +\S+\nsaved by sharing +\S+\n$/);
  expect(await run("destroy", "eager")).toMatchObject({ status: "gone" });
  expect(await run("resume", "again")).toMatchObject({ status: "running" });
  await printed(daemon.client, "again", { pattern: /kv ok/ });
  const all = (await run("ls")) as { readonly name: string }[];
  expect(all.map((vm) => vm.name)).toEqual(["kv", "twin", "again"]);
  expect(await run("info", "twin")).toMatchObject({ name: "twin", metrics: { traps: 0 } });
  const table = await wasmvisor(["ls"], { env });
  expect(table.stdout).toMatch(/^NAME +STATUS +VCPUS[^\n]*\nkv +paused +1 +32MiB/);
  for (const name of ["kv", "twin", "again"])
    expect(await run("destroy", name)).toEqual({ name, status: "gone" });
  const resumed = await wasmvisor(["run", "--snapshot", file, "--until", "kv ok"]);
  expect([resumed.status, resumed.stderr]).toEqual([0, ""]);
});
