/** The cables of this host's guests on `lan` that keep their connections when a guest leaves for another network. */
import type { Clock } from "../../base/clock.ts";
import type { NicPort } from "../../machine/nic.ts";
import type { DatagramEnd } from "../../net/datagrams.ts";
import { IPIP_PORT, type IpipMetrics, IpipTunnel } from "../../net/tether/ipip-tunnel.ts";
import { Tether } from "../../net/tether/tether.ts";
import { UdpSocket } from "../../net/udp-socket.ts";

const SWEEP_NS = 1e9;

export interface TunnelOptions {
  readonly listen: { readonly address: string; readonly port?: number | undefined };
  /** Hosts that guests leave for and come from. */
  readonly peers: readonly { readonly address: string; readonly port?: number | undefined }[];
  /** Longest IP packet on the path between the hosts, 1500 by default. */
  readonly pathMtu?: number | undefined;
}

export interface TetherInfo {
  /** Guests that are elsewhere, and have connections here. */
  readonly away: number;
  /** Connections of theirs. */
  readonly connections: number;
  readonly tunnel: IpipMetrics;
}

const endOf = ({ address, port = IPIP_PORT }: TunnelOptions["listen"]): DatagramEnd => ({
  address,
  port,
});

export class Tethers {
  readonly #clock: Clock;
  readonly #tunnel: IpipTunnel;
  /** By the guest's address, and how each is taken away. */
  readonly #tethers = new Map<number, { readonly tether: Tether; readonly remove: () => void }>();
  readonly #closed = new AbortController();

  private constructor(socket: UdpSocket, options: TunnelOptions, clock: Clock) {
    this.#clock = clock;
    this.#tunnel = new IpipTunnel(socket, options.peers.map(endOf), (bytes, packet, from) => {
      for (const { tether } of this.#tethers.values())
        if (tether.takeTunneled(bytes, packet, from)) return true;
      return false;
    });
    void this.#keepSweeping();
  }

  /** Throws `WV_NETWORK` if it cannot listen there. */
  static async open(options: TunnelOptions, clock: Clock): Promise<Tethers> {
    const socket = await UdpSocket.open(endOf(options.listen), options.pathMtu);
    return new Tethers(socket, options, clock);
  }

  get localPort(): number {
    return this.#tunnel.localPort;
  }

  addPeer(peer: TunnelOptions["listen"]): void {
    this.#tunnel.addPeer(endOf(peer));
  }

  info(): TetherInfo {
    const away = [...this.#tethers.values()].filter(({ tether }) => !tether.isHere);
    return {
      away: away.length,
      connections: away.reduce((sum, { tether }) => sum + tether.connections, 0),
      tunnel: this.#tunnel.metrics(),
    };
  }

  /** What a guest that was here has left. */
  find(mac: number): Tether | undefined {
    return this.#tethers.get(mac)?.tether;
  }

  /** A cable between a guest and `port` of the switch; `remove` is called when nobody needs that any more. */
  add(
    mac: number,
    its: {
      readonly port: NicPort;
      readonly gateway: number | undefined;
      readonly remove: () => void;
    },
  ): Tether {
    const nowNs = (): number => this.#clock.nowNs();
    const tether = new Tether({
      mac,
      tunnel: this.#tunnel,
      nowNs,
      port: its.port,
      gateway: its.gateway,
    });
    this.#tethers.set(mac, { tether, remove: its.remove });
    return tether;
  }

  /** The card is gone; the guest may have `moved`. */
  release(tether: Tether, why: "moved" | "ended"): void {
    if (!tether.isHere) tether.disconnect();
    const isNeeded = tether.isHere ? why === "moved" && tether.leave() : tether.connections > 0;
    if (!isNeeded) this.#drop(tether.mac);
  }

  close(): void {
    this.#closed.abort();
    this.#tunnel.close();
  }

  #drop(mac: number): void {
    const known = this.#tethers.get(mac);
    this.#tethers.delete(mac);
    known?.remove();
  }

  async #keepSweeping(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      for (const [mac, { tether }] of this.#tethers) {
        tether.sweep();
        if (tether.hasLeft && tether.connections === 0) this.#drop(mac);
      }
      try {
        await this.#clock.sleep(SWEEP_NS, signal);
      } catch {
        return; // It was closed.
      }
    }
  }
}
