/**
 * Rows that were not looked at when the rules of the model were written: guests, writers, caps and limits of
 * downtime for two processes of QEMU 7.2, which `bench/migration-blind.ts` measures.
 */
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { MIB, QEMU } from "./scenarios.ts";

/** One row: what the guest does, and over what it is moved. */
export interface BlindRow {
  readonly name: string;
  readonly pattern: "uniform" | "hotcold" | "sequential";
  /** Page writes a second. */
  readonly rate: number;
  readonly wsMib: number;
  readonly capMibPerSec: number;
  readonly downtimeLimitMs: number;
  readonly help: "none" | "xbzrle";
  readonly strategy: "pre-copy" | "post-copy";
  /**
   * `first`: measured before it was seen that QEMU decides where a window is over, which three of them showed.
   * `later`: before its row nothing was changed any more.
   */
  readonly seen: "first" | "later";
}

/** What QEMU needed, one run, and what a run of it was like. */
export interface BlindFigures {
  /** Undefined: it did not converge in 20 s. */
  readonly totalMs: number | undefined;
  readonly rounds: number;
  readonly mib: number;
  /** For how long the guest had been writing when it was moved: where a sequential writer is. */
  readonly settleMs: number;
}

export interface MeasuredBlindRow extends BlindRow, BlindFigures {}

type Guest = readonly [pattern: BlindRow["pattern"], rate: number, wsMib: number];
type Figures = readonly [totalMs: number | undefined, rounds: number, mib: number];
type Options = Partial<Pick<BlindRow, "help" | "strategy" | "seen">> & {
  readonly settleMs?: number;
};

function row(
  [pattern, rate, wsMib]: Guest,
  [capMibPerSec, downtimeLimitMs]: readonly [number, number],
  [totalMs, rounds, mib]: Figures,
  { help = "none", seen = "first", settleMs = 2000, strategy = "pre-copy" }: Options = {},
): MeasuredBlindRow {
  const how = strategy === "pre-copy" ? help : strategy;
  const options = how === "none" ? "" : `-${how}`;
  const name = `${pattern}-${rate}-${wsMib}-${capMibPerSec}-${downtimeLimitMs}${options}`;
  const its = { pattern, rate, wsMib, capMibPerSec, downtimeLimitMs, help, strategy, seen };
  return { name, ...its, totalMs, rounds, mib, settleMs };
}

const XBZRLE = { help: "xbzrle" } as const;
const POST_COPY = { strategy: "post-copy" } as const;

export const BLIND_ROWS: readonly MeasuredBlindRow[] = [
  row(["uniform", 0, 64], [64, 300], [5_624, 3, 359.85]),
  row(["uniform", 4_000, 64], [64, 300], [6_236, 5, 414.33]),
  row(["uniform", 16_000, 128], [64, 300], [11_355, 18, 742.01]),
  row(["uniform", 8_000, 64], [64, 100], [7_125, 7, 458.94]),
  row(["uniform", 2_000, 128], [32, 1000], [12_564, 5, 430.95]),
  row(["hotcold", 8_000, 64], [32, 300], [12_345, 6, 401.5]),
  row(["hotcold", 32_000, 128], [64, 300], [7_041, 8, 464.6]),
  row(["hotcold", 4_000, 32], [32, 100], [11_884, 5, 380.6]),
  row(["uniform", 12_000, 96], [96, 300], [4_633, 6, 468.61]),
  row(["uniform", 6_000, 32], [48, 500], [7_737, 4, 393.82]),
  row(["hotcold", 16_000, 64], [48, 300], [8_236, 5, 407.77]),
  row(["hotcold", 24_000, 160], [96, 150], [4_454, 6, 435.53]),
  row(["hotcold", 48_000, 128], [128, 100], [3_518, 7, 459.99]),
  row(["uniform", 16_000, 64], [48, 300], [8_834, 5, 424.73], XBZRLE),
  row(["hotcold", 8_000, 128], [48, 300], [8_236, 6, 396.54], XBZRLE),
  row(["sequential", 20_000, 64], [64, 300], [undefined, 25, 1280.62], { settleMs: 3190 }),
  row(["sequential", 12_000, 64], [64, 300], [8_333, 12, 549.31], {
    seen: "later",
    settleMs: 2600,
  }),
  row(["sequential", 4_000, 64], [32, 300], [14_739, 9, 479.17], { seen: "later", settleMs: 2190 }),
  row(["sequential", 6_000, 32], [64, 200], [6_222, 6, 406.14], { seen: "later", settleMs: 3245 }),
  row(["sequential", 3_000, 96], [48, 300], [9_658, 6, 473.42], { seen: "later", settleMs: 3020 }),
  row(["sequential", 8_000, 128], [128, 30], [3_621, 5, 473.37], { seen: "later", settleMs: 2720 }),
  row(["uniform", 10_000, 96], [80, 200], [5_921, 7, 484.94], { seen: "later" }),
  row(["sequential", 10_000, 96], [96, 300], [4_630, 5, 467.05], { seen: "later", settleMs: 3230 }),
  row(["uniform", 20_000, 128], [112, 300], [4_634, 7, 546.48], { seen: "later" }),
  row(["hotcold", 16_000, 64], [64, 300], [6_081, 5, 393.29], { ...XBZRLE, seen: "later" }),
  row(["uniform", 5_000, 160], [128, 60], [3_123, 4, 412.18], { seen: "later" }),
];

/** Where the last request lies is chance: QEMU's own runs of one row differ by 8 %. */
export const BLIND_POST_COPY: readonly MeasuredBlindRow[] = [
  row(["uniform", 16_000, 64], [64, 300], [5_661, 2, 359.69], POST_COPY),
  row(["uniform", 32_000, 64], [32, 300], [11_052, 2, 359.85], POST_COPY),
  row(["hotcold", 8_000, 64], [128, 300], [2_860, 2, 360.37], POST_COPY),
  row(["uniform", 32_000, 64], [128, 300], [2_854, 2, 359.93], { ...POST_COPY, seen: "later" }),
];

/** What remains after a round tends to 1.001 of what QEMU stops at: three runs took 21 to 23 rounds. */
export const EDGE_ROW = row(["uniform", 24_000, 48], [64, 300], [8_335, 21, 550.61]);

const HOT_COLD = { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 } as const;

/**
 * The guest as two images of its memory show it: 91,808 pages in use; nine tenths of the working set in one run,
 * in order, which goes on where page 6,531 of those in use would be its first.
 */
export function blindScenario(row: BlindRow & { readonly settleMs: number }): Scenario {
  const { capMibPerSec, downtimeLimitMs, help, pattern, rate, settleMs, strategy, wsMib } = row;
  return {
    ...QEMU,
    memoryBytes: (91_808 + 55_722) * 4096,
    usedBytes: 91_808 * 4096,
    workingSetBytes: wsMib * MIB,
    workingSetOffsetBytes: 6_531 * 4096,
    dirtyRate: rate,
    distribution: pattern === "hotcold" ? HOT_COLD : { kind: pattern },
    bandwidthCapBytesPerSec: capMibPerSec * MIB,
    downtimeLimitNs: downtimeLimitMs * 1e6,
    xbzrleCacheBytes: help === "xbzrle" ? 128 * MIB : 0,
    xbzrleFrom: "second-pass",
    strategy,
    missingStores: "wait",
    push: "qemu",
    settleNs: settleMs * 1e6,
    timeoutNs: 20e9,
  };
}
