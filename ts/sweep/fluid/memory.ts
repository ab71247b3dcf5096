/**
 * The guest's memory as a fluid: pieces of pages, in order, each with the share of its pages that is to be sent
 * (its density), and the writer that dirties them.
 */
import type { Scenario } from "../scenario.ts";
import { Pieces } from "./pieces.ts";
import { type Regions, regionsOf } from "./regions.ts";
import { FluidWriter } from "./writer.ts";

const NO_REGIONS: Regions = {
  count: 0,
  ends: [],
  firstZero: 0,
  firstKept: 0,
  phases: [],
  isFilled: true,
};

/** What adding up may leave of a page. */
const ALMOST = 1e-7;

const NOWHERE = { fill: (): void => undefined };

/** What a `take` took. Pages are expected values, not whole numbers. */
export class Taken {
  normalPages = 0;
  zeroPages = 0;
  /** Of the normal pages, those of which the cache has what the target has. */
  knownPages = 0;
}

/** What was taken last, of whichever memory: one object for all. */
const taken = new Taken();

/** Pages that are to be sent, and how often each is written in a second. */
export interface WrittenPages {
  readonly pages: number;
  readonly perPageSec: number;
}

export class FluidMemory {
  pageCount = 0;
  /** Pages to be sent. */
  remaining = 0;
  /** No page has been sent twice: what the cache of sent pages keeps is the last of them. */
  isFirstPass = true;
  /** Variance of that, at the last harvest. */
  variance = 0;
  #hasCache = false;
  /** Share of the pages sent after the first pass that the cache still has when they are sent again. */
  #kept = 0;
  #regions = NO_REGIONS;
  readonly #writer = new FluidWriter(NO_REGIONS);
  readonly #pieces: Pieces;
  /** The piece that `take` goes on with: the cursor is where it begins. */
  #at = 0;

  constructor(scenario?: Scenario, pieces = new Pieces()) {
    this.#pieces = pieces;
    if (scenario) this.begin(scenario);
  }

  /** The memory of a guest that has not been moved yet; whatever was here before is forgotten. */
  begin(scenario: Scenario): void {
    const regions = regionsOf(scenario);
    const { count, ends } = regions;
    this.#regions = regions;
    this.pageCount = ends[count - 1] as number;
    this.isFirstPass = true;
    this.#hasCache = scenario.xbzrleCacheBytes > 0;
    this.#kept = Math.min(1, scenario.xbzrleCacheBytes / scenario.workingSetBytes);
    this.variance = 0;
    this.#at = 0;
    const usedPages = Math.min(this.pageCount, Math.ceil(scenario.usedBytes / 4096));
    this.#writer.begin(scenario, regions, usedPages);
    const pieces = this.#pieces;
    pieces.count = 0;
    for (let r = 0; r < count; r++) pieces.push(ends[r] as number, r);
    this.remaining = this.pageCount;
  }

  /** A buffer for the next scenario: making it costs more than simulating one. */
  static buffers(): Pieces {
    return new Pieces();
  }

  /** The writer runs for `ns`. */
  run(ns: number): void {
    this.#writer.run(ns);
  }

  limitDirty(pagesPerSec: number): void {
    this.#writer.limit(pagesPerSec);
  }

  /** What was written until now is not looked at: all pages are to be sent anyway. */
  startDirtyLog(): void {
    this.#writer.restart(NOWHERE);
  }

  /** Adds what was dirtied to what is to be sent; returns how much it was. */
  harvest(backgroundPages: number): number {
    const dirtied = this.#writer.look(backgroundPages);
    this.#writer.restart(this);
    this.#at = this.#pieces.dirty(this.#writer.freshShares, this.#at, this);
    return dirtied;
  }

