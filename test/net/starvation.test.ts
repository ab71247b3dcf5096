/** Guests that mean harm on a switch with a gateway: what they do costs others neither addresses nor frames. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import * as dhcp from "../../ts/net/dhcp.ts";
import { ruleOf } from "../../ts/net/flow/text.ts";
import { IPV4_AT, parseIpv4 } from "../../ts/net/ipv4.ts";
import { MAC_BROADCAST } from "../../ts/net/mac.ts";
import { Switch, type SwitchOptions } from "../../ts/net/switch.ts";
import type { SwitchPort } from "../../ts/net/switch-port.ts";
import { parseUdp, udpFrame } from "../../ts/net/udp.ts";
import type { Outside } from "../../ts/net/user/outside.ts";
import { DEFAULT_SUBNET } from "../../ts/net/user/subnet.ts";
import { UserNetwork } from "../../ts/net/user/user-network.ts";
import { frameOf, mac, Station } from "./fakes.ts";

const COUNT = DEFAULT_SUBNET.lastLease - DEFAULT_SUBNET.firstLease + 1;

class Guest {
  readonly port: SwitchPort;
  readonly station: Station;
  readonly mac: number;

  constructor(
    its: Switch,
    name: string,
    own: { readonly mac: number; readonly isSecure: boolean },
  ) {
    this.port = its.addPort({ name, mac: own.isSecure ? own.mac : undefined });
    this.station = new Station(this.port);
    this.mac = own.mac;
  }

  /** `client`: in the message; `source`: in the frame. */
  say(type: number, as: { client?: number; source?: number; ip?: number; from?: number } = {}) {
    const { client = this.mac, source = client, ip, from = 0 } = as;
    const options = new Map<number, Uint8Array>([[dhcp.OPTION_TYPE, Uint8Array.of(type)]]);
    if (ip !== undefined) options.set(dhcp.OPTION_REQUESTED_IP, dhcp.word32(ip));
    const fields = { isReply: false, xid: 7, flags: 0, clientIp: from, yourIp: 0 };
    const data = dhcp.encodeDhcp({ ...fields, mac: client, options });
    const to = { mac: MAC_BROADCAST, ip: 0xffff_ffff };
    this.station.send(
      udpFrame({ mac: source, ip: from }, to, { sourcePort: 68, targetPort: 67, data }),
    );
    const [reply] = this.station.take().flatMap((bytes) => {
      const packet = parseIpv4(bytes, IPV4_AT);
      const datagram = packet && parseUdp(bytes, packet, true);
      const message = datagram?.targetPort === 68 ? dhcp.parseDhcp(datagram.data) : undefined;
      return message?.mac === client ? [message] : []; // A switch may tell it of others', too.
    });
    return reply && { type: reply.options.get(dhcp.OPTION_TYPE)?.[0], ip: reply.yourIp };
  }

  /** An address by all four messages; undefined: it got none. */
  lease(client = this.mac): number | undefined {
    const offer = this.say(dhcp.DISCOVER, { client });
    if (offer?.type !== dhcp.OFFER) return undefined;
    const granted = this.say(dhcp.REQUEST, { client, ip: offer.ip });
    return granted?.type === dhcp.ACKNOWLEDGE ? granted.ip : undefined;
  }
}

const nowhere = {} as Outside; // Nothing here leads outside.

function scene(isSecure: boolean, options: Partial<SwitchOptions> = {}) {
  const clock = new VirtualClock();
  const its = new Switch({ clock, random: new Random(1), stormFramesPerSec: 1e6, ...options });
  const net = new UserNetwork({
    port: its.addPort({ name: "gateway", role: "local" }),
    outside: nowhere,
    clock,
    random: new Random(2),
    ingress: () => its.ingress,
  });
  const guests = [1, 2, 3, 4].map((i) => new Guest(its, `g${i}`, { mac: mac(i), isSecure }));
  return { clock, its, net, guests: guests as [Guest, Guest, Guest, Guest] };
}

