/**
 * The cable of a guest that may leave for a host on another network. Connections that it has here when it leaves go on:
 * this end stays in the guest's place, answers ARP for it, and carries their packets through a tunnel to wherever it is
 * now, until the last of them has ended. At the other end the same object tells what the guest says in connections that
 * are somebody else's (through the tunnel) from what is new (into the network there).
 *
 * Nothing but packets is exchanged: where the guest is, is learned from what it says, and a TCP connection that did not
 * begin here is an old one of some other place.
 */
import type { Frame, NicPort, NicReceiver } from "../../machine/nic.ts";
import { ARP_REPLY, ARP_REQUEST, arpFrame, parseArp } from "../arp.ts";
import type { DatagramEnd } from "../datagrams.ts";
import { newFrame, payloadOf, TYPE_ARP, TYPE_IPV4 } from "../ethernet.ts";
import { IPV4_AT, type Ipv4Packet, parseIpv4 } from "../ipv4.ts";
import { getMac } from "../mac.ts";
import { fitted } from "../path-mtu.ts";
import { Flows, isFirst, type Sighting, sightingOf } from "./flows.ts";
import type { IpipTunnel } from "./ipip-tunnel.ts";

/** A locally administered address for a station that is behind the tunnel. */
const FAR_MAC = 0x0200_0000_0000;
const ADDRESSES_MAX = 8;

/** A connection with this host's network: who is at its other end, and where the guest was when it spoke last. */
interface Own {
  readonly mac: number;
  readonly at: DatagramEnd | undefined;
}

export interface TetherOptions {
  readonly mac: number;
  /** Of the switch, where this is the guest. */
  readonly port: NicPort;
  readonly tunnel: IpipTunnel;
  readonly nowNs: () => number;
  /** The host's own address there, which it answers for itself. */
  readonly gateway: number | undefined;
}

export class Tether implements NicPort {
  readonly mac: number;
  readonly #port: NicPort;
  readonly #tunnel: IpipTunnel;
  readonly #nowNs: () => number;
  readonly #gateway: number | undefined;
  readonly #own = new Flows<Own>();
  /** Of other hosts, through the tunnel; noted is which. */
  readonly #others = new Flows<DatagramEnd | undefined>();
  readonly #addresses = new Set<number>();
  #receiver: NicReceiver | undefined;
  #isHere = false;
  #isResting = false;
  /** It has been elsewhere: what did not begin here began there. */
  #hasMoved = false;

  constructor(options: TetherOptions) {
    this.mac = options.mac;
    this.#port = options.port;
    this.#tunnel = options.tunnel;
    this.#nowNs = options.nowNs;
    this.#gateway = options.gateway;
    options.port.connect({
      receive: (frame) => this.#fromSwitch(frame),
      flush: () => this.#receiver?.flush(),
    });
  }

  get isHere(): boolean {
    return this.#isHere;
  }

  /** It was here, and no twin of it is being made. */
  get hasLeft(): boolean {
    return !this.#isHere && this.#hasMoved && this.#receiver === undefined;
  }

  /** Connections that this end looks after. */
  get connections(): number {
    this.#own.sweep(this.#nowNs());
    return this.#own.size;
  }

  connect(receiver: NicReceiver): void {
    this.#receiver = receiver;
  }

  /** The card that was made for the guest's return is gone again. */
  disconnect(): void {
    this.#receiver = undefined;
  }

  /** The guest runs here. */
  arrive(addresses: readonly number[], isNew: boolean): void {
    this.#isHere = true;
    this.#isResting = false;
    this.#hasMoved ||= !isNew;
    for (const address of addresses) this.#learn(address);
  }

  /** It is paused: for a while, or because it runs elsewhere already while its pages follow. */
  rest(): void {
    this.#isResting = true;
  }

  /** It runs elsewhere from now on. False: it has left nothing behind. */
  leave(): boolean {
    this.#isHere = false;
    this.#hasMoved = true;
    this.#others.clear();
    this.#receiver = undefined;
    return this.connections > 0;
  }

  flush(): void {
    this.#port.flush();
  }

