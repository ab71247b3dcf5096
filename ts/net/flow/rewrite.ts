/**
 * Changes that actions make to a frame: a copy is made before the first, since others may hold the frame; checksums
 * are kept right by what changed (RFC 1624), also those that are left to a card. What a frame does not have is not set.
 */
import type { Frame } from "../../machine/nic.ts";
import { get16, get32, put16, put32 } from "../bytes.ts";
import { fold } from "../checksum.ts";
import { tagged, untagged } from "../ethernet.ts";
import { putMac } from "../mac.ts";
import type { Field } from "./fields.ts";
import { isVlanType } from "./key.ts";

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

/** Where the parts of a frame are; 0: it has none. */
interface Layout {
  readonly type: number;
  readonly l3: number;
  readonly protocol: number;
  readonly l4: number;
}

function layoutOf(bytes: Uint8Array): Layout {
  const isTagged = isVlanType(get16(bytes, 12)) && bytes.length >= 18;
  const type = get16(bytes, isTagged ? 16 : 12);
  const l3 = isTagged ? 18 : 14;
  if (type === 0x0800 && bytes.length >= l3 + 20) {
    const l4 = l3 + ((bytes[l3] as number) & 15) * 4;
    const isFirst = (get16(bytes, l3 + 6) & 0x1fff) === 0;
    const protocol = bytes[l3 + 9] as number;
    return { type, l3, protocol, l4: isFirst && bytes.length >= l4 + 8 ? l4 : 0 };
  }
  if (type === 0x86dd && bytes.length >= l3 + 48)
    return { type, l3, protocol: bytes[l3 + 6] as number, l4: l3 + 40 };
  const isWhole = type === 0x0806 && bytes.length >= l3 + 28;
  return { type, l3: isWhole ? l3 : 0, protocol: 0, l4: 0 };
}

const sumOf = (value: number): number => (value >>> 16) + (value & 0xffff);

/** A checksum of which `before` became `now`. */
function adjust(bytes: Uint8Array, at: number, before: number, now: number): void {
  const sum = fold((~get16(bytes, at) & 0xffff) + (~fold(sumOf(before)) & 0xffff) + sumOf(now));
  put16(bytes, at, ~sum & 0xffff);
}

export class Rewriter {
  #frame: Frame;
  #isOwn = false;

  constructor(frame: Frame) {
    this.#frame = frame;
  }

  /** The frame as it is now. Whoever takes it may hold it: the next change copies again. */
  take(): Frame {
    this.#isOwn = false;
    return this.#frame;
  }

  pushVlan(): void {
    const { bytes } = this.#frame;
    const isTagged = isVlanType(get16(bytes, 12)) && bytes.length >= 18;
    this.#frame = tagged(this.#frame, isTagged ? get16(bytes, 14) : 0);
    this.#isOwn = true;
  }

  popVlan(): void {
    const { bytes } = this.#frame;
    if (!isVlanType(get16(bytes, 12)) || bytes.length < 18) return;
    this.#frame = untagged(this.#frame);
    this.#isOwn = true;
  }

  set(field: Field, value: bigint): void {
    if (!this.#isOwn) {
      this.#frame = { ...this.#frame, bytes: this.#frame.bytes.slice() };
      this.#isOwn = true;
    }
    const { bytes } = this.#frame;
    const number = Number(value);
    if (field.name === "eth_dst") putMac(bytes, 0, number);
    else if (field.name === "eth_src") putMac(bytes, 6, number);
    else if (field.name.startsWith("vlan_")) this.#setTag(field.name, number);
    else if (field.name.startsWith("arp_")) this.#setArp(field.name, number);
    else this.#setIp(field.name, number);
  }

  #setTag(name: string, value: number): void {
    const { bytes } = this.#frame;
    if (!isVlanType(get16(bytes, 12)) || bytes.length < 18) return;
    const tag = get16(bytes, 14);
    const isVid = name === "vlan_vid";
    put16(bytes, 14, isVid ? (tag & 0xf000) | (value & 0x0fff) : (tag & 0x1fff) | (value << 13));
  }

  #setArp(name: string, value: number): void {
    const { bytes } = this.#frame;
    const { l3, type } = layoutOf(bytes);
    if (type !== 0x0806 || l3 === 0) return;
    if (name === "arp_op") put16(bytes, l3 + 6, value);
    else if (name === "arp_sha") putMac(bytes, l3 + 8, value);
    else if (name === "arp_spa") put32(bytes, l3 + 14, value);
    else if (name === "arp_tha") putMac(bytes, l3 + 18, value);
    else put32(bytes, l3 + 24, value);
  }

  #setIp(name: string, value: number): void {
    const { bytes } = this.#frame;
    const layout = layoutOf(bytes);
    if (layout.l3 === 0) return;
    if (name === "ip_dscp") this.#setTraffic(layout, value << 2, 0xfc);
    else if (name === "ip_ecn") this.#setTraffic(layout, value, 0x03);
    else if (name === "ipv4_src" || name === "ipv4_dst") this.#setAddress(layout, name, value);
    else this.#setPort(layout, name, value);
  }

  #setTraffic({ l3, type }: Layout, bits: number, mask: number): void {
    const { bytes } = this.#frame;
    const before = get16(bytes, l3);
    if (type === 0x0800) {
      put16(bytes, l3, (before & ~mask) | bits);
      adjust(bytes, l3 + 10, before, get16(bytes, l3));
    } else if (type === 0x86dd) put16(bytes, l3, (before & ~(mask << 4)) | (bits << 4));
  }

  #setAddress(layout: Layout, name: string, value: number): void {
    const { bytes } = this.#frame;
    const { l3, type } = layout;
    if (type !== 0x0800) return;
    const at = l3 + (name === "ipv4_src" ? 12 : 16);
    const before = get32(bytes, at);
    put32(bytes, at, value);
    adjust(bytes, l3 + 10, before, value);
    this.#adjustTransport(layout, before, value);
  }

  /** The pseudo header has changed. */
  #adjustTransport({ l4, protocol }: Layout, before: number, now: number): void {
    const { bytes, offload } = this.#frame;
    if (offload) {
      const at = offload.checksumStart + offload.checksumOffset; // A plain sum, not its complement.
      put16(bytes, at, fold(get16(bytes, at) + (~fold(sumOf(before)) & 0xffff) + sumOf(now)));
    } else this.#adjustSum(l4, protocol, { before, now });
  }

  #adjustSum(
    l4: number,
    protocol: number,
    { before, now }: { readonly before: number; readonly now: number },
  ): void {
    const { bytes } = this.#frame;
    if (l4 === 0) return;
    if (protocol === PROTOCOL_TCP && bytes.length >= l4 + 20) adjust(bytes, l4 + 16, before, now);
    if (protocol !== PROTOCOL_UDP || get16(bytes, l4 + 6) === 0) return; // Zero: there is none.
    adjust(bytes, l4 + 6, before, now);
    if (get16(bytes, l4 + 6) === 0) put16(bytes, l4 + 6, 0xffff);
  }

  #setPort({ l4, protocol }: Layout, name: string, value: number): void {
    const { bytes, offload } = this.#frame;
    const wanted = name.startsWith("tcp") ? PROTOCOL_TCP : PROTOCOL_UDP;
    if (l4 === 0 || protocol !== wanted) return;
    const at = l4 + (name.endsWith("_src") ? 0 : 2);
    const before = get16(bytes, at);
    put16(bytes, at, value);
    if (!offload) this.#adjustSum(l4, protocol, { before, now: value });
  }
}
