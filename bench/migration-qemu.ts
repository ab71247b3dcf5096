/**
 * Live migration against QEMU's: the same Debian kernel, the same dirtier as its only process, the same cap of
 * the link, two processes each on loopback. Beside what each of them says, the guest's heartbeat of 10 ms is
 * listened to from outside. The table with all figures goes to stderr, line by line.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCpio } from "../ts/image/cpio.ts";
import type { RoundStats } from "../ts/migrate/stats.ts";
import { type DaemonProcess, killDaemon, startDaemon } from "./daemons.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { SETTLE_MS, silenceBefore, silencesIn } from "./heartbeat.ts";
import { type BenchOptions, hasQemu, provideImage } from "./machines.ts";
import {
  lineOf,
  MIGRATION_ROWS,
  type MigrationFigures,
  type MigrationRow,
  ourOptions,
  programArgs,
  type QemuMove,
  qemuOptions,
  TABLE_HEAD,
} from "./migration-rows.ts";
import { cpuSecondsOf } from "./moved.ts";
import { Observer } from "./observer.ts";
import { type Machine, type QemuMigration, qemuTcp, startQemu, stopQemu } from "./qemu.ts";

const MEMORY_MIB = 512;
const POLL_MS = 20;
const BOOT_MS_MAX = 120_000;
/** A guest that says nothing for this long after its migration is dead. */
const DEAD_MS = 5000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Linux {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  readonly scratch: string;
}

interface Process {
  readonly child: { readonly pid?: number | undefined };
}

/** What the two processes use of processors from now on. */
function processors(source: Process, target: Process): () => [number, number] {
  const now = (): [number, number] => [
    cpuSecondsOf(source.child.pid),
    cpuSecondsOf(target.child.pid),
  ];
  const before = now();
  return () => {
    const after = now();
    return [after[0] - before[0], after[1] - before[1]];
  };
}

type Silences = Pick<MigrationFigures, "silence" | "silenceBefore">;

/** The silence of a guest that has moved between `fromMs` and `untilMs`, and the one before that. */
async function silencesOf(observer: Observer, fromMs: number, untilMs: number): Promise<Silences> {
  const before = silenceBefore(observer.beats, fromMs);
  try {
    await observer.beat(DEAD_MS);
    await observer.beat(DEAD_MS);
  } catch {
    return { silence: Number.POSITIVE_INFINITY, silenceBefore: before };
  }
  const silence = silencesIn(observer.beats, fromMs, untilMs)[0]?.ms ?? 0;
  return { silence, silenceBefore: before };
}

/** Ours, between two daemons. */
async function moveOurs(
  { append, initrd, kernel }: Linux,
  row: MigrationRow,
  { log, root }: BenchOptions,
): Promise<MigrationFigures> {
  const observer = new Observer();
  const hosts: DaemonProcess[] = [];
  try {
    for (let i = 0; i < 2; i++) hosts.push(await startDaemon({ root, memory: "768MiB" }));
    const [source, target] = hosts as [DaemonProcess, DaemonProcess];
    const memory = `${MEMORY_MIB}MiB`;
    await source.client.create({ name: "g", kernel, initrd, append, memory });
    await source.client.act("g", "start");
    await observer.watch(source.client, "g", "refuse");
    await observer.beat(BOOT_MS_MAX);
    await sleep(SETTLE_MS);
    await observer.watch(target.client, "g", "wait");
    const fromMs = performance.now();
    const used = processors(source, target);
    const move = { target: target.client.address, ...ourOptions(row) };
    const { state, stats } = await source.client.migrate("g", move);
    const untilMs = performance.now();
    const cpuSec = used();
    const isOver = state === "completed";
    const { ram } = stats;
    const silences = await silencesOf(observer, fromMs, untilMs);
    log(`  ${observer.describe(fromMs, untilMs)}`);
    return {
      total: isOver ? stats["total-time"] : Number.POSITIVE_INFINITY,
      downtime: stats.downtime,
      downtimeSent: stats["downtime-sent"],
      ...silences,
      normalPages: ram.normal + stats["xbzrle-cache"].pages,
      zeroPages: ram.duplicate,
      bytes: ram.transferred,
      rounds: ram["dirty-sync-count"],
      requests: ram["postcopy-requests"],
      cpuSec,
      throttled: throttledOf(stats["throttled-time"], stats.rounds),
    };
  } finally {
    observer.close();
    for (const host of hosts) await killDaemon(host);
  }
}

