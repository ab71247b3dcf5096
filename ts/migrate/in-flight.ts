/**
 * How many bytes of the background push may be on their way: what keeps the link busy, and little
 * more, because a page that somebody waits for stands behind them. As BBR does it: 1.25 times the
 * best rate seen times the shortest round trip seen.
 */

/** Always allowed: 16 pages. */
const FLOOR_BYTES = 1 << 16;
const GAIN = 1.25;
/** The best rate is forgotten slowly, credit by credit. */
const FADING = 0.99;

interface SentFrame {
  readonly sequence: number;
  readonly bytes: number;
  readonly sentAtNs: number;
  /** Bytes that had arrived when it was sent, and since when. */
  readonly delivered: number;
  readonly deliveredAtNs: number;
}

export class InFlight {
  readonly #frames: SentFrame[] = [];
  #bytes = 0;
  /** Bytes that have arrived. */
  #delivered = 0;
  #creditedAtNs = 0;
  #bytesPerNs = 0;
  #roundTripNs = Number.POSITIVE_INFINITY;

  /** Frame `sequence` leaves. */
  sent(sequence: number, bytes: number, nowNs: number): void {
    // Bytes on their way count from the last credit on: they are in the rate that is measured.
    const isIdle = this.#frames.length === 0;
    const deliveredAtNs = isIdle ? nowNs : this.#creditedAtNs;
    const delivered = this.#delivered;
    this.#frames.push({ sequence, bytes, sentAtNs: nowNs, delivered, deliveredAtNs });
    this.#bytes += bytes;
  }

  /** Frame `sequence` has arrived, and with it all before. False: it was never sent, or before. */
  credited(sequence: number, nowNs: number): boolean {
    const count = this.#frames.findIndex((frame) => frame.sequence === sequence) + 1;
    if (count === 0) return false;
    const credited = this.#frames.splice(0, count);
    for (const { bytes } of credited) {
      this.#bytes -= bytes;
      this.#delivered += bytes;
    }
    for (const { delivered, deliveredAtNs, sentAtNs } of credited) {
      this.#roundTripNs = Math.min(this.#roundTripNs, Math.max(1, nowNs - sentAtNs));
      const bytesPerNs = (this.#delivered - delivered) / Math.max(1, nowNs - deliveredAtNs);
      this.#bytesPerNs = Math.max(this.#bytesPerNs * FADING, bytesPerNs);
    }
    this.#creditedAtNs = nowNs;
    return true;
  }

  /** Bytes a second that the target has taken at best; 0 before the first credit. */
  get bytesPerSec(): number {
    return this.#bytesPerNs * 1e9;
  }

  get hasRoom(): boolean {
    if (this.#bytes < FLOOR_BYTES) return true;
    return this.#bytes < GAIN * this.#bytesPerNs * this.#roundTripNs;
  }
}
