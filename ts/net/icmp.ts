/** ICMP (RFC 792): echo, and why a packet goes nowhere. */
import { put16 } from "./bytes.ts";
import { checksum } from "./checksum.ts";
import {
  IPV4_PAYLOAD_AT,
  type Ipv4Packet,
  newIpv4Frame,
  PROTOCOL_ICMP,
  type Station,
} from "./ipv4.ts";

const ECHO_REPLY = 0;
const UNREACHABLE = 3;
const ECHO_REQUEST = 8;
const HEADER_BYTES = 8;
/** Codes of "unreachable". */
export const UNREACHABLE_PORT = 3;
export const UNREACHABLE_PROHIBITED = 13;
const UNREACHABLE_TOO_LONG = 4;

/** The body (id, sequence, data) of an echo request; undefined: something else, or damaged. */
export function parseEcho(bytes: Uint8Array, packet: Ipv4Packet): Uint8Array | undefined {
  const { end, payloadAt: at } = packet;
  if (at + HEADER_BYTES > end || bytes[at] !== ECHO_REQUEST || bytes[at + 1] !== 0)
    return undefined;
  if (checksum(bytes, at, end) !== 0) return undefined;
  return bytes.subarray(at + 4, end);
}

export const echoReplyFrame = (from: Station, to: Station, body: Uint8Array): Uint8Array =>
  icmpFrame(from, to, { type: ECHO_REPLY, code: 0, body });

/** Tells the sender of `packet` that it went nowhere: with its header and the first 8 bytes behind. */
export function unreachableFrame(
  from: Station,
  to: Station,
  why: { readonly code: number; readonly bytes: Uint8Array; readonly packet: Ipv4Packet },
): Uint8Array {
  const { at, end, payloadAt } = why.packet;
  const quoted = why.bytes.subarray(at, Math.min(end, payloadAt + 8));
  const body = new Uint8Array(4 + quoted.length);
  body.set(quoted, 4);
  return icmpFrame(from, to, { type: UNREACHABLE, code: why.code, body });
}

/** Tells the sender of `packet` that it is longer than the path carries, and what that is (RFC 1191). */
export function tooLongFrame(
  from: Station,
  to: Station,
  why: { readonly mtu: number; readonly bytes: Uint8Array; readonly packet: Ipv4Packet },
): Uint8Array {
  const frame = unreachableFrame(from, to, { ...why, code: UNREACHABLE_TOO_LONG });
  const at = IPV4_PAYLOAD_AT;
  put16(frame, at + 6, why.mtu);
  put16(frame, at + 2, 0);
  put16(frame, at + 2, checksum(frame, at, frame.length));
  return frame;
}

function icmpFrame(
  from: Station,
  to: Station,
  message: { readonly type: number; readonly code: number; readonly body: Uint8Array },
): Uint8Array {
  const count = 4 + message.body.length;
  const bytes = newIpv4Frame(from, to, { protocol: PROTOCOL_ICMP, payloadBytes: count });
  const at = IPV4_PAYLOAD_AT;
  bytes[at] = message.type;
  bytes[at + 1] = message.code;
  bytes.set(message.body, at + 4);
  put16(bytes, at + 2, checksum(bytes, at, bytes.length));
  return bytes;
}
