/**
 * Rules as people write them, in the manner of `ovs-ofctl`:
 *
 *     priority=100,in_port=1,ipv4_dst=10.0.2.0/24,actions=set_field:52:54:00:12:34:56->eth_dst,output:2
 */
import { WasmvisorError } from "../../base/errors.ts";
import { formatIp, parseIp } from "../ipv4.ts";
import { formatMac } from "../mac.ts";
import {
  type Action,
  type Instructions,
  output,
  PORT_ALL,
  PORT_ANY,
  PORT_CONTROLLER,
  PORT_FLOOD,
  PORT_IN,
  PORT_LOCAL,
  PORT_NORMAL,
} from "./actions.ts";
import { type Field, fieldCalled, fullMask, VID_PRESENT } from "./fields.ts";
import { DEFAULT_PRIORITY, type FlowRule } from "./flow-entry.ts";
import { type Match, type MatchField, sorted } from "./match.ts";
import { TABLE_ALL } from "./pipeline.ts";

const RESERVED: Readonly<Record<string, number>> = {
  in_port: PORT_IN,
  normal: PORT_NORMAL,
  flood: PORT_FLOOD,
  all: PORT_ALL,
  controller: PORT_CONTROLLER,
  local: PORT_LOCAL,
};

/** Other names that people know. */
const ALIASES: Readonly<Record<string, string>> = {
  dl_src: "eth_src",
  dl_dst: "eth_dst",
  dl_type: "eth_type",
  nw_src: "ipv4_src",
  nw_dst: "ipv4_dst",
  nw_proto: "ip_proto",
  icmp_type: "icmpv4_type",
  icmp_code: "icmpv4_code",
};

/** Words that stand for fields. */
const KINDS: Readonly<Record<string, readonly (readonly [string, bigint])[]>> = {
  ip: [["eth_type", 0x0800n]],
  ipv6: [["eth_type", 0x86ddn]],
  arp: [["eth_type", 0x0806n]],
  rarp: [["eth_type", 0x8035n]],
  icmp: [
    ["eth_type", 0x0800n],
    ["ip_proto", 1n],
  ],
  tcp: [
    ["eth_type", 0x0800n],
    ["ip_proto", 6n],
  ],
  udp: [
    ["eth_type", 0x0800n],
    ["ip_proto", 17n],
  ],
  tcp6: [
    ["eth_type", 0x86ddn],
    ["ip_proto", 6n],
  ],
  udp6: [
    ["eth_type", 0x86ddn],
    ["ip_proto", 17n],
  ],
  icmp6: [
    ["eth_type", 0x86ddn],
    ["ip_proto", 58n],
  ],
};

const wrong = (what: string, why: string): WasmvisorError =>
  new WasmvisorError("WV_CONFIG", `flow: ${what}: ${why}`);

function integer(text: string, what: string, max: bigint): bigint {
  const value = /^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) ? BigInt(text) : -1n;
  if (value >= 0n && value <= max) return value;
  throw wrong(what, `expected a number up to ${max}, got "${text}"`);
}

function parseAddress6(text: string, what: string): bigint {
  const [head = "", tail] = text.split("::", 2);
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const missing = 8 - before.length - after.length;
  const all = [...before, ...Array<string>(Math.max(0, missing)).fill("0"), ...after];
  const isGood = all.length === 8 && all.every((one) => /^[0-9a-f]{1,4}$/i.test(one));
  if (!isGood || (tail === undefined ? missing !== 0 : missing < 1))
    throw wrong(what, `expected an IPv6 address, got "${text}"`);
  return all.reduce((sum, one) => (sum << 16n) | BigInt(Number.parseInt(one, 16)), 0n);
}

function parseValue(field: Field, text: string): bigint {
  if (field.form === "ipv4") return BigInt(parseIp(text, `flow: ${field.name}`));
  if (field.form === "ipv6") return parseAddress6(text, field.name);
  if (field.form === "mac") {
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
      throw wrong(field.name, `expected six bytes like 52:54:00:12:34:56, got "${text}"`);
    return BigInt(`0x${text.replaceAll(":", "")}`);
  }
  if (field.name === "in_port") return BigInt(parsePort(text));
  return integer(text, field.name, fullMask(field));
}

/** A number, or one of the reserved names. */
export function parsePort(text: string): number {
  const reserved = RESERVED[text.toLowerCase()];
  return reserved ?? Number(integer(text, "port", BigInt(PORT_ANY)));
}

