/**
 * The networks of one host: its switches, by name, and user-mode networks on them. They live in the thread in which
 * the host's guests run, so a frame from guest to guest crosses no thread.
 */
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { DEFAULT_MTU, type Frame, type NicPort } from "../../machine/nic.ts";
import type { Datagrams } from "../../net/datagrams.ts";
import { parseMac } from "../../net/mac.ts";
import type { Switch } from "../../net/switch.ts";
import type { Tether } from "../../net/tether/tether.ts";
import type { DhcpMetrics } from "../../net/user/dhcp-server.ts";
import { DEFAULT_SUBNET } from "../../net/user/subnet.ts";
import type { UserNetwork } from "../../net/user/user-network.ts";
import { DEFAULT_VLAN } from "../../net/vlan.ts";
import type { Peer, VxlanLink, VxlanMetrics, VxlanOptions } from "../../net/vxlan-link.ts";
import type { WireguardMetrics } from "../../net/wireguard/wireguard.ts";
import type { NicConfig } from "./nic-config.ts";
import { SwitchControl } from "./switch-control.ts";
import type { TetherInfo, Tethers, TunnelOptions } from "./tethers.ts";
import type { VpnConfig } from "./vpn-config.ts";

/** How a network of this host is joined to those of others: over `listen`, or inside of an encrypted network. */
export interface JoinOptions extends VxlanOptions {
  /** Where to listen; not with `vpn`. */
  readonly listen?: Peer | undefined;
  /** All its peers are reached, too. */
  readonly vpn?: VpnConfig | undefined;
  /** Longest IP packet on the path between the hosts, 1500 by default. */
  readonly pathMtu?: number | undefined;
  /** `lan` by default. */
  readonly network?: string | undefined;
  /** `here` (default): this host has a gateway to the outside. `peer`: another one has. One must, no more may. */
  readonly gateway?: "here" | "peer" | undefined;
}

/** Where a card's cable leads. */
export interface Plug {
  readonly port: NicPort;
  readonly user: UserNetwork | undefined;
  /** The guest runs here from now on; it uses these addresses. */
  arrived(addresses: readonly number[], isNew: boolean): void;
  /** The guest is paused. */
  rests(): void;
  /** Frames that waited for the guest, which is elsewhere by now: they go after it. The cable may be out already. */
  sendOn(frames: readonly Frame[]): void;
  /** Takes the cable out, and ends what was for this card alone. What has `moved` may leave connections behind. */
  unplug(why: "moved" | "ended"): void;
}

interface Segment {
  readonly switch: Switch;
  readonly user: UserNetwork | undefined;
}

const LAN = "lan";
const VXLAN_PORT = 4789;

/** A network that is joined to those of other hosts. */
export interface LinkInfo extends VxlanMetrics {
  /** The port of its socket. */
  readonly localPort: number;
  /** Of the encrypted network that it is inside of. */
  readonly vpn: WireguardMetrics | undefined;
}

/** How a network of this host reaches those of others. */
export interface WaysOut {
  readonly links: readonly LinkInfo[];
  /** Of guests that have left for other networks; the lan's alone. */
  readonly tunnel: TetherInfo | undefined;
  /** Of its gateway, if that is here. */
  readonly dhcp: DhcpMetrics | undefined;
}

/** What carries the frames of a joined network. */
interface Carrier {
  readonly vpn?: (() => WireguardMetrics) | undefined;
  readonly datagrams: Datagrams;
  readonly peers: readonly Peer[];
  /** The port outside. */
  readonly localPort: number;
  close(): void;
}

