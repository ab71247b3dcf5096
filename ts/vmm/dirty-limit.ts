/**
 * Holds a guest to a number of pages that it dirties in a second: who wants to dirty more waits, and
 * nothing else of the guest does. Throttling its vCPUs would stop all that they do, and not the writes of
 * a guest that needs one percent of its vCPU for them.
 */
import { SPACE_DIRTY_QUOTA } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { type GuestClock, TIMEBASE_HZ } from "../machine/guest-clock.ts";

const NO_QUOTA = 0xffff_ffff;
/** What was not used is kept for this long: a guest that had no turn, as its host was sending, may catch up. */
const BURST_TICKS = TIMEBASE_HZ / 50;

/** What may still be dirtied by whoever draws from it. */
interface Bucket {
  /** Pages granted and not used, while somebody else's are in the core. */
  left: number;
  /** Ticks up to which pages were granted. */
  grantedTicks: number;
}

export class DirtyLimit {
  readonly #core: Core;
  readonly #space: number;
  readonly #clock: GuestClock;
  #pagesPerTick = Number.POSITIVE_INFINITY;
  /** One for all, or one for each vCPU. */
  #buckets: Bucket[] = [{ left: 0, grantedTicks: 0 }];
  /** Whose pages are in the core. */
  #current = 0;

  constructor(core: Core, space: number, clock: GuestClock) {
    this.#core = core;
    this.#space = space;
    this.#clock = clock;
  }

  /** `Infinity`: no limit. `buckets`: 1, or as many as there are vCPUs: each of them may dirty so much. */
  set(pagesPerSec: number, buckets = 1): void {
    this.#pagesPerTick = pagesPerSec / TIMEBASE_HZ;
    const grantedTicks = this.#clock.ticks();
    this.#buckets = Array.from({ length: buckets }, () => ({ left: 0, grantedTicks }));
    this.#current = 0;
    this.#quota = this.isOn ? 0 : NO_QUOTA;
  }

  /** From now on `vcpu` runs, and draws from what is its own. vCPUs of a vm run one after the other. */
  enter(vcpu: number): void {
    const next = vcpu % this.#buckets.length;
    if (next !== this.#current) {
      this.#bucket.left = this.#core.u32[this.#at] as number;
      this.#current = next;
      this.#quota = this.#bucket.left;
    }
    this.grant();
  }

  get #bucket(): Bucket {
    return this.#buckets[this.#current] as Bucket;
  }

  get #at(): number {
    return (this.#space + SPACE_DIRTY_QUOTA) >>> 2;
  }

  get isOn(): boolean {
    return this.#pagesPerTick !== Number.POSITIVE_INFINITY;
  }

  set #quota(pages: number) {
    this.#core.u32[this.#at] = pages;
  }

  /** Grants whoever runs what is due. Returns the tick at which the next page is. */
  grant(): number {
    const { u32 } = this.#core;
    const at = this.#at;
    const bucket = this.#bucket;
    const now = this.#clock.ticks();
    const left = u32[at] as number;
    bucket.grantedTicks = Math.max(bucket.grantedTicks, now - BURST_TICKS);
    const pages = Math.floor((now - bucket.grantedTicks) * this.#pagesPerTick);
    bucket.grantedTicks += pages / this.#pagesPerTick;
    // Of what was granted before, no more than a burst is kept.
    u32[at] = pages + Math.min(left, Math.ceil(BURST_TICKS * this.#pagesPerTick));
    return Math.ceil(bucket.grantedTicks + 1 / this.#pagesPerTick);
  }
}
