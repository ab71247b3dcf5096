/**
 * The guest's memory as a fluid: pieces of pages, in order, each with the share of its pages that is
 * to be sent (its density). What the writer has dirtied since the last harvest is closed form: a
 * region whose pages were written E times on average has dirtied 1 - e^-E of them.
 */
import type { Scenario, WriterPhase } from "../scenario.ts";
import { startOf, writerPhases } from "../writer-phases.ts";
import { type FluidPhase, type Regions, regionsOf } from "./regions.ts";

const PIECES_MAX = 1 << 14;
const NO_REGIONS: Regions = {
  count: 0,
  ends: new Float64Array(0),
  firstZero: 0,
  firstKept: 0,
  phases: [],
};
const ALMOST = 1e-7;

/** What the last `take` took. Pages are expected values, not whole numbers. */
export class Taken {
  normalPages = 0;
  zeroPages = 0;
  /** Of the normal pages, those that the target has in an older version. */
  knownPages = 0;
}

/** Pages that are to be sent, and how often each is written in a second. */
export interface WrittenPages {
  readonly pages: number;
  readonly perPageSec: number;
}

/** What the fields of one piece take. */
const PIECE_BYTES = 28;

/** Pieces in order: `end`s in pages, density, region, share of the pages that were sent before. */
class Pieces {
  count = 0;
  /** Pieces before this one end where they end. */
  fixed = 0;
  end!: Float64Array;
  density!: Float64Array;
  known!: Float64Array;
  region!: Int32Array;

  /** In a buffer of its own, or at `at` in one that many share: a thousand small ones cost more than what they hold. */
  constructor(piecesMax = PIECES_MAX, buffer = new ArrayBuffer(piecesMax * PIECE_BYTES), at = 0) {
    this.#lie(piecesMax, buffer, at);
  }

  #lie(piecesMax: number, buffer: ArrayBuffer, at: number): void {
    this.end = new Float64Array(buffer, at, piecesMax);
    this.density = new Float64Array(buffer, at + 8 * piecesMax, piecesMax);
    this.known = new Float64Array(buffer, at + 16 * piecesMax, piecesMax);
    this.region = new Int32Array(buffer, at + 24 * piecesMax, piecesMax);
  }

  /** Makes room for so many, if there is none. */
  reserve(pieces: number): void {
    if (pieces <= this.end.length) return;
    const { density, end, known, region } = this;
    const piecesMax = 2 * pieces;
    this.#lie(piecesMax, new ArrayBuffer(piecesMax * PIECE_BYTES), 0);
    this.end.set(end);
    this.density.set(density);
    this.known.set(known);
    this.region.set(region);
  }

  /** Adds pages up to `end`, to the last piece if that is the same and not before `fixed`. */
  push(end: number, density: number, known: number, region: number): void {
    const last = this.count - 1;
    if (
      last >= this.fixed &&
      this.region[last] === region &&
      Math.abs((this.density[last] as number) - density) < ALMOST &&
      Math.abs((this.known[last] as number) - known) < ALMOST
    ) {
      this.end[last] = end;
      return;
    }
    this.end[this.count] = end;
    this.density[this.count] = density;
    this.known[this.count] = known;
    this.region[this.count] = region;
    this.count++;
  }

  /** Cuts piece `i` at page `at`. */
  split(i: number, at: number): void {
    // There are few behind it: a loop is faster than four calls of copyWithin.
    for (let k = this.count; k > i; k--) {
      this.end[k] = this.end[k - 1] as number;
      this.density[k] = this.density[k - 1] as number;
      this.known[k] = this.known[k - 1] as number;
      this.region[k] = this.region[k - 1] as number;
    }
    this.count++;
    this.end[i] = at;
  }
}

