/**
 * What one TCP connection moves where packets get lost, by the rule of Mathis, Semke, Mahdavi and Ott ("The
 * macroscopic behavior of the TCP congestion avoidance algorithm", 1997): a window that halves at each loss and
 * grows by a segment a round trip moves
 *
 *   MSS / RTT * sqrt(3 / 2) / sqrt(p)
 *
 * bytes a second on average. Several connections lose independently, so n of them move n times that, up to
 * what the link has. Not in it: slow start, timeouts (where more than some percent are lost), and congestion
 * control that is not Reno's (CUBIC is at least as fast; BBR does not heed loss).
 */

/** Data in one segment of Ethernet: 1,500 bytes without two headers of 20. */
export const SEGMENT_BYTES = 1460;

export interface FlowOptions {
  /** Of the link, in one direction. */
  readonly bytesPerSec: number;
  /** One way. */
  readonly latencyNs: number;
  /** Share of the packets that get lost: 0 to 1. */
  readonly lossRatio: number;
}

/** Bytes a second of one connection that has the link to itself. */
export function flowBytesPerSec({ bytesPerSec, latencyNs, lossRatio }: FlowOptions): number {
  if (lossRatio === 0 || latencyNs === 0) return bytesPerSec;
  const roundTripSec = (2 * latencyNs) / 1e9;
  return Math.min(
    bytesPerSec,
    ((SEGMENT_BYTES / roundTripSec) * Math.sqrt(1.5)) / Math.sqrt(lossRatio),
  );
}
