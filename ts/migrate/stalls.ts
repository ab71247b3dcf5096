/**
 * How long a guest that lacks pages stood still at the longest, as somebody outside would say who does not
 * know what it does: waits that follow each other with hardly any time to run in between are one.
 */

/** Who runs for less than this part of a wait before the next one has shown nobody a sign of life. */
const RUN_RATIO = 0.25;

/** A wait within this after the switch goes on from the downtime. */
const BEGIN_NS = 4_000_000;

export class StallMeter {
  #waiting = 0;
  /** Of the stall under way, or of the last one. */
  #startNs = Number.NEGATIVE_INFINITY;
  #endNs = Number.NEGATIVE_INFINITY;
  /** The last wait in it. */
  #waitNs = 0;
  #sinceNs = 0;
  #isFirst = true;
  /** The stall that the guest began with: it goes on from the downtime. */
  firstNs = 0;
  longestNs = 0;

  /** The guest begins to run. */
  begin(nowNs: number): void {
    this.#startNs = nowNs;
    this.#endNs = nowNs;
    this.#waitNs = BEGIN_NS;
  }

  /** A vCPU, or a device, waits for a page. */
  waits(nowNs: number): void {
    if (this.#waiting++ > 0) return;
    this.#sinceNs = nowNs;
    if (nowNs - this.#endNs <= this.#waitNs * RUN_RATIO) return;
    this.#startNs = nowNs;
    this.#isFirst = false;
  }

  /** It goes on. */
  goesOn(nowNs: number): void {
    if (--this.#waiting > 0) return;
    this.#endNs = nowNs;
    this.#waitNs = nowNs - this.#sinceNs;
    const stallNs = nowNs - this.#startNs;
    this.longestNs = Math.max(this.longestNs, stallNs);
    if (this.#isFirst) this.firstNs = stallNs;
  }
}
