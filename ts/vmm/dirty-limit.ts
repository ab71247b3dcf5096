/**
 * Holds a guest to a number of pages that it dirties in a second: who wants to dirty more waits, and
 * nothing else of the guest does. Throttling its vCPUs would stop all that they do, and not the writes of
 * a guest that needs one percent of its vCPU for them.
 */
import { SPACE_DIRTY_QUOTA } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { type GuestClock, TIMEBASE_HZ } from "../machine/guest-clock.ts";

const NO_QUOTA = 0xffff_ffff;
/** What was not used is kept for this long. */
const BURST_TICKS = TIMEBASE_HZ / 1000;

export class DirtyLimit {
  readonly #core: Core;
  readonly #space: number;
  readonly #clock: GuestClock;
  #pagesPerTick = Number.POSITIVE_INFINITY;
  /** Ticks up to which pages were granted. */
  #grantedTicks = 0;

  constructor(core: Core, space: number, clock: GuestClock) {
    this.#core = core;
    this.#space = space;
    this.#clock = clock;
  }

  /** `Infinity`: no limit. */
  set(pagesPerSec: number): void {
    this.#pagesPerTick = pagesPerSec / TIMEBASE_HZ;
    this.#grantedTicks = this.#clock.ticks();
    this.#quota = this.isOn ? 0 : NO_QUOTA;
  }

  get isOn(): boolean {
    return this.#pagesPerTick !== Number.POSITIVE_INFINITY;
  }

  set #quota(pages: number) {
    this.#core.u32[(this.#space + SPACE_DIRTY_QUOTA) >>> 2] = pages;
  }

  /** Grants what is due. Returns the tick at which the next page is. */
  grant(): number {
    const { u32 } = this.#core;
    const at = (this.#space + SPACE_DIRTY_QUOTA) >>> 2;
    const now = this.#clock.ticks();
    const left = u32[at] as number;
    this.#grantedTicks = Math.max(this.#grantedTicks, now - BURST_TICKS);
    const pages = Math.floor((now - this.#grantedTicks) * this.#pagesPerTick);
    this.#grantedTicks += pages / this.#pagesPerTick;
    // Of what was granted before, no more than a burst is kept.
    u32[at] = pages + Math.min(left, Math.ceil(BURST_TICKS * this.#pagesPerTick));
    return Math.ceil(this.#grantedTicks + 1 / this.#pagesPerTick);
  }
}
