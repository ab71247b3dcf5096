/** Reads a flow key from a frame. Whatever is cut or damaged leaves zeros: no rule sees what is not there. */
import { get16, get32 } from "../bytes.ts";
import {
  KEY_ETH_DST,
  KEY_ETH_SRC,
  KEY_IN_PORT,
  KEY_IP,
  KEY_MAC_HIGH,
  KEY_PORTS,
  KEY_SOURCE,
  KEY_TARGET,
  KEY_TYPE_VLAN,
  VID_PRESENT,
} from "./fields.ts";

const TYPE_VLAN = 0x8100;
const TYPE_SERVICE_VLAN = 0x88a8;
const ARP_BYTES = 28;
const IPV6_HEADER_BYTES = 40;
/** Headers of IPv6 that another follows: hop by hop, routing, fragment, for the target. */
const EXTENSIONS = [0, 43, 44, 60];
const EXTENSIONS_MAX = 8;

export const isVlanType = (type: number): boolean =>
  type === TYPE_VLAN || type === TYPE_SERVICE_VLAN;

/** Fills `key` from a frame of at least 14 bytes; words from layer 3 on only if `layer` is more than 2. */
export function readKey(
  key: Uint32Array,
  bytes: Uint8Array,
  inPort: number,
  layer: number,
): Uint32Array {
  if (layer >= 3) key.fill(0, KEY_IP);
  key[KEY_IN_PORT] = inPort;
  key[KEY_MAC_HIGH] = ((get16(bytes, 0) << 16) | get16(bytes, 6)) >>> 0;
  key[KEY_ETH_DST] = get32(bytes, 2);
  key[KEY_ETH_SRC] = get32(bytes, 8);
  let type = get16(bytes, 12);
  let at = 14;
  let vlan = 0;
  if (isVlanType(type) && bytes.length >= 18) {
    const tag = get16(bytes, 14);
    vlan = (tag & 0xefff) | VID_PRESENT; // Bit 12 of a tag is its drop eligibility.
    type = get16(bytes, 16);
    at = 18;
  }
  key[KEY_TYPE_VLAN] = ((type << 16) | vlan) >>> 0;
  if (layer < 3) return key;
  if (type === 0x0800) readIpv4(key, bytes, at);
  else if (type === 0x0806) readArp(key, bytes, at);
  else if (type === 0x86dd) readIpv6(key, bytes, at);
  return key;
}

function readIpv4(key: Uint32Array, bytes: Uint8Array, at: number): void {
  if (bytes.length < at + 20) return;
  const first = bytes[at] as number;
  const headerBytes = (first & 15) * 4;
  if (first >> 4 !== 4 || headerBytes < 20) return;
  const protocol = bytes[at + 9] as number;
  putIp(key, protocol, bytes[at + 1] as number);
  key[KEY_SOURCE] = get32(bytes, at + 12);
  key[KEY_TARGET] = get32(bytes, at + 16);
  const isLater = (get16(bytes, at + 6) & 0x1fff) !== 0;
  if (!isLater) readPorts(key, bytes, at + headerBytes, protocol);
}

function readIpv6(key: Uint32Array, bytes: Uint8Array, from: number): void {
  if (bytes.length < from + IPV6_HEADER_BYTES || (bytes[from] as number) >> 4 !== 6) return;
  for (let i = 0; i < 4; i++) {
    key[KEY_SOURCE + i] = get32(bytes, from + 8 + 4 * i);
    key[KEY_TARGET + i] = get32(bytes, from + 24 + 4 * i);
  }
  let protocol = bytes[from + 6] as number;
  let at = from + IPV6_HEADER_BYTES;
  let isLater = false;
  for (let i = 0; i < EXTENSIONS_MAX && EXTENSIONS.includes(protocol); i++) {
    if (bytes.length < at + 8) return;
    const isFragment = protocol === 44;
    if (isFragment && get16(bytes, at + 2) >> 3 !== 0) isLater = true;
    protocol = bytes[at] as number;
    at += isFragment ? 8 : 8 * (1 + (bytes[at + 1] as number));
    if (isLater) break;
  }
  putIp(key, protocol, (get16(bytes, from) >> 4) & 0xff);
  if (!isLater) readPorts(key, bytes, at, protocol);
}

function putIp(key: Uint32Array, protocol: number, traffic: number): void {
  key[KEY_IP] = (protocol << 16) | ((traffic >> 2) << 8) | (traffic & 3);
}

function readPorts(key: Uint32Array, bytes: Uint8Array, at: number, protocol: number): void {
  if (bytes.length < at + 4) return;
  if (protocol === 6 || protocol === 17 || protocol === 132) key[KEY_PORTS] = get32(bytes, at);
  else if (protocol === 1 || protocol === 58)
    key[KEY_PORTS] = ((bytes[at] as number) << 16) | (bytes[at + 1] as number);
}

function readArp(key: Uint32Array, bytes: Uint8Array, at: number): void {
  if (bytes.length < at + ARP_BYTES) return;
  if (get16(bytes, at + 2) !== 0x0800 || get16(bytes, at + 4) !== 0x0604) return;
  key[KEY_IP] = get16(bytes, at + 6);
  key[KEY_SOURCE] = get32(bytes, at + 14);
  key[KEY_SOURCE + 1] = get16(bytes, at + 8);
  key[KEY_SOURCE + 2] = get32(bytes, at + 10);
  key[KEY_TARGET] = get32(bytes, at + 24);
  key[KEY_TARGET + 1] = get16(bytes, at + 18);
  key[KEY_TARGET + 2] = get32(bytes, at + 20);
}
