/** Connections of a guest that leaves for another network, over two switches and a tunnel. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import type { Frame, NicReceiver } from "../../../ts/machine/nic.ts";
import { arpFrame, parseArp } from "../../../ts/net/arp.ts";
import { parseIpv4, putIpv4 } from "../../../ts/net/ipv4.ts";
import { getMac, MAC_BROADCAST } from "../../../ts/net/mac.ts";
import { Switch } from "../../../ts/net/switch.ts";
import {
  ACK,
  FIN,
  PSH,
  parseTcp,
  RST,
  type SegmentPlan,
  SYN,
  tcpFrame,
} from "../../../ts/net/tcp.ts";
import { IpipTunnel } from "../../../ts/net/tether/ipip-tunnel.ts";
import { Tether } from "../../../ts/net/tether/tether.ts";
import { udpFrame } from "../../../ts/net/udp.ts";
import { FakeNet } from "../datagrams.ts";
import { mac, Station } from "../fakes.ts";

const GUEST = { mac: mac(9), ip: 0x0a00_020f };
const GATEWAY = { mac: mac(2), ip: 0x0a00_0202 };
const FAR = { mac: mac(2), ip: 0xc633_6407 }; // Somebody outside, behind the gateway.

/** One host: a switch, its gateway, and the cable of the guest. */
class Place {
  readonly gateway: Station;
  readonly tether: Tether;
  readonly tunnel: IpipTunnel;
  readonly guest: Frame[] = [];
  readonly made: Switch;

  constructor(net: FakeNet, its: { clock: VirtualClock; address: string; others: string[] }) {
    this.made = new Switch({ clock: its.clock, random: new Random(1) });
    this.gateway = new Station(this.made.addPort({ name: "gateway" }));
    const peers = its.others.map((address) => ({ address, port: 5555 }));
    this.tunnel = new IpipTunnel(net.end(its.address, 5555), peers, (...packet) =>
      this.tether.takeTunneled(...packet),
    );
    this.tether = new Tether({
      mac: GUEST.mac,
      tunnel: this.tunnel,
      nowNs: () => its.clock.nowNs(),
      port: this.made.addPort({ name: "guest", mac: GUEST.mac }),
      gateway: GATEWAY.ip,
    });
  }

  arrive(isNew = false): void {
    const receiver: NicReceiver = {
      receive: (frame) => void this.guest.push(frame),
      flush: () => undefined,
    };
    this.tether.connect(receiver);
    this.tether.arrive([GUEST.ip], isNew);
  }

  /** The guest says something here. */
  say(frame: Frame): void {
    this.tether.send(frame);
    this.tether.flush();
  }
}

function places() {
  const net = new FakeNet();
  const clock = new VirtualClock();
  const a = new Place(net, { clock, address: "192.0.2.1", others: ["192.0.2.2"] });
  const b = new Place(net, { clock, address: "192.0.2.2", others: ["192.0.2.1"] });
  return { net, clock, a, b };
}

const plan = (flags: number, data = "", ports = [40000, 80]): SegmentPlan => ({
  ...{
    sourcePort: ports[0] as number,
    targetPort: ports[1] as number,
    seq: 1,
    ack: 1,
    window: 1000,
  },
  ...{
    flags,
    dataBytes: data.length,
    fill: (into: Uint8Array) => into.set(Buffer.from(data)),
    segmentBytes: 1460,
  },
});
const toGuest = (flags: number, data = "", ports = [40000, 80]): Frame =>
  tcpFrame(FAR, GUEST, plan(flags, data, ports));
const fromGuest = (flags: number, data = "", ports = [80, 40000]): Frame =>
  tcpFrame(GUEST, FAR, plan(flags, data, ports));

/** A connection from outside to the guest at `place`. */
function connect(place: Place): void {
  place.gateway.send(toGuest(SYN).bytes);
  place.say(fromGuest(SYN | ACK));
  place.gateway.send(toGuest(ACK).bytes);
}

/** The guest was at `a`, and somebody outside talks to it; now it is at `b`. */
function moved(): ReturnType<typeof places> {
  const all = places();
  all.a.arrive(true);
  connect(all.a);
  all.a.tether.leave();
  all.b.arrive();
  return all;
}