function throttledOf(ms: number, rounds: readonly RoundStats[]): string {
  // Over JSON no limit is null.
  const limits = rounds.map((one) => one.dirtyLimitPagesPerSec as number | null);
  const lowest = Math.min(...limits.map((limit) => limit ?? Number.POSITIVE_INFINITY));
  return ms === 0 ? "-" : `${(ms / 1000).toFixed(1)} s to ${Math.round(lowest)}/s`;
}

/** QEMU's, between two of its processes. */
export async function moveQemu(
  { append, initrd, kernel, scratch }: Linux,
  row: QemuMove,
): Promise<MigrationFigures> {
  const observer = new Observer();
  const incoming = qemuTcp();
  const guest = { append, initrd, kernel, memoryMiB: MEMORY_MIB, scratch };
  const isAhead = row.machine === "ahead-of-all";
  const memory = isAhead ? "at-once" : "as-needed";
  const trace = isAhead ? join(scratch, "windows.trace") : undefined;
  const [from, to] = [join(scratch, "source.console"), join(scratch, "target.console")];
  const source = await startQemu({ ...guest, name: "source", console: from, memory, trace });
  const arriving = { ...guest, name: "target", incoming, memory } as const;
  const target = await startQemu({ ...arriving, console: to });
  try {
    for (const path of [from, to]) await observer.watchPath(path);
    const { capabilities, parameters } = qemuOptions(row);
    for (const { qmp } of [source, target]) {
      const switchedOn = capabilities.map((capability) => ({ capability, state: true }));
      await qmp.ask("migrate-set-capabilities", { capabilities: switchedOn });
      await qmp.ask("migrate-set-parameters", parameters);
    }
    await observer.beat(BOOT_MS_MAX);
    const beganMs = performance.now();
    if (isAhead) for (const machine of [source, target]) await goAhead(machine);
    await sleep(SETTLE_MS);
    const fromMs = performance.now();
    const used = processors(source, target);
    const { seen, throttle } = await driveQemu(source, row, incoming);
    const cpuSec = used();
    const { ram } = seen;
    const isOver = seen.status === "completed";
    return {
      total: isOver ? (seen["total-time"] ?? 0) : Number.POSITIVE_INFINITY,
      downtime: seen.downtime ?? 0,
      downtimeSent: seen.downtime ?? 0,
      ...(await silencesOf(observer, fromMs, performance.now())),
      normalPages: ram?.normal ?? 0,
      zeroPages: ram?.duplicate ?? 0,
      bytes: ram?.transferred ?? 0,
      rounds: ram?.["dirty-sync-count"] ?? 0,
      requests: ram?.["postcopy-requests"] ?? 0,
      cpuSec,
      throttled: throttle === 0 ? "-" : `to ${100 - throttle} % of its vCPU`,
      windowMs: trace === undefined ? undefined : windowMsOf(trace),
      settledMs: fromMs - beganMs,
    };
  } finally {
    observer.close();
    for (const machine of [source, target]) await stopQemu(machine);
  }
}

/** Real-time priorities: those of the threads that move pages, and those of vCPUs, which make way for them. */
const PRIORITIES = { threads: 60, vcpus: 40 };
/** Of the machine `virt`: zero pages of it that were never read are found one page fault each. */
const FLASH = { val: 0x2000_0000, size: 64 << 20 };

/** Its threads go before whatever else runs here, and its flash is there. */
async function goAhead({ child, qmp }: Machine): Promise<void> {
  const { threads, vcpus } = PRIORITIES;
  spawnSync("chrt", ["--all-tasks", "--rr", "--pid", String(threads), String(child.pid)]);
  const cpus = await qmp.ask<readonly { readonly "thread-id": number }[]>("query-cpus-fast");
  for (const cpu of cpus)
    spawnSync("chrt", ["--rr", "--pid", String(vcpus), String(cpu["thread-id"])]);
  await qmp.ask("pmemsave", { ...FLASH, filename: "/dev/null" });
}

