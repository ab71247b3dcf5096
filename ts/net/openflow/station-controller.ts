/**
 * Makes the rules of several switches that are joined by a tunnel: one for each station, to its port where it is, to
 * the tunnel elsewhere. When a station moves to another host, that host announces it (RARP, gratuitous ARP), and only
 * rules change. Switches go on by their rules while the controller is away.
 *
 *     200  eth_dst=station   output
 *     150  in_port=tunnel    flood: it was looked at where it came in
 *     100  groups and all    controller, flood
 *       0  anything          controller, flood
 */
import {
  type Action,
  NO_INSTRUCTIONS,
  output,
  PORT_CONTROLLER,
  PORT_FLOOD,
} from "../flow/actions.ts";
import { type Field, fieldCalled } from "../flow/fields.ts";
import type { Match } from "../flow/match.ts";
import { TABLE_ALL } from "../flow/pipeline.ts";
import { getMac, isGroup } from "../mac.ts";
import { FLOW_DELETE, FLOW_DELETE_STRICT } from "./constants.ts";
import type { ControllerApp, Datapath, DatapathPort, ReportedFrame } from "./controller.ts";

const STATIONS_MAX = 8192;
/** Of one port: whoever makes addresses up uses its own share. */
const PORT_STATIONS_MAX = 256;
const STATION_PRIORITY = 200;
const GROUP_PRIORITY = 100;
const TUNNEL_PRIORITY = 150;
const MULTICAST = 0x0100_0000_0000n;

interface Place {
  readonly datapath: bigint;
  readonly port: number;
}

export interface StationControllerOptions {
  /** Does this port lead to other switches? By default those whose names begin with `vxlan` do. */
  readonly isTunnel?: ((port: DatapathPort) => boolean) | undefined;
  /** A station has come, or moved. */
  readonly onPlaced?: ((mac: number, place: Place, before: Place | undefined) => void) | undefined;
}

const match = (name: string, value: bigint | number, mask?: bigint): Match[number] => ({
  field: fieldCalled(name) as Field,
  value: BigInt(value),
  mask,
});

export class StationController implements ControllerApp {
  readonly #isTunnel: (port: DatapathPort) => boolean;
  readonly #onPlaced: StationControllerOptions["onPlaced"];
  readonly #datapaths = new Set<Datapath>();
  readonly #stations = new Map<number, Place>();
  /** How many are at a port. */
  readonly #counts = new Map<string, number>();

  constructor(options: StationControllerOptions = {}) {
    this.#isTunnel = options.isTunnel ?? (({ name }) => name.startsWith("vxlan"));
    this.#onPlaced = options.onPlaced;
  }

  get datapaths(): readonly Datapath[] {
    return [...this.#datapaths];
  }

  /** Where a station is. */
  placeOf(mac: number): Place | undefined {
    return this.#stations.get(mac);
  }

  /** A station is there from now on: by its own frames, or because somebody who moves guests says so. */
  place(mac: number, to: Place): void {
    const before = this.#stations.get(mac);
    if (before?.datapath === to.datapath && before.port === to.port) return;
    if (!before && this.#stations.size >= STATIONS_MAX) return;
    if ((this.#counts.get(nameOf(to)) ?? 0) >= PORT_STATIONS_MAX) return;
    if (before) this.#count(before, -1);
    this.#count(to, 1);
    this.#stations.set(mac, to);
    for (const datapath of this.#datapaths) this.#rule(datapath, mac, to);
    this.#onPlaced?.(mac, to, before);
  }

  joined(datapath: Datapath): void {
    for (const other of this.#datapaths)
      if (other.id === datapath.id) this.#datapaths.delete(other);
    this.#datapaths.add(datapath);
    datapath.flowMod({ command: FLOW_DELETE, table: TABLE_ALL });
    const both = [output(PORT_CONTROLLER), output(PORT_FLOOD)];
    rule(datapath, 0, [], both);
    rule(datapath, GROUP_PRIORITY, [match("eth_dst", MULTICAST, MULTICAST)], both);
    for (const port of datapath.ports.values()) this.#addTunnel(datapath, port);
    for (const [mac, place] of this.#stations) this.#rule(datapath, mac, place);
  }

  left(datapath: Datapath): void {
    this.#datapaths.delete(datapath);
  }

  frameIn(datapath: Datapath, { bytes, inPort }: ReportedFrame): void {
    const port = datapath.ports.get(inPort);
    const mac = getMac(bytes, 6);
    if (!port || this.#isTunnel(port) || mac === 0 || isGroup(mac)) return;
    this.place(mac, { datapath: datapath.id, port: inPort });
  }

  portChanged(datapath: Datapath, port: DatapathPort, change: string): void {
    if (change === "added") this.#addTunnel(datapath, port);
    if (change !== "removed") return;
    for (const [mac, place] of this.#stations)
      if (place.datapath === datapath.id && place.port === port.number) this.#forget(mac, place);
  }

  /** Nobody knows where it is now: frames for it go everywhere until it says something. */
  #forget(mac: number, place: Place): void {
    this.#stations.delete(mac);
    this.#count(place, -1);
    const its = { table: 0, priority: STATION_PRIORITY, match: [match("eth_dst", mac)] };
    for (const datapath of this.#datapaths)
      datapath.flowMod({ ...its, command: FLOW_DELETE_STRICT });
  }

  #addTunnel(datapath: Datapath, port: DatapathPort): void {
    if (!this.#isTunnel(port)) return;
    rule(datapath, TUNNEL_PRIORITY, [match("in_port", port.number)], [output(PORT_FLOOD)]);
    for (const [mac, place] of this.#stations) this.#rule(datapath, mac, place);
  }

  #rule(datapath: Datapath, mac: number, place: Place): void {
    const tunnel = [...datapath.ports.values()].find(this.#isTunnel)?.number;
    const port = place.datapath === datapath.id ? place.port : tunnel;
    if (port === undefined) return;
    rule(datapath, STATION_PRIORITY, [match("eth_dst", mac)], [output(port)]);
  }

  #count(place: Place, by: number): void {
    const name = nameOf(place);
    const count = (this.#counts.get(name) ?? 0) + by;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}

const nameOf = ({ datapath, port }: Place): string => `${datapath}:${port}`;

function rule(datapath: Datapath, priority: number, its: Match, apply: readonly Action[]): void {
  datapath.flowMod({ priority, match: its, instructions: { ...NO_INSTRUCTIONS, apply } });
}