export class FluidMemory {
  pageCount = 0;
  readonly taken = new Taken();
  /** Pages to be sent. */
  remaining = 0;
  /** Share of the pages sent now that the cache still has when they are sent again; undefined: first pass. */
  kept: number | undefined;
  /** Variance of that, at the last harvest. */
  variance = 0;
  #regions: Regions = NO_REGIONS;
  /** Page writes a second in each phase. Small arrays: as typed ones they would cost more than the rest of this. */
  readonly #rates: number[] = [];
  /** Share of a region's pages that was dirtied since the last harvest. */
  readonly #fresh: number[] = [];
  #usedPages = 0;
  #pieces: Pieces;
  #spare: Pieces;
  /** The piece that `take` goes on with: the cursor is where it begins. */
  #at = 0;
  /** Time that the writer had in each phase since the last harvest. */
  readonly #ranNs: number[] = [];
  #phase = 0;
  #phaseLeftNs = 0;
  /** Where the sequential writers were at the last harvest. */
  readonly #next: number[] = [];
  #background = 0;
  #limitPagesPerNs = Number.POSITIVE_INFINITY;

  constructor(scenario?: Scenario, pieces = new Pieces(), spare = new Pieces()) {
    this.#pieces = pieces;
    this.#spare = spare;
    if (scenario) this.begin(scenario);
  }

  /** The memory of a guest that has not been moved yet; whatever was here before is forgotten. */
  begin(scenario: Scenario): void {
    const regions = regionsOf(scenario);
    const { count, ends, phases } = regions;
    this.#regions = regions;
    this.pageCount = ends[count - 1] as number;
    this.kept = undefined;
    this.variance = 0;
    this.#usedPages = Math.min(this.pageCount, Math.ceil(scenario.usedBytes / 4096));
    this.#at = 0;
    this.#phase = 0;
    this.#background = 0;
    this.#limitPagesPerNs = Number.POSITIVE_INFINITY;
    for (let p = 0; p < phases.length; p++) {
      this.#rates[p] = scenario.phases[p]?.dirtyRate ?? scenario.dirtyRate;
      this.#ranNs[p] = 0;
      this.#next[p] = 0;
    }
    const first = phases[0] as FluidPhase;
    if (first.sequential)
      this.#next[0] = startOf(writerPhases(scenario)[0] as WriterPhase, scenario.settleNs);
    this.#phaseLeftNs = first.durationNs;
    const pieces = this.#pieces;
    pieces.count = 0;
    pieces.fixed = 0;
    for (let r = 0; r < count; r++) pieces.push(ends[r] as number, 1, 0, r);
    this.remaining = this.pageCount;
  }

  /** Buffers for the next scenario: making them costs more than simulating it. */
  static buffers(): readonly [Pieces, Pieces] {
    return [new Pieces(), new Pieces()];
  }

  /** Many small ones, for guests that are on their way at the same time; who uses them asks `reserve` for more. */
  static manyBuffers(count: number, piecesMax: number): (readonly [Pieces, Pieces])[] {
    const bytes = Math.ceil((piecesMax * PIECE_BYTES) / 8) * 8;
    const all = new ArrayBuffer(2 * count * bytes);
    return Array.from({ length: count }, (_, i) => [
      new Pieces(piecesMax, all, 2 * i * bytes),
      new Pieces(piecesMax, all, (2 * i + 1) * bytes),
    ]);
  }

  /** The writer runs for `ns`. */
  run(ns: number): void {
    if (this.#limitPagesPerNs !== Number.POSITIVE_INFINITY) {
      this.#runLimited(ns);
      return;
    }
    for (let left = ns; ; ) {
      const step = Math.min(left, this.#phaseLeftNs);
      this.#ranNs[this.#phase] = (this.#ranNs[this.#phase] as number) + step;
      left -= step;
      this.#phaseLeftNs -= step;
      if (this.#phaseLeftNs > 0) return;
      const { phases } = this.#regions;
      this.#phase = (this.#phase + 1) % phases.length;
      this.#phaseLeftNs = (phases[this.#phase] as FluidPhase).durationNs;
    }
  }

  limitDirty(pagesPerSec: number): void {
    this.#limitPagesPerNs = pagesPerSec / 1e9;
  }

  /** Held back: the writer gets as much time as dirties the pages that it may, no more than `ns`. */
  #runLimited(ns: number): void {
    const goal = this.#dirtyPages() + ns * this.#limitPagesPerNs;
    const ran = this.#ranNs[this.#phase] as number;
    const at = (x: number): number => {
      this.#ranNs[this.#phase] = ran + x;
      return this.#dirtyPages();
    };
    if (at(ns) <= goal) return;
    let low = 0;
    let high = ns;
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (at(middle) > goal) high = middle;
      else low = middle;
    }
    at(low);
  }