  /** Frames that waited for the guest, which has left: those of connections with this network go after it. */
  sendOn(frames: readonly Frame[]): void {
    if (!this.#isHere) for (const frame of frames) this.#fromSwitch(frame);
  }

  /** A frame of the guest's. */
  send(frame: Frame): void {
    const { at, type } = payloadOf(frame.bytes);
    if (type === TYPE_ARP && this.#answersForFar(frame.bytes, at)) return;
    const packet = type === TYPE_IPV4 ? parseIpv4(frame.bytes, at) : undefined;
    const sighting = packet && sightingOf(frame.bytes, packet, "from-guest");
    if (!packet || !sighting || packet.source === 0 || packet.target >>> 28 >= 14) {
      this.#port.send(frame);
      return;
    }
    this.#learn(packet.source);
    const nowNs = this.#nowNs();
    if (this.#isOthers(sighting)) {
      const peer = this.#others.noteOf(sighting);
      this.#others.see(sighting, peer, nowNs);
      this.#through(frame, peer);
      return;
    }
    this.#own.see(sighting, { mac: getMac(frame.bytes, 0), at: undefined }, nowNs);
    this.#port.send(frame);
  }

  /** Is this packet from the tunnel about this guest? Then it is taken. */
  takeTunneled(bytes: Uint8Array, packet: Ipv4Packet, from: DatagramEnd): boolean {
    // Whoever rests here says nothing: it is there.
    if (this.#isResting && this.#addresses.has(packet.source)) this.#isHere = false;
    return this.#isHere ? this.#toGuest(bytes, packet, from) : this.#toSwitch(bytes, packet, from);
  }

  #learn(ip: number): void {
    this.#addresses.delete(ip);
    this.#addresses.add(ip);
    if (this.#addresses.size <= ADDRESSES_MAX) return;
    const [oldest] = this.#addresses;
    this.#addresses.delete(oldest as number);
  }

  #isOthers(sighting: Sighting): boolean {
    if (this.#others.has(sighting)) return !(isFirst(sighting) && sighting.flags !== 0);
    return this.#hasMoved && !this.#own.has(sighting) && !isFirst(sighting);
  }

  /** A frame for the guest, from this host's network. */
  #fromSwitch(frame: Frame): void {
    const { at, type } = payloadOf(frame.bytes);
    if (!this.#isHere && type === TYPE_ARP) {
      this.#answerArp(frame.bytes, at);
      return;
    }
    const packet = type === TYPE_IPV4 ? parseIpv4(frame.bytes, at) : undefined;
    const sighting = packet && sightingOf(frame.bytes, packet, "to-guest");
    const isOwn = sighting !== undefined && (this.#isHere || this.#own.has(sighting));
    if (isOwn) {
      const known = this.#own.noteOf(sighting);
      const mac = getMac(frame.bytes, 6);
      this.#own.see(sighting, { mac, at: known?.at }, this.#nowNs());
      if (!this.#isHere) this.#through(frame, known?.at);
    }
    if (this.#isHere) this.#receiver?.receive(frame);
  }

  /** Cut to what the tunnel carries; who may not be cut hears of it where it is. */
  #through(frame: Frame, to: DatagramEnd | undefined): void {
    const { frames, refusal } = fitted(frame, this.#tunnel.mtu);
    for (const bytes of frames) {
      const packet = parseIpv4(bytes, payloadOf(bytes).at);
      if (packet) this.#tunnel.send(bytes, packet, to);
    }
    if (!refusal) return;
    if (this.#isHere) this.#receiver?.receive({ bytes: refusal });
    else this.#port.send({ bytes: refusal });
  }

  #toGuest(bytes: Uint8Array, packet: Ipv4Packet, from: DatagramEnd): boolean {
    const sighting = this.#addresses.has(packet.target)
      ? sightingOf(bytes, packet, "to-guest")
      : undefined;
    if (!sighting) return false;
    this.#others.see(sighting, from, this.#nowNs());
    const far = FAR_MAC + packet.source;
    this.#receiver?.receive({ bytes: framed(bytes, packet, { source: far, target: this.mac }) });
    this.#receiver?.flush();
    return true;
  }

  #toSwitch(bytes: Uint8Array, packet: Ipv4Packet, from: DatagramEnd): boolean {
    const sighting = this.#addresses.has(packet.source)
      ? sightingOf(bytes, packet, "from-guest")
      : undefined;
    const known = sighting && this.#own.noteOf(sighting);
    if (!sighting || !known) return false;
    this.#own.see(sighting, { mac: known.mac, at: from }, this.#nowNs());
    this.#port.send({ bytes: framed(bytes, packet, { source: this.mac, target: known.mac }) });
    this.#port.flush();
    return true;
  }

  /** For the guest that is away. */
  #answerArp(bytes: Uint8Array, at: number): void {
    const packet = parseArp(bytes, at);
    if (packet?.operation !== ARP_REQUEST || !this.#addresses.has(packet.targetIp)) return;
    if (packet.senderIp === packet.targetIp || this.#own.size === 0) return;
    this.#port.send({ bytes: answerTo(packet, this.mac) });
    this.#port.flush();
  }

  /** For stations of the network that the guest comes from. True: it was about one. */
  #answersForFar(bytes: Uint8Array, at: number): boolean {
    const packet = parseArp(bytes, at);
    const ip = packet?.targetIp;
    if (packet?.operation !== ARP_REQUEST || ip === undefined || ip === this.#gateway) return false;
    if (!this.#others.hasRemote(ip)) return false;
    this.#receiver?.receive({ bytes: answerTo(packet, FAR_MAC + ip) });
    this.#receiver?.flush();
    return true;
  }

  /** Connections of other hosts that have ended are forgotten, too. */
  sweep(): void {
    this.#others.sweep(this.#nowNs());
    this.#own.sweep(this.#nowNs());
  }
}

function answerTo(
  request: { readonly senderMac: number; readonly senderIp: number; readonly targetIp: number },
  mac: number,
): Uint8Array {
  const { senderIp, senderMac, targetIp } = request;
  const reply = { operation: ARP_REPLY, senderMac: mac, senderIp: targetIp };
  return arpFrame({ ...reply, targetMac: senderMac, targetIp: senderIp }, senderMac);
}

function framed(
  bytes: Uint8Array,
  packet: Ipv4Packet,
  ends: { readonly source: number; readonly target: number },
): Uint8Array {
  const frame = newFrame({ ...ends, type: TYPE_IPV4, payloadBytes: packet.end - packet.at });
  frame.set(bytes.subarray(packet.at, packet.end), IPV4_AT);
  return frame;
}
