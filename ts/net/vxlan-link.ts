/**
 * Joins a switch to those of other hosts by VXLAN on UDP. Who is where is learned from what comes; frames for all, and
 * for stations that nobody knows, go to every peer. Nothing that came from a peer goes to another: every host has to
 * know all of them.
 */
import { createSocket, type Socket } from "node:dgram";
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Frame, NicPort, NicReceiver } from "../machine/nic.ts";
import { getMac, isGroup } from "./mac.ts";
import { MacTable } from "./mac-table.ts";
import { plainFrames } from "./offload.ts";
import { decodeVxlan, encodeVxlan, VNI_MAX, VXLAN_PORT } from "./vxlan.ts";

const PEERS_MAX = 64;
const QUEUED_BYTES_MAX = 4 << 20;
const SOCKET_BYTES = 4 << 20;

/** A host's end of the tunnel. */
export interface Peer {
  readonly address: string;
  /** 4789 by default. */
  readonly port?: number | undefined;
}

export interface VxlanOptions {
  /** Where to listen. */
  readonly listen: Peer;
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
}

export class VxlanLink implements NicReceiver {
  readonly #port: NicPort;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #vni: number;
  readonly #peers: Map<string, Required<Peer>>;
  readonly #macs = new MacTable<string>();
  #isFlushing = false;
  readonly #metrics = { sentFrames: 0, receivedFrames: 0, refusedFrames: 0, droppedFrames: 0 };

  private constructor(
    socket: Socket,
    options: VxlanOptions,
    parts: { readonly port: NicPort; readonly clock: Clock },
  ) {
    this.#socket = socket;
    this.#port = parts.port;
    this.#clock = parts.clock;
    this.#vni = options.vni ?? 1;
    this.#peers = new Map();
    for (const peer of options.peers) this.addPeer(peer);
    socket.on("message", (bytes, { address, port }) => this.#receive(bytes, `${address}:${port}`));
    parts.port.connect(this);
  }

  /** Throws `WV_CONFIG`, or `WV_NETWORK` if it cannot listen there. */
  static async open(
    options: VxlanOptions,
    parts: { readonly port: NicPort; readonly clock: Clock },
  ): Promise<VxlanLink> {
    const { listen, peers, vni = 1 } = options;
    if (!Number.isInteger(vni) || vni < 0 || vni > VNI_MAX)
      throw new WasmvisorError("WV_CONFIG", `vni: expected 0 to ${VNI_MAX}, got ${vni}`);
    if (peers.length > PEERS_MAX)
      throw new WasmvisorError("WV_LIMIT", `peers: expected at most ${PEERS_MAX}`);
    const socket = createSocket({
      type: "udp4",
      recvBufferSize: SOCKET_BYTES,
      sendBufferSize: SOCKET_BYTES,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (cause) =>
        reject(
          new WasmvisorError(
            "WV_NETWORK",
            `cannot listen on ${listen.address}:${listen.port ?? VXLAN_PORT}: ${cause.message}`,
            { cause },
          ),
        ),
      );
      socket.bind(listen.port ?? VXLAN_PORT, listen.address, resolve);
    });
    socket.on("error", () => undefined); // What cannot be sent is lost, as on any line.
    return new VxlanLink(socket, options, parts);
  }

  /** The port that it listens on. */
  get localPort(): number {
    return this.#socket.address().port;
  }

  /** One more host. */
  addPeer({ address, port = VXLAN_PORT }: Peer): void {
    this.#peers.set(`${address}:${port}`, { address, port });
  }

  metrics(): VxlanMetrics {
    return { ...this.#metrics };
  }

  receive(frame: Frame): void {
    for (const { bytes } of plainFrames(frame)) this.#send(bytes);
  }

  flush(): void {}

  close(): void {
    this.#socket.close();
  }

  #send(frame: Uint8Array): void {
    if (this.#socket.getSendQueueSize() > QUEUED_BYTES_MAX) {
      this.#metrics.droppedFrames++;
      return;
    }
    this.#metrics.sentFrames++;
    const message = encodeVxlan(this.#vni, frame);
    for (const { address, port } of this.#targets(getMac(frame, 0)))
      this.#socket.send(message, port, address, () => undefined);
  }

  #targets(mac: number): Iterable<Required<Peer>> {
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
    this.#port.send({ bytes: frame });
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