export class HostNetworks {
  /** What is asked of the switches. */
  readonly control: SwitchControl;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Shared ones; each stays for as long as the host. */
  readonly #shared = new Map<string, Promise<Segment>>();
  #tethers: Tethers | undefined;
  readonly #links: {
    readonly network: string;
    readonly link: VxlanLink;
    readonly carrier: Carrier;
  }[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.control = new SwitchControl(this, clock);
  }

  /** The switches that there are, by name. */
  async switches(): Promise<(readonly [string, Switch])[]> {
    const all = [...this.#shared].map(async ([name, its]) => [name, (await its).switch] as const);
    return Promise.all(all);
  }

  /** The switch called `name`: `lan`, or one that a vm named. Made if there is none. */
  async switch(name: string): Promise<Switch> {
    return (await this.#segment(name)).switch;
  }

  /**
   * Joins a network to those of other hosts; the result is the port that it listens on. Throws `WV_CONFIG`, `WV_NETWORK`, or `WV_STATE` if it has a gateway
   * already and should not.
   */
  async join(options: JoinOptions): Promise<number> {
    const { gateway = "here", network = LAN } = options;
    if (gateway === "peer" && network === LAN) {
      if (this.#shared.has(LAN))
        throw new WasmvisorError("WV_STATE", "join: this host's lan has a gateway already");
      this.#shared.set(LAN, this.#bare(LAN));
    }
    const segment = await this.#segment(network);
    const { VxlanLink } = await import("../../net/vxlan-link.ts");
    const vlans = { mode: "trunk", native: DEFAULT_VLAN } as const;
    const carrier = await this.#carrier(options);
    const port = segment.switch.addPort({ name: `vxlan${this.#links.length}`, vlans });
    try {
      const parts = { port, clock: this.#clock, datagrams: carrier.datagrams };
      const link = new VxlanLink({ ...options, peers: carrier.peers }, parts);
      this.#links.push({ network, link, carrier });
    } catch (error) {
      carrier.close();
      segment.switch.removePort(port);
      throw error;
    }
    return carrier.localPort;
  }

  /** A socket, or a port of this host inside of an encrypted network. */
  async #carrier({ listen, pathMtu, peers, vpn }: JoinOptions): Promise<Carrier> {
    if ((listen === undefined) === (vpn === undefined))
      throw new WasmvisorError("WV_CONFIG", "join: expected an address to listen on, or a vpn");
    if (!vpn) {
      const { UdpSocket } = await import("../../net/udp-socket.ts");
      const { address, port = VXLAN_PORT } = listen as Peer;
      const datagrams = await UdpSocket.open({ address, port }, pathMtu);
      return { datagrams, peers, localPort: datagrams.localPort, close: () => datagrams.close() };
    }
    const [{ Vpn }, { innerAddress, resolveVpn }] = await Promise.all([
      import("../../net/wireguard/vpn.ts"),
      import("./vpn-config.ts"),
    ]);
    const its = await Vpn.open(resolveVpn(vpn, pathMtu ?? DEFAULT_MTU), this.#clock);
    const inside = vpn.peers.map((peer) => ({ address: innerAddress(peer) }));
    const { localPort } = its;
    const datagrams = its.datagrams(VXLAN_PORT);
    const ends = { vpn: () => its.metrics(), close: () => its.close() };
    return { datagrams, peers: [...peers, ...inside], localPort, ...ends };
  }

  /**
   * Keeps connections of guests on `lan` that leave for a host on another network: their packets go through a tunnel.
   * The result is the port that it listens on. Throws `WV_NETWORK`, or `WV_STATE` if there is one already.
   */
  async openTunnel(options: TunnelOptions): Promise<number> {
    if (this.#tethers) throw new WasmvisorError("WV_STATE", "tunnel: this host has one already");
    const { Tethers } = await import("./tethers.ts");
    this.#tethers = await Tethers.open(options, this.#clock);
    return this.#tethers.localPort;
  }

  /** One more host that guests leave for. */
  addTunnelPeer(peer: Peer): void {
    this.#tethers?.addPeer(peer);
  }

  /** What guests that left have left behind; undefined: there is no tunnel. */
  tunnelInfo(): TetherInfo | undefined {
    return this.#tethers?.info();
  }

  async waysOut(network: string): Promise<WaysOut> {
    const links = this.#links
      .filter((one) => one.network === network)
      .map(({ carrier: { localPort, vpn }, link }) => ({
        localPort,
        ...link.metrics(),
        vpn: vpn?.(),
      }));
    const gateway = (await this.#shared.get(network))?.user;
    const tunnel = network === LAN ? this.#tethers?.info() : undefined;
    return { links, tunnel, dhcp: gateway?.dhcp.metrics() };
  }

  /** One more host that a joined network reaches. */
  addPeer(network: string, peer: Peer): void {
    for (const one of this.#links) if (one.network === network) one.link.addPeer(peer);
  }

  /** Undefined: a card with the same address is there already. Throws `WV_MISSING`, `WV_LIMIT`. */
  async plug(vm: string, index: number, config: NicConfig): Promise<Plug | undefined> {
    const { kind, line, mtu, vlan } = config;
    const isOwn = kind === "user";
    const segment = isOwn ? await this.#make(mtu) : await this.#segment(config.switch || LAN);
    const mac = parseMac(config.mac);
    const left = kind === "lan" ? this.#tethers?.find(mac) : undefined;
    if (left?.hasLeft) return this.#tethered(left, segment);
    const isTaken = segment.switch.ports.some((port) => port.mac === mac);
    if (isTaken) return undefined;
    const vlans =
      vlan === 0
        ? ({ mode: "trunk", native: DEFAULT_VLAN } as const)
        : ({ mode: "access", vlan } as const);
    const port = segment.switch.addPort({ name: `${vm}.${index}.${config.mac}`, vlans, mac });
    if (line) for (const way of ["in", "out"] as const) segment.switch.impair(port, line, way);
    segment.user?.dhcp.reserve(mac);
    const remove = (): void => {
      segment.switch.removePort(port);
      segment.user?.dhcp.forget(mac);
      if (isOwn) segment.user?.close();
    };
    const sendOn = (frames: readonly Frame[]): void => segment.switch.sendOn(frames, port);
    if (kind !== "lan" || !this.#tethers)
      return {
        ...{ port, user: segment.user, unplug: remove, sendOn },
        ...{ arrived: () => undefined, rests: () => undefined },
      };
    const gateway = segment.user ? DEFAULT_SUBNET.gateway : undefined;
    return this.#tethered(this.#tethers.add(mac, { port, gateway, remove }), segment);
  }

  #tethered(tether: Tether, { user }: Segment): Plug {
    return {
      port: tether,
      user,
      arrived: (addresses, isNew) => tether.arrive(addresses, isNew),
      rests: () => tether.rest(),
      sendOn: (frames) => tether.sendOn(frames),
      unplug: (why) => this.#tethers?.release(tether, why),
    };
  }

  /** Ends what leads outside. */
  async close(): Promise<void> {
    this.control.close();
    for (const segment of this.#shared.values()) (await segment).user?.close();
    for (const { carrier } of this.#links.splice(0)) carrier.close();
    this.#tethers?.close();
    this.#shared.clear();
  }

  #segment(name: string): Promise<Segment> {
    const known = this.#shared.get(name);
    if (known) return known;
    const made = name === LAN ? this.#make(DEFAULT_MTU) : this.#bare(name);
    this.#shared.set(name, made);
    return made;
  }

  async #bare(name: string): Promise<Segment> {
    const random = this.#random.split(name);
    const { Switch } = await import("../../net/switch.ts");
    return { switch: new Switch({ clock: this.#clock, random }), user: undefined };
  }

  async #make(mtu: number): Promise<Segment> {
    const { switch: made } = await this.#bare(LAN);
    const [{ UserNetwork }, { NodeOutside }] = await Promise.all([
      import("../../net/user/user-network.ts"),
      outsideModule(),
    ]);
    const user = new UserNetwork({
      port: made.addPort({ name: "gateway", role: "local" }),
      outside: new NodeOutside(),
      clock: this.#clock,
      random: this.#random.split("gateway"),
      mtu,
      ingress: () => made.ingress,
    });
    return { switch: made, user };
  }
}

async function outsideModule() {
  try {
    return await import("../../net/user/node-outside.ts");
  } catch (cause) {
    throw new WasmvisorError(
      "WV_MISSING",
      "networks: only Node has sockets for user and lan; in a browser use a switch",
      { cause },
    );
  }
}