  /** Mean writes to a page of region `r` since the last harvest, but for sequential ones. */
  #exposure(r: number): number {
    const { firstZero, phases } = this.#regions;
    let writes = r < firstZero ? this.#background / Math.max(1, this.#usedPages) : 0;
    for (let p = 0; p < phases.length; p++)
      writes += this.#passed(p) * ((phases[p] as FluidPhase).perPage[r] as number);
    return writes;
  }

  /** Pages that were dirtied since the last harvest; notes the share of each region. */
  #dirtyPages(): number {
    const { count, ends, phases } = this.#regions;
    let pages = 0;
    let from = 0;
    for (let r = 0; r < count; r++) {
      const to = ends[r] as number;
      const writes = this.#exposure(r);
      const fresh = writes > 0 ? -Math.expm1(-writes) : 0;
      this.#fresh[r] = fresh;
      pages += (to - from) * fresh;
      from = to;
    }
    for (let p = 0; p < phases.length; p++) {
      const { sequential } = phases[p] as FluidPhase;
      if (sequential) pages += Math.min(sequential.pages, this.#passed(p));
    }
    return pages;
  }

  /** Writes of phase `p` since the last harvest. */
  #passed(p: number): number {
    return ((this.#rates[p] as number) * (this.#ranNs[p] as number)) / 1e9;
  }

  /** Adds what was dirtied to what is to be sent; returns how much it was. */
  harvest(backgroundPages: number): number {
    this.#background += this.#usedPages > 0 ? backgroundPages : 0;
    const dirtied = this.#dirtyPages();
    const { phases } = this.#regions;
    for (let p = 0; p < phases.length; p++) {
      const { sequential } = phases[p] as FluidPhase;
      if (sequential) this.#harvestRound(p, sequential);
    }
    this.#merge();
    for (let p = 0; p < phases.length; p++) this.#ranNs[p] = 0;
    this.#background = 0;
    return dirtied;
  }

  /** What a sequential writer passed is dirty for certain. */
  #harvestRound(p: number, round: { readonly from: number; readonly pages: number }): void {
    const passed = this.#passed(p);
    const start = this.#next[p] as number;
    this.#next[p] = (start + passed) % round.pages;
    const length = Math.min(round.pages, passed);
    const end = start + length;
    this.#fill(round.from + start, round.from + Math.min(end, round.pages));
    if (end > round.pages) this.#fill(round.from, round.from + end - round.pages);
  }

  /** Pages `from` to `to` are all to be sent. */
  #fill(from: number, to: number): void {
    if (to <= from) return;
    const pieces = this.#pieces;
    let start = 0;
    for (let i = 0; i < pieces.count && start < to; i++) {
      let end = pieces.end[i] as number;
      if (end > from) {
        if (start < from) {
          this.#split(i, from);
          start = from;
          continue;
        }
        if (end > to) {
          this.#split(i, to);
          end = to;
        }
        pieces.density[i] = 1;
      }
      start = end;
    }
  }

  #split(i: number, at: number): void {
    this.#pieces.split(i, at);
    if (i < this.#at) this.#at++;
  }

  /** Joins what is equal by now: behind the cursor all is, but for the regions. */
  #merge(): void {
    const old = this.#pieces;
    const merged = this.#spare;
    merged.count = 0;
    merged.fixed = 0;
    let start = 0;
    let at = 0;
    this.remaining = 0;
    this.variance = 0;
    for (let i = 0; i < old.count; i++) {
      const end = old.end[i] as number;
      const region = old.region[i] as number;
      const fresh = this.#fresh[region] as number;
      const density = 1 - (1 - (old.density[i] as number)) * (1 - fresh);
      this.remaining += density * (end - start);
      this.variance += density * (1 - density) * (end - start);
      if (i === this.#at) {
        // The cursor stays between two pieces.
        at = merged.count;
        merged.fixed = merged.count;
      }
      merged.push(end, density, old.known[i] as number, region);
      start = end;
    }
    this.#at = this.#at >= old.count ? 0 : at;
    this.#pieces = merged;
    this.#spare = old;
  }

  /**
   * Takes pages from the cursor on, to the end of memory at most: `normalMax` with data, then, if these
   * end, `zeroMax` without. The cursor is behind the last one taken, or at the start again.
   */
  take(normalMax: number, zeroMax: number): void {
    const { firstZero } = this.#regions;
    const pieces = this.#pieces;
    const { taken } = this;
    taken.normalPages = 0;
    taken.zeroPages = 0;
    taken.knownPages = 0;
    let left = normalMax;
    let isZero = false;
    for (; this.#at < pieces.count; this.#at++) {
      const i = this.#at;
      if (!isZero && (pieces.region[i] as number) >= firstZero) {
        if (left < ALMOST && normalMax > 0) break;
        isZero = true;
        left = zeroMax;
      }
      const start = i > 0 ? (pieces.end[i - 1] as number) : 0;
      const density = pieces.density[i] as number;
      const pages = density * ((pieces.end[i] as number) - start);
      if (pages > left + ALMOST) {
        if (left < ALMOST) break;
        pieces.split(i, start + left / density);
      }
      const count = Math.min(pages, left);
      left -= count;
      if (isZero) taken.zeroPages += count;
      else {
        taken.normalPages += count;
        taken.knownPages += count * (pieces.known[i] as number);
        const known = pieces.known[i] as number;
        pieces.known[i] = known * (1 - density) + density * this.#keptOf(i);
      }
      pieces.density[i] = 0;
      if (pages > count + ALMOST) {
        this.#at++;
        break;
      }
    }
    if (this.#at >= pieces.count) this.#at = 0;
    this.remaining = Math.max(0, this.remaining - taken.normalPages - taken.zeroPages);
  }

  #keptOf(i: number): number {
    if (this.kept !== undefined) return this.kept;
    return (this.#pieces.region[i] as number) >= this.#regions.firstKept ? 1 : 0;
  }

  /** How many pages with data lie ahead of the cursor, up to `max`. */
  normalAhead(max: number): number {
    const { firstZero } = this.#regions;
    const pieces = this.#pieces;
    let pages = 0;
    let start = this.#at > 0 ? (pieces.end[this.#at - 1] as number) : 0;
    for (let i = this.#at; i < pieces.count && pages < max; i++) {
      if ((pieces.region[i] as number) >= firstZero) break;
      const end = pieces.end[i] as number;
      pages += (pieces.density[i] as number) * (end - start);
      start = end;
    }
    return Math.min(pages, max);
  }

  /** Of the pages to be sent, those that are zero. */
  zeroRemaining(): number {
    const { end, density, region, count } = this.#pieces;
    let pages = 0;
    for (let i = 0; i < count; i++)
      if ((region[i] as number) >= this.#regions.firstZero)
        pages +=
          (density[i] as number) * ((end[i] as number) - (i > 0 ? (end[i - 1] as number) : 0));
    return pages;
  }

  /** For post-copy: what is to be sent of the pages that the writer of this phase writes. */
  written(): readonly WrittenPages[] {
    const phase = this.#regions.phases[this.#phase] as FluidPhase;
    const pieces = this.#pieces;
    const written: WrittenPages[] = [];
    let start = 0;
    let pages = 0;
    for (let i = 0; i < pieces.count; i++) {
      const end = pieces.end[i] as number;
      const r = pieces.region[i] as number;
      pages += (pieces.density[i] as number) * (end - start);
      start = end;
      if (i + 1 < pieces.count && pieces.region[i + 1] === r) continue;
      const perPage = phase.perPage[r] as number;
      if (perPage > 0)
        written.push({ pages, perPageSec: perPage * (this.#rates[this.#phase] as number) });
      pages = 0;
    }
    return written;
  }
}
