/**
 * VXLAN (RFC 7348): Ethernet frames in UDP, between the switches of hosts.
 *
 *   flags 1 (8: the network's number is valid)   reserved 3   number of the network 3   reserved 1   frame
 */
import { ETHERNET_HEADER_BYTES } from "../machine/nic.ts";
import { get32, put32 } from "./bytes.ts";

export const VXLAN_HEADER_BYTES = 8;
export const VXLAN_PORT = 4789;
export const VNI_MAX = 0xff_ffff;
const FLAG_VALID = 0x08;

export function encodeVxlan(vni: number, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(VXLAN_HEADER_BYTES + frame.length);
  bytes[0] = FLAG_VALID;
  put32(bytes, 4, (vni << 8) >>> 0);
  bytes.set(frame, VXLAN_HEADER_BYTES);
  return bytes;
}

/** The frame, of its own; undefined: cut, or of another network. */
export function decodeVxlan(vni: number, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES) return undefined;
  if (((bytes[0] as number) & FLAG_VALID) === 0 || get32(bytes, 4) >>> 8 !== vni) return undefined;
  return bytes.slice(VXLAN_HEADER_BYTES);
}
