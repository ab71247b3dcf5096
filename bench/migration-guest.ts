/**
 * What a migration does to its guest, between two daemons on loopback, to and fro:
 *
 *   downtime   a dirtier, at three rates, spinning and sleeping: how often it stood still for longer than the
 *              limit that was asked for
 *   slowdown   a guest that computes and writes: how much less it does while its memory is copied
 *   faults     a dirtier in post-copy and hybrid: how often it waited for a page, first and last
 *
 * --runs is the number of migrations: of all dirtiers together (200), of each strategy (5).
 */
import { join } from "node:path";
import { STRATEGIES, type Strategy } from "../ts/migrate/options.ts";
import { type DaemonProcess, killDaemon, startDaemon } from "./daemons.ts";
import { type BenchRow, median, rowOf } from "./harness.ts";
import type { Beat } from "./heartbeat.ts";
import type { BenchOptions } from "./machines.ts";
import { Observer } from "./observer.ts";

const BEAT_MS_MAX = 60_000;
const SETTLE_MS = 500;
const LIMIT_MS = 300;
const DOWNTIME_RUNS = 200;
const RUNS = 5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface GuestOptions {
  readonly program: string;
  readonly append: string;
  readonly memoryMiB: number;
}

interface MoveOptions {
  readonly strategy: Strategy;
  readonly bandwidth?: string | undefined;
}

/** A guest that goes to and fro between two daemons. */
class Traveller {
  readonly observer = new Observer();
  readonly #hosts: DaemonProcess[];

  private constructor(hosts: DaemonProcess[]) {
    this.#hosts = hosts;
  }

  static async start(root: string, guest: GuestOptions): Promise<Traveller> {
    const memory = `${guest.memoryMiB + 64}MiB`;
    const hosts = [await startDaemon({ root, memory }), await startDaemon({ root, memory })];
    const traveller = new Traveller(hosts);
    const { client } = hosts[0] as DaemonProcess;
    const kernel = join(root, "guests/bin", guest.program);
    const { append, memoryMiB } = guest;
    await client.create({ name: "g", kernel, append, memory: `${memoryMiB}MiB` });
    await client.act("g", "start");
    await traveller.observer.watch(client, "g", "refuse");
    await traveller.observer.beat(BEAT_MS_MAX);
    return traveller;
  }

  /** Statistics, and between which moments it was. */
  async move({ bandwidth, strategy }: MoveOptions) {
    const [here, there] = this.#hosts as [DaemonProcess, DaemonProcess];
    await this.observer.watch(there.client, "g", "wait");
    await sleep(SETTLE_MS);
    const fromMs = performance.now();
    const target = there.client.address;
    const { state, stats } = await here.client.migrate("g", { target, strategy, bandwidth });
    const untilMs = performance.now();
    if (state !== "completed") throw new Error(`the migration: ${state}`);
    this.#hosts.reverse();
    return { stats, fromMs, untilMs };
  }