function formatPort(port: number): string {
  const name = Object.entries(RESERVED).find(([, number]) => number === port)?.[0];
  return name ?? String(port);
}

/** A mask is written as one, or (of addresses) as its length. */
function parseMask(field: Field, text: string): bigint {
  const bits = BigInt(field.bits);
  if (/^\d{1,3}$/.test(text) && (field.form === "ipv4" || field.form === "ipv6")) {
    const length = integer(text, field.name, bits);
    return ((1n << length) - 1n) << (bits - length);
  }
  return parseValue(field, text);
}

function parseField(name: string, text: string): MatchField {
  if (name === "vlan_vid" || name === "dl_vlan") return parseVlan(text);
  const field = fieldCalled(ALIASES[name] ?? name);
  if (!field) throw wrong(name, "no such field");
  const [value = "", mask] = text.split("/", 2);
  const bits = mask === undefined ? undefined : parseMask(field, mask);
  const parsed = parseValue(field, value);
  return bits === undefined
    ? { field, value: parsed }
    : { field, value: parsed & bits, mask: bits };
}

function parseVlan(text: string): MatchField {
  const field = fieldCalled("vlan_vid") as Field;
  const present = BigInt(VID_PRESENT);
  if (text === "none") return { field, value: 0n };
  if (text === "any") return { field, value: present, mask: present };
  return { field, value: integer(text, "vlan_vid", 0x1fffn) | present };
}

function formatValue(field: Field, value: bigint): string {
  if (field.form === "ipv4") return formatIp(Number(value));
  if (field.form === "mac") return formatMac(Number(value));
  if (field.form === "hex") return `0x${value.toString(16)}`;
  if (field.name === "in_port") return formatPort(Number(value));
  if (field.form !== "ipv6") return String(value);
  const hex = value.toString(16).padStart(32, "0");
  return (hex.match(/.{4}/g) ?? []).map((one) => one.replace(/^0{1,3}/, "")).join(":");
}

function formatField({ field, mask, value }: MatchField): string {
  if (field.name === "vlan_vid" && mask === undefined)
    return `vlan_vid=${value === 0n ? "none" : value & 0xfffn}`;
  if (field.name === "vlan_vid" && mask === value && value === BigInt(VID_PRESENT))
    return "vlan_vid=any";
  const bits = mask === undefined ? "" : `/${formatValue(field, mask)}`;
  return `${field.name}=${formatValue(field, value)}${bits}`;
}

export const formatMatch = (match: Match): string => sorted(match).map(formatField).join(",");

function parseAction(text: string): Action | undefined {
  const [, name = "", value = ""] = /^([a-z_]+)(?::(.*))?$/i.exec(text) ?? [];
  if (name === "drop") return undefined;
  if (name === "output") return output(parsePort(value));
  if (name === "controller") return output(PORT_CONTROLLER);
  if (RESERVED[name.toLowerCase()] !== undefined) return output(parsePort(name));
  if (name === "push_vlan")
    return { type: "push-vlan", etherType: Number(integer(value, name, 0xffffn)) };
  if (name === "pop_vlan" || name === "strip_vlan") return { type: "pop-vlan" };
  const set = /^(.*)->([\w]+)$/.exec(value);
  if (name !== "set_field" || !set) throw wrong(text, "no such action");
  const { field, value: its } = parseField(set[2] as string, set[1] as string);
  return { type: "set", field, value: its };
}

function formatAction(action: Action): string {
  if (action.type === "output")
    return action.port <= 0xffff_ff00 ? `output:${action.port}` : formatPort(action.port);
  if (action.type === "pop-vlan") return "pop_vlan";
  if (action.type === "push-vlan") return `push_vlan:0x${action.etherType.toString(16)}`;
  const { field, value } = action;
  const shown = field.name === "vlan_vid" ? String(value & 0xfffn) : formatValue(field, value);
  return `set_field:${shown}->${field.name}`;
}

/** Actions, and `goto_table:N` at the end. */
function parseActions(text: string): Instructions {
  const parts = text.split(",").filter((part) => part !== "");
  const apply: Action[] = [];
  let goto: number | undefined;
  for (const part of parts) {
    const to = /^goto_table:(\d+)$/.exec(part);
    if (to) goto = Number(integer(to[1] as string, "goto_table", 254n));
    else {
      const action = parseAction(part);
      if (action) apply.push(action);
    }
  }
  return { apply, write: [], isClearing: false, goto };
}

