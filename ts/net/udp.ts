/** UDP (RFC 768) in IPv4 in Ethernet. */
import { get16, put16 } from "./bytes.ts";
import { checksum, pseudoSum } from "./checksum.ts";
import {
  IPV4_AT,
  IPV4_PAYLOAD_AT,
  type Ipv4Packet,
  newIpv4Frame,
  PROTOCOL_UDP,
  type Station,
} from "./ipv4.ts";

export const UDP_HEADER_BYTES = 8;

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly data: Uint8Array;
}

/** `isChecked`: its sum was left to whoever needs it. Undefined: cut, or its sum is wrong. */
export function parseUdp(
  bytes: Uint8Array,
  packet: Ipv4Packet,
  isChecked: boolean,
): UdpDatagram | undefined {
  const at = packet.payloadAt;
  if (at + UDP_HEADER_BYTES > packet.end) return undefined;
  const count = get16(bytes, at + 4);
  if (count < UDP_HEADER_BYTES || at + count > packet.end) return undefined;
  const hasSum = get16(bytes, at + 6) !== 0;
  if (hasSum && !isChecked && checksum(bytes, at, at + count, pseudoSum(bytes, packet.at, count)))
    return undefined;
  return {
    sourcePort: get16(bytes, at),
    targetPort: get16(bytes, at + 2),
    data: bytes.subarray(at + UDP_HEADER_BYTES, at + count),
  };
}

export function udpFrame(from: Station, to: Station, datagram: UdpDatagram): Uint8Array {
  const count = UDP_HEADER_BYTES + datagram.data.length;
  const bytes = newIpv4Frame(from, to, { protocol: PROTOCOL_UDP, payloadBytes: count });
  const at = IPV4_PAYLOAD_AT;
  put16(bytes, at, datagram.sourcePort);
  put16(bytes, at + 2, datagram.targetPort);
  put16(bytes, at + 4, count);
  bytes.set(datagram.data, at + UDP_HEADER_BYTES);
  const sum = checksum(bytes, at, at + count, pseudoSum(bytes, IPV4_AT, count));
  put16(bytes, at + 6, sum === 0 ? 0xffff : sum);
  return bytes;
}
