/** Interfaces on one simulated line, which loses, changes and repeats what a test wants. */
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { putIpv4 } from "../../../ts/net/ipv4.ts";
import { newPrivateKey, publicKeyOf } from "../../../ts/net/wireguard/crypto.ts";
import type { Endpoint } from "../../../ts/net/wireguard/peer.ts";
import {
  type AllowedPeer,
  TICK_NS,
  Wireguard,
  type WireguardOptions,
} from "../../../ts/net/wireguard/wireguard.ts";

export const REAL_NS = 1_700_000_000e9;

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

export class Line {
  readonly clock = new VirtualClock();
  readonly random = new Random(7);
  readonly log: Datagram[] = [];
  /** What becomes of a datagram: false loses it. */
  filter: (datagram: Datagram) => boolean = () => true;
  readonly #ends = new Map<string, End>();

  end(port: number, options: Partial<WireguardOptions> = {}): End {
    const end = new End(this, { address: "192.0.2.1", port }, options);
    this.#ends.set(`${port}`, end);
    return end;
  }

  carry(datagram: Datagram): void {
    this.log.push(datagram);
    if (!this.filter(datagram)) return;
    this.#ends.get(`${datagram.to.port}`)?.wireguard.receive(datagram.bytes, datagram.from);
  }

  /** Types of messages since the last time. */
  types(): number[] {
    return this.log.splice(0).map(({ bytes }) => bytes[0] as number);
  }

  /** Lets time pass, with the ticks that an interface is owed. */
  pass(seconds: number): void {
    for (let left = seconds * 1e9; left > 0; left -= TICK_NS) {
      this.clock.advance(TICK_NS);
      for (const end of this.#ends.values()) end.wireguard.tick();
    }
  }
}

export class End {
  readonly wireguard: Wireguard;
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly packets: Uint8Array[] = [];
  endpoint: Endpoint;

  constructor(line: Line, endpoint: Endpoint, options: Partial<WireguardOptions>) {
    const random = line.random.split(`end${endpoint.port}`);
    this.endpoint = endpoint;
    this.privateKey = newPrivateKey((into) => random.bytes(into));
    this.publicKey = publicKeyOf(this.privateKey);
    this.wireguard = new Wireguard({
      privateKey: this.privateKey,
      random: (into) => random.bytes(into),
      nowNs: () => line.clock.nowNs(),
      realNs: () => REAL_NS + line.clock.nowNs(),
      transmit: (bytes, to) => line.carry({ bytes: bytes.slice(), from: this.endpoint, to }),
      deliver: (packet) => this.packets.push(Uint8Array.from(packet)),
      ...options,
    });
  }

  knows(other: End, ip: number, more: Partial<AllowedPeer> = {}): void {
    this.wireguard.addPeer({
      publicKey: other.publicKey,
      endpoint: other.endpoint,
      allowedIps: [{ network: ip, bits: 32 }],
      ...more,
    });
  }

  take(): Uint8Array[] {
    return this.packets.splice(0);
  }
}

export const A_IP = 0x0a09_0001;
export const B_IP = 0x0a09_0002;

/** An IPv4 packet with `bytes` of payload. */
export function packetOf(source: number, target: number, bytes = 30): Uint8Array {
  const packet = new Uint8Array(20 + bytes).fill(bytes & 255, 20);
  putIpv4(packet, 0, { source, target, protocol: 99, payloadBytes: bytes });
  return packet;
}

/** Two that know each other: 10.9.0.1 at port 1, 10.9.0.2 at port 2. */
export function pair(
  more: { readonly a?: Partial<AllowedPeer>; readonly b?: Partial<AllowedPeer> } = {},
): { readonly line: Line; readonly a: End; readonly b: End } {
  const line = new Line();
  const [a, b] = [line.end(1), line.end(2)];
  a.knows(b, B_IP, more.a);
  b.knows(a, A_IP, more.b);
  return { line, a, b };
}
