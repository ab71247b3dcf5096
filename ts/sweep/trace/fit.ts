/**
 * Fits a writer to a dirty trace. What a migration feels of a writer is how many different pages it dirties
 * in some time, from the shortest round to the longest: this curve is what a fit is judged by.
 *
 *   pages(k) = mean number of pages dirtied in k intervals that follow each other
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { DirtyTrace } from "../../migrate/trace/trace.ts";
import { zipfShares } from "../fluid/regions.ts";
import { type Distribution, distributionName, type Scenario } from "../scenario.ts";

/** A writer as scenarios have it (`backgroundPages`: those dirtied elsewhere in each interval), and how well it fits. */
export interface Fit
  extends Pick<
    Scenario,
    | "memoryBytes"
    | "usedBytes"
    | "workingSetBytes"
    | "workingSetOffsetBytes"
    | "dirtyRate"
    | "distribution"
    | "backgroundPages"
  > {
  /** How far the fitted curve is from the measured one, as a share: root mean square, and at worst. */
  readonly error: { readonly rms: number; readonly max: number };
  /** What else was tried, the best first. */
  readonly others: readonly { readonly distribution: string; readonly rms: number }[];
}

interface Point {
  readonly intervals: number;
  readonly pages: number;
}

/** Where nearly all writes go; the rest is background. */
interface WorkingSet {
  readonly from: number;
  readonly pages: number;
  readonly background: number;
  /** In how many intervals each of its pages was written, the most first. */
  readonly counts: readonly number[];
}

/** Share of the writes that may lie elsewhere. */
const ELSEWHERE = 0.02;
const WORTH_CUTTING = 0.8;
const EXPONENTS = [0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7, 2];
const HOT_SHARES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];

function workingSetOf(trace: DirtyTrace): WorkingSet {
  const counts = new Map<number, number>();
  let all = 0;
  for (const pages of trace.intervals)
    for (const page of pages) {
      counts.set(page, (counts.get(page) ?? 0) + 1);
      all++;
    }
  const pages = [...counts.keys()].sort((a, b) => a - b);
  // The shortest run of memory that has all writes but a few.
  let best = { first: 0, last: pages.length - 1 };
  let inside = 0;
  for (let first = 0, last = -1; last < pages.length; ) {
    if (inside >= (1 - ELSEWHERE) * all && first <= last) {
      const length = (pages[last] as number) - (pages[first] as number);
      if (length < (pages[best.last] as number) - (pages[best.first] as number))
        best = { first, last };
      inside -= counts.get(pages[first++] as number) as number;
    } else inside += counts.get(pages[++last] as number) ?? 0;
  }
  // Cutting off the ends of a set that is evenly written would only make it smaller.
  const span = ({ first, last }: typeof best): number => (pages[last] ?? 0) - (pages[first] ?? 0);
  const whole = { first: 0, last: pages.length - 1 };
  if (span(best) > WORTH_CUTTING * span(whole)) best = whole;
  const within = pages.slice(best.first, best.last + 1);
  const kept = within.map((page) => counts.get(page) as number).sort((a, b) => b - a);
  const from = within[0] ?? 0;
  return {
    from,
    pages: (within.at(-1) ?? 0) - from + 1,
    background: Math.round((all - kept.reduce((a, b) => a + b, 0)) / trace.intervals.length),
    counts: kept,
  };
}

/** Pages dirtied in 1, 2, 4, ... intervals, inside the working set. */
function curveOf(trace: DirtyTrace, { from, pages }: WorkingSet): readonly Point[] {
  const curve: Point[] = [];
  for (let k = 1; k <= trace.intervals.length; k *= 2) {
    let sum = 0;
    const groups = Math.floor(trace.intervals.length / k);
    for (let g = 0; g < groups; g++) {
      const seen = new Set<number>();
      for (const interval of trace.intervals.slice(g * k, (g + 1) * k))
        for (const page of interval) if (page >= from && page < from + pages) seen.add(page);
      sum += seen.size;
    }
    curve.push({ intervals: k, pages: sum / groups });
  }
  return curve;
}

