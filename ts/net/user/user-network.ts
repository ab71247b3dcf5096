/**
 * A network in user mode, as a station on a switch: a gateway with an address of its own that answers ARP, gives
 * addresses away, looks names up, and carries TCP and UDP to the outside through ordinary sockets. `10.0.2.2` is the
 * host itself.
 */
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { Frame, NicPort, NicReceiver } from "../../machine/nic.ts";
import { DEFAULT_MTU } from "../../machine/nic.ts";
import { ARP_REPLY, ARP_REQUEST, arpFrame, parseArp } from "../arp.ts";
import * as dhcp from "../dhcp.ts";
import { DNS_PORT } from "../dns.ts";
import { payloadOf, TYPE_ARP, TYPE_IPV4 } from "../ethernet.ts";
import {
  echoReplyFrame,
  parseEcho,
  UNREACHABLE_PORT,
  UNREACHABLE_PROHIBITED,
  unreachableFrame,
} from "../icmp.ts";
import {
  type Ipv4Packet,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  parseIpv4,
  type Station,
} from "../ipv4.ts";
import { getMac, MAC_BROADCAST } from "../mac.ts";
import { parseTcp } from "../tcp.ts";
import { parseUdp, UDP_HEADER_BYTES, udpFrame } from "../udp.ts";
import { DhcpServer, type Place } from "./dhcp-server.ts";
import { DnsForwarder } from "./dns-forwarder.ts";
import { Forwards } from "./forwards.ts";
import { Neighbours } from "./neighbours.ts";
import type { Outside } from "./outside.ts";
import { DEFAULT_SUBNET, isIn, type Subnet } from "./subnet.ts";
import { HURRY_NS } from "./tcp-endpoint.ts";
import { TcpNat } from "./tcp-nat.ts";
import { UdpNat } from "./udp-nat.ts";

const GATEWAY_MAC = 0x5254_000a_0202;
const LOOPBACK = 0x7f00_0001;
const BROADCAST_IP = 0xffff_ffff;
const TICK_NS = 100e6;
const IPV4_HEADER_BYTES = 20;

export interface UserNetworkOptions {
  readonly port: NicPort;
  readonly outside: Outside;
  readonly clock: Clock;
  readonly random: Random;
  readonly mtu?: number | undefined;
  readonly subnet?: Subnet | undefined;
  /** Where the frame came in that it hears just now: each place has its share of addresses. */
  readonly ingress?: (() => Place | undefined) | undefined;
}

export class UserNetwork implements NicReceiver {
  readonly dhcp: DhcpServer;
  readonly forwards: Forwards;
  readonly #port: NicPort;
  readonly #clock: Clock;
  readonly #subnet: Subnet;
  readonly #mtu: number;
  readonly #neighbours: Neighbours;
  readonly #dns: DnsForwarder;
  readonly #tcp: TcpNat;
  readonly #udp: UdpNat;
  readonly #ingress: () => Place | undefined;
  readonly #closed = new AbortController();
  #isTicking = false;
  #isHurrying = false;
  readonly #counts = { refusedPackets: 0, fragments: 0 };

