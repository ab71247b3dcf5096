/** The Internet checksum (RFC 1071), and the pseudo header that UDP and TCP put in front. */
import { get16, get32 } from "./bytes.ts";

/** Adds the words of a range to a sum; an odd byte at the end counts as a high one. */
export function sumWords(bytes: Uint8Array, from: number, until: number, sum = 0): number {
  let total = sum;
  let at = from;
  for (; at + 1 < until; at += 2) total += ((bytes[at] as number) << 8) | (bytes[at + 1] as number); // 2^53 / 2^16 words fit.
  if (at < until) total += (bytes[at] as number) << 8;
  return total;
}

/** A sum in 16 bits, carries added again. */
export function fold(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left % 0x1_0000) + Math.floor(left / 0x1_0000);
  return left;
}

/** The checksum of a range: the complement of its sum. Zero over a range that holds a right one. */
export function checksum(bytes: Uint8Array, from: number, until: number, sum = 0): number {
  return ~fold(sumWords(bytes, from, until, sum)) & 0xffff;
}

/** Sum of the pseudo header of the IPv4 packet at `ip`, for `bytes` bytes of transport. */
export function pseudoSum(packet: Uint8Array, ip: number, transportBytes: number): number {
  const source = get32(packet, ip + 12);
  const target = get32(packet, ip + 16);
  const halves = (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff);
  return halves + (get16(packet, ip + 8) & 0xff) + transportBytes;
}
