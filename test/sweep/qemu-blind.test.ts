/** Rows that the model has not seen: nothing in it was changed after they were measured. */
import { expect, test } from "vitest";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";
import {
  BLIND_FIGURES,
  BLIND_ROWS,
  type BlindFigures,
  type BlindRow,
  STILL_ROWS,
} from "./qemu-blind.ts";
import { MIB, QEMU } from "./scenarios.ts";

const kernel = loadPageKernel();
const HOT_COLD = { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 } as const;

/**
 * The guest as two images of its memory show it: 91,808 pages in use; nine tenths of the working set in one run,
 * in order, which goes on where page 6,531 of those in use would be its first.
 */
function scenarioOf({ capMibPerSec, downtimeLimitMs, pattern, rate, wsMib }: BlindRow): Scenario {
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
    settleNs: 2e9,
  };
}

type Predict = (row: BlindRow) => BlindFigures;

const page: Predict = (row) => {
  const runs = [1, 2, 3, 4, 5].map((seed) => simulatePages({ ...scenarioOf(row), seed }, kernel));
  expect(runs.map(({ state }) => state)).toEqual(runs.map(() => "completed"));
  const [, , median] = runs.map(({ stats }) => stats).sort((a, b) => a.totalNs - b.totalNs);
  const { dirtySyncCount, totalNs, transferredBytes } = median as (typeof runs)[0]["stats"];
  return { totalMs: totalNs / 1e6, rounds: dirtySyncCount, mib: transferredBytes / MIB };
};

const fluid: Predict = (row) => {
  const { dirtySyncCount, isCompleted, totalNs, transferredBytes } = simulateFluid(scenarioOf(row));
  expect(isCompleted).toBe(true);
  return { totalMs: totalNs / 1e6, rounds: dirtySyncCount, mib: transferredBytes / MIB };
};

test.each([
  { level: "page", predict: page },
  { level: "fluid", predict: fluid },
])(
  "what QEMU does unseen is told at $level level, beside what it does to a guest that holds still",
  ({ predict }) => {
    const errors: number[] = [];
    for (const row of BLIND_ROWS) {
      const measured = BLIND_FIGURES[row.name];
      // Every one of them converged, which `predict` looks at.
      const predicted = predict(row);
      if (!measured) continue;
      const still = STILL_ROWS.find((one) => one.capMibPerSec === row.capMibPerSec) as BlindRow;
      const stillMs = (BLIND_FIGURES[still.name] as BlindFigures).totalMs;
      const ratio = predicted.totalMs / predict(still).totalMs;
      const what = `${row.name}: ${ratio} of a still guest's, ${JSON.stringify(predicted)}`;
      errors.push(Math.abs(ratio / (measured.totalMs / stillMs) - 1));
      expect(errors.at(-1), what).toBeLessThan(0.06);
      // A fast sequential one is ahead of the sender or behind it, by how long the windows really were.
      const share = row.pattern === "sequential" && row.capMibPerSec === 128 ? 0.03 : 0.015;
      expect(Math.abs(predicted.mib / measured.mib - 1), what).toBeLessThan(share);
      expect(Math.abs(predicted.rounds - measured.rounds), what).toBeLessThanOrEqual(2);
    }
    errors.sort((a, b) => a - b);
    expect(errors[errors.length >> 1]).toBeLessThan(0.02);
  },
);
