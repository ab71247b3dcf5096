/**
 * IPv4 (RFC 791). Addresses are unsigned integers.
 *
 *   0 version, header words   2 bytes   4 id   6 flags, fragment   8 TTL   9 protocol
 *   10 checksum   12 source   16 target
 */
import { WasmvisorError } from "../base/errors.ts";
import { ETHERNET_HEADER_BYTES } from "../machine/nic.ts";
import { get16, get32, put16, put32 } from "./bytes.ts";
import { checksum } from "./checksum.ts";
import { newFrame, TYPE_IPV4 } from "./ethernet.ts";

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const IPV4_HEADER_BYTES = 20;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_BITS = 0x3fff; // More fragments, and the offset.

/** Where the header and the payload of the frames that are made here begin. */
export const IPV4_AT = ETHERNET_HEADER_BYTES;
export const IPV4_PAYLOAD_AT = IPV4_AT + IPV4_HEADER_BYTES;

/** Where something comes from or goes to. */
export interface Station {
  readonly mac: number;
  readonly ip: number;
}

export interface Ipv4Packet {
  readonly source: number;
  readonly target: number;
  readonly protocol: number;
  readonly ttl: number;
  /** Where the header, the payload and the end are in the bytes that were looked at. */
  readonly at: number;
  readonly payloadAt: number;
  readonly end: number;
  readonly isFragment: boolean;
}

/** The packet at `at`; undefined: cut, or its header is wrong. Padding behind it is not part of it. */
export function parseIpv4(bytes: Uint8Array, at: number): Ipv4Packet | undefined {
  if (at + IPV4_HEADER_BYTES > bytes.length) return undefined;
  const first = bytes[at] as number;
  const headerBytes = (first & 15) * 4;
  const end = at + get16(bytes, at + 2);
  if (first >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES) return undefined;
  if (at + headerBytes > end || end > bytes.length) return undefined;
  if (checksum(bytes, at, at + headerBytes) !== 0) return undefined;
  return {
    source: get32(bytes, at + 12),
    target: get32(bytes, at + 16),
    protocol: bytes[at + 9] as number,
    ttl: bytes[at + 8] as number,
    at,
    payloadAt: at + headerBytes,
    end,
    isFragment: (get16(bytes, at + 6) & FRAGMENT_BITS) !== 0,
  };
}

/** Its sender forbids to cut it. */
export const isDontFragment = (bytes: Uint8Array, packet: Ipv4Packet): boolean =>
  (get16(bytes, packet.at + 6) & DONT_FRAGMENT) !== 0;

/** Writes a header of 20 bytes for `payloadBytes` behind it. */
export function putIpv4(
  bytes: Uint8Array,
  at: number,
  header: {
    readonly source: number;
    readonly target: number;
    readonly protocol: number;
    readonly payloadBytes: number;
    readonly id?: number;
  },
): void {
  bytes[at] = 0x45;
  put16(bytes, at + 2, IPV4_HEADER_BYTES + header.payloadBytes);
  put16(bytes, at + 4, header.id ?? 0);
  put16(bytes, at + 6, DONT_FRAGMENT);
  bytes[at + 8] = TTL;
  bytes[at + 9] = header.protocol;
  put16(bytes, at + 10, 0);
  put32(bytes, at + 12, header.source);
  put32(bytes, at + 16, header.target);
  put16(bytes, at + 10, checksum(bytes, at, at + IPV4_HEADER_BYTES));
}

/** A frame with its headers, and room for `payloadBytes` of `protocol` behind them. */
export function newIpv4Frame(
  from: Station,
  to: Station,
  { payloadBytes, protocol }: { readonly protocol: number; readonly payloadBytes: number },
): Uint8Array {
  const bytes = newFrame({
    target: to.mac,
    source: from.mac,
    type: TYPE_IPV4,
    payloadBytes: IPV4_HEADER_BYTES + payloadBytes,
  });
  putIpv4(bytes, IPV4_AT, { source: from.ip, target: to.ip, protocol, payloadBytes });
  return bytes;
}

export const formatIp = (ip: number): string =>
  [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join(".");

/** An address from text like `10.0.2.15`. Throws `WV_CONFIG`. */
export function parseIp(text: string, what = "address"): number {
  const parts = text.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (parts.length === 4 && parts.every((part) => part < 256))
    return parts.reduce((ip, part) => ip * 256 + part, 0);
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected four numbers like 10.0.2.15, got "${text}"`,
  );
}
