/**
 * Keeps a sender under a bandwidth cap and measures what it really gets, in windows of 100 ms as
 * QEMU does: a window's budget may be sent as one burst, then the sender sleeps until the window
 * ends. The rate that convergence is decided on is that of the last full window.
 */
import type { Clock } from "../base/clock.ts";
import { type Task, wait } from "../base/task.ts";

export const WINDOW_NS = 100_000_000;

/** More than this is not caught up with. */
const LATE_NS_MAX = WINDOW_NS / 2;

/** Of a cap that is used the last page of a window, and a timer that is late, leave or take some. */
const CAPPED_SHARE = 0.9;

/** Who has sent for less of a window knows no more of the link than before. */
const SENDING_NS_MIN = WINDOW_NS / 10;

/** Is a rate as measured what the cap allows? */
export function isCapped(bytesPerSec: number, capBytesPerSec: number): boolean {
  return (
    capBytesPerSec !== Number.POSITIVE_INFINITY && bytesPerSec >= CAPPED_SHARE * capBytesPerSec
  );
}

export interface RateWindowOptions {
  readonly clock: Clock;
  /** `Infinity`: measure only. */
  readonly capBytesPerSec: number;
  readonly signal?: AbortSignal | undefined;
}

export class RateWindow {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #capBytesPerSec: number;
  #startNs: number;
  #windowBytes = 0;
  /** Of this window: nothing was sent because nothing was found that takes bytes. */
  #searchedNs = 0;
  #bytesPerSec = 0;
  /** What the bytes were before they were packed: in this window, and all; and all bytes. */
  #windowContentBytes = 0;
  #contentBytes = 0;
  #sentBytes = 0;
  #windowRatio = 1;

  constructor(options: RateWindowOptions) {
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#capBytesPerSec = options.capBytesPerSec;
    this.#startNs = options.clock.nowNs();
  }

  /** Bytes a second in the last full window; 0 before there is one. */
  get bytesPerSec(): number {
    return this.#bytesPerSec;
  }

  /**
   * How many times as much what is sent was before it was packed: in the last full window or on the whole, where
   * that was less. Pages that happened to be packed well say little about those that are left.
   */
  get packRatio(): number {
    const ratio = this.#sentBytes > 0 ? this.#contentBytes / this.#sentBytes : 1;
    return Math.max(1, Math.min(ratio, this.#windowRatio));
  }

  /** The same rate for what is not packed yet, as pages that are left are counted. */
  get contentBytesPerSec(): number {
    return this.#bytesPerSec * this.packRatio;
  }

  /** Bytes that may still be sent in this window. */
  get budgetBytes(): number {
    return (this.#capBytesPerSec * WINDOW_NS) / 1e9 - this.#windowBytes;
  }

  get capBytesPerSec(): number {
    return this.#capBytesPerSec;
  }

  /** The cap, not the channel, is what the last full window was limited by. */
  get isCapped(): boolean {
    return isCapped(this.#bytesPerSec, this.#capBytesPerSec);
  }

  /** Some of this window's budget is spent, and some is left. */
  get isMidWindow(): boolean {
    return this.isCapped && this.#windowBytes > 0 && this.budgetBytes > 0;
  }

  /** From now on `bytesPerSec`; `Infinity`: as fast as the channel allows. */
  cap(bytesPerSec: number): void {
    this.#capBytesPerSec = bytesPerSec;
  }

  /**
   * Counts `bytes` as sent, which were `contentBytes` before they were packed, then sleeps to the end of the
   * window if its budget is used up.
   */
  *pace(bytes: number, contentBytes = bytes): Task<void> {
    this.#windowBytes += bytes;
    this.#sentBytes += bytes;
    this.#windowContentBytes += contentBytes;
    this.#contentBytes += contentBytes;
    this.#turn();
    if (this.budgetBytes > 0) return;
    const endNs = this.#startNs + WINDOW_NS;
    const leftNs = endNs - this.#clock.nowNs();
    if (leftNs <= 0) return this.#turn();
    yield* wait(this.#clock.sleep(leftNs, this.#signal));
    // Timers of a busy machine are late: the window that begins now is that much shorter.
    const lateNs = Math.max(0, Math.min(this.#clock.nowNs() - endNs, LATE_NS_MAX));
    this.#turn();
    this.#startNs -= lateNs;
  }

  /** So much of this window went by without anything to send: pages were looked at, and are zero. */
  searched(ns: number): void {
    this.#searchedNs += ns;
  }

  /** The rate in a window that took so long: no more than the cap only because somebody has searched. */
  #rateIn(spentNs: number): number {
    const bytesPerSec = (this.#windowBytes * 1e9) / spentNs;
    const sendingNs = spentNs - this.#searchedNs;
    if (sendingNs < SENDING_NS_MIN) return Math.max(bytesPerSec, this.#bytesPerSec);
    const most = Math.max(bytesPerSec, this.#capBytesPerSec);
    return Math.min(most, (this.#windowBytes * 1e9) / sendingNs);
  }

  /** Begins a new window if this one is over. */
  #turn(): void {
    const nowNs = this.#clock.nowNs();
    const spentNs = nowNs - this.#startNs;
    if (spentNs < WINDOW_NS) return;
    this.#bytesPerSec = this.#rateIn(spentNs);
    this.#searchedNs = 0;
    if (this.#windowBytes > 0) this.#windowRatio = this.#windowContentBytes / this.#windowBytes;
    this.#windowBytes = 0;
    this.#windowContentBytes = 0;
    this.#startNs = nowNs;
  }
}
