/**
 * Rows that were not looked at when the rules of the model were written: guests, writers, caps and limits of
 * downtime for two processes of QEMU 7.2, which `bench/migration-blind.ts` measures.
 */

/** One row: what the guest does, and over what it is moved. */
export interface BlindRow {
  readonly name: string;
  readonly pattern: "uniform" | "hotcold" | "sequential";
  /** Page writes a second. */
  readonly rate: number;
  readonly wsMib: number;
  readonly capMibPerSec: number;
  readonly downtimeLimitMs: number;
}

const row = (
  [pattern, rate, wsMib]: readonly [BlindRow["pattern"], number, number],
  capMibPerSec: number,
  downtimeLimitMs = 300,
): BlindRow => ({
  name: `${pattern}-${rate}-${wsMib}-${capMibPerSec}-${downtimeLimitMs}`,
  pattern,
  rate,
  wsMib,
  capMibPerSec,
  downtimeLimitMs,
});

export const BLIND_ROWS: readonly BlindRow[] = [
  row(["uniform", 4_000, 64], 64),
  row(["uniform", 16_000, 128], 64),
  row(["uniform", 8_000, 64], 64, 100),
  row(["uniform", 2_000, 128], 32, 1000),
  row(["hotcold", 8_000, 64], 32),
  row(["hotcold", 32_000, 128], 64),
  row(["hotcold", 4_000, 32], 32, 100),
  row(["sequential", 4_000, 64], 32),
  row(["sequential", 12_000, 64], 64),
  row(["sequential", 8_000, 128], 128, 30),
];

/** A guest that spins and writes nothing, under the same caps: what the machine itself adds. */
export const STILL_ROWS: readonly BlindRow[] = [32, 64, 128].map((cap) =>
  row(["uniform", 0, 64], cap),
);