const textOf = (bytes: Uint8Array): string => {
  const packet = parseIpv4(bytes, 14);
  return packet ? Buffer.from(parseTcp(bytes, packet, true)?.data ?? []).toString() : "?";
};

describe("a guest that leaves", () => {
  test("goes on talking where it was: its connection is the tunnel's, both ways", () => {
    const { a, b, net } = places();
    a.arrive(true);
    connect(a);
    expect(a.guest).toHaveLength(2);
    expect(a.tether.leave()).toBe(true);
    b.arrive();
    a.gateway.take();
    a.gateway.send(toGuest(ACK | PSH, "hello").bytes);
    expect(net.log).toHaveLength(1);
    const outer = parseIpv4(net.log[0]?.message as Uint8Array, 0);
    expect(outer).toMatchObject({ source: FAR.ip, target: GUEST.ip, ttl: 63 });
    const came = b.guest.at(-1)?.bytes as Uint8Array;
    expect(getMac(came, 0)).toBe(GUEST.mac);
    expect(parseIpv4(came, 14)).toMatchObject({ source: FAR.ip });
    b.say(fromGuest(ACK | PSH, "world"));
    const back = a.gateway.take();
    expect(back.map(textOf)).toEqual(["world"]);
    expect([getMac(back[0] as Uint8Array, 0), getMac(back[0] as Uint8Array, 6)]).toEqual([
      FAR.mac,
      GUEST.mac,
    ]);
    expect(b.gateway.take()).toEqual([]);
  });

  test("may run elsewhere before it is gone, while its pages follow", () => {
    const { a, b } = places();
    a.arrive(true);
    connect(a);
    a.tether.rest();
    b.arrive();
    a.gateway.take();
    b.say(fromGuest(ACK, "there"));
    expect(a.gateway.take().map(textOf)).toEqual(["there"]);
    a.gateway.send(toGuest(ACK, "here").bytes);
    expect(textOf(b.guest.at(-1)?.bytes as Uint8Array)).toBe("here");
    a.arrive(); // It was broken off: the guest goes on here.
    a.say(fromGuest(ACK, "back"));
    expect(a.gateway.take().map(textOf)).toEqual(["back"]);
  });

  test("may speak first: what did not begin there is of another place", () => {
    const { a, b } = moved();
    a.gateway.take();
    b.say(fromGuest(ACK | PSH, "first"));
    expect(a.gateway.take().map(textOf)).toEqual(["first"]);
    expect(b.gateway.take()).toEqual([]);
  });

  test("begins new connections where it is", () => {
    const { b, net } = moved();
    b.say(fromGuest(SYN, "", [50000, 443]));
    b.gateway.send(toGuest(SYN | ACK, "", [443, 50000]).bytes);
    b.say(fromGuest(ACK, "", [50000, 443]));
    b.say({
      bytes: udpFrame(GUEST, FAR, { sourcePort: 5, targetPort: 53, data: Uint8Array.of(1) }),
    });
    expect(b.gateway.take()).toHaveLength(3);
    expect(net.log).toEqual([]);
  });

  test("is not there for anybody new", () => {
    const { a, net } = moved();
    a.gateway.send(toGuest(SYN, "", [40001, 80]).bytes);
    a.gateway.send(udpFrame(FAR, GUEST, { sourcePort: 1, targetPort: 2, data: Uint8Array.of(1) }));
    expect(net.log).toEqual([]);
  });

  test("is asked for by ARP, and answered for as long as it has connections", () => {
    const { a, clock } = places();
    a.arrive(true);
    connect(a);
    a.tether.leave();
    a.gateway.take();
    const ask = {
      operation: 1,
      senderMac: GATEWAY.mac,
      senderIp: GATEWAY.ip,
      targetMac: 0,
      targetIp: GUEST.ip,
    };
    a.gateway.send(arpFrame(ask, MAC_BROADCAST));
    expect(a.gateway.take().map((bytes) => parseArp(bytes, 14))).toMatchObject([
      { operation: 2, senderMac: GUEST.mac, senderIp: GUEST.ip },
    ]);
    clock.advance(3601e9);
    expect(a.tether.connections).toBe(0);
    a.gateway.send(arpFrame(ask, MAC_BROADCAST));
    expect(a.gateway.take()).toEqual([]);
  });

  test("comes back, and neither place's connections have noticed", () => {
    const { a, b } = moved();
    b.say(fromGuest(SYN, "", [50000, 443]));
    b.gateway.send(toGuest(SYN | ACK, "", [443, 50000]).bytes);
    expect(b.tether.leave()).toBe(true);
    a.arrive();
    a.gateway.take();
    b.gateway.take();
    a.say(fromGuest(ACK, "old"));
    a.say(fromGuest(ACK, "new", [50000, 443]));
    expect([a.gateway.take().map(textOf), b.gateway.take().map(textOf)]).toEqual([
      ["old"],
      ["new"],
    ]);
    b.gateway.send(toGuest(ACK, "reply", [443, 50000]).bytes);
    expect(textOf(a.guest.at(-1)?.bytes as Uint8Array)).toBe("reply");
  });
});

