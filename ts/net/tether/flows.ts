/**
 * Which connections there are between a guest and others, as far as packets show: TCP ends with a reset or with a FIN
 * of each side, anything when it has been quiet for too long.
 */
import { get16, get32 } from "../bytes.ts";
import { type Ipv4Packet, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from "../ipv4.ts";
import { ACK, FIN, RST, SYN, TCP_HEADER_BYTES } from "../tcp.ts";

const FLOWS_MAX = 4096;
const TCP_IDLE_NS = 3600e9;
/** For the last acknowledgement, and for what is sent again. */
const TCP_ENDED_NS = 10e9;
const OTHER_IDLE_NS = 60e9;
const FROM_GUEST = 1;
const TO_GUEST = 2;

export type Direction = "from-guest" | "to-guest";

/** A packet as part of a connection. */
export interface Sighting {
  readonly key: string;
  readonly remoteIp: number;
  readonly direction: Direction;
  readonly protocol: number;
  /** Of TCP, else 0. */
  readonly flags: number;
}

/** Undefined: it belongs to no connection that can be told, like a fragment. */
export function sightingOf(
  bytes: Uint8Array,
  packet: Ipv4Packet,
  direction: Direction,
): Sighting | undefined {
  const { payloadAt: at, protocol } = packet;
  if (packet.isFragment || at + 8 > packet.end) return undefined;
  const isOut = direction === "from-guest";
  const remoteIp = isOut ? packet.target : packet.source;
  if (protocol === PROTOCOL_ICMP) {
    const type = bytes[at] as number;
    if (type !== 0 && type !== 8) return undefined;
    return {
      key: `1 ${remoteIp} ${get16(bytes, at + 4)}`,
      remoteIp,
      direction,
      protocol,
      flags: 0,
    };
  }
  if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return undefined;
  const ports = get32(bytes, at);
  const [guestPort, port] = isOut ? [ports >>> 16, ports & 0xffff] : [ports & 0xffff, ports >>> 16];
  const isTcp = protocol === PROTOCOL_TCP;
  if (isTcp && at + TCP_HEADER_BYTES > packet.end) return undefined;
  const flags = isTcp ? (bytes[at + 13] as number) : 0;
  return {
    key: `${protocol} ${remoteIp} ${port} ${guestPort}`,
    remoteIp,
    direction,
    protocol,
    flags,
  };
}

/** Does it begin a connection? Anything but TCP may. */
export const isFirst = ({ flags, protocol }: Sighting): boolean =>
  protocol !== PROTOCOL_TCP || (flags & (SYN | ACK)) === SYN;

interface Flow<Note> {
  note: Note;
  readonly remoteIp: number;
  readonly isTcp: boolean;
  seenNs: number;
  /** Which sides have said FIN. */
  fins: number;
  isReset: boolean;
}

export class Flows<Note> {
  readonly #flows = new Map<string, Flow<Note>>();

  get size(): number {
    return this.#flows.size;
  }

  has(sighting: Sighting): boolean {
    return this.#flows.has(sighting.key);
  }

  /** What was noted of its connection. */
  noteOf(sighting: Sighting): Note | undefined {
    return this.#flows.get(sighting.key)?.note;
  }

  hasRemote(ip: number): boolean {
    for (const { remoteIp } of this.#flows.values()) if (remoteIp === ip) return true;
    return false;
  }

  /** A packet has passed; with too many connections the one that was heard of longest ago is forgotten. */
  see(sighting: Sighting, note: Note, nowNs: number): void {
    const { direction, flags, key, protocol, remoteIp } = sighting;
    const isTcp = protocol === PROTOCOL_TCP;
    let flow = this.#flows.get(key);
    if (!flow || (isTcp && isFirst(sighting)))
      flow = { note, remoteIp, isTcp, seenNs: nowNs, fins: 0, isReset: false };
    this.#flows.delete(key); // The latest are last.
    this.#flows.set(key, flow);
    flow.note = note;
    flow.seenNs = nowNs;
    if (isTcp && flags & FIN) flow.fins |= direction === "from-guest" ? FROM_GUEST : TO_GUEST;
    if (isTcp && flags & RST) flow.isReset = true;
    if (this.#flows.size > FLOWS_MAX) this.#forgetOldest();
  }

  /** Forgets what has ended. */
  sweep(nowNs: number): void {
    for (const [key, flow] of this.#flows)
      if (nowNs - flow.seenNs > patienceNs(flow)) this.#flows.delete(key);
  }

  clear(): void {
    this.#flows.clear();
  }

  #forgetOldest(): void {
    const [oldest] = this.#flows.keys();
    if (oldest !== undefined) this.#flows.delete(oldest);
  }
}

function patienceNs({ fins, isReset, isTcp }: Flow<unknown>): number {
  if (!isTcp) return OTHER_IDLE_NS;
  return isReset || fins === (FROM_GUEST | TO_GUEST) ? TCP_ENDED_NS : TCP_IDLE_NS;
}
