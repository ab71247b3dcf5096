/** TCP between guests and the outside: one end here for each end there, bytes carried between them. */
import type { Random } from "../../base/random.ts";
import type { Frame } from "../../machine/nic.ts";
import type { Station } from "../ipv4.ts";
import { ACK, RST, type SegmentPlan, SYN, type TcpSegment, tcpFrame } from "../tcp.ts";
import type { Outside, OutsideEvents, OutsideSocket } from "./outside.ts";
import { Connection } from "./tcp-connection.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";

const CONNECTIONS_MAX = 1024;
const FIRST_PORT = 49152;
const PORTS = 65536 - FIRST_PORT;

export interface TcpNatMetrics {
  readonly connections: number;
  readonly opened: number;
  /** Connections that were refused: too many, or nobody there. */
  readonly refused: number;
  readonly toGuestBytes: number;
  readonly fromGuestBytes: number;
}

export interface TcpNatOptions {
  readonly outside: Outside;
  readonly random: Random;
  readonly mtu: number;
  readonly nowNs: () => number;
  /** Sends a frame to the guest that has `ip`. */
  readonly send: (ip: number, make: (to: Station, mac: number) => Frame) => void;
  /** Something was sent when no frame had come in. */
  readonly flush: () => void;
  /** There is a connection to look after. */
  readonly onBusy: () => void;
  /** Where a packet to `ip` goes outside; undefined: nowhere. */
  readonly outsideIp: (ip: number) => number | undefined;
}

/** The two ends as the guest sees them. */
interface Ends {
  readonly guestIp: number;
  readonly guestPort: number;
  readonly ip: number;
  readonly port: number;
}

const keyOf = ({ guestIp, guestPort, ip, port }: Ends): string =>
  `${guestIp}:${guestPort}:${ip}:${port}`;

export class TcpNat {
  readonly #options: TcpNatOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #fresh = new Set<Connection>();
  #nextPort: number;
  readonly counts = { opened: 0, refused: 0, toGuestBytes: 0, fromGuestBytes: 0 };

  constructor(options: TcpNatOptions) {
    this.#options = options;
    this.#nextPort = options.random.below(PORTS);
  }

  get size(): number {
    return this.#connections.size;
  }

  metrics(): TcpNatMetrics {
    return { connections: this.#connections.size, ...this.counts };
  }

  /** A segment of a guest. */
  receive(segment: TcpSegment, from: { readonly guestIp: number; readonly ip: number }): void {
    const ends = { ...from, guestPort: segment.sourcePort, port: segment.targetPort };
    const known = this.#connections.get(keyOf(ends));
    if (known) {
      known.endpoint.receive(segment);
      this.#fresh.add(known);
    } else if ((segment.flags & (SYN | ACK | RST)) === SYN) this.#open(segment, ends);
    else if (!(segment.flags & RST)) this.#refuse(segment, ends);
  }

  /** The guest's frames were all for now. */
  flush(): void {
    for (const connection of this.#fresh) connection.endpoint.flush();
    this.#fresh.clear();
  }

  /** A guest says where it is now. */
  hurry(guestIp: number): void {
    for (const { endpoint, guestIp: its } of this.#connections.values())
      if (its === guestIp) endpoint.hurry();
  }

  tick(): void {
    for (const connection of this.#connections.values()) connection.endpoint.tick();
  }

  /** Somebody outside wants to talk to a guest. Undefined: too many do. */
  connect(
    socket: OutsideSocket,
    to: { readonly guestIp: number; readonly guestPort: number; readonly ip: number },
  ): OutsideEvents | undefined {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      this.counts.refused++;
      return undefined;
    }
    const connection = this.#add({ ...to, port: this.#freePort(to) });
    socket.pause(); // Until the guest has answered.
    connection.attach(socket);
    connection.endpoint.connect();
    this.#options.flush();
    return connection.outside;
  }

  /** Breaks all off. */
  close(): void {
    for (const connection of [...this.#connections.values()]) connection.endpoint.abort();
  }

  #freePort(to: {
    readonly guestIp: number;
    readonly guestPort: number;
    readonly ip: number;
  }): number {
    for (;;) {
      this.#nextPort = (this.#nextPort + 1) % PORTS;
      const port = FIRST_PORT + this.#nextPort;
      if (!this.#connections.has(keyOf({ ...to, port }))) return port;
    }
  }

  #open(syn: TcpSegment, ends: Ends): void {
    const ip = this.#options.outsideIp(ends.ip);
    if (ip === undefined || this.#connections.size >= CONNECTIONS_MAX) {
      this.counts.refused++;
      this.#refuse(syn, ends);
      return;
    }
    const connection = this.#add(ends);
    connection.endpoint.listen(syn);
    connection.attach(this.#options.outside.connect({ ip, port: ends.port }, connection.outside));
  }

  #add(ends: Ends): Connection {
    const { mtu, nowNs, random } = this.#options;
    const key = keyOf(ends);
    const connection = new Connection({
      counts: this.counts,
      flush: this.#options.flush,
      transmit: (plan) => this.#transmit(ends, plan),
      guestIp: ends.guestIp,
      onClose: () => this.#connections.delete(key),
      make: (owner) => new TcpEndpoint({ owner, isn: random.u32(), mtu, nowNs }),
    });
    this.#connections.set(key, connection);
    this.#options.onBusy();
    return connection;
  }

  #transmit(ends: Ends, plan: Omit<SegmentPlan, "sourcePort" | "targetPort">): void {
    const { guestIp, guestPort, ip, port } = ends;
    this.#options.send(guestIp, (to, mac) =>
      tcpFrame({ mac, ip }, to, { ...plan, sourcePort: port, targetPort: guestPort }),
    );
  }

  /** RFC 9293, 3.5.2: nobody is here. */
  #refuse(segment: TcpSegment, ends: Ends): void {
    const { ack, data, flags, seq } = segment;
    const hasAck = (flags & ACK) !== 0;
    this.#transmit(ends, {
      seq: hasAck ? ack : 0,
      ack: hasAck ? 0 : (seq + data.length + (flags & SYN ? 1 : 0)) >>> 0,
      flags: hasAck ? RST : RST | ACK,
      window: 0,
      dataBytes: 0,
      segmentBytes: 0xffff,
    });
  }
}
