/** `--net`: what a network card is plugged into, as text. */
import { WasmvisorError } from "../base/errors.ts";
import { lineOf } from "../host/networks/line.ts";
import type { ForwardOptions, NetworkOptions } from "../host/networks/nic-config.ts";

const FORM =
  "user|lan|switch=NAME|none[,mac=MAC][,mtu=N][,vlan=N|trunk][,forward=[tcp|udp:][ADDRESS:]PORT:PORT]" +
  "[,rate=10Mbit][,loss=1%][,latency=20ms][,jitter=5ms]";
/** What makes a line worse. */
const LINE_KEYS = ["rate", "loss", "latency", "jitter"] as const;
type LineKey = (typeof LINE_KEYS)[number];
const FORWARD = /^(?:(tcp|udp):)?(?:(\d+\.\d+\.\d+\.\d+):)?(\d{1,5}):(\d{1,5})$/;

const wrong = (option: string, why: string): WasmvisorError =>
  new WasmvisorError("WV_CONFIG", `--net: ${why}: expected ${FORM}, got "${option}"`);

/** Cards of a command line; `none` alone means none. */
export function networks(options: readonly string[] | undefined): NetworkOptions[] | undefined {
  const given = options?.filter((option) => option !== "none");
  return given === undefined || given.length === 0 ? undefined : given.map(network);
}

function network(option: string): NetworkOptions {
  const [first = "", ...rest] = option.split(",");
  const [kind, name] = first.split("=", 2);
  if (kind !== "user" && kind !== "lan" && kind !== "switch")
    throw wrong(option, "unknown network");
  const nic: { -readonly [K in keyof NetworkOptions]: NetworkOptions[K] } = { kind, switch: name };
  const forwards: ForwardOptions[] = [];
  for (const part of rest) {
    const [key = "", value = ""] = part.split("=", 2);
    if (key === "mac") nic.mac = value;
    else if (key === "mtu") nic.mtu = number(option, value);
    else if (key === "vlan") nic.vlan = value === "trunk" ? value : number(option, value);
    else if (key === "forward") forwards.push(forward(option, value));
    else if (LINE_KEYS.includes(key as LineKey)) nic[key as LineKey] = value;
    else throw wrong(option, `unknown setting "${key}"`);
  }
  lineOf(nic, "--net"); // Says what is wrong of it.
  return { ...nic, forwards };
}

function number(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw wrong(option, `"${text}" is no number`);
}

function forward(option: string, text: string): ForwardOptions {
  const parts = FORWARD.exec(text);
  if (!parts) throw wrong(option, `cannot forward "${text}"`);
  return {
    protocol: parts[1] as "tcp" | "udp" | undefined,
    hostAddress: parts[2],
    hostPort: Number(parts[3]),
    guestPort: Number(parts[4]),
  };
}
