/** A lan with several guests: UDP ports of the host lead to each of them, and IPv6 passes between them. */
import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { ARP_REPLY, ARP_REQUEST, arpFrame, gratuitousArp, parseArp } from "../../ts/net/arp.ts";
import { newFrame } from "../../ts/net/ethernet.ts";
import { ruleOf } from "../../ts/net/flow/text.ts";
import { IPV4_AT, parseIpv4 } from "../../ts/net/ipv4.ts";
import { getMac } from "../../ts/net/mac.ts";
import { Switch } from "../../ts/net/switch.ts";
import { parseUdp, udpFrame } from "../../ts/net/udp.ts";
import { NodeOutside } from "../../ts/net/user/node-outside.ts";
import { DEFAULT_SUBNET } from "../../ts/net/user/subnet.ts";
import { UserNetwork } from "../../ts/net/user/user-network.ts";
import { mac, Station } from "./fakes.ts";

/** A guest that answers ARP, and datagrams to port 7 with its number and what they said. */
function guest(its: Switch, number: number): { readonly ip: number } {
  const own = { mac: mac(number), ip: DEFAULT_SUBNET.firstLease + number };
  const port = its.addPort({ name: `g${number}`, mac: own.mac });
  const send = (bytes: Uint8Array): void => {
    queueMicrotask(() => {
      port.send({ bytes });
      port.flush();
    });
  };
  port.connect({
    receive: ({ bytes }) => {
      const arp = parseArp(bytes, 14);
      if (arp?.operation === ARP_REQUEST && arp.targetIp === own.ip)
        send(
          arpFrame(
            {
              operation: ARP_REPLY,
              senderMac: own.mac,
              senderIp: own.ip,
              targetMac: arp.senderMac,
              targetIp: arp.senderIp,
            },
            arp.senderMac,
          ),
        );
      const packet = parseIpv4(bytes, IPV4_AT);
      const asked = packet && parseUdp(bytes, packet, true);
      if (!packet || asked?.targetPort !== 7 || packet.target !== own.ip) return;
      const from = { mac: getMac(bytes, 6), ip: packet.source };
      const data = Uint8Array.of(number, ...asked.data);
      send(udpFrame(own, from, { sourcePort: 7, targetPort: asked.sourcePort, data }));
    },
    flush: () => undefined,
  });
  send(gratuitousArp(own.mac, own.ip));
  return own;
}

test.each(["learning", "rules"] as const)(
  "three guests, each behind a UDP port of the host (%s)",
  async (kind) => {
    const clock = new WallClock();
    const its = new Switch({ clock, random: new Random(1) });
    if (kind === "rules") its.flows().add(ruleOf("priority=0,actions=flood"));
    const net = new UserNetwork({
      port: its.addPort({ name: "gateway", role: "local" }),
      outside: new NodeOutside(),
      clock,
      random: new Random(2),
    });
    const guests = [1, 2, 3].map((number) => guest(its, number));
    const ports: number[] = [];
    for (const { ip } of guests) {
      const forward = {
        protocol: "udp",
        hostAddress: "127.0.0.1",
        hostPort: 0,
        guestPort: 7,
      } as const;
      ports.push((await net.forwards.add(forward, () => ip)).port);
    }
    // Two clients outside: each gets its own answers.
    for (const client of [10, 20]) {
      const socket = createSocket("udp4");
      const heard: number[][] = [];
      socket.on("message", (bytes) => void heard.push([...bytes]));
      for (let tries = 0; new Set(heard.map(([first]) => first)).size < 3; tries++) {
        if (tries > 500) throw new Error(`only ${JSON.stringify(heard)} came`);
        for (const [i, port] of ports.entries())
          socket.send(Uint8Array.of(client, i), port, "127.0.0.1");
        await clock.sleep(20e6);
      }
      for (const [number = 0, from, index = 9] of heard)
        expect([number - 1, from]).toEqual([index, client]);
      socket.close();
    }
    net.close();
  },
);

test("IPv6 neighbours find each other: to groups it is flooded, back it goes to one alone", () => {
  const clock = new WallClock();
  const its = new Switch({ clock, random: new Random(1) });
  const stations = [1, 2, 3].map((i) => new Station(its.addPort({ name: `g${i}`, mac: mac(i) })));
  const nd = (type: number, source: number, target: number): Uint8Array => {
    const bytes = newFrame({ source, target, type: 0x86dd, payloadBytes: 40 + 24 });
    bytes.set([0x60, 0, 0, 0, 0, 24, 58, 255], 14);
    bytes[54] = type;
    return bytes;
  };
  const counts = (): number[] => stations.map((station) => station.take().length);
  stations[0]?.send(nd(135, mac(1), 0x3333_ff00_0002)); // Who is fe80::2? To its solicited-node group.
  expect(counts()).toEqual([0, 1, 1]);
  stations[1]?.send(nd(136, mac(2), mac(1)));
  expect(counts()).toEqual([1, 0, 0]);
  its.flows().add(ruleOf("priority=1,icmp6,icmpv6_type=135,actions=flood"));
  its.flows().add(ruleOf("priority=1,icmp6,icmpv6_type=136,actions=output:1"));
  stations[0]?.send(nd(135, mac(1), 0x3333_ff00_0002));
  expect(counts()).toEqual([0, 1, 1]);
  stations[1]?.send(nd(136, mac(2), mac(1)));
  expect(counts()).toEqual([1, 0, 0]);
  stations[1]?.send(nd(137, mac(2), mac(1)));
  expect(counts()).toEqual([0, 0, 0]);
});
