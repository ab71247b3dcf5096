/**
 * Joins a switch to those of other hosts by VXLAN, on UDP or inside of an encrypted network. Who is where is learned
 * from what comes; frames for all, and for stations that nobody knows, go to every peer. Nothing that came from a peer
 * goes to another: every host has to know all of them.
 */
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import {
  ETHERNET_HEADER_BYTES,
  type Frame,
  type NicPort,
  type NicReceiver,
} from "../machine/nic.ts";
import type { DatagramEnd, Datagrams } from "./datagrams.ts";
import { IPV4_HEADER_BYTES } from "./ipv4.ts";
import { getMac, isGroup } from "./mac.ts";
import { MacTable } from "./mac-table.ts";
import { clampedFrame, fitted } from "./path-mtu.ts";
import { UDP_HEADER_BYTES } from "./udp.ts";
import { decodeVxlan, encodeVxlan, VNI_MAX, VXLAN_HEADER_BYTES, VXLAN_PORT } from "./vxlan.ts";

const PEERS_MAX = 64;
/** What a frame's packet has around it on the way. */
export const VXLAN_OVERHEAD_BYTES =
  IPV4_HEADER_BYTES + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES;

/** A host's end of the tunnel. */
export interface Peer {
  readonly address: string;
  /** 4789 by default. */
  readonly port?: number | undefined;
}

export interface VxlanOptions {
  readonly peers: readonly Peer[];
  /** Number of the network, 0 to 16777215; 1 by default. */
  readonly vni?: number | undefined;
}

export interface VxlanMetrics {
  readonly sentFrames: number;
  readonly receivedFrames: number;
  /** Of strangers, of another network, or damaged. */
  readonly refusedFrames: number;
  /** More than the host could send. */
  readonly droppedFrames: number;
  /** Longer than the path, whose senders were told. */
  readonly longFrames: number;
}

export class VxlanLink implements NicReceiver {
  readonly #port: NicPort;
  readonly #datagrams: Datagrams;
  readonly #clock: Clock;
  readonly #vni: number;
  /** Longest packet of a guest that fits. */
  readonly #mtu: number;
  readonly #peers = new Map<string, DatagramEnd>();
  readonly #macs = new MacTable<string>();
  #isFlushing = false;
  readonly #metrics = {
    ...{ sentFrames: 0, receivedFrames: 0, refusedFrames: 0, droppedFrames: 0 },
    longFrames: 0,
  };

  /** Throws `WV_CONFIG`, `WV_LIMIT`. */
  constructor(
    options: VxlanOptions,
    parts: { readonly port: NicPort; readonly clock: Clock; readonly datagrams: Datagrams },
  ) {
    const { peers, vni = 1 } = options;
    if (!Number.isInteger(vni) || vni < 0 || vni > VNI_MAX)
      throw new WasmvisorError("WV_CONFIG", `vni: expected 0 to ${VNI_MAX}, got ${vni}`);
    if (peers.length > PEERS_MAX)
      throw new WasmvisorError("WV_LIMIT", `peers: expected at most ${PEERS_MAX}`);
    this.#datagrams = parts.datagrams;
    this.#mtu = parts.datagrams.mtu - VXLAN_OVERHEAD_BYTES;
    this.#port = parts.port;
    this.#clock = parts.clock;
    this.#vni = vni;
    for (const peer of peers) this.addPeer(peer);
    parts.datagrams.connect((bytes, { address, port }) =>
      this.#receive(bytes, `${address}:${port}`),
    );
    parts.port.connect(this);
  }

  /** The port that it listens on. */
  get localPort(): number {
    return this.#datagrams.localPort;
  }

  /** Longest packet that a guest can send through it. */
  get mtu(): number {
    return this.#mtu;
  }

  /** One more host. */
  addPeer({ address, port = VXLAN_PORT }: Peer): void {
    this.#peers.set(`${address}:${port}`, { address, port });
  }

  metrics(): VxlanMetrics {
    return { ...this.#metrics };
  }

  receive(frame: Frame): void {
    const { frames, refusal } = fitted(frame, this.#mtu);
    for (const bytes of frames) this.#send(bytes);
    if (!refusal) return;
    this.#metrics.longFrames++;
    this.#port.send({ bytes: refusal });
    this.#flushSoon();
  }

  flush(): void {}

  close(): void {
    this.#datagrams.close();
  }

  #send(frame: Uint8Array): void {
    if (this.#datagrams.isFull) {
      this.#metrics.droppedFrames++;
      return;
    }
    this.#metrics.sentFrames++;
    const message = encodeVxlan(this.#vni, frame);
    for (const peer of this.#targets(getMac(frame, 0))) this.#datagrams.send(message, peer);
  }

  #targets(mac: number): Iterable<DatagramEnd> {
    const known = isGroup(mac) ? undefined : this.#macs.find(0, mac, this.#clock.nowNs());
    const peer = known === undefined ? undefined : this.#peers.get(known);
    return peer ? [peer] : this.#peers.values();
  }

  #receive(message: Uint8Array, from: string): void {
    const frame = this.#peers.has(from) ? decodeVxlan(this.#vni, message) : undefined;
    if (!frame) {
      this.#metrics.refusedFrames++;
      return;
    }
    this.#metrics.receivedFrames++;
    this.#macs.learn(0, getMac(frame, 6), { port: from, nowNs: this.#clock.nowNs() });
    this.#port.send({ bytes: clampedFrame(frame, this.#mtu) });
    this.#flushSoon();
  }

  /** Once for all that came at the same time. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#port.flush();
    });
  }
}
