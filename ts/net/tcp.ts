/**
 * TCP segments (RFC 9293) in IPv4 in Ethernet.
 *
 *   ports 2 2   sequence 4   acknowledgement 4   12 header words, 13 flags   14 window   16 checksum   options
 */
import type { Frame } from "../machine/nic.ts";
import { get16, get32, put16, put32 } from "./bytes.ts";
import { checksum, fold, pseudoSum } from "./checksum.ts";
import {
  IPV4_AT,
  IPV4_HEADER_BYTES,
  IPV4_PAYLOAD_AT,
  type Ipv4Packet,
  newIpv4Frame,
  PROTOCOL_TCP,
  type Station,
} from "./ipv4.ts";

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export const TCP_HEADER_BYTES = 20;
/** What a packet of the path's MTU carries. */
export const HEADERS_BYTES = IPV4_HEADER_BYTES + TCP_HEADER_BYTES;
const CHECKSUM_AT = 16;
const OPTION_END = 0;
const OPTION_NOTHING = 1;
const OPTION_MSS = 2;
const OPTION_SCALE = 3;
const SCALE_MAX = 14;

export interface TcpSegment {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  /** As it stands there: not scaled. */
  readonly window: number;
  readonly data: Uint8Array;
  /** Options of a SYN. */
  readonly mss?: number | undefined;
  readonly scale?: number | undefined;
}

/** `isChecked`: its sum was left to whoever needs it. Undefined: cut, or its sum is wrong. */
export function parseTcp(
  bytes: Uint8Array,
  packet: Ipv4Packet,
  isChecked: boolean,
): TcpSegment | undefined {
  const { at: ip, end, payloadAt: at } = packet;
  if (at + TCP_HEADER_BYTES > end) return undefined;
  const dataAt = at + ((bytes[at + 12] as number) >> 4) * 4;
  if (dataAt < at + TCP_HEADER_BYTES || dataAt > end) return undefined;
  if (!isChecked && checksum(bytes, at, end, pseudoSum(bytes, ip, end - at)) !== 0)
    return undefined;
  const flags = bytes[at + 13] as number;
  return {
    sourcePort: get16(bytes, at),
    targetPort: get16(bytes, at + 2),
    seq: get32(bytes, at + 4),
    ack: get32(bytes, at + 8),
    flags,
    window: get16(bytes, at + 14),
    data: bytes.subarray(dataAt, end),
    ...(flags & SYN ? parseOptions(bytes, at + TCP_HEADER_BYTES, dataAt) : {}),
  };
}

/** Where the MSS stands in the options of the SYN at `at`. */
export function findMss(bytes: Uint8Array, at: number, end: number): number | undefined {
  const until = Math.min(end, at + ((bytes[at + 12] as number) >> 4) * 4);
  for (let option = at + TCP_HEADER_BYTES; option + 1 < until; ) {
    const kind = bytes[option] as number;
    if (kind === OPTION_END) return undefined;
    const count = kind === OPTION_NOTHING ? 1 : (bytes[option + 1] as number);
    if (kind === OPTION_MSS && count === 4 && option + 4 <= until) return option + 2;
    if (count === 0 || (kind !== OPTION_NOTHING && count < 2)) return undefined;
    option += count;
  }
  return undefined;
}

function parseOptions(
  bytes: Uint8Array,
  from: number,
  until: number,
): Pick<TcpSegment, "mss" | "scale"> {
  let mss: number | undefined;
  let scale: number | undefined;
  for (let at = from; at < until; ) {
    const kind = bytes[at] as number;
    if (kind === OPTION_END) break;
    const count = kind === OPTION_NOTHING ? 1 : (bytes[at + 1] as number);
    if (count === 0 || (kind !== OPTION_NOTHING && count < 2) || at + count > until) break;
    if (kind === OPTION_MSS && count === 4) mss = get16(bytes, at + 2);
    if (kind === OPTION_SCALE && count === 3) scale = Math.min(SCALE_MAX, bytes[at + 2] as number);
    at += count;
  }
  return { mss, scale };
}

/** What a segment is made of; `data` is copied in by `fill`, which gets the place. */
export interface SegmentPlan extends Omit<TcpSegment, "data"> {
  readonly dataBytes: number;
  readonly fill?: ((into: Uint8Array) => void) | undefined;
  /** Payload of each packet on the line: longer ones are cut by who needs that. */
  readonly segmentBytes: number;
}

/** A segment whose checksum, and cutting, is left to the receiver's card. */
export function tcpFrame(from: Station, to: Station, plan: SegmentPlan): Frame {
  const options = plan.flags & SYN ? optionsOf(plan) : [];
  const headerBytes = TCP_HEADER_BYTES + options.length;
  const count = headerBytes + plan.dataBytes;
  const bytes = newIpv4Frame(from, to, { protocol: PROTOCOL_TCP, payloadBytes: count });
  const at = IPV4_PAYLOAD_AT;
  put16(bytes, at, plan.sourcePort);
  put16(bytes, at + 2, plan.targetPort);
  put32(bytes, at + 4, plan.seq);
  put32(bytes, at + 8, plan.ack);
  bytes[at + 12] = (headerBytes / 4) << 4;
  bytes[at + 13] = plan.flags;
  put16(bytes, at + 14, plan.window);
  put16(bytes, at + CHECKSUM_AT, fold(pseudoSum(bytes, IPV4_AT, count)));
  bytes.set(options, at + TCP_HEADER_BYTES);
  plan.fill?.(bytes.subarray(at + headerBytes));
  const segmentBytes = plan.dataBytes > plan.segmentBytes ? plan.segmentBytes : 0;
  return { bytes, offload: { checksumStart: at, checksumOffset: CHECKSUM_AT, segmentBytes } };
}

function optionsOf({ mss = 536, scale }: SegmentPlan): number[] {
  const size = [OPTION_MSS, 4, mss >>> 8, mss & 0xff];
  return scale === undefined ? size : [...size, OPTION_NOTHING, OPTION_SCALE, 3, scale];
}
