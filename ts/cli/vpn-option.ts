/** `--vpn-...`: how a host takes part in an encrypted network, as text. */
import { WasmvisorError } from "../base/errors.ts";
import { parseTime } from "../base/units.ts";
import type { VpnConfig, VpnPeerConfig } from "../host/networks/vpn-config.ts";
import type { Options } from "./context.ts";
import * as parse from "./options.ts";

export const VPN_PEER_FORM = "PUBLICKEY[@ADDRESS:PORT],INNER[/BITS]...[,psk=FILE][,keepalive=TIME]";
const WIREGUARD_PORT = 51820;

/** `ADDRESS[:PORT]`. */
export function udpAddress(
  text: string,
  what: string,
  defaultPort: number,
): { readonly address: string; readonly port: number } {
  const parts = /^(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(parts?.[2] ?? defaultPort);
  if (parts && port < 65536) return { address: parts[1] as string, port };
  throw new WasmvisorError("WV_CONFIG", `${what}: expected ADDRESS[:PORT], got "${text}"`);
}

/** Undefined: none was asked for. Throws `WV_CONFIG`. */
export function vpnOf(options: Options): VpnConfig | undefined {
  const keyFile = parse.text(options.vpnKey);
  const address = parse.text(options.vpnAddress);
  const peers = (options.vpnPeer ?? []) as readonly string[];
  if (keyFile === undefined) {
    const others = [options.vpnListen, options.vpnAddress, options.vpnPeer];
    if (others.every((one) => one === undefined)) return undefined;
    throw new WasmvisorError(
      "WV_CONFIG",
      "--vpn-listen, --vpn-address and --vpn-peer go with --vpn-key",
    );
  }
  if (address === undefined || options.lanListen !== undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      "--vpn-key goes with --vpn-address, and not with --lan-listen",
    );
  const listen = parse.text(options.vpnListen) ?? "0.0.0.0";
  return {
    keyFile,
    address,
    listen: udpAddress(listen, "--vpn-listen", WIREGUARD_PORT),
    peers: peers.map(peerOf),
  };
}

/** A peer from `PUBLICKEY@192.0.2.7:51820,10.9.0.2,keepalive=25s`. */
function peerOf(text: string): VpnPeerConfig {
  const [who = "", ...rest] = text.split(",");
  const at = who.indexOf("@");
  const endpoint = at < 0 ? undefined : udpAddress(who.slice(at + 1), "--vpn-peer", WIREGUARD_PORT);
  const settings = new Map<string, string>();
  const addresses: string[] = [];
  for (const part of rest) {
    const [, key, value] = /^(psk|keepalive)=(.+)$/.exec(part) ?? [];
    if (key === undefined) addresses.push(part);
    else settings.set(key, value as string);
  }
  // Not shown: somebody may have given a private key by mistake.
  if (addresses.length === 0)
    throw new WasmvisorError("WV_CONFIG", `--vpn-peer: expected ${VPN_PEER_FORM}`);
  const keepalive = settings.get("keepalive");
  return {
    publicKey: at < 0 ? who : who.slice(0, at),
    endpoint,
    addresses,
    presharedKeyFile: settings.get("psk"),
    keepaliveNs: keepalive === undefined ? undefined : parseTime(keepalive, "--vpn-peer"),
  };
}
