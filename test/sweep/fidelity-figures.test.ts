/**
 * The figures of `docs/fidelity.md` are what the levels say now, drawn by the code that draws reports. When they
 * have to change: `npx vitest run --project unit test/sweep/fidelity-figures.test.ts -u`
 */
import { describe, expect, test } from "vitest";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import { renderSvg } from "../../ts/sweep/report/bundle.ts";
import type { Distribution, Scenario } from "../../ts/sweep/scenario.ts";
import {
  type AgreementRow,
  agreementFigure,
  LEVELS,
  type Level,
  type QemuFigureRow,
  qemuFigure,
  round,
} from "./fidelity-figures.ts";
import { BLIND_ROWS, blindScenario } from "./qemu-blind.ts";
import { QEMU_ROWS, qemuScenario } from "./qemu-measured.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();
const IMAGES = "../../docs/images";
const SVG_BYTES_MAX = 60_000;
const SEEDS = 100;

const WRITERS: readonly (readonly [string, Distribution])[] = [
  ["uniform", { kind: "uniform" }],
  ["hot-cold", { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 }],
  ["Zipf, 1", { kind: "zipf", exponent: 1 }],
  ["Zipf, 0.6", { kind: "zipf", exponent: 0.6 }],
  ["sequential", { kind: "sequential" }],
];
const RATES = [1_000, 2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 20_000, 24_000, 32_000];

function agreement(writer: string, distribution: Distribution, dirtyRate: number): AgreementRow {
  const scenario = { ...BASE, distribution, dirtyRate, workingSetBytes: 256 * MIB };
  const { near, totalNs } = simulateFluid(scenario);
  let mean = 0;
  for (let seed = 0; seed < SEEDS; seed++)
    mean += simulatePages({ ...scenario, seed }, kernel).stats.totalNs / SEEDS;
  return { writer, writesPerSec: dirtyRate, percent: round(100 * (totalNs / mean - 1), 3), near };
}

/** Undefined: it does not converge. */
function predictedMs(level: Level, scenario: Scenario): number | undefined {
  if (level === "fluid") {
    const { isCompleted, totalNs } = simulateFluid(scenario);
    return isCompleted ? round(totalNs / 1e6, 0) : undefined;
  }
  const runs = [1, 2, 3].map((seed) => simulatePages({ ...scenario, seed }, kernel));
  runs.sort((a, b) => a.stats.totalNs - b.stats.totalNs);
  const { state, stats } = runs[1] as (typeof runs)[number];
  return state === "completed" ? round(stats.totalNs / 1e6, 0) : undefined;
}

function qemuRows(level: Level): QemuFigureRow[] {
  const all = [
    ...QEMU_ROWS.map((row) => ({ rows: "known", row, scenario: qemuScenario(row) })),
    ...BLIND_ROWS.map((row) => ({ rows: "not seen", row, scenario: blindScenario(row) })),
  ];
  return all.flatMap(({ row, rows, scenario }) => {
    const predicted = predictedMs(level, scenario);
    expect(predicted === undefined, JSON.stringify(row)).toBe(row.totalMs === undefined);
    if (predicted === undefined || row.totalMs === undefined) return [];
    return [{ rows, level, measuredMs: row.totalMs, predictedMs: predicted }];
  });
}

describe("docs/images has what the levels say", () => {
  test("fluid and page level", async () => {
    const rows = WRITERS.flatMap(([name, its]) => RATES.map((rate) => agreement(name, its, rate)));
    for (const row of rows) expect(Math.abs(row.percent), JSON.stringify(row)).toBeLessThan(1);
    const subtitle = `1 GiB, of which 256 MiB are written to, over 1 Gbit/s; ${SEEDS} seeds each; dashed: the bound`;
    const svg = await renderSvg(agreementFigure(rows, subtitle));
    expect(svg.length).toBeLessThan(SVG_BYTES_MAX);
    await expect(svg).toMatchFileSnapshot(`${IMAGES}/fidelity-fluid-page.svg`);
  });

  test("the model and QEMU", async () => {
    const rows = LEVELS.flatMap(qemuRows);
    expect(rows.length).toBe(2 * (QEMU_ROWS.length - 1 + BLIND_ROWS.length - 1));
    const subtitle = "Pre-copy under a cap; known: 9 rows; not seen: 25; dashed: no error, and 3 %";
    const svg = await renderSvg(qemuFigure(rows, subtitle));
    expect(svg.length).toBeLessThan(SVG_BYTES_MAX);
    await expect(svg).toMatchFileSnapshot(`${IMAGES}/fidelity-qemu.svg`);
  });
});
