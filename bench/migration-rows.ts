/** The guests, links and strategies in which QEMU's own migration was measured, and what a run of one is. */
import type { PlainMigrateOptions } from "../ts/host/migrations/options.ts";
import type { Strategy } from "../ts/migrate/options.ts";

/** One row of the comparison: the same guest and the same link for both. */
export interface MigrationRow {
  readonly name: string;
  /** Page writes a second; 0: it sleeps. */
  readonly rate: number;
  /** What it does between two batches of writes. */
  readonly idle: "spin" | "sleep";
  /** Cap of the link; undefined: none. */
  readonly capMiB: number | undefined;
  readonly strategy: Extract<Strategy, "pre-copy" | "post-copy" | "hybrid">;
  /** What both are told besides. */
  readonly help: "none" | "xbzrle" | "auto-converge";
  /** After this time it counts as never. */
  readonly limitSec: number;
}

const XBZRLE_MIB = 128;

function row(
  strategy: MigrationRow["strategy"],
  rate: number,
  capMiB: number | undefined,
  help: MigrationRow["help"] = "none",
): MigrationRow {
  const how = help !== "none" ? help : strategy === "pre-copy" ? "uniform" : strategy;
  const what = rate === 0 ? "idle" : `${how}-${rate}`;
  const limitSec = help === "auto-converge" ? 120 : 60;
  const idle = rate === 0 ? "sleep" : "spin";
  return { name: `${what}-${capMiB ?? "none"}`, rate, idle, capMiB, strategy, help, limitSec };
}

const SPINNING: readonly MigrationRow[] = [
  ...[0, 2_000, 8_000, 32_000].flatMap((rate) =>
    [32, 128].map((capMiB) => row("pre-copy", rate, capMiB)),
  ),
  row("pre-copy", 8_000, undefined),
  row("pre-copy", 8_000, 32, "xbzrle"),
  row("pre-copy", 32_000, 32, "xbzrle"),
  row("pre-copy", 8_000, 32, "auto-converge"),
  row("pre-copy", 32_000, 32, "auto-converge"),
  row("post-copy", 8_000, 32),
  row("post-copy", 32_000, 32),
  row("post-copy", 32_000, 128),
  row("hybrid", 32_000, 32),
  row("hybrid", 32_000, 128),
];

/**
 * As QEMU was measured; and with a guest that sleeps between its writes, called `...-sleep`: one that spins is
 * in the way of its own migration where processors are few or busy. QEMU loses those that sleep.
 */
export const MIGRATION_ROWS: readonly MigrationRow[] = SPINNING.flatMap((one) =>
  one.idle === "sleep" ? [one] : [one, { ...one, name: `${one.name}-sleep`, idle: "sleep" }],
);

/** What the guest's program is told. */
export function programArgs({ idle, rate }: MigrationRow, size: "whole" | "quick"): string {
  const [fill, ws] = size === "quick" ? [32, 8] : [256, 64];
  return `fill=${fill}MiB ws=${ws}MiB rate=${rate} heartbeat=10 idle=${idle}`;
}

/** What our daemon is told. */
export function ourOptions({
  capMiB,
  help,
  limitSec,
  strategy,
}: MigrationRow): PlainMigrateOptions {
  return {
    strategy,
    bandwidth: capMiB === undefined ? undefined : `${capMiB}MiB/s`,
    timeout: `${limitSec}s`,
    onLimit: "fail",
    slowdown: help === "auto-converge" ? help : undefined,
    xbzrleCache: help === "xbzrle" ? `${XBZRLE_MIB}MiB` : undefined,
  };
}

