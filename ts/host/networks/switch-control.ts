/** What is asked of a host's switches: their ports, rules, lines and mirrors, and who else may ask (OpenFlow). */
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { Impairment } from "../../net/impairment.ts";
import { formatMac } from "../../net/mac.ts";
import type { OpenFlowAgent } from "../../net/openflow/agent.ts";
import type { Switch, SwitchMetrics } from "../../net/switch.ts";
import type { SwitchPort, SwitchPortMetrics } from "../../net/switch-port.ts";
import type { HostNetworks, WaysOut } from "./host-networks.ts";
import { checkImpairment } from "./line.ts";

/** A rule of a switch. */
export interface FlowInfo {
  /** As it would be added. */
  readonly rule: string;
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
  readonly ageMs: number;
  readonly frames: number;
  readonly bytes: number;
}

export interface SwitchPortInfo extends SwitchPortMetrics {
  readonly name: string;
  /** How rules call it: a number, or `local`. */
  readonly number: number | "local";
  /** `access 10`, or `trunk`. */
  readonly vlans: string;
  /** The only address that may send there. */
  readonly mac: string | undefined;
  /** It was shut, since stations seemed to go round. */
  readonly isShut: boolean;
}

export interface SwitchInfo extends SwitchMetrics, WaysOut {
  readonly name: string;
  /** It does what its rules say, and nothing else. */
  readonly hasFlows: boolean;
  /** For OpenFlow, in hex. */
  readonly datapath: string | undefined;
  readonly controllers: number;
  readonly ports: readonly SwitchPortInfo[];
}

/** A line of a port, made worse. */
export interface LineChange extends Impairment {
  /** Towards whoever is at the port (`out`, the default), or from there. */
  readonly direction?: "in" | "out" | undefined;
}

interface Closable {
  close(): void;
}

export class SwitchControl {
  readonly #networks: HostNetworks;
  readonly #clock: Clock;
  readonly #agents = new Map<string, OpenFlowAgent>();
  readonly #sockets: Closable[] = [];

  constructor(networks: HostNetworks, clock: Clock) {
    this.#networks = networks;
    this.#clock = clock;
  }

