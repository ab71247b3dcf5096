/**
 * virtio network card (virtio 1.2, section 5.1) at one end of a {@link NicPort}. Queue 0 to the guest, 1 from it.
 * Each frame has a header of 12 bytes in front:
 *
 *   flags u8   gso_type u8   hdr_len u16   gso_size u16   csum_start u16   csum_offset u16   num_buffers u16
 *
 * Checksums and the cutting of TCP segments are left to whoever needs them, so a guest hands over 64 KiB at a time.
 */
import {
  DEFAULT_MTU,
  ETHERNET_HEADER_BYTES,
  type Frame,
  MAC_BYTES,
  type NicPort,
  type NicReceiver,
  type Offload,
  VLAN_TAG_BYTES,
} from "../../machine/nic.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import { parseArp } from "../../net/arp.ts";
import { TYPE_ARP } from "../../net/ethernet.ts";
import { getMac } from "../../net/mac.ts";
import { isSaneOffload, plainFrames } from "../../net/offload.ts";
import type { DescriptorChain } from "./chain.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";
import type { VirtQueue } from "./queue.ts";

const F_CSUM = 0;
const F_GUEST_CSUM = 1;
const F_MTU = 3;
const F_MAC = 5;
const F_GUEST_TSO4 = 7;
const F_HOST_TSO4 = 11;
const F_MRG_RXBUF = 15;
const F_STATUS = 16;
const FEATURES = [
  F_CSUM,
  F_GUEST_CSUM,
  F_MTU,
  F_MAC,
  F_GUEST_TSO4,
  F_HOST_TSO4,
  F_MRG_RXBUF,
  F_STATUS,
].reduce((bits, bit) => bits | (1 << bit), 0);

const RECEIVE_QUEUE = 0;
const TRANSMIT_QUEUE = 1;
const QUEUE_SIZE = 1024;
const HEADER_BYTES = 12;
const NEEDS_CSUM = 1;
const GSO_NONE = 0;
const GSO_TCPV4 = 1;
const GSO_ECN = 0x80;
const STATUS_LINK_UP = 1;
const CONFIG_STATUS = 6;
const CONFIG_MTU = 10;
/** The longest IPv4 packet, in a tagged frame. */
const LONG_FRAME_BYTES_MAX = 65535 + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;
/** IP addresses of the guest that are remembered. */
const ADDRESSES_MAX = 4;
/** What waits for the guest to provide buffers. */
const WAITING_FRAMES_MAX = 1024;
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

export interface VirtioNetOptions {
  readonly port: NicPort;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Bytes of the longest packet; 1500 by default. */
  readonly mtu?: number | undefined;
  /** Name of the device on its bus; "virtio-net" by default. */
  readonly name?: string | undefined;
}

/** Frames that wait are not in it: who moves the guest takes them and sends them after it. The rest is in the transport. */
export interface VirtioNetState {
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly isLinkUp: boolean;
  /** IPv4 addresses that the guest has said are its own, the latest last. */
  readonly addresses: readonly number[];
}

export interface VirtioNetMetrics {
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  /** Frames of the guest that are too short, too long, or ask for what was not negotiated. */
  readonly refusedFrames: number;
  /** Frames for the guest that it had no room for, or was not there to take. */
  readonly droppedFrames: number;
}

