/**
 * Messages that are wrong in every way, to an interface with a lan behind it: from strangers, from anywhere, and from a
 * peer whose keys are good and whose packets are not. Another peer talks on.
 */
import assert from "node:assert/strict";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { putIpv4 } from "../../ts/net/ipv4.ts";
import { Switch } from "../../ts/net/switch.ts";
import { udpFrame } from "../../ts/net/udp.ts";
import { encodeVxlan } from "../../ts/net/vxlan.ts";
import { VxlanLink } from "../../ts/net/vxlan-link.ts";
import { hash, mac } from "../../ts/net/wireguard/crypto.ts";
import { InnerStation } from "../../ts/net/wireguard/inner-station.ts";
import { frameOf, mac as macOf, Station, segmentOf } from "./fakes.ts";
import { A_IP, B_IP, type Datagram, type End, Line, packetOf } from "./wireguard/pair.ts";

const EVIL_IP = 0x0a09_0003;
const KEPT = 64;

/** Makes mac1 fit again, so that what stands behind it is reached. */
function mend(bytes: Uint8Array, key: Uint8Array): void {
  if (bytes.length < 64) return;
  const at = bytes.length - 32;
  bytes.set(mac(key, bytes.subarray(0, at)), at);
}

function changed(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes.slice();
  const kind = random.below(6);
  if (kind === 0) out = out.subarray(0, random.below(out.length + 1));
  if (kind === 1)
    out = Uint8Array.from([...out, ...random.bytes(new Uint8Array(random.below(40)))]);
  for (let flips = kind < 2 ? 0 : 1 + random.below(3); flips > 0 && out.length > 0; flips--)
    out[random.below(out.length)] = random.below(256);
  if (random.below(4) === 0 && out.length > 4) out.set([1 + random.below(5), 0, 0, 0]);
  return out;
}

/** What a peer may say that is none of an honest one's. */
function evilPacket(random: Random): Uint8Array {
  const source = random.below(4) === 0 ? random.u32() : EVIL_IP;
  const frame = random.pick([
    frameOf(macOf(3), macOf(4), random.below(1400)),
    segmentOf(new Uint8Array(random.below(900)), {
      flags: random.below(64),
      mss: random.below(65536),
    }).bytes,
  ]);
  const inner = encodeVxlan(1, changed(frame, random));
  const station = { mac: 0, ip: source };
  const ports = { sourcePort: random.pick([4789, 1]), targetPort: random.pick([4789, 9]) };
  const whole = udpFrame(station, { mac: 0, ip: A_IP }, { ...ports, data: inner }).slice(14);
  if (random.below(3) > 0) return whole;
  const out = changed(whole, random);
  if (out.length >= 20 && random.below(2) === 0)
    putIpv4(out, 0, {
      source,
      target: A_IP,
      protocol: random.pick([1, 4, 17]),
      payloadBytes: out.length - 20,
    });
  return out;
}

export async function fuzzWireguard(seed: number, inputs: number): Promise<void> {
  const random = new Random(seed).split("wireguard");
  const line = new Line();
  const made = new Switch({
    clock: new VirtualClock(),
    random: random.split("switch"),
    entriesMax: 64,
  });
  const guest = new Station(made.addPort({ name: "guest" }));
  const seen: Datagram[] = [];
  let delivered = 0;
  const station = new InnerStation({
    ip: A_IP,
    mtu: 1420,
    isFull: () => false,
    send: (packet) => a.wireguard.send(packet),
  });
  const a: End = line.end(1, {
    deliver: (packet) => {
      const source = new DataView(packet.buffer, packet.byteOffset).getUint32(12);
      assert(source === B_IP || source === EVIL_IP, "a packet of somebody else came in");
      delivered++;
      station.receive(packet);
    },
  });
  const link = new VxlanLink(
    { peers: [{ address: "10.9.0.2" }, { address: "10.9.0.3" }] },
    {
      port: made.addPort({ name: "vxlan" }),
      clock: line.clock,
      datagrams: station.datagrams(4789),
    },
  );
  const [b, evil] = [line.end(2), line.end(3)];
  a.knows(b, B_IP);
  a.knows(evil, EVIL_IP);
  for (const end of [b, evil]) end.knows(a, A_IP);
  const mac1Key = hash(Buffer.from("mac1----"), a.publicKey);
  for (let i = 0; i < inputs; i++) {
    if (i % 997 === 0) line.pass(random.below(3) === 0 ? random.below(200) : 0.1);
    if (i % 31 === 0) b.wireguard.send(packetOf(B_IP, A_IP, random.below(1300)));
    if (i % 5 === 0) evil.wireguard.send(evilPacket(random));
    seen.push(...line.log.splice(0).filter(({ to }) => to.port === 1));
    seen.splice(0, Math.max(0, seen.length - KEPT));
    const old =
      seen.length > 0 && random.below(16) > 0
        ? random.pick(seen).bytes
        : random.bytes(new Uint8Array(random.below(200)));
    const bytes = random.below(8) === 0 ? old : changed(old, random);
    if (random.below(2) === 0 && bytes !== old) mend(bytes, mac1Key);
    a.wireguard.receive(bytes, {
      address: `203.0.113.${random.below(250)}`,
      port: 1 + random.below(65535),
    });
    for (const frame of guest.take()) assert(frame.length >= 14 && frame.length < 3000);
    assert(a.wireguard.metrics().usedIndexes <= 8, "indexes are left over");
  }
  line.log.splice(0);
  line.pass(30);
  a.wireguard.send(packetOf(A_IP, B_IP));
  b.wireguard.send(packetOf(B_IP, A_IP));
  line.pass(30);
  const before = delivered;
  b.wireguard.send(packetOf(B_IP, A_IP));
  b.take();
  a.wireguard.send(packetOf(A_IP, B_IP, 77));
  assert.deepEqual(
    [delivered - before, b.take().length],
    [1, 1],
    "the honest peer is not heard any more",
  );
  assert(inputs < 1000 || link.metrics().receivedFrames > 0, "nothing came through");
}
