/** Network cards of a vm: what is asked for, and what its twin on another host finds again. */
import { WasmvisorError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { DEFAULT_MTU, MTU_MAX, MTU_MIN } from "../../machine/nic.ts";
import type { StateFields } from "../../machine/state-fields.ts";
import { formatMac, parseMac } from "../../net/mac.ts";
import { DEFAULT_VLAN, isVlan } from "../../net/vlan.ts";
import { decodeLine, type LineConfig, type LineOptions, lineOf } from "./line.ts";

export const NICS_MAX = 4;
const FORWARDS_MAX = 32;
const PORT_MAX = 65535;
const SWITCH_NAME = /^[\w.-]{1,32}$/;
/** What makes an address the vm's own choice: unicast, locally administered (QEMU's prefix). */
const MAC_PREFIX = 0x5254_0000_0000;

/** A port of the host that leads to one of the guest. */
export interface ForwardOptions {
  readonly protocol?: "tcp" | "udp" | undefined;
  /** 127.0.0.1 by default. */
  readonly hostAddress?: string | undefined;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A network card of {@link CreateVmOptions}. Its line may be a bad one, each way: late, lossy, or slow. */
export interface NetworkOptions extends LineOptions {
  /**
   * `user`: a network of its own, with a gateway to the outside. `lan`: the same, shared by the vms of this
   * host that ask for it. `switch`: one that leads nowhere else, by its name.
   */
  readonly kind: "user" | "lan" | "switch";
  /** Name of the switch. */
  readonly switch?: string | undefined;
  /** Like `52:54:00:12:34:56`. Default: a function of the vm's name and the host's seed. */
  readonly mac?: string | undefined;
  /** Longest packet, 576 to 65535; 1500 by default. */
  readonly mtu?: number | undefined;
  /** VLAN of its port, 1 by default; `trunk`: all VLANs, with tags but for VLAN 1. */
  readonly vlan?: number | "trunk" | undefined;
  /** With `user` and `lan`. */
  readonly forwards?: readonly ForwardOptions[] | undefined;
}

export interface ForwardConfig {
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A card in plain data. */
export interface NicConfig {
  readonly kind: "user" | "lan" | "switch";
  /** Name of the switch, for `switch`; empty for the others. */
  readonly switch: string;
  readonly mac: string;
  readonly mtu: number;
  /** 0: a trunk. */
  readonly vlan: number;
  readonly forwards: readonly ForwardConfig[];
  /** Of its line, each way; absent: a good one. */
  readonly line?: LineConfig | undefined;
}

function check(isGood: boolean, what: string, got: unknown): void {
  if (!isGood) throw new WasmvisorError("WV_CONFIG", `${what}, got ${JSON.stringify(got)}`);
}

/** Cards with their defaults, checked; `random` is the vm's own. Throws `WV_CONFIG` naming the option. */
export function resolveNics(
  options: readonly NetworkOptions[] | undefined,
  random: Random,
): NicConfig[] {
  const nics = (options ?? []).map((nic, i) => resolveNic(nic, random.split(`mac${i}`)));
  checkNics(nics);
  return nics;
}

function resolveNic(nic: NetworkOptions, random: Random): NicConfig {
  const mac =
    nic.mac === undefined ? MAC_PREFIX + random.below(2 ** 32) : parseMac(nic.mac, "networks.mac");
  const line = lineOf(nic, "networks");
  return {
    ...(line ? { line } : {}),
    kind: nic.kind,
    switch: nic.switch ?? "",
    mac: formatMac(mac),
    mtu: nic.mtu ?? DEFAULT_MTU,
    vlan: nic.vlan === "trunk" ? 0 : (nic.vlan ?? DEFAULT_VLAN),
    forwards: (nic.forwards ?? []).map((forward) => ({
      protocol: forward.protocol ?? "tcp",
      hostAddress: forward.hostAddress ?? "127.0.0.1",
      hostPort: forward.hostPort,
      guestPort: forward.guestPort,
    })),
  };
}

/** Throws `WV_CONFIG`. */
function checkNics(nics: readonly NicConfig[]): void {
  check(nics.length <= NICS_MAX, `networks: expected at most ${NICS_MAX}`, nics.length);
  for (const nic of nics) checkNic(nic);
  const macs = new Set(nics.map(({ mac }) => mac));
  check(macs.size === nics.length, "networks.mac: expected each once", [...macs]);
}

function checkNic(nic: NicConfig): void {
  const { forwards, kind, mtu, vlan } = nic;
  check(["user", "lan", "switch"].includes(kind), "networks: expected user, lan or switch", kind);
  check(
    kind === "switch" ? SWITCH_NAME.test(nic.switch) : nic.switch === "",
    "networks.switch: expected 1 to 32 of A-Z a-z 0-9 . _ - with kind switch alone",
    nic.switch,
  );
  parseMac(nic.mac, "networks.mac");
  check(
    Number.isInteger(mtu) && mtu >= MTU_MIN && mtu <= MTU_MAX,
    `networks.mtu: expected ${MTU_MIN} to ${MTU_MAX}`,
    mtu,
  );
  check(vlan === 0 || isVlan(vlan), "networks.vlan: expected 1 to 4094, or trunk", vlan);
  check(kind !== "user" || vlan === DEFAULT_VLAN, "networks.vlan: a user network has none", vlan);
  check(
    forwards.length === 0 || kind !== "switch",
    "networks.forwards: a switch leads nowhere; use user or lan",
    forwards.length,
  );
  check(
    forwards.length <= FORWARDS_MAX,
    `networks.forwards: expected at most ${FORWARDS_MAX}`,
    forwards.length,
  );
  for (const forward of forwards) checkForward(forward);
}

function checkForward({ guestPort, hostAddress, hostPort, protocol }: ForwardConfig): void {
  check(protocol === "tcp" || protocol === "udp", "forward: expected tcp or udp", protocol);
  check(/^[\d.]{7,15}$/.test(hostAddress), "forward: expected an IPv4 address", hostAddress);
  const isPort = (port: number, min: number): boolean =>
    Number.isInteger(port) && port >= min && port <= PORT_MAX;
  check(isPort(hostPort, 0), "forward: expected a port of the host from 0 to 65535", hostPort);
  check(isPort(guestPort, 1), "forward: expected a port of the guest from 1 to 65535", guestPort);
}

/** The inverse of putting cards into a config; configs from before there were any have none. */
export function decodeNics(fields: StateFields): NicConfig[] {
  if (fields.raw("networks") === undefined) return [];
  const nics = fields.objectsUpTo("networks", NICS_MAX).map((nic) => ({
    kind: nic.text("kind") as NicConfig["kind"],
    switch: nic.text("switch"),
    mac: nic.text("mac"),
    mtu: nic.integer("mtu", MTU_MAX),
    vlan: nic.integer("vlan", 4094),
    ...(nic.raw("line") === undefined ? {} : { line: decodeLine(nic.object("line")) }),
    forwards: nic.objectsUpTo("forwards", FORWARDS_MAX).map((forward) => ({
      protocol: forward.text("protocol") as "tcp" | "udp",
      hostAddress: forward.text("hostAddress"),
      hostPort: forward.integer("hostPort", PORT_MAX),
      guestPort: forward.integer("guestPort", PORT_MAX),
    })),
  }));
  checkNics(nics);
  return nics;
}