export class VirtioNet implements VirtioDevice, NicReceiver {
  readonly name: string;
  readonly deviceId = 1;
  readonly features = FEATURES;
  readonly queueSizesMax = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(12);
  readonly #port: NicPort;
  readonly #mtu: number;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);
  readonly #waiting: Frame[] = [];
  readonly #addresses: number[] = [];
  #waitingBytes = 0;
  #link: VirtioLink | undefined;
  readonly #metrics = {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    refusedFrames: 0,
    droppedFrames: 0,
  };

  constructor(options: VirtioNetOptions) {
    const { mac, mtu = DEFAULT_MTU, port } = options;
    if (mac.length !== MAC_BYTES)
      throw new RangeError(`virtio-net: "mac" expected 6 bytes, got ${mac.length}`);
    this.name = options.name ?? "virtio-net";
    this.#port = port;
    this.#mtu = mtu;
    this.config.set(mac);
    const view = new DataView(this.config.buffer);
    view.setUint16(CONFIG_STATUS, STATUS_LINK_UP, true);
    view.setUint16(CONFIG_STATUS + 2, 1, true); // max_virtqueue_pairs
    view.setUint16(CONFIG_MTU, mtu, true);
    port.connect(this);
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  notify(queueIndex: number): void {
    if (queueIndex === TRANSMIT_QUEUE) this.#transmit();
    else this.#deliverWaiting();
  }

  reset(): void {
    this.#metrics.droppedFrames += this.#waiting.length;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  get isLinkUp(): boolean {
    return this.config[CONFIG_STATUS] === STATUS_LINK_UP;
  }

  /** IPv4 addresses that the guest has said are its own, the latest last. */
  get addresses(): readonly number[] {
    return this.#addresses;
  }

  /** Plugs the cable in or pulls it; the guest is told. */
  setLink(isUp: boolean): void {
    if (isUp === this.isLinkUp) return;
    this.config[CONFIG_STATUS] = isUp ? STATUS_LINK_UP : 0;
    this.#link?.signalConfig();
  }

  receive(frame: Frame): void {
    if (!this.#link?.isLive || !this.isLinkUp) {
      this.#metrics.droppedFrames++;
      return;
    }
    this.#link.queues[RECEIVE_QUEUE]?.beginBatch();
    if (this.#takes(frame)) this.#offer(frame);
    else for (const part of plainFrames(frame)) this.#offer(part);
  }

  /** What waits for the guest to provide buffers, if it is elsewhere now. */
  takeWaiting(): Frame[] {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }

  /** Tells the guest of what came. */
  flush(): void {
    this.#link?.queues[RECEIVE_QUEUE]?.flush();
  }

  metrics(): VirtioNetMetrics {
    return { ...this.#metrics };
  }

  save(): VirtioNetState {
    return {
      mac: this.config.slice(0, MAC_BYTES),
      mtu: this.#mtu,
      isLinkUp: this.isLinkUp,
      addresses: [...this.#addresses],
    };
  }

  restore(state: VirtioNetState): void {
    const fields = new StateFields(this.name, state);
    const mac = fields.bytes("mac", MAC_BYTES);
    const mtu = fields.integer("mtu", 0xffff);
    const isLinkUp = fields.flag("isLinkUp");
    const count = Array.isArray(state.addresses) ? state.addresses.length : 0;
    const addresses = fields.integers("addresses", Math.min(count, ADDRESSES_MAX));
    if (mac.some((byte, i) => byte !== this.config[i]) || mac.length !== MAC_BYTES)
      throw badState(`${this.name}.mac`, "the address of this card", mac.join(":"));
    if (mtu !== this.#mtu) throw badState(`${this.name}.mtu`, String(this.#mtu), mtu);
    this.config[CONFIG_STATUS] = isLinkUp ? STATUS_LINK_UP : 0;
    this.#addresses.splice(0, ADDRESSES_MAX, ...addresses);
  }

  #transmit(): void {
    const queue = this.#link?.queues[TRANSMIT_QUEUE];
    if (!queue) return;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const frame = this.#frameOf(chain);
      queue.push(chain, 0);
      if (frame && this.isLinkUp) {
        this.#metrics.sentFrames++;
        this.#metrics.sentBytes += frame.bytes.length;
        if (frame.bytes[12] === TYPE_ARP >> 8 && frame.bytes[13] === (TYPE_ARP & 0xff))
          this.#noteAddress(frame.bytes);
        this.#port.send(frame);
      } else this.#metrics.refusedFrames++;
    }
    queue.flush();
    this.#port.flush();
  }

  /** Whoever moves the guest tells the network where its addresses are now. */
  #noteAddress(bytes: Uint8Array): void {
    const packet = parseArp(bytes, ETHERNET_HEADER_BYTES);
    if (!packet || packet.senderIp === 0 || packet.senderMac !== getMac(this.config, 0)) return;
    const known = this.#addresses.indexOf(packet.senderIp);
    if (known >= 0) this.#addresses.splice(known, 1);
    else if (this.#addresses.length === ADDRESSES_MAX) this.#addresses.shift();
    this.#addresses.push(packet.senderIp);
  }

  #frameOf(chain: DescriptorChain): Frame | undefined {
    const count = chain.readableBytes - HEADER_BYTES;
    if (count < ETHERNET_HEADER_BYTES || count > LONG_FRAME_BYTES_MAX) return undefined;
    chain.read(this.#header);
    const offload = this.#offloadAsked();
    if (offload === "refused") return undefined;
    const isLong = offload !== undefined && offload.segmentBytes > 0;
    if (!isLong && count > this.#mtu + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) return undefined;
    const bytes = new Uint8Array(count);
    chain.read(bytes);
    return offload && !isSaneOffload(bytes, offload) ? undefined : { bytes, offload };
  }

  #offloadAsked(): Offload | undefined | "refused" {
    const [flags = 0, type = 0] = this.#header;
    const gso = type & ~GSO_ECN;
    if (!(flags & NEEDS_CSUM)) return gso === GSO_NONE ? undefined : "refused";
    if (!this.#link?.hasFeature(F_CSUM)) return "refused";
    const isCut = gso === GSO_TCPV4 && this.#link.hasFeature(F_HOST_TSO4);
    if (gso !== GSO_NONE && !isCut) return "refused";
    return {
      checksumStart: this.#view.getUint16(6, true),
      checksumOffset: this.#view.getUint16(8, true),
      segmentBytes: isCut ? this.#view.getUint16(4, true) : 0,
    };
  }

  /** Does the guest do the work that was left? */
  #takes({ offload }: Frame): boolean {
    if (!offload) return true;
    return this.#hasFeature(offload.segmentBytes > 0 ? F_GUEST_TSO4 : F_GUEST_CSUM);
  }

  #hasFeature(bit: number): boolean {
    return this.#link?.hasFeature(bit) === true;
  }

  /** Gives the guest a frame, or keeps it until there are buffers. */
  #offer(frame: Frame): void {
    if (this.#waiting.length === 0 && this.#deliver(frame)) return;
    const bytes = this.#waitingBytes + frame.bytes.length;
    if (this.#waiting.length >= WAITING_FRAMES_MAX || bytes > WAITING_BYTES_MAX) {
      this.#metrics.droppedFrames++;
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes = bytes;
  }

  #deliverWaiting(): void {
    let count = 0;
    for (const frame of this.#waiting) {
      if (!this.#deliver(frame)) break;
      this.#waitingBytes -= frame.bytes.length;
      count++;
    }
    this.#waiting.splice(0, count);
    this.flush();
  }

  /** True: done with it, in the guest's buffers or dropped. False: not enough of them. */
  #deliver(frame: Frame): boolean {
    const queue = this.#link?.queues[RECEIVE_QUEUE];
    if (!queue || !this.#link?.isLive) return false;
    const chains = this.#takeRoom(queue, HEADER_BYTES + frame.bytes.length);
    if (chains === "waits") return false;
    if (chains === "never") {
      this.#metrics.droppedFrames++;
      return true;
    }
    this.#fillHeader(frame, chains.length);
    let done = 0;
    for (const [i, chain] of chains.entries()) {
      const before = i === 0 ? chain.write(this.#header) : 0;
      const count = chain.write(frame.bytes.subarray(done));
      done += count;
      queue.push(chain, before + count);
    }
    this.#metrics.receivedFrames++;
    this.#metrics.receivedBytes += frame.bytes.length;
    return true;
  }

  /** Chains with room for `bytes`: several only if the guest merges them. Without enough, none is taken. */
  #takeRoom(queue: VirtQueue, bytes: number): DescriptorChain[] | "waits" | "never" {
    const most = this.#hasFeature(F_MRG_RXBUF) ? queue.size : 1;
    const chains: DescriptorChain[] = [];
    for (let room = 0; room < bytes; ) {
      const chain = chains.length < most ? queue.pop() : undefined;
      if (!chain) {
        queue.unpop(chains.length);
        return chains.length < most ? "waits" : "never";
      }
      if (chain.readableBytes > 0 || chain.writableBytes < HEADER_BYTES) {
        this.#link?.fault("request");
        return "never";
      }
      chains.push(chain);
      room += chain.writableBytes;
    }
    return chains;
  }

  #fillHeader({ offload }: Frame, buffers: number): void {
    const view = this.#view;
    this.#header.fill(0);
    view.setUint16(10, buffers, true);
    if (!offload) return;
    this.#header[0] = NEEDS_CSUM;
    this.#header[1] = offload.segmentBytes > 0 ? GSO_TCPV4 : GSO_NONE;
    view.setUint16(2, offload.checksumStart + 20, true); // hdr_len is a hint.
    view.setUint16(4, offload.segmentBytes, true);
    view.setUint16(6, offload.checksumStart, true);
    view.setUint16(8, offload.checksumOffset, true);
  }
}
