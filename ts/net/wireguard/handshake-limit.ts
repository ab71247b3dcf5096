/** How much of our time handshakes may take: when many come we are busy, and each source has a share. */

/** More handshakes in a second than that, and who asks has to show a cookie. */
const BUSY_PER_SEC = 32;
/** We stay busy that long after. */
const BUSY_NS = 1e9;
/** Of one source, when we are busy: five at once, twenty a second. */
const SOURCE_PER_SEC = 20;
const SOURCE_BURST = 5;
const SOURCES_MAX = 1024;

interface Bucket {
  tokens: number;
  sinceNs: number;
}

export class HandshakeLimit {
  readonly #nowNs: () => number;
  readonly #sources = new Map<string, Bucket>();
  #secondNs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #busyUntilNs = Number.NEGATIVE_INFINITY;

  constructor(nowNs: () => number) {
    this.#nowNs = nowNs;
  }

  /** A handshake is looked at now. */
  count(): void {
    const nowNs = this.#nowNs();
    if (nowNs - this.#secondNs >= 1e9) {
      this.#secondNs = nowNs;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count >= BUSY_PER_SEC) this.#busyUntilNs = nowNs + BUSY_NS;
  }

  isBusy(): boolean {
    return this.#nowNs() < this.#busyUntilNs;
  }

  /** May `source`, which showed a cookie, ask once more? */
  mayAsk(source: string): boolean {
    const nowNs = this.#nowNs();
    const bucket = this.#sources.get(source) ?? { tokens: SOURCE_BURST, sinceNs: nowNs };
    bucket.tokens = Math.min(
      SOURCE_BURST,
      bucket.tokens + ((nowNs - bucket.sinceNs) * SOURCE_PER_SEC) / 1e9,
    );
    bucket.sinceNs = nowNs;
    this.#sources.delete(source); // The one that asked last is last.
    this.#sources.set(source, bucket);
    if (this.#sources.size > SOURCES_MAX) this.#forgetOldest();
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #forgetOldest(): void {
    const [oldest] = this.#sources.keys();
    if (oldest !== undefined) this.#sources.delete(oldest);
  }
}
