/** The configuration space of a virtio block device (virtio 1.2, section 5.2.4), and the limits in it. */
import { SECTOR_BYTES } from "../../machine/block.ts";

/** Requests of a MiB in pages of 4 KiB go as one, and there is room for many. */
export const QUEUE_SIZE = 512;
export const RANGE_SEGMENTS_MAX = 16;
export const RANGE_SECTORS_MAX = 32 * 1024;
const SEGMENT_BYTES_MAX = 128 * 1024;
const SEGMENTS_MAX = QUEUE_SIZE - 2; // A header and a status come along.
const TWO_32 = 0x1_0000_0000;

/** `struct virtio_blk_config` up to write_zeroes_may_unmap. */
export function makeConfig(sectors: number, canDiscard: boolean): Uint8Array {
  const config = new Uint8Array(60);
  const view = new DataView(config.buffer);
  view.setUint32(0, sectors % TWO_32, true);
  view.setUint32(4, Math.floor(sectors / TWO_32), true);
  view.setUint32(8, SEGMENT_BYTES_MAX, true);
  view.setUint32(12, SEGMENTS_MAX, true);
  view.setUint32(20, SECTOR_BYTES, true);
  view.setUint16(34, 1, true); // num_queues
  view.setUint32(36, canDiscard ? RANGE_SECTORS_MAX : 0, true);
  view.setUint32(40, canDiscard ? RANGE_SEGMENTS_MAX : 0, true);
  view.setUint32(44, 8, true); // discard_sector_alignment: 4 KiB
  view.setUint32(48, RANGE_SECTORS_MAX, true);
  view.setUint32(52, RANGE_SEGMENTS_MAX, true);
  return config;
}
