/**
 * The networks of one host: its switches, by name, and user-mode networks on them. They live in the thread in which
 * the host's guests run, so a frame from guest to guest crosses no thread.
 */
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { DEFAULT_MTU } from "../../machine/nic.ts";
import { parseMac } from "../../net/mac.ts";
import { Switch } from "../../net/switch.ts";
import type { SwitchPort } from "../../net/switch-port.ts";
import type { UserNetwork } from "../../net/user/user-network.ts";
import { DEFAULT_VLAN } from "../../net/vlan.ts";
import type { Peer, VxlanLink, VxlanOptions } from "../../net/vxlan-link.ts";
import type { NicConfig } from "./nic-config.ts";
import { SwitchControl } from "./switch-control.ts";

/** How a network of this host is joined to those of others. */
export interface JoinOptions extends VxlanOptions {
  /** `lan` by default. */
  readonly network?: string | undefined;
  /** `here` (default): this host has a gateway to the outside. `peer`: another one has. One must, no more may. */
  readonly gateway?: "here" | "peer" | undefined;
}

/** Where a card's cable leads. */
export interface Plug {
  readonly port: SwitchPort;
  readonly user: UserNetwork | undefined;
  /** Takes the cable out, and ends what was for this card alone. */
  unplug(): void;
}

interface Segment {
  readonly switch: Switch;
  readonly user: UserNetwork | undefined;
}

const LAN = "lan";

export class HostNetworks {
  /** What is asked of the switches. */
  readonly control: SwitchControl;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Shared ones; each stays for as long as the host. */
  readonly #shared = new Map<string, Promise<Segment>>();
  readonly #links: { readonly network: string; readonly link: VxlanLink }[] = [];

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
   * Joins a network to those of other hosts. Throws `WV_CONFIG`, `WV_NETWORK`, or `WV_STATE` if it has a gateway
   * already and should not.
   */
  async join(options: JoinOptions): Promise<VxlanLink> {
    const { gateway = "here", network = LAN } = options;
    if (gateway === "peer" && network === LAN) {
      if (this.#shared.has(LAN))
        throw new WasmvisorError("WV_STATE", "join: this host's lan has a gateway already");
      this.#shared.set(LAN, Promise.resolve(this.#bare(LAN)));
    }
    const segment = await this.#segment(network);
    const { VxlanLink } = await import("../../net/vxlan-link.ts");
    const vlans = { mode: "trunk", native: DEFAULT_VLAN } as const;
    const port = segment.switch.addPort({ name: `vxlan${this.#links.length}`, vlans });
    const link = await VxlanLink.open(options, { port, clock: this.#clock });
    this.#links.push({ network, link });
    return link;
  }

  /** One more host that a joined network reaches. */
  addPeer(network: string, peer: Peer): void {
    for (const one of this.#links) if (one.network === network) one.link.addPeer(peer);
  }

  /** Undefined: a card with the same address is there already. Throws `WV_MISSING`, `WV_LIMIT`. */
  async plug(vm: string, index: number, config: NicConfig): Promise<Plug | undefined> {
    const { kind, mtu, vlan } = config;
    const isOwn = kind === "user";
    const segment = isOwn ? await this.#make(mtu) : await this.#segment(config.switch || LAN);
    const mac = parseMac(config.mac);
    const isTaken = segment.switch.ports.some((port) => port.mac === mac);
    if (isTaken) return undefined;
    const vlans =
      vlan === 0
        ? ({ mode: "trunk", native: DEFAULT_VLAN } as const)
        : ({ mode: "access", vlan } as const);
    const port = segment.switch.addPort({ name: `${vm}.${index}.${config.mac}`, vlans, mac });
    segment.user?.dhcp.reserve(mac);
    return {
      port,
      user: segment.user,
      unplug: () => {
        segment.switch.removePort(port);
        segment.user?.dhcp.forget(mac);
        if (isOwn) segment.user?.close();
      },
    };
  }

  /** Ends what leads outside. */
  async close(): Promise<void> {
    this.control.close();
    for (const segment of this.#shared.values()) (await segment).user?.close();
    for (const { link } of this.#links.splice(0)) link.close();
    this.#shared.clear();
  }

  #segment(name: string): Promise<Segment> {
    const known = this.#shared.get(name);
    if (known) return known;
    const made = name === LAN ? this.#make(DEFAULT_MTU) : Promise.resolve(this.#bare(name));
    this.#shared.set(name, made);
    return made;
  }

  #bare(name: string): Segment {
    const random = this.#random.split(name);
    return { switch: new Switch({ clock: this.#clock, random }), user: undefined };
  }

  async #make(mtu: number): Promise<Segment> {
    const { switch: made } = this.#bare(LAN);
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
