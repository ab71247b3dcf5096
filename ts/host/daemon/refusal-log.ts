/** Logs peers that were refused: whoever knocks a million times fills no disk. */
import type { Clock } from "../../base/clock.ts";

const WINDOW_NS = 10e9;
const LINES_MAX = 20;

export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  #startNs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #more = 0;

  constructor(clock: Clock, log: (line: string) => void) {
    this.#clock = clock;
    this.#log = log;
  }

  refused(peer: string, why: string): void {
    const nowNs = this.#clock.nowNs();
    if (nowNs - this.#startNs >= WINDOW_NS) {
      if (this.#more > 0) this.#log(`refused ${this.#more} more peers`);
      this.#startNs = nowNs;
      this.#lines = 0;
      this.#more = 0;
    }
    if (this.#lines++ < LINES_MAX) this.#log(`refused ${peer}: ${why}`);
    else this.#more++;
  }
}
