/** An encrypted network between hosts: WireGuard on a UDP socket, and this host inside of it. */
import { type Clock, realTimeNs } from "../../base/clock.ts";
import { secretBytes } from "../../base/random.ts";
import type { DatagramEnd, Datagrams } from "../datagrams.ts";
import { UdpSocket } from "../udp-socket.ts";
import { InnerStation } from "./inner-station.ts";
import {
  type AllowedPeer,
  DEFAULT_VPN_MTU,
  TICK_NS,
  VPN_OVERHEAD_BYTES,
  Wireguard,
  type WireguardMetrics,
} from "./wireguard.ts";

export interface VpnOptions {
  /** Where to listen, outside. */
  readonly listen: DatagramEnd;
  readonly privateKey: Uint8Array;
  /** This host's address inside. */
  readonly ip: number;
  readonly peers: readonly AllowedPeer[];
  /** Longest IP packet on the path outside, 1500 by default. */
  readonly pathMtu?: number | undefined;
}

export class Vpn {
  readonly #socket: UdpSocket;
  readonly #wireguard: Wireguard;
  readonly #station: InnerStation;
  readonly #closed = new AbortController();

  private constructor(socket: UdpSocket, options: VpnOptions, clock: Clock) {
    this.#socket = socket;
    this.#wireguard = new Wireguard({
      privateKey: options.privateKey,
      mtu: Math.min(DEFAULT_VPN_MTU, socket.mtu - VPN_OVERHEAD_BYTES),
      random: secretBytes,
      nowNs: () => clock.nowNs(),
      realNs: realTimeNs,
      transmit: (message, to) => socket.send(message, to),
      deliver: (packet) => this.#station.receive(packet),
    });
    this.#station = new InnerStation({
      ip: options.ip,
      mtu: this.#wireguard.mtu,
      send: (packet) => this.#wireguard.send(packet),
      isFull: () => socket.isFull,
    });
    socket.connect((message, from) => this.#wireguard.receive(message, from));
    void this.#keepTicking(clock);
  }

  /** Throws `WV_CONFIG`, `WV_LIMIT`, or `WV_NETWORK` if it cannot listen there. */
  static async open(options: VpnOptions, clock: Clock): Promise<Vpn> {
    const socket = await UdpSocket.open(options.listen, options.pathMtu);
    const vpn = new Vpn(socket, options, clock);
    try {
      for (const peer of options.peers) vpn.addPeer(peer);
    } catch (error) {
      vpn.close();
      throw error;
    }
    return vpn;
  }

  /** The port outside. */
  get localPort(): number {
    return this.#socket.localPort;
  }

  get publicKey(): Uint8Array {
    return this.#wireguard.publicKey;
  }

  /** Longest packet inside. */
  get mtu(): number {
    return this.#wireguard.mtu;
  }

  /** Throws `WV_CONFIG`, `WV_LIMIT`. */
  addPeer(peer: AllowedPeer): void {
    this.#wireguard.addPeer(peer);
  }

  /** A UDP port inside. */
  datagrams(port: number): Datagrams {
    return this.#station.datagrams(port);
  }

  metrics(): WireguardMetrics {
    return this.#wireguard.metrics();
  }

  close(): void {
    this.#closed.abort();
    this.#wireguard.close();
    this.#socket.close();
  }

  async #keepTicking(clock: Clock): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      this.#wireguard.tick();
      try {
        await clock.sleep(TICK_NS, signal);
      } catch {
        return; // It was closed.
      }
    }
  }
}
