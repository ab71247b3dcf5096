/** `--tunnel-...`, `--dns-update`: what becomes of connections, and of names, when guests move far, as text. */
import { WasmvisorError } from "../base/errors.ts";
import { parseTime } from "../base/units.ts";
import type { DnsUpdaterOptions } from "../host/networks/dns-updater.ts";
import type { TunnelOptions } from "../host/networks/tethers.ts";
import type { Options } from "./context.ts";
import * as parse from "./options.ts";
import { udpAddress } from "./vpn-option.ts";

const IPIP_PORT = 5555;
const DNS_PORT = 53;
export const DNS_UPDATE_FORM = "SERVER[:PORT],ZONE[,address=IP][,ttl=TIME][,key=FILE]";

/** Undefined: none was asked for. Throws `WV_CONFIG`. */
export function tunnelOf(options: Options): Omit<TunnelOptions, "pathMtu"> | undefined {
  const listen = parse.text(options.tunnelListen);
  const peers = (options.tunnelPeer ?? []) as readonly string[];
  if (listen === undefined) {
    if (peers.length === 0) return undefined;
    throw new WasmvisorError("WV_CONFIG", "--tunnel-peer goes with --tunnel-listen");
  }
  return {
    listen: udpAddress(listen, "--tunnel-listen", IPIP_PORT),
    peers: peers.map((peer) => udpAddress(peer, "--tunnel-peer", IPIP_PORT)),
  };
}

/** From `192.0.2.53,example.org,address=192.0.2.7,ttl=30s,key=FILE`. Throws `WV_CONFIG`. */
export function dnsUpdateOf(text: string): DnsUpdaterOptions {
  const [server = "", zone = "", ...rest] = text.split(",");
  const settings = new Map(rest.map((part) => part.split("=", 2) as [string, string]));
  const unknown = [...settings.keys()].find((key) => !["address", "ttl", "key"].includes(key));
  if (zone === "" || unknown !== undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      `--dns-update: expected ${DNS_UPDATE_FORM}, got "${text}"`,
    );
  const ttl = settings.get("ttl");
  return {
    server: udpAddress(server, "--dns-update", DNS_PORT),
    zone,
    address: settings.get("address"),
    ttlSec: ttl === undefined ? undefined : Math.round(parseTime(ttl, "--dns-update") / 1e9),
    keyFile: settings.get("key"),
  };
}
