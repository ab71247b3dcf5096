/**
 * Keeps the background push under a bandwidth cap, evenly: what would be a burst of a rate window
 * stands in the way of a page that somebody waits for. Those pages are not counted, as in QEMU: the
 * cap is for what can wait.
 */
import type { Clock } from "../base/clock.ts";

/**
 * What may be caught up with: timers are not exact, and a target or a processor that is busy keeps the push waiting.
 * What may be on its way keeps that from being a burst.
 */
export const BURST_NS = 20_000_000;

export class Pacer {
  readonly #clock: Clock;
  #nsPerByte: number;
  /** When everything sent so far was due, at the cap. */
  #paidAtNs: number;

  /** `capBytesPerSec` may be `Infinity`. */
  constructor(clock: Clock, capBytesPerSec: number) {
    this.#clock = clock;
    this.#nsPerByte = 1e9 / capBytesPerSec;
    this.#paidAtNs = clock.nowNs();
  }

  get isCapped(): boolean {
    return this.#nsPerByte > 0;
  }

  /** From now on `bytesPerSec`; what was sent before is due at that rate, too. */
  cap(bytesPerSec: number): void {
    const nsPerByte = 1e9 / bytesPerSec;
    const change = this.isCapped ? nsPerByte / this.#nsPerByte : 0;
    const nowNs = this.#clock.nowNs();
    this.#paidAtNs = nowNs + (this.#paidAtNs - nowNs) * change;
    this.#nsPerByte = nsPerByte;
  }

  /** Nanoseconds until more may be pushed; 0: now. */
  waitNs(): number {
    return Math.max(0, this.#paidAtNs - this.#clock.nowNs());
  }

  /** Counts `bytes` as sent. A frame that took a while to leave was due when that began, at `sinceNs`. */
  spend(bytes: number, sinceNs = this.#clock.nowNs()): void {
    this.#paidAtNs = Math.max(this.#paidAtNs, sinceNs - BURST_NS) + bytes * this.#nsPerByte;
  }
}
