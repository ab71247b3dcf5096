/**
 * IP in IP (RFC 2003) between hosts, without the privileges that protocol 4 takes: the packet is the payload of a UDP
 * datagram, as Linux has it with `ip fou add port 5555 ipproto 4`.
 *
 *   outer IP 20   UDP 8   the packet, its TTL one less
 */
import { put16 } from "../bytes.ts";
import { checksum } from "../checksum.ts";
import type { DatagramEnd, Datagrams } from "../datagrams.ts";
import { IPV4_HEADER_BYTES, type Ipv4Packet, parseIpv4 } from "../ipv4.ts";
import { UDP_HEADER_BYTES } from "../udp.ts";

export const IPIP_PORT = 5555;
export const IPIP_OVERHEAD_BYTES = IPV4_HEADER_BYTES + UDP_HEADER_BYTES;
const TTL_AT = 8;
const CHECKSUM_AT = 10;

export interface IpipMetrics {
  readonly sentPackets: number;
  readonly receivedPackets: number;
  /** Of strangers, damaged, or that nobody here has to do with. */
  readonly refusedPackets: number;
  readonly droppedPackets: number;
}

/** Who takes what comes. False: nobody here has to do with it. */
export type TakePacket = (bytes: Uint8Array, packet: Ipv4Packet, from: DatagramEnd) => boolean;

export class IpipTunnel {
  /** Longest packet that fits. */
  readonly mtu: number;
  readonly #datagrams: Datagrams;
  readonly #peers = new Map<string, DatagramEnd>();
  readonly #take: TakePacket;
  readonly #metrics = { sentPackets: 0, receivedPackets: 0, refusedPackets: 0, droppedPackets: 0 };

  constructor(datagrams: Datagrams, peers: readonly DatagramEnd[], take: TakePacket) {
    this.#datagrams = datagrams;
    this.#take = take;
    this.mtu = datagrams.mtu - IPIP_OVERHEAD_BYTES;
    for (const peer of peers) this.addPeer(peer);
    datagrams.connect((bytes, from) => this.#receive(bytes, from));
  }

  get localPort(): number {
    return this.#datagrams.localPort;
  }

  metrics(): IpipMetrics {
    return { ...this.#metrics };
  }

  addPeer(peer: DatagramEnd): void {
    this.#peers.set(`${peer.address}:${peer.port}`, peer);
  }

  /** Sends the packet, which is copied, to one peer or to all. */
  send(bytes: Uint8Array, packet: Ipv4Packet, to?: DatagramEnd): void {
    if (packet.ttl <= 1 || this.#datagrams.isFull) {
      this.#metrics.droppedPackets++;
      return;
    }
    const message = bytes.slice(packet.at, packet.end);
    message[TTL_AT] = packet.ttl - 1;
    put16(message, CHECKSUM_AT, 0);
    put16(message, CHECKSUM_AT, checksum(message, 0, packet.payloadAt - packet.at));
    this.#metrics.sentPackets++;
    for (const peer of to ? [to] : this.#peers.values()) this.#datagrams.send(message, peer);
  }

  close(): void {
    this.#datagrams.close();
  }

  #receive(bytes: Uint8Array, from: DatagramEnd): void {
    const packet = this.#peers.has(`${from.address}:${from.port}`)
      ? parseIpv4(bytes, 0)
      : undefined;
    if (packet && this.#take(bytes, packet, { address: from.address, port: from.port }))
      this.#metrics.receivedPackets++;
    else this.#metrics.refusedPackets++;
  }
}