/** Pages that `writes` writes of a distribution dirty, of `pages`. */
export function dirtiedBy(distribution: Simple, pages: number, writes: number): number {
  const some = (n: number, share: number): number =>
    n > 0 ? n * -Math.expm1((-writes * share) / n) : 0;
  if (distribution.kind === "sequential") return Math.min(pages, writes);
  if (distribution.kind === "uniform") return some(pages, 1);
  if (distribution.kind === "hot-cold") {
    const hot = Math.max(1, Math.round(pages * distribution.hotPages));
    return some(hot, distribution.hotWrites) + some(pages - hot, 1 - distribution.hotWrites);
  }
  let sum = 0;
  for (const { from, perPage, to } of zipfShares(pages, distribution.exponent))
    sum += some(to - from, perPage * (to - from));
  return sum;
}

type Simple = Exclude<Distribution, { readonly kind: "trace" }>;

interface Candidate {
  readonly distribution: Simple;
  readonly writes: number;
  readonly rms: number;
  readonly max: number;
}

/** As many writes in an interval as give the curve the least error. */
function tryOut(distribution: Simple, pages: number, curve: readonly Point[]): Candidate {
  const judge = (writes: number): Candidate => {
    const errors = curve.map(
      (point) =>
        dirtiedBy(distribution, pages, writes * point.intervals) / Math.max(1, point.pages) - 1,
    );
    const rms = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    return { distribution, writes, rms, max: Math.max(...errors.map(Math.abs)) };
  };
  // Between what the first point takes at least and far more than that; by golden sections of the logarithm.
  let low = Math.log(Math.max(1e-3, (curve[0]?.pages ?? 0) / 2));
  let high = low + Math.log(1000);
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 60; i++) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)];
    if (judge(Math.exp(a)).rms < judge(Math.exp(b)).rms) high = b;
    else low = a;
  }
  return judge(Math.exp((low + high) / 2));
}

/** Writers worth trying: hot-cold with the share of writes that the hottest pages really got. */
function candidates({ counts, pages }: WorkingSet, intervals: number): readonly Simple[] {
  // Written at least once with probability c/T: -ln(1 - c/T) times on average.
  const rates = counts.map((c) => -Math.log(1 - Math.min(c, intervals - 0.5) / intervals));
  const total = rates.reduce((a, b) => a + b, 0);
  const hotCold = HOT_SHARES.map((hotPages): Simple => {
    const hot = Math.max(1, Math.round(pages * hotPages));
    const writes = rates.slice(0, hot).reduce((a, b) => a + b, 0) / total;
    return { kind: "hot-cold", hotPages, hotWrites: Math.round(writes * 1000) / 1000 };
  });
  const zipf = EXPONENTS.map((exponent): Simple => ({ kind: "zipf", exponent }));
  return [{ kind: "uniform" }, { kind: "sequential" }, ...hotCold, ...zipf];
}

/** The writer that a migration would take for this guest. */
export function fitWriter(trace: DirtyTrace): Fit {
  const set = workingSetOf(trace);
  const curve = curveOf(trace, set);
  const tried = candidates(set, trace.intervals.length)
    .map((distribution) => tryOut(distribution, set.pages, curve))
    .sort((a, b) => a.rms - b.rms);
  const best = tried[0] as Candidate;
  const isIdle = set.counts.length === 0;
  return {
    memoryBytes: trace.pageCount * GUEST_PAGE_BYTES,
    usedBytes: trace.usedPages * GUEST_PAGE_BYTES,
    workingSetBytes: set.pages * GUEST_PAGE_BYTES,
    workingSetOffsetBytes: set.from * GUEST_PAGE_BYTES,
    dirtyRate: isIdle ? 0 : Math.round((best.writes * 1e9) / trace.intervalNs),
    distribution: best.distribution,
    backgroundPages: set.background,
    error: isIdle ? { rms: 0, max: 0 } : { rms: rounded(best.rms), max: rounded(best.max) },
    others: bestOfKinds(tried.slice(1), best.distribution.kind),
  };
}

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;

/** The best of each other kind. */
function bestOfKinds(tried: readonly Candidate[], kind: Distribution["kind"]): Fit["others"] {
  const seen = new Set<string>([kind]);
  return tried.flatMap(({ distribution, rms }) => {
    if (seen.has(distribution.kind)) return [];
    seen.add(distribution.kind);
    return [{ distribution: distributionName(distribution), rms: rounded(rms) }];
  });
}
