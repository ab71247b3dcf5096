/**
 * What QEMU 7.2 needed to move one Debian guest with a dirtier (`migrate` over loopback under `max-bandwidth`,
 * medians of three runs each, a machine with nothing else to do): pre-copy without any help, uniform writes.
 */
import type { Scenario } from "../../ts/sweep/scenario.ts";
import { MIB, QEMU } from "./scenarios.ts";

export interface MeasuredRow {
  /** Page writes a second. */
  readonly rate: number;
  readonly capMibPerSec: number;
  readonly totalMs: number;
  readonly downtimeMs: number;
  /** Looks at the dirty log. */
  readonly rounds: number;
  readonly normalPages: number;
  readonly mib: number;
}

type Figures = readonly [
  rate: number,
  capMibPerSec: number,
  totalMs: number,
  downtimeMs: number,
  rounds: number,
  normalPages: number,
  mib: number,
];

const FIGURES: readonly Figures[] = [
  [0, 32, 11_223, 0, 3, 92_126, 361],
  [0, 128, 2_822, 1, 3, 92_118, 361],
  [2_000, 32, 13_023, 5, 6, 107_232, 420.2],
  [2_000, 128, 2_834, 19, 3, 96_889, 379.7],
  [8_000, 32, 17_362, 6, 19, 143_765, 563.2],
  [8_000, 128, 3_036, 17, 5, 105_171, 412.1],
  [32_000, 128, 3_249, 22, 5, 114_020, 446.7],
];

export const MEASURED: readonly MeasuredRow[] = FIGURES.map(
  ([rate, capMibPerSec, totalMs, downtimeMs, rounds, normalPages, mib]) => ({
    rate,
    capMibPerSec,
    totalMs,
    downtimeMs,
    rounds,
    normalPages,
    mib,
  }),
);

/** One of all ten rows. */
export interface QemuRow {
  readonly rate: number;
  readonly capMibPerSec: number;
  readonly change?: Partial<Scenario>;
  /** Undefined: it never converged. */
  readonly totalMs: number | undefined;
  readonly rounds: number;
  readonly mib: number;
}

/** As QEMU does it: pages go to the cache when they are sent for the second time. */
const XBZRLE = { xbzrleCacheBytes: 128 * MIB, xbzrleFrom: "second-pass" } as const;

export const QEMU_ROWS: readonly QemuRow[] = [
  ...MEASURED,
  { rate: 32_000, capMibPerSec: 32, totalMs: undefined, rounds: 0, mib: 0 },
  { rate: 8_000, capMibPerSec: 32, change: XBZRLE, totalMs: 13_288, rounds: 5, mib: 425.5 },
  { rate: 32_000, capMibPerSec: 32, change: XBZRLE, totalMs: 13_333, rounds: 6, mib: 426.2 },
];

/** The same migration for the model. */
export const qemuScenario = ({ capMibPerSec, change, rate }: QemuRow): Scenario => ({
  ...QEMU,
  dirtyRate: rate,
  bandwidthCapBytesPerSec: capMibPerSec * MIB,
  ...change,
});