  /** Pages `from` to `to` are all to be sent. */
  fill(from: number, to: number): void {
    if (to <= from) return;
    const pieces = this.#pieces;
    let start = 0;
    for (let i = 0; i < pieces.count && start < to; i++) {
      let end = pieces.end(i);
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
        pieces.mark(i, 1);
      }
      start = end;
    }
  }

  #split(i: number, at: number): void {
    this.#pieces.split(i, at);
    if (i < this.#at) this.#at++;
  }

  /**
   * Takes pages from the cursor on, to the end of memory at most: `normalMax` with data, then, if these
   * end, `zeroMax` without. The cursor is behind the last one taken, or at the start again. What it returns is the
   * same object each time.
   */
  take(normalMax: number, zeroMax: number): Readonly<Taken> {
    const { firstZero } = this.#regions;
    const pieces = this.#pieces;
    let normalPages = 0;
    let zeroPages = 0;
    let knownPages = 0;
    let left = normalMax;
    let isZero = false;
    let i = this.#at;
    let start = pieces.start(i);
    for (; i < pieces.count; i++) {
      if (!isZero && pieces.region(i) >= firstZero) {
        if (left < ALMOST && normalMax > 0) break;
        isZero = true;
        left = zeroMax;
      }
      const density = pieces.density(i);
      const end = pieces.end(i);
      const pages = density * (end - start);
      if (pages > left + ALMOST) {
        if (left < ALMOST) break;
        pieces.split(i, start + left / density);
      }
      const count = Math.min(pages, left);
      left -= count;
      if (isZero) zeroPages += count;
      else {
        normalPages += count;
        if (this.#hasCache) knownPages += this.#send(i, count);
      }
      pieces.mark(i, 0);
      start = end;
      if (pages > count + ALMOST) {
        i++;
        break;
      }
    }
    this.#at = i >= pieces.count ? 0 : i;
    this.remaining = Math.max(0, this.remaining - normalPages - zeroPages);
    taken.normalPages = normalPages;
    taken.zeroPages = zeroPages;
    taken.knownPages = knownPages;
    return taken;
  }

  /** `pages` of piece `i` are sent: how many of them the cache had. It has a share of them from now on. */
  #send(i: number, pages: number): number {
    const pieces = this.#pieces;
    const known = pieces.known(i);
    const density = pieces.density(i);
    const isKept = pieces.region(i) >= this.#regions.firstKept;
    const kept = this.isFirstPass ? Number(isKept) : this.#kept;
    pieces.know(i, known * (1 - density) + density * kept);
    return pages * known;
  }

  /** How many pages with data lie ahead of the cursor, up to `max`. */
  normalAhead(max: number): number {
    const { firstZero } = this.#regions;
    const pieces = this.#pieces;
    let pages = 0;
    let start = pieces.start(this.#at);
    for (let i = this.#at; i < pieces.count && pages < max; i++) {
      if (pieces.region(i) >= firstZero) break;
      const end = pieces.end(i);
      pages += pieces.density(i) * (end - start);
      start = end;
    }
    return Math.min(pages, max);
  }

  /** Of the pages to be sent, those that are zero. */
  zeroRemaining(): number {
    const pieces = this.#pieces;
    let pages = 0;
    let start = 0;
    for (let i = 0; i < pieces.count; i++) {
      const end = pieces.end(i);
      if (pieces.region(i) >= this.#regions.firstZero) pages += pieces.density(i) * (end - start);
      start = end;
    }
    return pages;
  }

  /** For post-copy: what is to be sent of the pages that the writer of this phase writes. */
  written(): readonly WrittenPages[] {
    const { dirtyRate, phase } = this.#writer;
    const pieces = this.#pieces;
    const written: WrittenPages[] = [];
    let start = 0;
    let pages = 0;
    for (let i = 0; i < pieces.count; i++) {
      const end = pieces.end(i);
      const r = pieces.region(i);
      pages += pieces.density(i) * (end - start);
      start = end;
      if (i + 1 < pieces.count && pieces.region(i + 1) === r) continue;
      const perPage = phase.perPage[r] as number;
      if (perPage > 0) written.push({ pages, perPageSec: perPage * dirtyRate });
      pages = 0;
    }
    return written;
  }
}
