/**
 * What a user feels of a migration: the longest silence of the guest's heartbeat, seen from outside. Two
 * `wasmvisor host` on loopback, the dirtier with 256 MiB of random data and a working set of 64 MiB, a
 * heartbeat each 10 ms; after it has settled it moves, each time to a daemon that is new.
 */
import { join } from "node:path";
import type { Strategy } from "../ts/migrate/options.ts";
import { type DaemonProcess, killDaemon, startDaemon } from "./daemons.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { SETTLE_MS, silencesIn } from "./heartbeat.ts";
import type { BenchOptions } from "./machines.ts";
import { Observer } from "./observer.ts";

const RUNS = 5;
const BEAT_MS_MAX = 60_000;

interface SilenceCase {
  readonly strategy: Strategy;
  readonly rate: number;
  readonly bandwidth?: string;
  /** What the guest does between two batches. */
  readonly idle: "spin" | "sleep";
  /** What is asked of it. */
  readonly mustMs: number;
}

const MOVES = [
  { strategy: "pre-copy", rate: 2_000, bandwidth: "32MiB/s", mustMs: 25 },
  { strategy: "pre-copy", rate: 8_000, bandwidth: "32MiB/s", mustMs: 25 },
  { strategy: "pre-copy", rate: 8_000, bandwidth: "128MiB/s", mustMs: 25 },
  { strategy: "pre-copy", rate: 32_000, bandwidth: "128MiB/s", mustMs: 25 },
  { strategy: "post-copy", rate: 8_000, bandwidth: "32MiB/s", mustMs: 100 },
  { strategy: "post-copy", rate: 32_000, bandwidth: "32MiB/s", mustMs: 250 },
  { strategy: "hybrid", rate: 8_000, bandwidth: "32MiB/s", mustMs: 100 },
  { strategy: "hybrid", rate: 32_000, bandwidth: "32MiB/s", mustMs: 250 },
] as const;

/** By name, like `hybrid-8000` and `hybrid-8000-sleep`: a guest that spins competes with what moves it. */
const CASES = new Map<string, SilenceCase>(
  MOVES.flatMap((move) =>
    (["spin", "sleep"] as const).map((idle) => {
      const cap = move.bandwidth === "32MiB/s" ? "" : "-128MiB";
      const name = `${move.strategy}-${move.rate}${cap}${idle === "sleep" ? "-sleep" : ""}`;
      return [name, { ...move, idle }] as const;
    }),
  ),
);

const ms = (value: number): string => value.toFixed(1);

class SilenceRun {
  readonly #options: BenchOptions;
  readonly #case: SilenceCase;
  readonly #observer = new Observer();

  constructor(options: BenchOptions, its: SilenceCase) {
    this.#options = options;
    this.#case = its;
  }

  /** Milliseconds of the longest silence. */
  async run(): Promise<number> {
    const { root } = this.#options;
    const memory = "512MiB";
    const hosts: DaemonProcess[] = [];
    try {
      for (let i = 0; i < 2; i++) hosts.push(await startDaemon({ root, memory }));
      const [source, target] = hosts as [DaemonProcess, DaemonProcess];
      await this.#settle(source);
      await this.#observer.watch(target.client, "g", "wait");
      return await this.#move(source, target);
    } finally {
      this.#observer.close();
      for (const host of hosts) await killDaemon(host);
    }
  }

  async #settle({ client }: DaemonProcess): Promise<void> {
    const { root, size } = this.#options;
    const [fill, ws] = size === "quick" ? [16, 4] : [256, 64];
    const { idle, rate } = this.#case;
    const kernel = join(root, "guests/bin/dirtier.elf");
    const append = `fill=${fill}MiB ws=${ws}MiB rate=${rate} heartbeat=10 idle=${idle}`;
    await client.create({ name: "g", kernel, append, memory: `${fill + 64}MiB` });
    await client.act("g", "start");
    await this.#observer.watch(client, "g", "refuse");
    await this.#observer.beat(BEAT_MS_MAX);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }

  async #move(source: DaemonProcess, target: DaemonProcess): Promise<number> {
    const { bandwidth, strategy } = this.#case;
    const { beats } = this.#observer;
    const startMs = performance.now();
    const move = { target: target.client.address, strategy, bandwidth };
    const { state, stats } = await source.client.migrate("g", move);
    if (state !== "completed") throw new Error(`the migration: ${state}`);
    const endMs = performance.now();
    await this.#observer.beat(BEAT_MS_MAX);
    const { downtime, gap, ram, rounds } = stats;
    const last = rounds.at(-1);
    this.#options.log(
      `  ${this.#observer.describe(startMs, endMs)}; downtime ${ms(downtime)}, ` +
        `gap ${ms(gap)}, total ${ms(stats["total-time"])}, ${ram.faults} faults, ${ram["postcopy-requests"]} requests; ` +
        `${rounds.length} rounds, the last of ${last?.normalPages} pages`,
    );
    return silencesIn(beats, startMs, endMs)[0]?.ms ?? 0;
  }
}

export async function benchMigrationSilence(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, runs = RUNS } = options;
  const rows: BenchRow[] = [];
  for (const [name, its] of CASES) {
    if (only.length > 0 && !only.includes(name)) continue;
    const bench = `migration-silence/${name}`;
    log(`${bench}: at most ${its.mustMs} ms`);
    const ours: number[] = [];
    for (let run = 0; run < runs; run++) ours.push(await new SilenceRun(options, its).run());
    rows.push(rowOf({ bench, unit: "ms", better: "lower", ours }));
  }
  return rows;
}
