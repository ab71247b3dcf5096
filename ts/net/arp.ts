/**
 * ARP for IPv4 over Ethernet (RFC 826), announcements (RFC 5227), and the RARP that switches learn from.
 *
 *   hardware 1   protocol 0x800   6   4   operation 2   sender MAC, IP   target MAC, IP
 */
import { ETHERNET_HEADER_BYTES } from "../machine/nic.ts";
import { get16, get32, put16, put32 } from "./bytes.ts";
import { newFrame, TYPE_ARP, TYPE_IPV4, TYPE_RARP } from "./ethernet.ts";
import { getMac, MAC_BROADCAST, putMac } from "./mac.ts";

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
const RARP_REQUEST = 3;
const ARP_BYTES = 28;
/** Frames are no shorter on a real line. */
const PAYLOAD_BYTES_MIN = 46;

export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: number;
  readonly senderIp: number;
  readonly targetMac: number;
  readonly targetIp: number;
}

/** The packet at `at`; undefined: cut, or not about IPv4 on Ethernet. */
export function parseArp(bytes: Uint8Array, at: number): ArpPacket | undefined {
  if (at + ARP_BYTES > bytes.length) return undefined;
  const isKnown = get16(bytes, at) === 1 && get16(bytes, at + 2) === TYPE_IPV4;
  if (!isKnown || get16(bytes, at + 4) !== 0x0604) return undefined;
  return {
    operation: get16(bytes, at + 6),
    senderMac: getMac(bytes, at + 8),
    senderIp: get32(bytes, at + 14),
    targetMac: getMac(bytes, at + 18),
    targetIp: get32(bytes, at + 24),
  };
}

/** A frame with `packet`, from its sender to `to`. */
export function arpFrame(packet: ArpPacket, to: number, type = TYPE_ARP): Uint8Array {
  const source = packet.senderMac;
  const bytes = newFrame({ target: to, source, type, payloadBytes: PAYLOAD_BYTES_MIN });
  const at = ETHERNET_HEADER_BYTES;
  put16(bytes, at, 1);
  put16(bytes, at + 2, TYPE_IPV4);
  put16(bytes, at + 4, 0x0604);
  put16(bytes, at + 6, packet.operation);
  putMac(bytes, at + 8, packet.senderMac);
  put32(bytes, at + 14, packet.senderIp);
  putMac(bytes, at + 18, packet.targetMac);
  put32(bytes, at + 24, packet.targetIp);
  return bytes;
}

/** What a station that has moved says of its address: sender and target are the same (RFC 5227, 2.3). */
export function gratuitousArp(mac: number, ip: number): Uint8Array {
  const packet = { operation: ARP_REQUEST, senderMac: mac, senderIp: ip, targetMac: 0 };
  return arpFrame({ ...packet, targetIp: ip }, MAC_BROADCAST);
}

/** What a host says for a guest whose addresses it does not know: switches learn where it is now. */
export function rarpAnnouncement(mac: number): Uint8Array {
  const packet = { operation: RARP_REQUEST, senderMac: mac, senderIp: 0, targetMac: mac };
  return arpFrame({ ...packet, targetIp: 0 }, MAC_BROADCAST, TYPE_RARP);
}
