/**
 * How many bytes of the background push may be on their way: what keeps the link busy, and little
 * more, because a page that somebody waits for stands behind them. Two measures, the larger counts:
 *
 * As BBR does it, 1.25 times the best rate seen times the shortest round trip seen: for long links.
 *
 * Two milliseconds of what the link itself moves, which two frames that were on their way together
 * tell by the time between them (a packet pair). It is what a target needs that looks at its channel
 * only now and then because its guest has the processor (a round trip of 40 ms on a busy machine).
 */

/** Always allowed, and the most for a target that is busy. */
const FLOOR_BYTES = 1 << 16;
const BUSY_BYTES_MAX = 1 << 19;
const BUSY_NS = 2e6;
/** Under a cap: what goes in two turns of a guest that has the target's processor for itself. */
const TURNS_NS = 8e6;
const GAIN = 1.25;
/** The most of blocks of disks. */
const BLOCK_BYTES_MAX = 1 << 22;
/** The best rate is forgotten slowly, credit by credit. */
const FADING = 0.99;
/**
 * What the link moves even more so: a target whose guest is busy gives credit once in a turn of that, and whoever forgets what
 * the link can do takes that for the link, sends less, and sees no more ever after.
 */
const LINK_FADING = 0.999;

interface SentFrame {
  readonly sequence: number;
  readonly bytes: number;
  readonly sentAtNs: number;
  /** Bytes that had arrived when it was sent, and since when. */
  readonly delivered: number;
  readonly deliveredAtNs: number;
}

export class InFlight {
  /** Frames that take longer than that are so on purpose: two of them keep the link busy. */
  readonly #busyNs: number;
  #busyBytesMax = BUSY_BYTES_MAX;
  readonly #frames: SentFrame[] = [];
  #bytes = 0;
  /** Bytes that have arrived. */
  #delivered = 0;
  #creditedAtNs = 0;
  #bytesPerNs = 0;
  #linkBytesPerNs = 0;
  #roundTripNs = Number.POSITIVE_INFINITY;

  /** `frameNs`: what the link moves in this time is sent as one. */
  constructor(frameNs = 0, capBytesPerSec = Number.POSITIVE_INFINITY) {
    this.#busyNs = Math.max(BUSY_NS, 2 * frameNs);
    this.cap(capBytesPerSec);
  }

  /** From now on no more than `bytesPerSec` are sent; `Infinity`: there is no cap. */
  cap(bytesPerSec: number): void {
    const turnBytes = bytesPerSec === Number.POSITIVE_INFINITY ? 0 : (bytesPerSec * TURNS_NS) / 1e9;
    this.#busyBytesMax =
      this.#busyNs > 2 * BUSY_NS ? Number.POSITIVE_INFINITY : Math.max(BUSY_BYTES_MAX, turnBytes);
  }

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
    this.#measureLink(credited, nowNs);
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

  #measureLink(credited: readonly SentFrame[], nowNs: number): void {
    this.#linkBytesPerNs *= LINK_FADING;
    const pairs = credited.filter((frame) => frame.sentAtNs < this.#creditedAtNs);
    if (pairs.length === 0) return;
    const bytes = pairs.reduce((sum, frame) => sum + frame.bytes, 0);
    const bytesPerNs = bytes / Math.max(1000, nowNs - this.#creditedAtNs);
    this.#linkBytesPerNs = Math.max(this.#linkBytesPerNs, bytesPerNs);
  }

  /** Since when a credit is waited for; undefined: nothing is on its way. */
  get waitsSinceNs(): number | undefined {
    const [first] = this.#frames;
    return first && Math.max(first.sentAtNs, this.#creditedAtNs);
  }

  /** What the link moves, as far as that was seen; 0 before the first credit. */
  get bytesPerSec(): number {
    return Math.max(this.#bytesPerNs, this.#linkBytesPerNs) * 1e9;
  }

  get hasRoom(): boolean {
    const busyBytes = Math.min(this.#busyBytesMax, this.#linkBytesPerNs * this.#busyNs);
    // Before the first credit nothing is known, and nothing times infinity is not a number.
    const longBytes = this.#bytesPerNs > 0 ? GAIN * this.#bytesPerNs * this.#roundTripNs : 0;
    return this.#bytes < Math.max(FLOOR_BYTES, busyBytes, longBytes);
  }
  /**
   * The same for blocks of disks, of which one fills the floor: two may be on their way in any case, and more if they
   * have arrived within `ns`. Nobody waits behind them but for another block.
   */
  hasRoomWithin(ns: number): boolean {
    const bytes = Math.max(2 * FLOOR_BYTES, (this.bytesPerSec * ns) / 1e9);
    return this.hasRoom || this.#bytes < Math.min(BLOCK_BYTES_MAX, bytes);
  }
}