  async close(): Promise<void> {
    this.observer.close();
    for (const host of this.#hosts) await killDaemon(host);
  }
}

/** Does `work` with a guest. */
async function withGuest<T>(
  root: string,
  guest: GuestOptions,
  work: (traveller: Traveller) => Promise<T>,
): Promise<T> {
  const traveller = await Traveller.start(root, guest);
  try {
    return await work(traveller);
  } finally {
    await traveller.close();
  }
}

const dirtier = (rate: number, idle: "spin" | "sleep"): GuestOptions => ({
  program: "dirtier.elf",
  append: `fill=24MiB ws=8MiB rate=${rate} heartbeat=10 idle=${idle}`,
  memoryMiB: 40,
});

/** Downtimes of many migrations, and how many of them kept the limit. */
async function benchDowntime({
  log,
  root,
  runs = DOWNTIME_RUNS,
}: BenchOptions): Promise<BenchRow[]> {
  const guests = ([2_000, 8_000, 32_000] as const).flatMap((rate) =>
    (["spin", "sleep"] as const).map((idle) => ({ rate, idle })),
  );
  const rows: BenchRow[] = [];
  const all: number[] = [];
  for (const [i, { idle, rate }] of guests.entries()) {
    const share =
      Math.floor((runs * (i + 1)) / guests.length) - Math.floor((runs * i) / guests.length);
    const ours = await withGuest(root, dirtier(rate, idle), async (guest) => {
      const downtimes: number[] = [];
      while (downtimes.length < share)
        downtimes.push((await guest.move({ strategy: "pre-copy" })).stats.downtime);
      return downtimes;
    });
    if (ours.length === 0) continue;
    all.push(...ours);
    const bench = `migration-guest/downtime/${rate}-${idle}`;
    rows.push(rowOf({ bench, unit: "ms", better: "lower", ours }));
    log(
      `${bench}: median ${median(ours).toFixed(1)} ms, longest ${Math.max(...ours).toFixed(1)} ms`,
    );
  }
  const kept = all.filter((downtime) => downtime <= LIMIT_MS).length;
  log(`${kept} of ${all.length} migrations kept the limit of ${LIMIT_MS} ms`);
  const ours = [(100 * kept) / all.length];
  rows.push(rowOf({ bench: "migration-guest/downtime/kept", unit: "%", better: "higher", ours }));
  return rows;
}

/** Beats a second between two moments, as far as they were seen. */
function beatsPerSec(beats: readonly Beat[], fromMs: number, untilMs: number): number {
  const before = beats.filter(({ atMs }) => atMs <= fromMs).at(-1);
  const last = beats.filter(({ atMs }) => atMs <= untilMs).at(-1);
  if (!before || !last) return 0;
  return ((last.number - before.number) * 1000) / (untilMs - fromMs);
}

/** How much of its work a guest does while it is moved. */
async function benchSlowdown({ log, root, runs = RUNS }: BenchOptions): Promise<BenchRow[]> {
  const append = "pages=16384 pause=work period=2000 writes=1 report=20";
  const guest: GuestOptions = { program: "pulse.elf", append, memoryMiB: 80 };
  const shares = await withGuest(root, guest, async (traveller) => {
    const found = new Map<Strategy, number[]>(STRATEGIES.map((strategy) => [strategy, []]));
    for (let run = 0; run < runs; run++)
      for (const strategy of STRATEGIES) {
        const { beats } = traveller.observer;
        const move = { strategy, bandwidth: "32MiB/s" };
        const { fromMs, stats, untilMs } = await traveller.move(move);
        await traveller.observer.beat(BEAT_MS_MAX);
        const alone = beatsPerSec(beats, fromMs - SETTLE_MS, fromMs);
        const share = (100 * beatsPerSec(beats, fromMs, untilMs)) / alone;
        found.get(strategy)?.push(share);
        log(`  ${strategy}: ${share.toFixed(0)} % of its work in ${stats["total-time"]} ms`);
      }
    return found;
  });
  return [...shares].map(([strategy, ours]) =>
    rowOf({ bench: `migration-guest/slowdown/${strategy}`, unit: "%", better: "higher", ours }),
  );
}

/** Pages that somebody waited for after the switch. */
async function benchFaults({ log, root, runs = RUNS }: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [name, program] of [
    ["writes", dirtier(8_000, "sleep")],
    ["reads", { program: "kv.elf", append: "report=2000", memoryMiB: 40 }],
  ] as const)
    for (const strategy of ["post-copy", "hybrid"] as const) {
      const found = await withGuest(root, program, async (traveller) => {
        const all = [];
        for (let run = 0; run < runs; run++)
          all.push((await traveller.move({ strategy, bandwidth: "16MiB/s" })).stats);
        return all;
      });
      const figures = [
        ["faults", "faults", found.map(({ ram }) => ram.faults)],
        ["requests", "pages", found.map(({ ram }) => ram["postcopy-requests"])],
        ["first", "ms", found.map(({ ram }) => ram["first-request"])],
        ["last", "ms", found.map(({ ram }) => ram["last-request"])],
        ["total", "ms", found.map((stats) => stats["total-time"])],
      ] as const;
      for (const [what, unit, ours] of figures) {
        const bench = `migration-guest/faults/${name}/${strategy}/${what}`;
        rows.push(rowOf({ bench, unit, better: "lower", ours }));
      }
      log(
        `${name}, ${strategy}: ${figures.map(([what, , ours]) => `${what} ${median(ours)}`).join(", ")}`,
      );
    }
  return rows;
}

const PARTS = { downtime: benchDowntime, slowdown: benchSlowdown, faults: benchFaults } as const;

export async function benchMigrationGuest(options: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [name, part] of Object.entries(PARTS))
    if (options.only.length === 0 || options.only.includes(name))
      rows.push(...(await part(options)));
  return rows;
}