/** What QEMU is to do. */
export interface QemuMove extends Pick<MigrationRow, "capMiB" | "help" | "limitSec" | "strategy"> {
  /** Default: QEMU's own, 300 ms. */
  readonly downtimeLimitMs?: number | undefined;
  /**
   * `ahead-of-all`: its threads have real-time priorities, vCPUs the lower ones, and all memory is found before the
   * guest begins. So its windows of 100 ms are that long on a busy machine, too: without, page faults of the
   * machine made them longer, by 4 % under 32 MiB/s and by 23 % under 128 (measured).
   */
  readonly machine?: "as-it-is" | "ahead-of-all" | undefined;
}

/** The same in QEMU's words. */
export function qemuOptions({ capMiB, downtimeLimitMs, help, strategy }: QemuMove): {
  readonly capabilities: readonly string[];
  readonly parameters: Readonly<Record<string, number>>;
} {
  const bytesPerSec = (capMiB ?? 0) * 2 ** 20;
  const parameters = {
    "max-bandwidth": bytesPerSec,
    "max-postcopy-bandwidth": bytesPerSec,
    ...(downtimeLimitMs === undefined ? {} : { "downtime-limit": downtimeLimitMs }),
  };
  return {
    capabilities: [
      help === "none" ? [] : [help],
      strategy === "pre-copy" ? [] : ["postcopy-ram"],
    ].flat(),
    parameters:
      help === "xbzrle" ? { ...parameters, "xbzrle-cache-size": XBZRLE_MIB * 2 ** 20 } : parameters,
  };
}

/** What one migration took, whoever did it. Times in ms. */
export interface MigrationFigures {
  /** Infinity: it did not end within the row's limit. */
  readonly total: number;
  readonly downtime: number;
  /** Until the source has sent all, which is what QEMU calls downtime; ours ends when the guest runs again. */
  readonly downtimeSent: number;
  /** The longest silence of the guest's heartbeat, seen from outside; Infinity: it never spoke again. */
  readonly silence: number;
  /** The same in the seconds before: what the machine does to a guest that does not move. */
  readonly silenceBefore: number;
  readonly normalPages: number;
  readonly zeroPages: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly requests: number;
  /** Processor seconds of the two processes meanwhile, with those of the guest. */
  readonly cpuSec: readonly [source: number, target: number];
  /** How long, and how far, the guest was held back. */
  readonly throttled: string;
  /** Mean length of QEMU's windows of 100 ms, and how long its guest had been writing, if somebody asked. */
  readonly windowMs?: number | undefined;
  readonly settledMs?: number | undefined;
}

const count = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "never";

/** Nobody knows how long QEMU's guest stands still: its figure is in brackets. */
function downtimeOf({ downtime, downtimeSent }: MigrationFigures, who: string): string {
  const sent = `(${downtimeSent.toFixed(1)})`;
  return who === "QEMU" ? sent : `${downtime.toFixed(1)} ${sent}`;
}

/** One side of a row, as a line of a Markdown table. */
export function lineOf(name: string, who: string, figures: MigrationFigures): string {
  const { bytes, normalPages, requests, rounds, silence, throttled, total } = figures;
  const { cpuSec, silenceBefore, zeroPages } = figures;
  const isOver = Number.isFinite(total);
  const cells = [
    name,
    who,
    count(total),
    isOver ? downtimeOf(figures, who) : "-",
    `${isOver ? count(silence) : "-"} (${count(silenceBefore)})`,
    String(rounds),
    count(normalPages),
    count(zeroPages),
    (bytes / 2 ** 20).toFixed(1),
    requests === 0 ? "-" : count(requests),
    cpuSec.map((seconds) => seconds.toFixed(1)).join(" + "),
    throttled,
  ];
  return `| ${cells.join(" | ")} |`;
}

export const TABLE_HEAD = [
  "| row | who | total, ms | downtime (until all was sent), ms | silence (before), ms | rounds | normal pages | zero pages | sent, MiB | requests | cpu, s | held back |",
  "| --- | --- | --------- | ---------------------------------- | -------------------- | ------ | ------------ | ---------- | --------- | -------- | ------ | --------- |",
].join("\n");
