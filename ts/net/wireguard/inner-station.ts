/**
 * This host inside of its encrypted network: it has an address there, answers pings, and has UDP ports. There is no
 * TCP, and no fragment is put together.
 */
import { ETHERNET_HEADER_BYTES } from "../../machine/nic.ts";
import { get16, put16 } from "../bytes.ts";
import type { DatagramEnd, Datagrams } from "../datagrams.ts";
import { echoReplyFrame, parseEcho } from "../icmp.ts";
import {
  formatIp,
  IPV4_HEADER_BYTES,
  type Ipv4Packet,
  PROTOCOL_ICMP,
  PROTOCOL_UDP,
  parseIp,
  parseIpv4,
  putIpv4,
} from "../ipv4.ts";
import { parseUdp, UDP_HEADER_BYTES } from "../udp.ts";

type Receive = (message: Uint8Array, from: DatagramEnd) => void;

export interface InnerStationOptions {
  readonly ip: number;
  readonly mtu: number;
  /** Sends an IPv4 packet. */
  readonly send: (packet: Uint8Array) => void;
  readonly isFull: () => boolean;
}

export class InnerStation {
  readonly #options: InnerStationOptions;
  readonly #ports = new Map<number, Receive>();
  #refusedPackets = 0;

  constructor(options: InnerStationOptions) {
    this.#options = options;
  }

  /** Packets for others, to ports that nobody has, fragments, and damaged ones. */
  get refusedPackets(): number {
    return this.#refusedPackets;
  }

  /** A UDP port; what is there already is replaced. */
  datagrams(port: number): Datagrams {
    const { isFull, mtu } = this.#options;
    return {
      localPort: port,
      mtu,
      get isFull() {
        return isFull();
      },
      connect: (receive) => void this.#ports.set(port, receive),
      send: (message, to) => this.#sendUdp(port, message, to),
      close: () => void this.#ports.delete(port),
    };
  }

  /** A packet whose sender is who it says. */
  receive(bytes: Uint8Array): void {
    const packet = parseIpv4(bytes, 0);
    const isMine = packet?.target === this.#options.ip && !packet.isFragment;
    if (!packet || !isMine || !this.#take(bytes, packet)) this.#refusedPackets++;
  }

  #take(bytes: Uint8Array, packet: Ipv4Packet): boolean {
    if (packet.protocol === PROTOCOL_ICMP) return this.#answerEcho(bytes, packet);
    if (packet.protocol !== PROTOCOL_UDP) return false;
    const datagram = parseUdp(bytes, packet, false);
    const receive = datagram && this.#ports.get(datagram.targetPort);
    if (!datagram || !receive) return false;
    receive(datagram.data, { address: formatIp(packet.source), port: datagram.sourcePort });
    return true;
  }

  #answerEcho(bytes: Uint8Array, packet: Ipv4Packet): boolean {
    const body = parseEcho(bytes, packet);
    if (!body) return false;
    const from = { mac: 0, ip: packet.target };
    const reply = echoReplyFrame(from, { mac: 0, ip: packet.source }, body);
    this.#options.send(reply.subarray(ETHERNET_HEADER_BYTES));
    return true;
  }

  /** Without a checksum, as VXLAN has it (RFC 7348, section 5): what comes out of the tunnel is authentic anyway. */
  #sendUdp(port: number, message: Uint8Array, to: DatagramEnd): void {
    const count = UDP_HEADER_BYTES + message.length;
    const packet = new Uint8Array(IPV4_HEADER_BYTES + count);
    const ends = { source: this.#options.ip, target: parseIp(to.address) };
    putIpv4(packet, 0, { ...ends, protocol: PROTOCOL_UDP, payloadBytes: count });
    put16(packet, IPV4_HEADER_BYTES, port);
    put16(packet, IPV4_HEADER_BYTES + 2, to.port);
    put16(packet, IPV4_HEADER_BYTES + 4, count);
    packet.set(message, IPV4_HEADER_BYTES + UDP_HEADER_BYTES);
    if (get16(packet, 2) === packet.length) this.#options.send(packet); // Longer than a packet can be: lost.
  }
}