export function formatActions({ apply, goto, isClearing, metadata, write }: Instructions): string {
  const parts = apply.map(formatAction);
  if (isClearing) parts.push("clear_actions");
  if (write.length > 0) parts.push(`write_actions(${write.map(formatAction).join(",")})`);
  if (metadata) parts.push(`write_metadata:0x${metadata.value.toString(16)}`);
  if (goto !== undefined) parts.push(`goto_table:${goto}`);
  return parts.length === 0 ? "drop" : parts.join(",");
}

/** What is said of a rule, or of those that are meant. */
export interface FlowText {
  readonly match: Match;
  readonly table: number | undefined;
  readonly priority: number | undefined;
  readonly cookie: bigint | undefined;
  readonly idleSec: number;
  readonly hardSec: number;
  readonly outPort: number | undefined;
  readonly instructions: Instructions | undefined;
}

/** Throws `WV_CONFIG` naming the word that is wrong. */
export function parseFlow(text: string): FlowText {
  const [, head = "", actions] = /^(.*?)(?:(?:^|,)\s*actions?=(.*))?$/s.exec(text.trim()) ?? [];
  const settings = new Map<string, string>();
  const match = new Map<string, MatchField>();
  for (const word of head.split(/[,\s]+/).filter((one) => one !== "")) {
    const [name = "", value] = word.split("=", 2);
    const kind = value === undefined ? KINDS[name] : undefined;
    for (const [known, its] of kind ?? [])
      match.set(known, { field: fieldCalled(known) as Field, value: its });
    if (kind) continue;
    if (value === undefined) throw wrong(word, "expected NAME=VALUE");
    if (SETTINGS[name] !== undefined) settings.set(name, value);
    else {
      const one = parseField(name, value);
      match.set(one.field.name, one);
    }
  }
  const number = (name: string): number | undefined => {
    const value = settings.get(name);
    return value === undefined ? undefined : Number(integer(value, name, SETTINGS[name] as bigint));
  };
  const [cookie, outPort] = [settings.get("cookie"), settings.get("out_port")];
  return {
    match: sorted([...match.values()].filter((one) => one.mask !== 0n)),
    table: number("table"),
    priority: number("priority"),
    cookie: cookie === undefined ? undefined : integer(cookie, "cookie", SETTINGS["cookie"] ?? 0n),
    idleSec: number("idle_timeout") ?? 0,
    hardSec: number("hard_timeout") ?? 0,
    outPort: outPort === undefined ? undefined : parsePort(outPort),
    instructions: actions === undefined ? undefined : parseActions(actions.replace(/\s+/g, "")),
  };
}

/** Words that are no field, and how large they may be. */
const SETTINGS: Readonly<Record<string, bigint>> = {
  table: 254n,
  priority: 0xffffn,
  cookie: 0xffff_ffff_ffff_ffffn,
  idle_timeout: 0xffffn,
  hard_timeout: 0xffffn,
  out_port: 0xffff_ffffn,
};

/** A rule from its text. Throws `WV_CONFIG`. */
export function ruleOf(text: string): FlowRule {
  const its = parseFlow(text);
  if (!its.instructions) throw wrong(text, "expected actions=...");
  return {
    table: its.table ?? 0,
    priority: its.priority ?? DEFAULT_PRIORITY,
    match: its.match,
    cookie: its.cookie ?? 0n,
    idleSec: its.idleSec,
    hardSec: its.hardSec,
    instructions: its.instructions,
    isRemovalTold: false,
    flags: 0,
  };
}

/** Which rules are meant: with a priority, just that one. Throws `WV_CONFIG`. */
export function selectionOf(text: string) {
  const { cookie, instructions, match, outPort, priority, table } = parseFlow(text);
  if (instructions) throw wrong(text, "rules are named without their actions");
  const cookieMask = cookie === undefined ? 0n : 0xffff_ffff_ffff_ffffn;
  return { match, priority, outPort, cookie, cookieMask, table: table ?? TABLE_ALL };
}

export function formatRule(rule: FlowRule): string {
  const parts = [`table=${rule.table}`, `priority=${rule.priority}`];
  if (rule.cookie !== 0n) parts.push(`cookie=0x${rule.cookie.toString(16)}`);
  if (rule.idleSec > 0) parts.push(`idle_timeout=${rule.idleSec}`);
  if (rule.hardSec > 0) parts.push(`hard_timeout=${rule.hardSec}`);
  if (rule.match.length > 0) parts.push(formatMatch(rule.match));
  return `${parts.join(",")},actions=${formatActions(rule.instructions)}`;
}
