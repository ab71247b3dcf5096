/**
 * What is longer than a tunnel carries. TCP is told when it begins (its MSS is lowered in both directions); what a
 * sender left to be cut is cut shorter; who forbids fragments hears what would fit, as from the station that it wrote
 * to (RFC 1191). Anything else goes as it is, and is cut by IP outside of the tunnel.
 */
import { ETHERNET_HEADER_BYTES, type Frame } from "../machine/nic.ts";
import { get16, get32, put16 } from "./bytes.ts";
import { fold } from "./checksum.ts";
import { payloadOf, TYPE_IPV4 } from "./ethernet.ts";
import { tooLongFrame } from "./icmp.ts";
import {
  IPV4_HEADER_BYTES,
  type Ipv4Packet,
  isDontFragment,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  parseIpv4,
} from "./ipv4.ts";
import { getMac } from "./mac.ts";
import { plainFrames } from "./offload.ts";
import { findMss, SYN, TCP_HEADER_BYTES } from "./tcp.ts";

/** Nobody has to take less (RFC 791, RFC 9293). */
const MSS_MIN = 536;
const CHECKSUM_AT = 16;

export interface Fitted {
  readonly frames: readonly Uint8Array[];
  /** For the sender, in place of what did not fit. */
  readonly refusal?: Uint8Array | undefined;
}

/** `frame` for a line whose packets have at most `mtu` bytes. */
export function fitted(frame: Frame, mtu: number): Fitted {
  const frames: Uint8Array[] = [];
  let refusal: Uint8Array | undefined;
  for (const { bytes } of plainFrames(frame, mtu)) {
    const { at, type } = payloadOf(bytes);
    const packet = type === TYPE_IPV4 ? parseIpv4(bytes, at) : undefined;
    if (packet && isTooLong(bytes, packet, mtu)) refusal ??= refusalOf(bytes, packet, mtu);
    else frames.push(packet ? clamped(bytes, packet, mtu) : bytes);
  }
  return { frames, refusal };
}

/** A frame that came through the tunnel, with an MSS that answers fit into. */
export function clampedFrame(bytes: Uint8Array, mtu: number): Uint8Array {
  const { at, type } = payloadOf(bytes);
  const packet = type === TYPE_IPV4 ? parseIpv4(bytes, at) : undefined;
  return packet ? clamped(bytes, packet, mtu) : bytes;
}

/** The same bytes, or a copy with a lower MSS. */
export function clamped(bytes: Uint8Array, packet: Ipv4Packet, mtu: number): Uint8Array {
  const tcp = packet.payloadAt;
  if (packet.protocol !== PROTOCOL_TCP || packet.isFragment) return bytes;
  if (tcp + TCP_HEADER_BYTES > packet.end || ((bytes[tcp + 13] as number) & SYN) === 0)
    return bytes;
  const at = findMss(bytes, tcp, packet.end);
  const limit = Math.max(MSS_MIN, mtu - IPV4_HEADER_BYTES - TCP_HEADER_BYTES);
  if (at === undefined || get16(bytes, at) <= limit) return bytes;
  const out = bytes.slice();
  const isOdd = (at - tcp) % 2 === 1; // Its bytes are in two words of the sum then.
  const swap = (value: number): number => (isOdd ? ((value & 0xff) << 8) | (value >>> 8) : value);
  const sum =
    (~get16(out, tcp + CHECKSUM_AT) & 0xffff) + (~swap(get16(out, at)) & 0xffff) + swap(limit);
  put16(out, at, limit);
  put16(out, tcp + CHECKSUM_AT, ~fold(sum) & 0xffff);
  return out;
}

const isTooLong = (bytes: Uint8Array, packet: Ipv4Packet, mtu: number): boolean =>
  packet.end - packet.at > mtu && isDontFragment(bytes, packet);

/** About errors nothing is said (RFC 1122, section 3.2.2), and to groups neither: that is lost. */
function refusalOf(bytes: Uint8Array, packet: Ipv4Packet, mtu: number): Uint8Array | undefined {
  const isError = packet.protocol === PROTOCOL_ICMP && bytes[packet.payloadAt] === 3;
  if (isError || packet.at !== ETHERNET_HEADER_BYTES || get32(bytes, packet.at + 16) >>> 28 === 14)
    return undefined;
  const from = { mac: getMac(bytes, 0), ip: packet.target };
  return tooLongFrame(from, { mac: getMac(bytes, 6), ip: packet.source }, { mtu, bytes, packet });
}
