/** `wasmvisor run`: console, ends, statistics. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guest, wasmvisor } from "./binary.ts";

const HELLO = 'hello from hart 0, 64 MiB at 0x80000000, timebase 10000000 Hz, bootargs "x=1"\n';
const hello = ["run", "--kernel", guest("hello.elf"), "--memory", "64MiB", "--append", "x=1"];
const kv = ["run", "--kernel", guest("kv.elf"), "--memory", "64MiB"];

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-run-"));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("stdout is the guest's console and nothing else", async () => {
  const { status, stderr, stdout } = await wasmvisor(hello);
  expect(stdout.replaceAll("\r", "")).toBe(HELLO);
  expect([status, stderr]).toEqual([0, ""]);
});

test("--json prints the console and the end as a stream of documents", async () => {
  const { status, stdout } = await wasmvisor([...hello, "--json"]);
  const events = lines(stdout);
  const text = events.filter((one) => one.event === "console").map((one) => one.text);
  expect(text.join("").replaceAll("\r", "")).toBe(HELLO);
  expect(events.at(-1)).toMatchObject({ event: "end", reason: "end", end: { type: "poweroff" } });
  expect(status).toBe(0);
});

test("--stats counts instructions, time and exits", async () => {
  const file = join(scratch, "stats.json");
  await wasmvisor([...hello, "--stats", file, "--code-cache", "1MiB"]);
  const stats = JSON.parse(await readFile(file, "utf8"));
  expect(stats).toMatchObject({ status: 0, vcpus: 1, end: { type: "poweroff" } });
  expect(stats.instructions).toBeGreaterThan(10_000);
  expect(stats.wallSeconds).toBeGreaterThan(0);
  expect(stats.mips).toBeCloseTo(stats.instructions / stats.wallSeconds / 1e6, 6);
  expect(stats.exits.mmioStore).toBeGreaterThan(HELLO.length - 2);
  expect(stats.exits.sbi).toBe(1);
  expect(stats.memory).toMatchObject({ bytes: 64 << 20 });
  expect(stats.translated).toMatchObject({ evicted: 0, cachedBytes: stats.translated.bytes });
  expect(stats).toHaveProperty("traps");
  expect(stats).toHaveProperty("pageWalks");
});

describe("a guest that does not end by itself", () => {
  test("--until ends with 0 when it was printed", async () => {
    const { status, stdout } = await wasmvisor([...kv, "--until", "^kv ok 200000 "]);
    expect(stdout).toContain("kv ok 200000 digest");
    expect(status).toBe(0);
  });

  test("--timeout ends with 124, and statistics are written", async () => {
    const file = join(scratch, "timeout.json");
    const { status, stderr } = await wasmvisor([...kv, "--timeout", "300ms", "--stats", file]);
    expect(stderr).toContain("timed out");
    expect(status).toBe(124);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ status: 124, end: null });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s ends with 130", async (name) => {
    const { status } = await wasmvisor(kv, { kill: { on: /kv start/, with: name } });
    expect(status).toBe(130);
  });
});

test("a guest that fails ends with 1", async () => {
  const failing = [...kv, "--append", "report=10000 sabotage=15000"];
  const { status, stdout } = await wasmvisor([...failing, "--timeout", "300s"]);
  expect(stdout).toContain("kv CORRUPT");
  expect(status).toBe(1);
});

test("the same seed and a virtual clock give the same run", async () => {
  const run = async () => {
    const file = join(scratch, "same.json");
    const args = ["--append", "ops=50000 report=25000", "--clock", "virtual", "--seed", "7"];
    const { status, stdout } = await wasmvisor([...kv, ...args, "--stats", file]);
    expect(status).toBe(0);
    const { cycles, instructions, traps } = JSON.parse(await readFile(file, "utf8"));
    return { stdout, cycles, instructions, traps };
  };
  expect(await run()).toEqual(await run());
});
