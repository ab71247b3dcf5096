/**
 * The guest's writer as a fluid: how long it ran in each of its phases since the last harvest, and what that has
 * dirtied. A region whose pages were written E times on average has dirtied 1 - e^-E of them.
 */
import type { Scenario } from "../scenario.ts";
import { startOf } from "../writer-phases.ts";
import type { FluidPhase, Regions } from "./regions.ts";

/** Numbers of a phase: page writes a second, time since the last harvest, where it was then if it is sequential. */
const RATE = 0;
const RAN_NS = 1;
const NEXT = 2;
const STRIDE = 3;

/** Share of each region's pages that was dirtied since the last harvest: of the writer that was asked last. */
let fresh = new Float64Array(64);

/** What is told of pages that are dirty for certain. */
interface Fillable {
  fill(from: number, to: number): void;
}

export class FluidWriter {
  #regions: Regions;
  /** Of all phases. A small array: as a typed one it would cost more than the rest of this. */
  readonly #phases = [0.5, 0.5, 0.5];
  #usedPages = 0;
  #phase = 0;
  #phaseLeftNs = 0;
  /** Pages that the kernel wrote. */
  #background = 0;
  #limitPagesPerNs = Number.POSITIVE_INFINITY;

  constructor(regions: Regions) {
    this.#regions = regions;
  }

  begin(scenario: Scenario, regions: Regions, usedPages: number): void {
    const { phases } = regions;
    if (regions.count > fresh.length) fresh = new Float64Array(2 * regions.count);
    this.#regions = regions;
    this.#usedPages = usedPages;
    this.#phase = 0;
    this.#background = 0;
    this.#limitPagesPerNs = Number.POSITIVE_INFINITY;
    for (let p = 0; p < phases.length; p++) {
      this.#phases[p * STRIDE + RATE] = scenario.phases[p]?.dirtyRate ?? scenario.dirtyRate;
      this.#phases[p * STRIDE + RAN_NS] = 0;
      this.#phases[p * STRIDE + NEXT] = 0;
    }
    const { durationNs, sequential } = phases[0] as FluidPhase;
    if (sequential)
      this.#phases[NEXT] = startOf(sequential.pages, this.dirtyRate, scenario.settleNs);
    this.#phaseLeftNs = durationNs;
  }

  run(ns: number): void {
    if (this.#limitPagesPerNs !== Number.POSITIVE_INFINITY) {
      this.#runLimited(ns);
      return;
    }
    for (let left = ns; ; ) {
      const step = Math.min(left, this.#phaseLeftNs);
      this.#ran(this.#phase, this.#ranNs(this.#phase) + step);
      left -= step;
      this.#phaseLeftNs -= step;
      if (this.#phaseLeftNs > 0) return;
      const { phases } = this.#regions;
      this.#phase = (this.#phase + 1) % phases.length;
      this.#phaseLeftNs = (phases[this.#phase] as FluidPhase).durationNs;
    }
  }

  limit(pagesPerSec: number): void {
    this.#limitPagesPerNs = pagesPerSec / 1e9;
  }

  /** Held back: the writer gets as much time as dirties the pages that it may, no more than `ns`. */
  #runLimited(ns: number): void {
    const goal = this.#dirtyPages() + ns * this.#limitPagesPerNs;
    const ran = this.#ranNs(this.#phase);
    const at = (x: number): number => {
      this.#ran(this.#phase, ran + x);
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

  #ranNs(p: number): number {
    return this.#phases[p * STRIDE + RAN_NS] as number;
  }

  #ran(p: number, ns: number): void {
    this.#phases[p * STRIDE + RAN_NS] = ns;
  }

  /** Page writes a second in the phase that it is in. */
  get dirtyRate(): number {
    return this.#phases[this.#phase * STRIDE + RATE] as number;
  }

  /** What it does now. */
  get phase(): FluidPhase {
    return this.#regions.phases[this.#phase] as FluidPhase;
  }

  /** Writes of phase `p` since the last harvest. */
  #passed(p: number): number {
    return ((this.#phases[p * STRIDE + RATE] as number) * this.#ranNs(p)) / 1e9;
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
    const { count, ends, isFilled, phases } = this.#regions;
    let pages = 0;
    let from = 0;
    // Whoever goes round fills: the regions have no share of that.
    const sharing = isFilled && this.#background === 0 ? 0 : count;
    for (let r = 0; r < sharing; r++) {
      const to = ends[r] as number;
      const writes = this.#exposure(r);
      const share = writes > 0 ? -Math.expm1(-writes) : 0;
      fresh[r] = share;
      pages += (to - from) * share;
      from = to;
    }
    for (let r = sharing; r < count; r++) fresh[r] = 0;
    for (let p = 0; p < phases.length; p++) {
      const { sequential } = phases[p] as FluidPhase;
      if (sequential) pages += Math.min(sequential.pages, this.#passed(p));
    }
    return pages;
  }

  /** The kernel's own pages are dirty, too; how many are in all. The shares stand in {@link freshShares}. */
  look(backgroundPages: number): number {
    this.#background += this.#usedPages > 0 ? backgroundPages : 0;
    return this.#dirtyPages();
  }

  /** Of each region, as of the last {@link look}; gone when another writer is asked. */
  get freshShares(): Float64Array {
    return fresh;
  }

  /** What sequential writers passed is dirty for certain; from here on they begin anew. */
  restart(memory: Fillable): void {
    const { phases } = this.#regions;
    for (let p = 0; p < phases.length; p++) {
      const { sequential } = phases[p] as FluidPhase;
      if (sequential) this.#round(p, sequential, memory);
      this.#ran(p, 0);
    }
    this.#background = 0;
  }

  #round(
    p: number,
    round: { readonly from: number; readonly pages: number },
    memory: Fillable,
  ): void {
    const passed = this.#passed(p);
    const start = this.#phases[p * STRIDE + NEXT] as number;
    const next = start + passed;
    // The remainder of numbers that are no integers costs more than all the rest.
    this.#phases[p * STRIDE + NEXT] = next < round.pages ? next : next % round.pages;
    const length = Math.min(round.pages, passed);
    const end = start + length;
    memory.fill(round.from + start, round.from + Math.min(end, round.pages));
    if (end > round.pages) memory.fill(round.from, round.from + end - round.pages);
  }
}
