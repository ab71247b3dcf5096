/** UDP between guests and the outside: one port there for each port of a guest, for as long as it is used. */
import type { Outside, OutsidePort } from "./outside.ts";

const FLOWS_MAX = 512;
const PEERS_MAX = 256;
const IDLE_NS = 60e9;

interface Flow {
  readonly port: OutsidePort;
  /** Whoever the guest has written to: nobody else may answer. */
  readonly peers: Set<string>;
  usedNs: number;
}

export interface UdpNatMetrics {
  readonly flows: number;
  readonly toGuest: number;
  readonly fromGuest: number;
  readonly refused: number;
}

export interface UdpNatOptions {
  readonly outside: Outside;
  readonly nowNs: () => number;
  readonly outsideIp: (ip: number) => number | undefined;
  /** There is a port to look after. */
  readonly onBusy: () => void;
  /** The address by which guests know `ip`. */
  readonly insideIp: (ip: number) => number;
  readonly send: (
    to: { readonly guestIp: number; readonly guestPort: number },
    from: { readonly ip: number; readonly port: number },
    data: Uint8Array,
  ) => void;
}

export class UdpNat {
  readonly #options: UdpNatOptions;
  /** In the order in which they were used. */
  readonly #flows = new Map<string, Flow>();
  readonly #counts = { toGuest: 0, fromGuest: 0, refused: 0 };

  constructor(options: UdpNatOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#flows.size;
  }

  metrics(): UdpNatMetrics {
    return { flows: this.#flows.size, ...this.#counts };
  }

  /** False: it goes nowhere. */
  receive(
    from: { readonly guestIp: number; readonly guestPort: number },
    to: { readonly ip: number; readonly port: number },
    data: Uint8Array,
  ): boolean {
    const ip = this.#options.outsideIp(to.ip);
    if (ip === undefined) {
      this.#counts.refused++;
      return false;
    }
    const flow = this.#flow(from);
    if (flow.peers.size < PEERS_MAX) flow.peers.add(`${ip}:${to.port}`);
    this.#counts.fromGuest++;
    flow.port.send(data, { ip, port: to.port });
    return true;
  }

  #flow(from: { readonly guestIp: number; readonly guestPort: number }): Flow {
    const { nowNs, outside } = this.#options;
    const key = `${from.guestIp}:${from.guestPort}`;
    const known = this.#flows.get(key);
    if (known) {
      known.usedNs = nowNs();
      this.#flows.delete(key);
      this.#flows.set(key, known);
      return known;
    }
    if (this.#flows.size >= FLOWS_MAX) this.#closeOldest();
    const peers = new Set<string>();
    const port = outside.openUdp((data, ip, peerPort) => {
      if (!peers.has(`${ip}:${peerPort}`)) return;
      this.#counts.toGuest++;
      this.#options.send(from, { ip: this.#options.insideIp(ip), port: peerPort }, data);
    });
    const flow = { port, peers, usedNs: nowNs() };
    this.#flows.set(key, flow);
    this.#options.onBusy();
    return flow;
  }

  #closeOldest(): void {
    for (const [key, flow] of this.#flows) {
      flow.port.close();
      this.#flows.delete(key);
      return;
    }
  }

  /** Forgets what nobody used for a while. */
  tick(): void {
    const untilNs = this.#options.nowNs() - IDLE_NS;
    for (const [key, flow] of this.#flows) {
      if (flow.usedNs > untilNs) return;
      flow.port.close();
      this.#flows.delete(key);
    }
  }

  close(): void {
    for (const flow of this.#flows.values()) flow.port.close();
    this.#flows.clear();
  }
}
