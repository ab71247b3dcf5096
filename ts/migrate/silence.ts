/** How long a guest was silent at the longest, as seen from outside, by its signs of life. */
export class SilenceMeter {
  #lastNs: number | undefined;
  #longestNs = 0;

  /** The guest showed a sign of life. */
  beat(nowNs: number): void {
    if (this.#lastNs !== undefined)
      this.#longestNs = Math.max(this.#longestNs, nowNs - this.#lastNs);
    this.#lastNs = nowNs;
  }

  get longestNs(): number {
    return this.#longestNs;
  }
}
