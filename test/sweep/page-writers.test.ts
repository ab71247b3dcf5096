/** Writers of the page level: what they dirty against the closed form, however many writes come at once. */
import { expect, test } from "vitest";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";

const kernel = loadPageKernel();
const MEMORY = 16_384;
const BASE = 77;
const RUNS = 400;

const KINDS = { uniform: 0, "hot-cold": 1, sequential: 2, zipf: 3 } as const;
type Kind = keyof typeof KINDS;

/** The share of the writes that goes to each page. */
function shares(kind: Kind, pages: number): Float64Array {
  const hot = pages / 10;
  const share = new Float64Array(pages).map((_, i) => {
    if (kind === "zipf") return 1 / (i + 1);
    if (kind === "hot-cold") return i < hot ? 0.9 / hot : 0.1 / (pages - hot);
    return 1;
  });
  const sum = share.reduce((a, b) => a + b);
  return share.map((one) => one / sum);
}

function begin(kind: Kind, pages: number, seed: number): void {
  kernel.modelCreate(MEMORY, seed, 0);
  kernel.modelWriter(KINDS[kind], BASE, pages);
  if (kind === "hot-cold") kernel.modelHot(pages / 10, 0.9);
  if (kind === "zipf") kernel.modelZipf(1);
}

const logged = (page: number): boolean => {
  const log = new Uint8Array(kernel.memory.buffer, kernel.modelLog(), MEMORY / 8);
  return (((log[page >> 3] as number) >> (page & 7)) & 1) === 1;
};

test.each([
  ["uniform", 200, 5_000],
  ["uniform", 6_000, 5_000],
  ["uniform", 40_000, 3_000],
  ["uniform", 2_000, 200],
  ["hot-cold", 9_000, 8_000],
  ["zipf", 3_000, 6_000],
  ["zipf", 30_000, 6_000],
] as const)("%s: %d writes to %d pages dirty what they should", (kind, writes, pages) => {
  const chance = shares(kind, pages).map((share) => -Math.expm1(writes * Math.log1p(-share)));
  const hits = new Float64Array(pages);
  let sum = 0;
  let squares = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    begin(kind, pages, seed);
    kernel.modelWrite(writes);
    for (let page = 0; page < pages; page++)
      if (logged(BASE + page)) hits[page] = (hits[page] as number) + 1;
    const dirtied = kernel.modelHarvest();
    expect(kernel.modelRemaining()).toBe(dirtied);
    sum += dirtied;
    squares += dirtied * dirtied;
  }
  expect(hits.reduce((a, b) => a + b)).toBe(sum);
  const mean = chance.reduce((a, b) => a + b);
  const deviation = Math.sqrt(Math.max(0.01, squares / RUNS - (sum / RUNS) ** 2) / RUNS);
  expect(Math.abs(sum / RUNS - mean) / deviation).toBeLessThan(5);
  // Page by page: chi-squared over those of which it says something.
  let chi = 0;
  let count = 0;
  chance.forEach((p, page) => {
    const variance = RUNS * p * (1 - p);
    if (variance < 5) return;
    chi += ((hits[page] as number) - RUNS * p) ** 2 / variance;
    count++;
  });
  expect(Math.abs(chi - count)).toBeLessThanOrEqual(6 * Math.sqrt(2 * count));
});

test("many writes at once vary as much as the same writes one by one", () => {
  const spread = (parts: number): number => {
    let sum = 0;
    let squares = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      begin("uniform", 4_000, seed);
      for (let i = 0; i < parts; i++) kernel.modelWrite(4_000 / parts);
      const dirtied = kernel.modelHarvest();
      sum += dirtied;
      squares += dirtied * dirtied;
    }
    return Math.sqrt(squares / 2_000 - (sum / 2_000) ** 2);
  };
  // 40 at a time are drawn one by one. Two estimates from 2,000 runs: 1.6 % each.
  expect(spread(1) / spread(100)).toBeGreaterThan(0.92);
  expect(spread(1) / spread(100)).toBeLessThan(1.08);
});

test("a sequential writer dirties runs of pages, and goes round", () => {
  begin("sequential", 1_000, 1);
  kernel.modelGoOn(950);
  kernel.modelWrite(120);
  const dirty = Array.from({ length: MEMORY }, (_, page) => page).filter(logged);
  const run = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => BASE + from + i);
  expect(dirty).toEqual([...run(0, 70), ...run(950, 1_000)]);
  expect(kernel.modelNext()).toBe(70);
  kernel.modelWrite(5_000);
  expect(kernel.modelHarvest()).toBe(1_000);
  expect(kernel.modelNext()).toBe(70);
});
