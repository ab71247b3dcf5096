/**
 * What QEMU 7.2 needed to move one Debian guest with a dirtier (`migrate` over loopback under `max-bandwidth`,
 * medians of three runs each, a machine with nothing else to do): pre-copy without any help, uniform writes.
 */
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
