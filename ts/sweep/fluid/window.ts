/** The engine's windows of 100 ms (`ts/migrate/rate-window.ts`), without waiting. */
import { isCapped, WINDOW_NS } from "../../migrate/rate-window.ts";

/** Bytes of what is no page: frames with their headers, as `ts/migrate/stream.ts` writes them. */
export const FRAME = {
  hello: 177,
  accept: 32,
  join: 63,
  joined: 32,
  pages: 28,
  round: 24,
  missing: 16,
  request: 40,
  credit: 20,
  state: 16,
  end: 91,
  /** READY, COMMIT and RUNNING one after the other; of these the source sends COMMIT. */
  agree: 48,
  commit: 16,
} as const;

export class FluidWindow {
  #capBytesPerSec = Number.POSITIVE_INFINITY;
  #startNs = 0;
  #bytes = 0;
  bytesPerSec = 0;

  begin(capBytesPerSec: number): void {
    this.#capBytesPerSec = capBytesPerSec;
    this.#startNs = 0;
    this.#bytes = 0;
    this.bytesPerSec = 0;
  }

  get budgetBytes(): number {
    return (this.#capBytesPerSec * WINDOW_NS) / 1e9 - this.#bytes;
  }

  /** Nothing was sent in this window. */
  get isFresh(): boolean {
    return this.#bytes === 0;
  }

  get isCapped(): boolean {
    return isCapped(this.bytesPerSec, this.#capBytesPerSec);
  }

  get isMidWindow(): boolean {
    return this.#bytes > 0 && this.isCapped && this.budgetBytes > 0;
  }

  lift(): void {
    this.#capBytesPerSec = Number.POSITIVE_INFINITY;
  }

  /** Counts `bytes`, sent until now; returns how long to sleep before the next. */
  pace(bytes: number, nowNs: number): number {
    this.#bytes += bytes;
    this.#turn(nowNs);
    if (this.budgetBytes > 0) return 0;
    const leftNs = Math.max(0, this.#startNs + WINDOW_NS - nowNs);
    this.#turn(nowNs + leftNs);
    return leftNs;
  }

  /** Some windows with `bytes` in each are over. */
  pass(bytes: number, nowNs: number): void {
    this.bytesPerSec = (bytes * 1e9) / WINDOW_NS;
    this.#startNs = nowNs;
    this.#bytes = 0;
  }

  #turn(nowNs: number): void {
    const spentNs = nowNs - this.#startNs;
    if (spentNs < WINDOW_NS) return;
    this.bytesPerSec = (this.#bytes * 1e9) / spentNs;
    this.#bytes = 0;
    this.#startNs = nowNs;
  }
}