/** Mean length of the windows that a source has noted. */
function windowMsOf(trace: string): number {
  const lengths = [
    ...readFileSync(trace, "utf8").matchAll(/migrate_transferred .*time_spent (\d+)/g),
  ];
  return lengths.reduce((sum, one) => sum + Number(one[1]), 0) / lengths.length;
}

/** Migrates; switches to post-copy at once, or after the first round. */
async function driveQemu(
  { qmp }: Machine,
  row: QemuMove,
  uri: string,
): Promise<{ readonly seen: QemuMigration; readonly throttle: number }> {
  await qmp.ask("migrate", { uri });
  const endMs = performance.now() + row.limitSec * 1000;
  const syncs = { "pre-copy": Number.POSITIVE_INFINITY, "post-copy": 0, hybrid: 2 }[row.strategy];
  let hasSwitched = false;
  let throttle = 0;
  for (;;) {
    const seen = await qmp.ask<QemuMigration>("query-migrate");
    if (seen.status === "failed") throw new Error("QEMU: the migration failed");
    throttle = Math.max(throttle, seen["cpu-throttle-percentage"] ?? 0);
    if (seen.status === "completed" || performance.now() > endMs) return { seen, throttle };
    if (
      !hasSwitched &&
      seen.status === "active" &&
      (seen.ram?.["dirty-sync-count"] ?? 0) >= syncs
    ) {
      hasSwitched = true;
      await qmp.ask("migrate-start-postcopy");
    }
    await sleep(POLL_MS);
  }
}

/** Debian's kernel, and the dirtier as all of its user space. */
export async function provideLinux(
  options: BenchOptions,
  scratch: string,
): Promise<Omit<Linux, "append">> {
  const { kernel } = await provideImage(options);
  const init = readFileSync(join(options.root, "guests/bin/linux/dirty"));
  const initrd = join(scratch, "initrd");
  mkdirSync(scratch, { recursive: true });
  const console = { type: "character-device", path: "dev/console", major: 5, minor: 1 } as const;
  const program = { type: "file", path: "init", data: init, executable: true } as const;
  writeFileSync(initrd, writeCpio([console, program]));
  return { kernel, initrd, scratch };
}

const FIGURES = [
  ["total", "ms", (one: MigrationFigures) => one.total],
  ["downtime", "ms", (one: MigrationFigures) => one.downtime],
  ["downtime-sent", "ms", (one: MigrationFigures) => one.downtimeSent],
  ["silence", "ms", (one: MigrationFigures) => one.silence],
  ["pages", "pages", (one: MigrationFigures) => one.normalPages],
  ["sent", "MiB", (one: MigrationFigures) => one.bytes / 2 ** 20],
] as const;

export async function benchMigrationQemu(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, runs = 1, size } = options;
  const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const withQemu = hasQemu(options);
  const rows: BenchRow[] = [];
  try {
    const linux = await provideLinux(options, scratch);
    const { cmdline } = await provideImage({ ...options, log: () => undefined });
    log(TABLE_HEAD);
    for (const row of MIGRATION_ROWS) {
      if (only.length > 0 && !only.includes(row.name)) continue;
      const append = `${cmdline} quiet -- ${programArgs(row, size)}`;
      const ours: MigrationFigures[] = [];
      const theirs: MigrationFigures[] = [];
      for (let run = 0; run < runs; run++) {
        ours.push(await moveOurs({ ...linux, append }, row, options));
        log(lineOf(row.name, "ours", ours.at(-1) as MigrationFigures));
        if (!withQemu) continue;
        theirs.push(await moveQemu({ ...linux, append }, row));
        log(lineOf(row.name, "QEMU", theirs.at(-1) as MigrationFigures));
      }
      rows.push(...rowsOf(row, ours, theirs));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return rows;
}

function rowsOf(
  { name }: MigrationRow,
  ours: readonly MigrationFigures[],
  theirs: readonly MigrationFigures[],
): BenchRow[] {
  return FIGURES.map(([what, unit, figure]) =>
    rowOf({
      bench: `migration-qemu/${name}/${what}`,
      unit,
      better: "lower",
      ours: ours.map(figure),
      peer: theirs.length === 0 ? undefined : { name: "QEMU", values: theirs.map(figure) },
    }),
  );
}
