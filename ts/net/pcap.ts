/**
 * Files that tshark and tcpdump read: the classic pcap format, times in nanoseconds, little-endian.
 *
 *   header   magic a1b23c4d   version 2.4   zone 0   accuracy 0   longest frame   link type 1 (Ethernet)
 *   frame    seconds   nanoseconds   bytes here   bytes on the line   the bytes
 *
 * Frames are written as a plain card would send them: checksums right, long segments cut.
 */
import type { Frame } from "../machine/nic.ts";
import { plainFrames } from "./offload.ts";

const MAGIC_NS = 0xa1b2_3c4d;
const LINK_ETHERNET = 1;
const HEADER_BYTES = 24;
const RECORD_BYTES = 16;
const FRAME_BYTES_MAX = 256 * 1024;

/** What a file begins with. */
export function pcapHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_NS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, FRAME_BYTES_MAX, true);
  view.setUint32(20, LINK_ETHERNET, true);
  return bytes;
}

/** The records of a frame that passed at `timeNs` since 1970; of each `snapBytes` are kept. */
export function pcapRecords(
  frame: Frame,
  timeNs: number,
  snapBytes = Number.POSITIVE_INFINITY,
): Uint8Array {
  const frames = plainFrames(frame);
  const bytes = new Uint8Array(
    frames.reduce((sum, one) => sum + RECORD_BYTES + Math.min(snapBytes, one.bytes.length), 0),
  );
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const one of frames) {
    view.setUint32(at, Math.floor(timeNs / 1e9), true);
    view.setUint32(at + 4, timeNs % 1e9, true);
    const kept = one.bytes.subarray(0, snapBytes);
    view.setUint32(at + 8, kept.length, true);
    view.setUint32(at + 12, one.bytes.length, true);
    bytes.set(kept, at + RECORD_BYTES);
    at += RECORD_BYTES + kept.length;
  }
  return bytes;
}
