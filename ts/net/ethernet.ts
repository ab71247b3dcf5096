/**
 * Ethernet II, with or without an 802.1Q tag:
 *
 *   target MAC 6   source MAC 6   [0x8100  PCP 3 bits, DEI 1, VLAN 12]   type 2   payload
 */
import { ETHERNET_HEADER_BYTES, type Frame, VLAN_TAG_BYTES } from "../machine/nic.ts";
import { get16, put16 } from "./bytes.ts";
import { putMac } from "./mac.ts";

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_RARP = 0x8035;
export const TYPE_VLAN = 0x8100;

const TAG_AT = 12;

/** A frame of `payloadBytes` with its header filled in. */
export function newFrame(header: {
  readonly target: number;
  readonly source: number;
  readonly type: number;
  readonly payloadBytes: number;
}): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_HEADER_BYTES + header.payloadBytes);
  putMac(bytes, 0, header.target);
  putMac(bytes, 6, header.source);
  put16(bytes, TAG_AT, header.type);
  return bytes;
}

/** The tag's 16 bits; undefined: no tag, or one that is cut. */
export function tagOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES || get16(bytes, TAG_AT) !== TYPE_VLAN)
    return undefined;
  return get16(bytes, TAG_AT + 2);
}

/** Does it say that it has a tag, and end before that does? Whoever makes it longer would take it for one of that VLAN. */
export function hasCutTag(bytes: Uint8Array): boolean {
  return (
    bytes.length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES &&
    bytes.length >= ETHERNET_HEADER_BYTES &&
    get16(bytes, TAG_AT) === TYPE_VLAN
  );
}

/** Puts a tag in. */
export function tagged(frame: Frame, tag: number): Frame {
  const bytes = new Uint8Array(frame.bytes.length + VLAN_TAG_BYTES);
  bytes.set(frame.bytes.subarray(0, TAG_AT));
  put16(bytes, TAG_AT, TYPE_VLAN);
  put16(bytes, TAG_AT + 2, tag);
  bytes.set(frame.bytes.subarray(TAG_AT), TAG_AT + VLAN_TAG_BYTES);
  return { bytes, offload: shifted(frame, VLAN_TAG_BYTES) };
}

/** Takes the tag out. */
export function untagged(frame: Frame): Frame {
  const bytes = new Uint8Array(frame.bytes.length - VLAN_TAG_BYTES);
  bytes.set(frame.bytes.subarray(0, TAG_AT));
  bytes.set(frame.bytes.subarray(TAG_AT + VLAN_TAG_BYTES), TAG_AT);
  return { bytes, offload: shifted(frame, -VLAN_TAG_BYTES) };
}

function shifted({ offload }: Frame, by: number): Frame["offload"] {
  return offload && { ...offload, checksumStart: offload.checksumStart + by };
}

/** Where the payload begins, and what it is. */
export function payloadOf(bytes: Uint8Array): { readonly at: number; readonly type: number } {
  const at = tagOf(bytes) === undefined ? TAG_AT : TAG_AT + VLAN_TAG_BYTES;
  return { at: at + 2, type: get16(bytes, at) };
}