describe("a guest that asks for thousands of addresses", () => {
  test("of made-up cards gets none where its port knows its address; others do", () => {
    const { guests, its, net } = scene(true);
    const [attacker, victim] = guests;
    for (let i = 0; i < 5000; i++) {
      expect(attacker.say(dhcp.DISCOVER, { client: mac(1000 + i) })).toBeUndefined();
      expect(
        attacker.say(dhcp.DISCOVER, { client: mac(1000 + i), source: mac(1) }),
      ).toBeUndefined();
    }
    expect(attacker.port.metrics().refusedFrames).toBe(5000);
    expect(net.dhcp.metrics()).toMatchObject({ leases: 0, offers: 0, limited: 0 });
    expect(its.metrics().knownMacs).toBe(1);
    expect(victim.lease()).toBe(DEFAULT_SUBNET.firstLease);
  });

  test.each(["learning", "rules"] as const)(
    "gets the share of its port where anybody may send, and is counted; others get theirs, now and a day later (%s)",
    (kind) => {
      const { clock, guests, its, net } = scene(false);
      if (kind === "rules") its.flows().add(ruleOf("priority=0,actions=flood"));
      const [attacker, victim, second, last] = guests;
      const flood = (from: Guest, base: number): number =>
        Array.from({ length: 5000 }, (_, i) => from.lease(base + i)).filter(
          (ip) => ip !== undefined,
        ).length;
      const half = COUNT / 2;
      expect(flood(attacker, mac(10_000))).toBe(half);
      expect(net.dhcp.metrics()).toMatchObject({
        leases: half,
        limited: 5000 - half,
        exhausted: 0,
      });
      const own = victim.lease();
      expect(own).toBeDefined();
      expect(flood(second, mac(20_000))).toBe(Math.floor(half / 2));
      expect(last.lease()).toBeDefined();
      // Who has an address keeps it, and the attacker's come back when they are over.
      expect(victim.lease()).toBe(own);
      clock.advance(24 * 3600e9 + 1);
      expect(flood(attacker, mac(30_000))).toBe(half);
      expect(victim.lease()).toBeDefined();
      expect(net.dhcp.metrics().leases).toBeLessThanOrEqual(COUNT);
      expect(its.metrics().knownMacs).toBeLessThanOrEqual(2 * 1024 + 8);
    },
  );

  test("without taking them fills nothing for longer than its offers last", () => {
    const { clock, guests, net } = scene(false);
    const [attacker, victim] = guests;
    for (let i = 0; i < 5000; i++) attacker.say(dhcp.DISCOVER, { client: mac(10_000 + i) });
    expect(net.dhcp.metrics()).toMatchObject({ leases: COUNT / 2, exhausted: 0 });
    expect(victim.lease()).toBeDefined();
    clock.advance(31e9);
    expect(attacker.say(dhcp.DISCOVER, { client: mac(99_999) })?.type).toBe(dhcp.OFFER);
  });

  test("or for certain ones, or for others', takes no more, and gives back nothing of others", () => {
    const { guests, net } = scene(false);
    const [attacker, victim] = guests;
    const own = victim.lease() as number;
    let granted = 0;
    for (let ip = DEFAULT_SUBNET.firstLease; ip <= DEFAULT_SUBNET.lastLease; ip++)
      if (attacker.say(dhcp.REQUEST, { client: mac(10_000 + ip), ip })?.type === dhcp.ACKNOWLEDGE)
        granted++;
    expect(granted).toBe(Math.ceil((COUNT - 1) / 2));
    attacker.say(dhcp.RELEASE, { client: mac(2), from: own });
    attacker.say(dhcp.DECLINE, { client: mac(2), ip: own });
    expect(net.dhcp.addressOf(mac(2))).toBe(own);
    victim.say(dhcp.RELEASE, { from: own });
    expect(net.dhcp.addressOf(mac(2))).toBeUndefined();
  });
});

describe("whatever one guest sends, two others hear all of each other", () => {
  const cases: readonly (readonly [string, (i: number) => Uint8Array])[] = [
    ["frames without a whole header", (i) => new Uint8Array(i % 14)],
    ["frames longer than any card takes", () => giant()],
    ["frames of the longest kind that there may be", () => giant(9)],
    ["a storm for all", () => frameOf(mac(1), MAC_BROADCAST)],
    ["a storm for nobody", (i) => frameOf(mac(1), mac(100_000 + i))],
    ["frames of thousands of stations", (i) => frameOf(mac(100_000 + i), mac(2))],
    ["frames of those two", (i) => frameOf(mac(2 + (i % 2)), MAC_BROADCAST)],
    ["frames of groups and of nobody", (i) => frameOf(i % 2 ? MAC_BROADCAST : 0, mac(2))],
    [
      "tags that are cut",
      (i) => Uint8Array.of(...frameOf(mac(1), mac(2)).subarray(0, 12), 0x81, 0, i & 15, 1),
    ],
  ];
  function giant(shorter = 0): Uint8Array {
    const bytes = new Uint8Array(65_535 + 14 + 9 - shorter);
    bytes.set(frameOf(mac(1), mac(50)));
    return bytes;
  }

  test.each(cases)("%s", (_, make) => {
    const { clock, guests, its } = scene(true, { stormFramesPerSec: 1000 });
    const [attacker, b, c] = guests;
    const talk = (): number => {
      b.station.send(frameOf(mac(2), mac(3), 100));
      c.station.send(frameOf(mac(3), mac(2), 100));
      const heard = [b, c].map(({ station }, i) =>
        station.take().some((bytes) => bytes.length === 134 && bytes[11] === 3 - i),
      );
      return heard.filter(Boolean).length;
    };
    for (const one of guests) one.station.send(frameOf(one.mac, MAC_BROADCAST));
    let heard = 0;
    for (let i = 0; i < 3000; i++) {
      attacker.station.send(make(i));
      attacker.station.take();
      if (i % 3 === 0) heard += talk();
      clock.advance(10_000);
    }
    expect(heard).toBe(2000);
    expect(its.metrics()).toMatchObject({ loops: 0, shutPorts: [] });
    expect(its.metrics().knownMacs).toBeLessThanOrEqual(6);
    const { refusedFrames, stormFrames } = attacker.port.metrics();
    // The longest that may be are for somebody that nobody is, so they are too many at last.
    expect(refusedFrames + stormFrames).toBeGreaterThanOrEqual(1000);
  });
});