describe("the end", () => {
  test.each([
    ["a FIN of each side", [() => toGuest(FIN | ACK), () => fromGuest(FIN | ACK)], 11],
    ["a reset", [() => toGuest(RST | ACK)], 11],
    ["an hour of silence", [], 3601],
  ] as const)("of a connection is %s", (_, last, seconds) => {
    const { a, b, clock } = moved();
    for (const make of last) {
      const frame = make();
      if (getMac(frame.bytes, 0) === GUEST.mac) a.gateway.send(frame.bytes);
      else b.say(frame);
    }
    clock.advance((seconds - 2) * 1e9);
    expect(a.tether.connections).toBe(1);
    clock.advance(3e9);
    expect(a.tether.connections).toBe(0);
    expect(a.tether.hasLeft).toBe(true);
  });

  test("without connections nothing stays behind", () => {
    const { a } = places();
    a.arrive(true);
    expect(a.tether.leave()).toBe(false);
  });
});

describe("what does not fit", () => {
  test("is cut if the sender left that to others, and told if it must not be", () => {
    const { a, b, net } = moved();
    a.gateway.take();
    b.say(fromGuest(ACK, "x".repeat(20_000)));
    const lengths = net.log.splice(0).map(({ message }) => message.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1472);
    expect(a.gateway.take().map(textOf).join("")).toBe("x".repeat(20_000));
    const long = fromGuest(ACK, "y".repeat(1450)).bytes;
    const whole = new Uint8Array(14 + 20 + 1480);
    whole.set(long.subarray(0, whole.length));
    putIpv4(whole, 14, { source: GUEST.ip, target: FAR.ip, protocol: 6, payloadBytes: 1480 });
    b.say({ bytes: whole });
    const told = b.guest.at(-1)?.bytes as Uint8Array;
    expect([
      told[23],
      told[34],
      told[35],
      ((told[40] as number) << 8) | (told[41] as number),
    ]).toEqual([1, 3, 4, 1472]);
    expect(net.log).toEqual([]);
  });
});

describe("strangers", () => {
  test("and packets that nobody here has to do with are refused", () => {
    const { b, net } = moved();
    const stranger = net.end("203.0.113.1", 5555);
    const packet = toGuest(ACK, "evil").bytes.slice(14);
    stranger.send(packet, { address: "192.0.2.2", port: 5555 });
    const peer = net.end("192.0.2.1", 5555);
    const other = packet.slice();
    putIpv4(other, 0, {
      source: FAR.ip,
      target: GUEST.ip + 1,
      protocol: 6,
      payloadBytes: packet.length - 20,
    });
    const before = b.guest.length;
    for (const wrong of [other, packet.subarray(0, 19), packet.subarray(0, 30), new Uint8Array(0)])
      peer.send(wrong, { address: "192.0.2.2", port: 5555 });
    expect(b.guest).toHaveLength(before);
    expect(b.tunnel.metrics()).toMatchObject({ receivedPackets: 0, refusedPackets: 5 });
  });
});
