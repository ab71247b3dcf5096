/**
 * A Debian that writes 8 MiB/s to a disk of its host moves with that disk, in each of the three ways, with and without
 * a cap: two daemons, a raw image of 1 GiB of which 256 MiB are used, and nothing that both reach. --runs is the number
 * of moves in each way; disk-moves/on-demand-free are the moves in one of them.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../ts/base/random.ts";
import { DISK_COPIES, type DiskCopy } from "../ts/migrate/leaving-disks.ts";
import { type DaemonProcess, killDaemon, startDaemon } from "./daemons.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import type { BenchOptions } from "./machines.ts";

const MIB = 1 << 20;
const DISK_BYTES = 1024 * MIB;
const USED_BYTES = { whole: 256 * MIB, quick: 16 * MIB } as const;
const MEMORY_MIB = 256;
const RUNS = 3;
const CAPS = [64 * MIB, undefined] as const;
/** 2 MiB a quarter of a second, to places all over what is used; how often that was, it says. */
const writer = (usedBytes: number): string =>
  "dd if=/dev/urandom of=/chunk bs=1M count=2 2>/dev/null; n=0; read up x < /proc/uptime; " +
  `at=\${up%.*}\${up#*.}; while true; do at=$((at + 25)); n=$((n + 1)); ` +
  `dd if=/chunk of=/dev/vda bs=2M seek=$((n * 37 % ${usedBytes / (2 * MIB)})) conv=notrunc,fsync 2>/dev/null; ` +
  `echo wrote $n; read up x < /proc/uptime; while [ \${up%.*}\${up#*.} -lt $at ]; do ` +
  "sleep 0.02; read up x < /proc/uptime; done; done";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Hosts {
  readonly folder: string;
  readonly daemons: [DaemonProcess, DaemonProcess];
  /** Where the guest is. */
  at: number;
}

const directoryOf = (folder: string, index: number): string => join(folder, `host${index}`);

function makeImage(path: string, usedBytes: number): void {
  const piece = new Random(1).bytes(new Uint8Array(MIB));
  const file = openSync(path, "w");
  for (let at = 0; at < usedBytes; at += MIB) writeSync(file, piece, 0, MIB, at);
  ftruncateSync(file, DISK_BYTES);
  closeSync(file);
}

async function startHosts({ root }: BenchOptions): Promise<Hosts> {
  const folder = mkdtempSync(join(tmpdir(), "wv-disk-moves-"));
  const start = (index: number): Promise<DaemonProcess> =>
    startDaemon({
      root,
      memory: `${MEMORY_MIB + 64}MiB`,
      more: ["--disk-directory", directoryOf(folder, index)],
    });
  for (const index of [0, 1]) mkdirSync(directoryOf(folder, index));
  return { folder, daemons: [await start(0), await start(1)], at: 0 };
}

/** What the guest prints until it fits, after what was typed. */
async function printed(
  { client }: DaemonProcess,
  pattern: RegExp,
  { input = "", timeoutSec = 120 }: { readonly input?: string; readonly timeoutSec?: number } = {},
): Promise<string> {
  const { head, socket } = await client.console("g");
  const timer = setTimeout(() => socket.destroy(), timeoutSec * 1e3);
  let text = head.toString("latin1");
  try {
    if (input !== "") socket.write(input);
    if (pattern.test(text)) return text;
    for await (const part of socket) {
      text += (part as Buffer).toString("latin1");
      if (pattern.test(text)) return text;
    }
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  throw new Error(`disk-moves: no ${pattern}: ${text.slice(-300)}`);
}

async function startGuest(hosts: Hosts, options: BenchOptions): Promise<void> {
  const path = join(hosts.folder, "disk.img");
  const usedBytes = USED_BYTES[options.size];
  makeImage(path, usedBytes);
  const [first] = hosts.daemons;
  await first.client.create({
    name: "g",
    image: "debian",
    memory: `${MEMORY_MIB}MiB`,
    disks: [{ path, format: "raw" }],
  });
  await first.client.act("g", "start");
  await printed(first, /\/ # /, { timeoutSec: options.timeoutSec });
  await printed(first, /wrote \d+\r?\n/, { input: `${writer(usedBytes)}\n` });
}

async function move(hosts: Hosts, copyDisks: DiskCopy, bandwidth: number | undefined) {
  const from = hosts.daemons[hosts.at] as DaemonProcess;
  hosts.at = 1 - hosts.at;
  const to = hosts.daemons[hosts.at] as DaemonProcess;
  const { state, stats } = await from.client.migrate("g", {
    target: to.client.address,
    strategy: "pre-copy",
    copyDisks,
    ...(bandwidth === undefined ? {} : { bandwidth: `${bandwidth / MIB}MiB/s` }),
  });
  const { disk } = stats;
  if (state !== "completed" || !disk || disk.remaining > 0)
    throw new Error(`disk-moves: the migration: ${state}`);
  for (const name of readdirSync(directoryOf(hosts.folder, 1 - hosts.at)))
    rmSync(join(directoryOf(hosts.folder, 1 - hosts.at), name));
  return {
    seconds: stats["total-time"] / 1e3,
    downtimeMs: stats.downtime,
    diskMiB: disk.transferred / MIB,
    heldMs: disk["throttled-time"],
  };
}

export async function benchDiskMoves(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, runs = RUNS } = options;
  const hosts = await startHosts(options);
  const rows: BenchRow[] = [];
  try {
    await startGuest(hosts, options);
    const figures = new Map<string, Awaited<ReturnType<typeof move>>[]>();
    for (let run = 0; run < runs; run++)
      for (const cap of CAPS)
        for (const how of DISK_COPIES) {
          const name = `${how}-${cap === undefined ? "free" : "capped"}`;
          if (only.length > 0 && !only.includes(name)) continue;
          await sleep(500);
          const one = await move(hosts, how, cap);
          figures.set(name, [...(figures.get(name) ?? []), one]);
          log(
            `disk-moves: ${name}: ${one.seconds.toFixed(2)} s, downtime ${one.downtimeMs.toFixed(0)} ms, ` +
              `${one.diskMiB.toFixed(0)} MiB of the disk, writes held for ${one.heldMs.toFixed(0)} ms`,
          );
        }
    for (const [name, all] of figures) rows.push(...rowsOf(name, all));
  } finally {
    for (const host of hosts.daemons) await killDaemon(host);
    rmSync(hosts.folder, { recursive: true, force: true });
  }
  return rows;
}

function rowsOf(name: string, all: readonly Awaited<ReturnType<typeof move>>[]): BenchRow[] {
  const row = (what: string, unit: string, ours: number[]): BenchRow =>
    rowOf({ bench: `disk-moves/${name}-${what}`, unit, better: "lower", ours });
  return [
    row(
      "total",
      "s",
      all.map(({ seconds }) => seconds),
    ),
    row(
      "downtime",
      "ms",
      all.map(({ downtimeMs }) => downtimeMs),
    ),
    row(
      "disk",
      "MiB",
      all.map(({ diskMiB }) => diskMiB),
    ),
    row(
      "held",
      "ms",
      all.map(({ heldMs }) => heldMs),
    ),
  ];
}
