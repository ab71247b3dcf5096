/**
 * A WireGuard interface: IP packets in and out at one side, UDP datagrams at the other. It runs on any clock; who has
 * the socket calls `receive`, and `tick` ten times a second.
 *
 * Whoever sends can make us compute three keys, so what comes is looked at in the order of what that costs: length and
 * type, mac1 (one hash), when we are busy mac2 (another) and the rate of its source, and only then the handshake.
 */
import { WasmvisorError } from "../../base/errors.ts";
import { get16, get32 } from "../bytes.ts";
import { IPV4_HEADER_BYTES } from "../ipv4.ts";
import { AllowedIps, type Prefix } from "./allowed-ips.ts";
import { isSame, KEY_BYTES, type KeyPair, publicKeyOf, type RandomBytes } from "./crypto.ts";
import { HandshakeLimit } from "./handshake-limit.ts";
import { formatKey } from "./keys.ts";
import { MacChecker } from "./macs.ts";
import {
  DATA_OVERHEAD_BYTES,
  type Data,
  type Initiation,
  parseMessage,
  type Response,
  TYPE_COOKIE,
  TYPE_DATA,
  TYPE_RESPONSE,
} from "./messages.ts";
import { openInitiation } from "./noise.ts";
import { type Endpoint, isUsableKey, Peer, type PeerMetrics, type PeerOptions } from "./peer.ts";

const PEERS_MAX = 64;
const PREFIXES_MAX = 256;
/** What an IPv4 path of 1500 leaves is 1440; 1420 fits over IPv6, too, and is what everybody has. */
export const DEFAULT_VPN_MTU = 1420;
/** Outer IPv4, UDP, and what a message has around its packet. */
export const VPN_OVERHEAD_BYTES = 20 + 8 + DATA_OVERHEAD_BYTES;
export const TICK_NS = 100e6;

export interface AllowedPeer extends PeerOptions {
  /** Inner addresses that it may send from, and that lead to it. */
  readonly allowedIps: readonly Prefix[];
}

export interface WireguardOptions {
  readonly privateKey: Uint8Array;
  readonly mtu?: number | undefined;
  readonly random: RandomBytes;
  readonly nowNs: () => number;
  /** The time of day. */
  readonly realNs: () => number;
  /** Sends a datagram. */
  readonly transmit: (message: Uint8Array, to: Endpoint) => void;
  /** Takes an IPv4 packet whose sender is who its source address says. */
  readonly deliver: (packet: Uint8Array) => void;
}

export interface WireguardMetrics {
  /** Datagrams that are no message of a peer, or an old one. */
  readonly refusedMessages: number;
  /** Handshakes that were not looked at: first a cookie, please. */
  readonly cookieReplies: number;
  /** Packets that a peer sent from an address that is not its own, or that are none. */
  readonly refusedPackets: number;
  /** Packets to nobody. */
  readonly unroutedPackets: number;
  /** Of sessions and handshakes that live. */
  readonly usedIndexes: number;
  readonly peers: readonly (PeerMetrics & { readonly publicKey: string })[];
}

