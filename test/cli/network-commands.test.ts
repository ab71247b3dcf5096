/** Captures by the command line, and a daemon with a tunnel that tells a DNS server of its guests. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HostClient } from "../../ts/host/daemon/client.ts";
import type { SwitchInfo } from "../../ts/host/networks/switch-control.ts";
import { BINARY, guest, wasmvisor } from "./binary.ts";

const KV = guest("kv.elf");
const PCAP_NANOSECONDS = 0xa1b2_3c4d;
const ETHERNET = 1;
const DNS_OPCODE_UPDATE = 5;

let scratch = "";
const daemons: ChildProcess[] = [];
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "wasmvisor-network-"));
});
afterAll(() => {
  for (const daemon of daemons) daemon.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

async function start(...options: string[]): Promise<string> {
  const args = ["host", "--listen", "tcp://127.0.0.1:0", "--memory", "64MiB", "--json", ...options];
  const child = spawn(process.execPath, [BINARY, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  daemons.push(child);
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  return (JSON.parse(String(line)) as { readonly address: string }).address;
}

/** Bytes of the frames of a pcap file, which is checked from its first byte to its last. */
function framesOf(file: string): number[] {
  const bytes = readFileSync(file);
  expect(bytes.readUInt32LE(0)).toBe(PCAP_NANOSECONDS);
  expect([bytes.readUInt16LE(4), bytes.readUInt16LE(6)]).toEqual([2, 4]);
  expect(bytes.readUInt32LE(20)).toBe(ETHERNET);
  const lengths: number[] = [];
  let at = 24;
  while (at < bytes.length) {
    expect(bytes.readUInt32LE(at + 4)).toBeLessThan(1e9);
    const kept = bytes.readUInt32LE(at + 8);
    expect(kept).toBeLessThanOrEqual(bytes.readUInt32LE(at + 12));
    lengths.push(kept);
    at += 16 + kept;
  }
  expect(at).toBe(bytes.length);
  return lengths;
}

test("run --pcap writes a whole file that others cannot read, even of a guest that says nothing", async () => {
  const file = join(scratch, "run.pcap");
  const args = [
    "run",
    "--kernel",
    KV,
    "--append",
    "ops=2000 report=1000",
    "--net",
    "lan",
    "--pcap",
    file,
  ];
  const { status, stderr } = await wasmvisor(args);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  expect(framesOf(file)).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const nowhere = await wasmvisor([...args.slice(0, -1), join(scratch, "none", "run.pcap")]);
  expect([nowhere.status, nowhere.stderr]).toEqual([2, expect.stringContaining("cannot write")]);
});

test("capture writes what passes a vm's card", async () => {
  const address = await start();
  const client = new HostClient(address, {});
  const vm = { name: "g", kernel: KV, append: "report=1000", memory: "16MiB" };
  await client.create({ ...vm, networks: [{ kind: "lan" }] });
  await client.act("g", "start");
  const file = join(scratch, "capture.pcap");
  const how = ["--duration", "3s", "--snaplen", "64", "--json", "--host", address];
  const done = wasmvisor(["capture", "g", file, ...how]);
  let isOver = false;
  void done.finally(() => {
    isOver = true;
  });
  // A guest that goes on is announced: RARP, 60 bytes.
  while (!isOver) {
    await client.act("g", "pause");
    await client.act("g", "resume");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { status, stdout } = await done;
  const lengths = framesOf(file);
  expect([status, JSON.parse(stdout)]).toEqual([
    0,
    { name: "g", file, bytes: statSync(file).size },
  ]);
  expect(lengths.length).toBeGreaterThan(0);
  expect(new Set(lengths)).toEqual(new Set([60]));
  const short = await wasmvisor(["capture", "g", file, "--snaplen", "40", "--host", address]);
  expect([short.status, short.stderr]).toEqual([2, expect.stringContaining("at least 64 bytes")]);
  const unknown = await wasmvisor(["capture", "x", file, "--host", address]);
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("x")]);
});

test("a daemon with a tunnel tells a DNS server which guests are there, and others what passed", async () => {
  const server = createSocket("udp4");
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const asked = once(server, "message") as Promise<[Buffer]>;
  server.on("message", (message, { address, port }) => {
    const answer = Buffer.from(message.subarray(0, 12));
    answer[2] = (answer[2] ?? 0) | 0x80;
    answer.fill(0, 4, 12);
    server.send(answer, port, address);
  });
  const dns = `127.0.0.1:${server.address().port},example.org,address=192.0.2.7,ttl=30s`;
  const address = await start("--tunnel-listen", "127.0.0.1:0", "--dns-update", dns);
  const client = new HostClient(address, {});
  const vm = { name: "kv7", kernel: KV, append: "report=1000", memory: "16MiB" };
  await client.create({ ...vm, networks: [{ kind: "lan" }] });
  const other = await start("--tunnel-listen", "127.0.0.1:0", "--dns-update", dns);
  await client.act("kv7", "start");
  // Who is there is told on arrival, that is, at the other host.
  await client.migrate("kv7", { target: other, strategy: "stop-and-copy" });
  const [message] = await asked;
  expect((message.readUInt8(2) >> 3) & 15).toBe(DNS_OPCODE_UPDATE);
  const text = message.toString("latin1");
  expect(text).toContain("\x07example\x03org\x00");
  expect(text).toContain("\x03kv7");
  expect(message.includes(Buffer.from([192, 0, 2, 7]))).toBe(true);
  expect(message.includes(Buffer.from([0, 0, 0, 30, 0, 4]))).toBe(true);
  const { stdout } = await wasmvisor(["switch", "ls", "--host", other, "--json"]);
  const [lan] = JSON.parse(stdout) as SwitchInfo[];
  expect(lan?.tunnel).toMatchObject({ away: 0, connections: 0, tunnel: { refusedPackets: 0 } });
  const told = await wasmvisor(["switch", "ls", "--host", other]);
  expect(told.stdout).toContain("tunnel: 0 guests away, 0 connections; ");
  server.close();
});