  constructor(options: UserNetworkOptions) {
    const { clock, mtu = DEFAULT_MTU, outside, port, random, subnet = DEFAULT_SUBNET } = options;
    this.#port = port;
    this.#clock = clock;
    this.#subnet = subnet;
    this.#mtu = mtu;
    this.#ingress = options.ingress ?? (() => undefined);
    this.#neighbours = new Neighbours({
      port,
      clock,
      self: { mac: GATEWAY_MAC, ip: subnet.gateway },
    });
    this.dhcp = new DhcpServer({ subnet, mtu, clock });
    this.#dns = new DnsForwarder(outside);
    const outsideIp = (ip: number): number | undefined => this.#outsideIp(ip);
    const nowNs = (): number => clock.nowNs();
    this.#tcp = new TcpNat({
      outside,
      random,
      mtu,
      nowNs,
      outsideIp,
      send: (ip, make) => this.#neighbours.send(ip, (to) => make(to, GATEWAY_MAC)),
      flush: () => port.flush(),
      onBusy: () => void this.#keepTicking(),
    });
    this.#udp = new UdpNat({
      outside,
      nowNs,
      outsideIp,
      onBusy: () => void this.#keepTicking(),
      insideIp: (ip) => (ip >>> 24 === 127 ? subnet.gateway : ip),
      send: ({ guestIp, guestPort }, from, data) =>
        this.#sendUdp(from, { ip: guestIp, port: guestPort }, data),
    });
    this.forwards = new Forwards({
      outside,
      tcp: this.#tcp,
      gateway: subnet.gateway,
      sendUdp: (from, to, data) => this.#sendUdp(from, to, data),
    });
    port.connect(this);
  }

  metrics() {
    return {
      ...this.#counts,
      tcp: this.#tcp.metrics(),
      udp: this.#udp.metrics(),
      dhcp: this.dhcp.metrics(),
      dns: this.#dns.metrics(),
    };
  }

  receive(frame: Frame): void {
    const { bytes } = frame;
    const target = getMac(bytes, 0);
    if (target !== GATEWAY_MAC && target !== MAC_BROADCAST) return;
    const { at, type } = payloadOf(bytes);
    if (type === TYPE_ARP) this.#receiveArp(bytes, at);
    else if (type === TYPE_IPV4) this.#receiveIp(frame, at);
  }

  flush(): void {
    this.#tcp.flush();
  }

  /** Ends all connections and listens no more. */
  close(): void {
    this.#closed.abort();
    this.forwards.close();
    this.#tcp.close();
    this.#udp.close();
  }

  /** For as long as there is something to look after. */
  async #keepTicking(): Promise<void> {
    if (this.#isTicking) return;
    this.#isTicking = true;
    const { signal } = this.#closed;
    while (!signal.aborted && this.#tcp.size + this.#udp.size > 0) {
      await this.#clock.sleep(TICK_NS);
      this.#tcp.tick();
      this.#udp.tick();
      this.#port.flush();
    }
    this.#isTicking = false;
  }

  /** A guest has moved. What it missed on the way is sent again well before the next tick. */
  async #hurry(guestIp: number): Promise<void> {
    this.#tcp.hurry(guestIp);
    if (this.#isHurrying) return;
    this.#isHurrying = true;
    await this.#clock.sleep(HURRY_NS);
    this.#isHurrying = false;
    if (this.#closed.signal.aborted) return;
    this.#tcp.tick();
    this.#port.flush();
  }

  #receiveArp(bytes: Uint8Array, at: number): void {
    const packet = parseArp(bytes, at);
    if (!packet || packet.senderMac !== getMac(bytes, 6)) return;
    this.#neighbours.learn({ mac: packet.senderMac, ip: packet.senderIp });
    const { dns, gateway } = this.#subnet;
    const { operation, targetIp } = packet;
    if (targetIp === packet.senderIp && this.#tcp.size > 0) void this.#hurry(targetIp);
    if (operation !== ARP_REQUEST || (targetIp !== gateway && targetIp !== dns)) return;
    const reply = {
      operation: ARP_REPLY,
      senderMac: GATEWAY_MAC,
      senderIp: targetIp,
      targetMac: packet.senderMac,
      targetIp: packet.senderIp,
    };
    this.#port.send({ bytes: arpFrame(reply, packet.senderMac) });
  }

  #receiveIp(frame: Frame, at: number): void {
    const packet = parseIpv4(frame.bytes, at);
    if (!packet || packet.isFragment) {
      if (packet) this.#counts.fragments++;
      else this.#counts.refusedPackets++;
      return;
    }
    const isNeighbour = isIn(packet.source, this.#subnet) && packet.source !== this.#subnet.gateway;
    if (isNeighbour) this.#neighbours.learn(this.#sender(frame.bytes, packet));
    if (packet.protocol === PROTOCOL_UDP) this.#receiveUdp(frame, packet);
    else if (!isNeighbour) this.#counts.refusedPackets++;
    else if (packet.protocol === PROTOCOL_TCP) this.#receiveTcp(frame, packet);
    else if (packet.protocol === PROTOCOL_ICMP) this.#receiveIcmp(frame.bytes, packet);
  }

  #receiveTcp({ bytes, offload }: Frame, packet: Ipv4Packet): void {
    const segment = parseTcp(bytes, packet, offload !== undefined);
    if (!segment) this.#counts.refusedPackets++;
    else this.#tcp.receive(segment, { guestIp: packet.source, ip: packet.target });
  }

  #receiveUdp({ bytes, offload }: Frame, packet: Ipv4Packet): void {
    const datagram = parseUdp(bytes, packet, offload !== undefined);
    if (!datagram) {
      this.#counts.refusedPackets++;
      return;
    }
    const { data, sourcePort, targetPort } = datagram;
    const { dns, gateway } = this.#subnet;
    if (targetPort === dhcp.DHCP_SERVER_PORT) {
      this.#answerDhcp(data, getMac(bytes, 6));
      return;
    }
    if (!isIn(packet.source, this.#subnet)) return;
    const from = { guestIp: packet.source, guestPort: sourcePort };
    const to = { ip: packet.target, port: targetPort };
    if (packet.target === dns && targetPort === DNS_PORT) {
      const reply = (response: Uint8Array): void =>
        this.#sendUdp(to, { ip: packet.source, port: sourcePort }, response);
      void this.#dns.receive(data, reply);
    } else if (packet.target === gateway && this.forwards.answers(from, targetPort, data)) return;
    else if (!this.#udp.receive(from, to, data)) this.#refuse(bytes, packet, UNREACHABLE_PORT);
  }

  #receiveIcmp(bytes: Uint8Array, packet: Ipv4Packet): void {
    const { dns, gateway } = this.#subnet;
    const body = parseEcho(bytes, packet);
    if (packet.target !== gateway && packet.target !== dns) {
      if (body) this.#refuse(bytes, packet, UNREACHABLE_PROHIBITED);
    } else if (body) {
      const self = { mac: GATEWAY_MAC, ip: packet.target };
      this.#port.send({ bytes: echoReplyFrame(self, this.#sender(bytes, packet), body) });
    }
  }

  #refuse(bytes: Uint8Array, packet: Ipv4Packet, code: number): void {
    this.#counts.refusedPackets++;
    const self = { mac: GATEWAY_MAC, ip: this.#subnet.gateway };
    const to = this.#sender(bytes, packet);
    this.#port.send({ bytes: unreachableFrame(self, to, { code, bytes, packet }) });
  }

  #sender(bytes: Uint8Array, packet: Ipv4Packet): Station {
    return { mac: getMac(bytes, 6), ip: packet.source };
  }

  #answerDhcp(data: Uint8Array, source: number): void {
    const message = dhcp.parseDhcp(data);
    const reply = message && this.dhcp.answer(message, { mac: source, place: this.#ingress() });
    if (!reply) return;
    const self = { mac: GATEWAY_MAC, ip: this.#subnet.gateway };
    const to = { mac: source, ip: reply.clientIp === 0 ? BROADCAST_IP : reply.clientIp };
    const ports = { sourcePort: dhcp.DHCP_SERVER_PORT, targetPort: dhcp.DHCP_CLIENT_PORT };
    this.#port.send({ bytes: udpFrame(self, to, { ...ports, data: dhcp.encodeDhcp(reply) }) });
  }

  #sendUdp(
    from: { readonly ip: number; readonly port: number },
    to: { readonly ip: number; readonly port: number },
    data: Uint8Array,
  ): void {
    if (data.length + IPV4_HEADER_BYTES + UDP_HEADER_BYTES > this.#mtu) {
      this.#counts.refusedPackets++; // Nothing is cut into fragments here.
      return;
    }
    const ports = { sourcePort: from.port, targetPort: to.port };
    this.#neighbours.send(to.ip, (station) => ({
      bytes: udpFrame({ mac: GATEWAY_MAC, ip: from.ip }, station, { ...ports, data }),
    }));
    this.#port.flush();
  }

  /** The host for the gateway; itself for what is elsewhere; nothing for what must not leave. */
  #outsideIp(ip: number): number | undefined {
    if (ip === this.#subnet.gateway) return LOOPBACK;
    const first = ip >>> 24;
    if (isIn(ip, this.#subnet) || first === 0 || first === 127 || first >= 224) return undefined;
    return ip;
  }
}
