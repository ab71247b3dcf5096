/**
 * The writer of a scenario as regions: runs of pages that are written equally often, in the order of
 * the guest's memory. A Zipf writer becomes some dozens of them, each with the mean rate of its ranks.
 */
import { WasmvisorError } from "../../base/errors.ts";
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { Scenario, WriterPhase } from "../scenario.ts";
import { writerPhases } from "../writer-phases.ts";

/** Pages `from` to `to` - 1, each written `perPage` times for each write of the writer. */
export interface Share {
  readonly from: number;
  readonly to: number;
  readonly perPage: number;
}

/** One phase of the writer. */
export interface FluidPhase {
  readonly durationNs: number;
  /** Where a sequential writer goes round; it has no shares. */
  readonly sequential: { readonly from: number; readonly pages: number } | undefined;
  /** Writes to a page of each region for each write. */
  readonly perPage: readonly number[];
}

export interface Regions {
  readonly count: number;
  /** Region r is the pages `ends[r - 1]` (or 0) to `ends[r]` - 1. */
  readonly ends: readonly number[];
  /** Regions from this on are zero pages. */
  readonly firstZero: number;
  /** Pages of regions from this on are in the cache of sent pages after the first pass: no later one took their place. */
  readonly firstKept: number;
  readonly phases: readonly FluidPhase[];
  /** All phases are sequential: no page is written by chance. */
  readonly isFilled: boolean;
}

const pagesOf = (bytes: number): number => Math.ceil(bytes / GUEST_PAGE_BYTES);

/** Ranks of a bin grow by this factor: each bin's mean is within 0.3 % of what its pages do. */
const BIN_GROWTH = 1.5;
const zipfBins = new Map<string, readonly Share[]>();

/** Sum of r^-exponent for ranks `from` + 1 to `to`, by Euler and Maclaurin from rank 8 on. */
function harmonic(from: number, to: number, exponent: number): number {
  let sum = 0;
  let rank = from + 1;
  for (; rank <= Math.min(to, 8); rank++) sum += rank ** -exponent;
  if (rank > to) return sum;
  const a = rank;
  const integral =
    exponent === 1
      ? Math.log(to / a)
      : (to ** (1 - exponent) - a ** (1 - exponent)) / (1 - exponent);
  const ends = (a ** -exponent + to ** -exponent) / 2;
  const slopes = (exponent * (a ** (-exponent - 1) - to ** (-exponent - 1))) / 12;
  return sum + integral + ends + slopes;
}

export function zipfShares(pages: number, exponent: number): readonly Share[] {
  const key = `${pages}/${exponent}`;
  const known = zipfBins.get(key);
  if (known) return known;
  const total = harmonic(0, pages, exponent);
  const shares: Share[] = [];
  for (let from = 0; from < pages; ) {
    const to = Math.min(pages, Math.max(from + 1, Math.floor(from * BIN_GROWTH)));
    const perPage = harmonic(from, to, exponent) / total / (to - from);
    shares.push({ from, to, perPage });
    from = to;
  }
  // A sweep has few working sets; one with thousands must not keep them all.
  if (zipfBins.size >= 256) zipfBins.clear();
  zipfBins.set(key, shares);
  return shares;
}

function sharesOf(phase: WriterPhase): readonly Share[] {
  const { distribution } = phase;
  const base = Math.floor(phase.workingSetOffsetBytes / GUEST_PAGE_BYTES);
  const pages = pagesOf(phase.workingSetBytes);
  const to = base + pages;
  if (distribution.kind === "uniform") return [{ from: base, to, perPage: 1 / pages }];
  if (distribution.kind === "sequential") return [{ from: base, to, perPage: 0 }];
  if (distribution.kind === "hot-cold") {
    const hot = Math.max(1, Math.min(pages, Math.round(pages * distribution.hotPages)));
    const share = hot === pages ? 1 : distribution.hotWrites;
    const cold = { from: base + hot, to, perPage: (1 - share) / (pages - hot) };
    return [{ from: base, to: base + hot, perPage: share / hot }, ...(hot < pages ? [cold] : [])];
  }
  if (distribution.kind === "trace")
    throw new WasmvisorError("WV_LIMIT", "fluid: a trace is replayed at page level only");
  return zipfShares(pages, distribution.exponent).map(({ from, to: end, perPage }) => ({
    from: base + from,
    to: base + end,
    perPage,
  }));
}

let last: { readonly scenario: Scenario; readonly regions: Regions } | undefined;

/** The regions of a scenario; those of the last one if that differs in other things only. */
export function regionsOf(scenario: Scenario): Regions {
  if (last && isLaidOutAs(scenario, last.scenario)) return last.regions;
  const regions = makeRegions(scenario);
  last = { scenario, regions };
  return regions;
}

/** Rates are not among what regions are made of. */
function isLaidOutAs(a: Scenario, b: Scenario): boolean {
  return (
    a.distribution === b.distribution &&
    a.memoryBytes === b.memoryBytes &&
    a.usedBytes === b.usedBytes &&
    a.workingSetBytes === b.workingSetBytes &&
    a.workingSetOffsetBytes === b.workingSetOffsetBytes &&
    a.phases === b.phases &&
    a.xbzrleCacheBytes === b.xbzrleCacheBytes &&
    a.xbzrleFrom === b.xbzrleFrom
  );
}

function makeRegions(scenario: Scenario): Regions {
  const pageCount = pagesOf(scenario.memoryBytes);
  const usedPages = Math.min(pageCount, pagesOf(scenario.usedBytes));
  const phases = writerPhases(scenario);
  const shares = phases.map(sharesOf);
  const cachePages = Math.floor(scenario.xbzrleCacheBytes / GUEST_PAGE_BYTES);
  const keptFrom = cachePages > 0 ? Math.max(0, usedPages - cachePages) : 0;
  // Plain arrays: typed ones that are small cost more than what they hold.
  const ends: number[] = [];
  for (const list of shares)
    for (const { from, to } of list) {
      cut(ends, from);
      cut(ends, to);
    }
  cut(ends, keptFrom);
  cut(ends, usedPages);
  cut(ends, pageCount);
  return {
    count: ends.length,
    ends,
    firstZero: usedPages === 0 ? 0 : ends.indexOf(usedPages) + 1,
    firstKept:
      scenario.xbzrleFrom === "second-pass"
        ? ends.length
        : keptFrom === 0
          ? 0
          : ends.indexOf(keptFrom) + 1,
    phases: phases.map((phase, i) => ({
      durationNs: phase.durationNs,
      sequential:
        phase.distribution.kind === "sequential"
          ? {
              from: Math.floor(phase.workingSetOffsetBytes / GUEST_PAGE_BYTES),
              pages: pagesOf(phase.workingSetBytes),
            }
          : undefined,
      perPage: perPageOf(ends, shares[i] as readonly Share[]),
    })),
    isFilled: phases.every(({ distribution }) => distribution.kind === "sequential"),
  };
}

/** Ends a region at `page`, if none ends there. Most come in order. */
function cut(ends: number[], page: number): void {
  let i = ends.length;
  while (i > 0 && (ends[i - 1] as number) > page) i--;
  if (page === 0 || ends[i - 1] === page) return;
  ends.push(page);
  for (let k = ends.length - 1; k > i; k--) ends[k] = ends[k - 1] as number;
  ends[i] = page;
}

function perPageOf(ends: readonly number[], shares: readonly Share[]): readonly number[] {
  let share = 0;
  return ends.map((end) => {
    while (share < shares.length && (shares[share] as Share).to < end) share++;
    const one = shares[share];
    return one && one.from < end ? one.perPage : 0;
  });
}
