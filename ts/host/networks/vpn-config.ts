/**
 * How a host takes part in an encrypted network: what it is told in words, and its keys, which live in files that
 * nobody else may read and never leave them.
 */
import { writeFileSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { secretBytes } from "../../base/random.ts";
import type { DatagramEnd } from "../../net/datagrams.ts";
import { formatIp, parseIp } from "../../net/ipv4.ts";
import { type Prefix, parsePrefix } from "../../net/wireguard/allowed-ips.ts";
import { newPrivateKey, publicKeyOf } from "../../net/wireguard/crypto.ts";
import { formatKey, parseKey } from "../../net/wireguard/keys.ts";
import type { VpnOptions } from "../../net/wireguard/vpn.ts";
import type { AllowedPeer } from "../../net/wireguard/wireguard.ts";
import { readPrivate } from "./private-file.ts";

/** Another host in the encrypted network. */
export interface VpnPeerConfig {
  /** As `wg` and `wasmvisor vpn pubkey` print it. */
  readonly publicKey: string;
  /** Where it listens. Without: it comes to us. */
  readonly endpoint?: DatagramEnd | undefined;
  /** Its addresses inside, like `10.9.0.2` or `10.9.0.0/24`; frames go to the first. */
  readonly addresses: readonly string[];
  /** File of a key that both share beside. */
  readonly presharedKeyFile?: string | undefined;
  readonly keepaliveNs?: number | undefined;
}

export interface VpnConfig {
  /** Where to listen, outside. */
  readonly listen: DatagramEnd;
  readonly keyFile: string;
  /** This host's address inside. */
  readonly address: string;
  readonly peers: readonly VpnPeerConfig[];
}

/** With the keys. Throws `WV_CONFIG`, or `WV_AUTH` for a key that others may read. */
export function resolveVpn(config: VpnConfig, pathMtu: number): VpnOptions {
  return {
    listen: config.listen,
    privateKey: readKey(config.keyFile),
    ip: parseIp(config.address, "vpn address"),
    peers: config.peers.map(resolvePeer),
    pathMtu,
  };
}

function resolvePeer(peer: VpnPeerConfig): AllowedPeer {
  const { keepaliveNs, presharedKeyFile } = peer;
  return {
    publicKey: parseKey(peer.publicKey, "vpn peer"),
    presharedKey: presharedKeyFile === undefined ? undefined : readKey(presharedKeyFile),
    endpoint: peer.endpoint,
    keepaliveNs,
    allowedIps: peer.addresses.map((one) => parsePrefix(one, "vpn peer")),
  };
}

/** Where frames for a peer go, inside. */
export function innerAddress(peer: VpnPeerConfig): string {
  const [first]: (Prefix | undefined)[] = peer.addresses.map((one) => parsePrefix(one, "vpn peer"));
  if (first) return formatIp(first.network);
  throw new WasmvisorError("WV_CONFIG", "vpn peer: expected an address inside of the network");
}

/** Throws `WV_CONFIG`, or `WV_AUTH` if others may read it. */
export function readKey(file: string): Uint8Array {
  const text = readPrivate(file);
  return parseKey(text, file);
}

/** A new private key in a new file of mode 0600; the result is its public key. Throws `WV_CONFIG` if it is there. */
export function writeNewKey(file: string): string {
  const key = newPrivateKey(secretBytes);
  writeKey(file, key);
  return formatKey(publicKeyOf(key));
}

/** A new key for two to share, likewise. */
export const writeNewPresharedKey = (file: string): void =>
  writeKey(file, secretBytes(new Uint8Array(32)));

function writeKey(file: string, key: Uint8Array): void {
  try {
    writeFileSync(file, `${formatKey(key)}\n`, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === "EEXIST" ? "it is there already" : String(cause);
    throw new WasmvisorError("WV_CONFIG", `${file}: no key was written: ${why}`, { cause });
  }
}

/** The public key of the private one in a file. Throws as `readKey` does. */
export const publicKeyIn = (file: string): string => formatKey(publicKeyOf(readKey(file)));