  async list(): Promise<SwitchInfo[]> {
    const all = await this.#networks.switches();
    return Promise.all(all.map(([name, its]) => this.#describe(name, its)));
  }

  /** The rules of a switch; undefined: it has none, and does what switches do. Throws `WV_CONFIG` for an unknown one. */
  async flows(name: string): Promise<FlowInfo[] | undefined> {
    await this.#known(name);
    const agent = this.#agents.get(name);
    if (!agent) return undefined;
    const { formatActions, formatMatch, formatRule } = await import("../../net/flow/text.ts");
    agent.flows.expire();
    const entries = agent.flows.tables.flatMap((table) => [...table.entries()]);
    const nowNs = this.#clock.nowNs();
    return entries
      .sort((a, b) => a.rule.table - b.rule.table || b.rule.priority - a.rule.priority)
      .map(({ bytes, createdNs, frames, rule }) => ({
        rule: formatRule(rule),
        table: rule.table,
        priority: rule.priority,
        match: formatMatch(rule.match),
        actions: formatActions(rule.instructions),
        ageMs: Math.floor((nowNs - createdNs) / 1e6),
        frames,
        bytes,
      }));
  }

  /** Adds a rule from its text. From its first rule on a switch does what its rules say. Throws `WV_CONFIG`, `WV_LIMIT`. */
  async addFlow(name: string, text: string): Promise<void> {
    await this.#known(name);
    const { ruleOf } = await import("../../net/flow/text.ts");
    const rule = ruleOf(text);
    (await this.agent(name)).flows.add(rule);
  }

  /** Takes the rules away that `text` names; without a word, all. The result says how many. Throws `WV_CONFIG`. */
  async removeFlows(name: string, text: string): Promise<number> {
    await this.#known(name);
    const { selectionOf } = await import("../../net/flow/text.ts");
    return (await this.agent(name)).flows.remove(selectionOf(text));
  }

  /** Makes a port's line worse, or good again. Throws `WV_CONFIG`. */
  async setLine(name: string, port: string, change: LineChange): Promise<void> {
    const its = await this.#known(name);
    const { direction, ...impairment } = change;
    checkImpairment(impairment);
    its.impair(portOf(its, port), impairment, direction);
  }

  /** All that passes `of` (any port without it) leaves through `to` as well, and nothing else does. */
  async mirror(name: string, to: string, of?: string): Promise<void> {
    const its = await this.#known(name);
    its.mirror(portOf(its, to), of === undefined ? undefined : portOf(its, of));
  }

  async unmirror(name: string, to: string): Promise<void> {
    const its = await this.#known(name);
    its.unmirror(portOf(its, to));
  }

  /** Lets controllers call, at `tcp:HOST[:PORT]` or `unix:PATH`; the result is where. Throws `WV_CONFIG`, `WV_NETWORK`. */
  async listenOpenFlow(name: string, place: string): Promise<string> {
    const { formatPlace, OpenFlowListener, parsePlace } = await import(
      "../../net/openflow/sockets.ts"
    );
    const at = parsePlace(place, "openflow");
    const listener = await OpenFlowListener.open(at, (await this.agent(name)).side());
    this.#sockets.push(listener);
    return formatPlace(listener.place);
  }

  /** Calls a controller, and again whenever that ends. Throws `WV_CONFIG`. */
  async callController(name: string, place: string): Promise<void> {
    const { OpenFlowCaller, parsePlace } = await import("../../net/openflow/sockets.ts");
    const at = parsePlace(place, "controller");
    const side = (await this.agent(name)).side();
    this.#sockets.push(new OpenFlowCaller(at, side, this.#clock));
  }

  /** The switch as an OpenFlow switch, made one if it is none. */
  async agent(name: string): Promise<OpenFlowAgent> {
    const its = await this.#networks.switch(name);
    const { OpenFlowAgent } = await import("../../net/openflow/agent.ts");
    const known = this.#agents.get(name);
    if (known) return known;
    const agent = new OpenFlowAgent({ name, switch: its, clock: this.#clock, datapathId: anyId() });
    this.#agents.set(name, agent);
    return agent;
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
    for (const agent of this.#agents.values()) agent.close();
    this.#agents.clear();
  }

  async #known(name: string): Promise<Switch> {
    const its = (await this.#networks.switches()).find(([one]) => one === name)?.[1];
    if (its) return its;
    throw new WasmvisorError("WV_CONFIG", `no switch is called "${name}"; see wasmvisor switch ls`);
  }

  async #describe(name: string, its: Switch): Promise<SwitchInfo> {
    const agent = this.#agents.get(name);
    return {
      name,
      hasFlows: agent !== undefined,
      datapath: agent?.datapathId.toString(16).padStart(16, "0"),
      controllers: agent?.sessions.size ?? 0,
      ...its.metrics(),
      ports: its.ports.map((port) => describePort(its, port)),
      ...(await this.#networks.waysOut(name)),
    };
  }
}

/** 48 bits that no other switch has, as far as one can know. */
function anyId(): bigint {
  const words = globalThis.crypto.getRandomValues(new Uint32Array(2));
  return (BigInt((words[0] as number) & 0xffff) << 32n) | BigInt(words[1] as number);
}

function describePort(its: Switch, port: SwitchPort): SwitchPortInfo {
  const { mac, name, number, vlans } = port;
  return {
    name,
    number: number > 0xffff_ff00 ? "local" : number,
    vlans: vlans.mode === "access" ? `access ${vlans.vlan}` : "trunk",
    mac: mac === undefined ? undefined : formatMac(mac),
    isShut: its.isShut(port),
    ...port.metrics(),
  };
}

/** By its name or its number. */
function portOf(its: Switch, name: string): SwitchPort {
  const port = its.ports.find((one) => one.name === name || String(one.number) === name);
  if (port) return port;
  const names = its.ports.map((one) => one.name).join(", ");
  throw new WasmvisorError("WV_CONFIG", `no port is called "${name}"; expected one of ${names}`);
}