export class Wireguard {
  readonly #options: WireguardOptions;
  readonly #self: KeyPair;
  readonly #checker: MacChecker;
  readonly #limit: HandshakeLimit;
  readonly #routes = new AllowedIps<Peer>();
  readonly #peers = new Map<string, Peer>();
  readonly #indexes = new Map<number, Peer>();
  #prefixes = 0;
  readonly #metrics = {
    refusedMessages: 0,
    cookieReplies: 0,
    refusedPackets: 0,
    unroutedPackets: 0,
  };

  constructor(options: WireguardOptions) {
    this.#options = options;
    const { privateKey, random } = options;
    this.#self = { privateKey, publicKey: publicKeyOf(privateKey) };
    this.#checker = new MacChecker(this.#self.publicKey, random);
    this.#limit = new HandshakeLimit(options.nowNs);
  }

  get publicKey(): Uint8Array {
    return this.#self.publicKey;
  }

  get mtu(): number {
    return this.#options.mtu ?? DEFAULT_VPN_MTU;
  }

  /** Throws `WV_CONFIG` for a key that is none, or ours, or there already; `WV_LIMIT`. */
  addPeer(options: AllowedPeer): void {
    const { allowedIps, publicKey } = options;
    const name = formatKey(publicKey);
    const isWrong =
      publicKey.length !== KEY_BYTES ||
      isSame(publicKey, this.#self.publicKey) ||
      this.#peers.has(name) ||
      !isUsableKey(this.#self, publicKey);
    if (isWrong)
      throw new WasmvisorError(
        "WV_CONFIG",
        `vpn: ${name} is ours, there already, or no public key`,
      );
    this.#prefixes += allowedIps.length;
    if (this.#peers.size >= PEERS_MAX || this.#prefixes > PREFIXES_MAX)
      throw new WasmvisorError(
        "WV_LIMIT",
        `vpn: at most ${PEERS_MAX} peers with ${PREFIXES_MAX} prefixes`,
      );
    const peer = new Peer(this.#owner(), options);
    this.#peers.set(name, peer);
    for (const prefix of allowedIps) this.#routes.add(prefix, peer);
  }

  /** Sends an IPv4 packet to whose address it is. */
  send(packet: Uint8Array): void {
    const peer =
      packet.length < IPV4_HEADER_BYTES ? undefined : this.#routes.find(get32(packet, 16));
    if (peer) peer.send(packet);
    else this.#metrics.unroutedPackets++;
  }

  /** A datagram has come. */
  receive(bytes: Uint8Array, from: Endpoint): void {
    const message = parseMessage(bytes);
    let isTaken = false;
    if (message?.type === TYPE_DATA) isTaken = this.#takeData(message, from);
    else if (message?.type === TYPE_COOKIE)
      isTaken = this.#indexes.get(message.receiver)?.takeCookie(message) === true;
    else if (message) isTaken = this.#takeHandshake(message, bytes, from);
    if (!isTaken) this.#metrics.refusedMessages++;
  }

  tick(): void {
    for (const peer of this.#peers.values()) peer.tick();
  }

  /** Forgets all keys of sessions. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
  }

  metrics(): WireguardMetrics {
    const peers = [...this.#peers].map(([publicKey, peer]) => ({ publicKey, ...peer.metrics() }));
    return { ...this.#metrics, usedIndexes: this.#indexes.size, peers };
  }

  /** Where a peer was heard last. */
  endpointOf(publicKey: Uint8Array): Endpoint | undefined {
    return this.#peers.get(formatKey(publicKey))?.endpoint;
  }

  #owner() {
    const { nowNs, random, realNs, transmit } = this.#options;
    return {
      ...{ self: this.#self, mtu: this.mtu, random, nowNs, realNs, transmit },
      reserve: (peer: Peer) => this.#reserve(peer),
      drop: (index: number) => void this.#indexes.delete(index),
    };
  }

  /** At most four for each peer are in use at a time. */
  #reserve(peer: Peer): number {
    for (;;) {
      const index = get32(this.#options.random(new Uint8Array(4)), 0);
      if (this.#indexes.has(index)) continue;
      this.#indexes.set(index, peer);
      return index;
    }
  }

  #takeHandshake(message: Initiation | Response, bytes: Uint8Array, from: Endpoint): boolean {
    const isResponse = message.type === TYPE_RESPONSE;
    const asked = isResponse ? this.#indexes.get(message.receiver) : undefined;
    if ((isResponse && !asked) || !this.#checker.hasGoodMac1(bytes)) return false;
    const source = `${from.address}:${from.port}`;
    const nowNs = this.#options.nowNs();
    if (this.#limit.isBusy()) {
      if (!this.#checker.hasGoodMac2(bytes, source, nowNs)) {
        this.#metrics.cookieReplies++;
        this.#options.transmit(this.#checker.cookieReply(bytes, source, nowNs), from);
        return true;
      }
      if (!this.#limit.mayAsk(from.address)) return false;
    }
    this.#limit.count();
    if (isResponse) return asked?.takeResponse(message, from) === true;
    const opened = openInitiation(this.#self, message);
    const peer = opened && this.#peers.get(formatKey(opened.peerKey));
    return peer?.answer(opened as NonNullable<typeof opened>, from) === true;
  }

  #takeData(message: Data, from: Endpoint): boolean {
    const peer = this.#indexes.get(message.receiver);
    const padded = peer?.takeData(message, from);
    if (!peer || !padded) return false;
    if (padded.length === 0) return true;
    const packet = withoutPadding(padded);
    if (packet && this.#routes.find(get32(packet, 12)) === peer) this.#options.deliver(packet);
    else this.#metrics.refusedPackets++;
    return true;
  }
}

/** Undefined: it is no IPv4 packet. */
function withoutPadding(padded: Uint8Array): Uint8Array | undefined {
  if (padded.length < IPV4_HEADER_BYTES || (padded[0] as number) >> 4 !== 4) return undefined;
  const bytes = get16(padded, 2);
  return bytes < IPV4_HEADER_BYTES || bytes > padded.length ? undefined : padded.subarray(0, bytes);
}
