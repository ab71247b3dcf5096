/** Packets that are wrong in every way, from a tunnel, from a guest, and from its network: nothing grows, all else works. */
import assert from "node:assert/strict";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { putIpv4 } from "../../ts/net/ipv4.ts";
import { Switch } from "../../ts/net/switch.ts";
import { IpipTunnel } from "../../ts/net/tether/ipip-tunnel.ts";
import { Tether } from "../../ts/net/tether/tether.ts";
import { FakeNet } from "./datagrams.ts";
import { frameOf, mac, Station, segmentOf } from "./fakes.ts";

const GUEST_IP = 0x0a00_020f;

function someFrame(random: Random): Uint8Array {
  const made =
    random.below(3) === 0
      ? frameOf(mac(1 + random.below(3)), mac(1 + random.below(3)), random.below(1490))
      : segmentOf(new Uint8Array(random.below(1500)), {
          flags: random.below(64),
          sourcePort: random.below(65536),
          targetPort: random.below(65536),
          mss: random.below(65536),
        }).bytes.slice();
  const ips = {
    source: random.pick([GUEST_IP, 0x0a00_0202, random.u32()]),
    target: random.pick([GUEST_IP, 0x0a00_0202, random.u32()]),
  };
  if (random.below(4) > 0)
    putIpv4(made, 14, {
      ...ips,
      protocol: random.pick([1, 6, 17, 99]),
      payloadBytes: made.length - 34,
    });
  for (let flips = random.below(3) === 0 ? 1 + random.below(4) : 0; flips > 0; flips--)
    made[random.below(made.length)] = random.below(256);
  return random.below(8) === 0 ? made.subarray(0, 14 + random.below(made.length - 13)) : made;
}

export async function fuzzTether(seed: number, inputs: number): Promise<void> {
  const random = new Random(seed).split("tether");
  const clock = new VirtualClock();
  const net = new FakeNet();
  const made = new Switch({ clock, random: random.split("switch"), entriesMax: 64 });
  const outside = new Station(made.addPort({ name: "gateway" }));
  const peer = net.end("192.0.2.2", 5555);
  const back: Uint8Array[] = [];
  peer.connect((message) => void back.push(message));
  const tunnel = new IpipTunnel(
    net.end("192.0.2.1", 5555),
    [{ address: "192.0.2.2", port: 5555 }],
    (...packet) => tether.takeTunneled(...packet),
  );
  const port = made.addPort({ name: "guest", mac: mac(1) });
  const tether = new Tether({
    mac: mac(1),
    tunnel,
    nowNs: () => clock.nowNs(),
    port,
    gateway: 0x0a00_0202,
  });
  let came = 0;
  const receiver = { receive: () => void came++, flush: () => undefined };
  for (let i = 0; i < inputs; i++) {
    if (i % 1000 === 0) {
      if (tether.isHere) tether.leave();
      else {
        tether.connect(receiver);
        tether.arrive([GUEST_IP], i === 0);
      }
    }
    if (random.below(50) === 0) clock.advance(random.below(20e9));
    const bytes = someFrame(random);
    const way = random.below(3);
    if (way === 0) outside.send(bytes);
    else if (way === 1 && tether.isHere) tether.send({ bytes });
    else peer.send(bytes.subarray(14), { address: "192.0.2.1", port: 5555 });
    for (const message of back.splice(0))
      assert(message.length >= 20 && message.length <= 1472, "it does not fit the path");
    for (const frame of outside.take()) assert(frame.length >= 14);
    net.log.splice(0);
    if (i % 100 === 0) assert(tether.connections <= 4096, "connections are left over");
  }
  assert(
    inputs < 1000 || (came > 0 && tunnel.metrics().receivedPackets > 0),
    "nothing came through",
  );
}
