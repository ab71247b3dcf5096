/**
 * What strangers send: random bytes, and good frames with some bits changed. Nothing throws, nothing grows without
 * bound, and an honest guest is served afterwards. Each function throws what must not be.
 */
import assert from "node:assert/strict";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import { VirtioNet } from "../../ts/device/virtio/net.ts";
import { arpFrame, parseArp } from "../../ts/net/arp.ts";
import * as dhcp from "../../ts/net/dhcp.ts";
import { encodeDnsResponse, parseDnsQuery } from "../../ts/net/dns.ts";
import { newFrame, payloadOf, TYPE_IPV4, tagged } from "../../ts/net/ethernet.ts";
import { parseEcho } from "../../ts/net/icmp.ts";
import { parseIpv4, putIpv4 } from "../../ts/net/ipv4.ts";
import { getMac, MAC_BROADCAST, macBytes } from "../../ts/net/mac.ts";
import { isSaneOffload, plainFrames } from "../../ts/net/offload.ts";
import { Switch } from "../../ts/net/switch.ts";
import { ACK, FIN, parseTcp, RST, SYN, tcpFrame } from "../../ts/net/tcp.ts";
import { parseUdp, udpFrame } from "../../ts/net/udp.ts";
import type { Outside, OutsideEvents } from "../../ts/net/user/outside.ts";
import { DEFAULT_SUBNET } from "../../ts/net/user/subnet.ts";
import { UserNetwork } from "../../ts/net/user/user-network.ts";
import { decodeVxlan } from "../../ts/net/vxlan.ts";
import { FakeDriver, FakeMemory } from "../device/fakes.ts";
import { FakePort, frameOf, mac, Station } from "./fakes.ts";

const GATEWAY_MAC = 0x5254_000a_0202;
const GUEST = { mac: mac(1), ip: DEFAULT_SUBNET.firstLease };
const GATEWAY = { mac: GATEWAY_MAC, ip: DEFAULT_SUBNET.gateway };

/** An outside where everybody answers at once, and most break off some time. */
function outside(random: Random): Outside {
  const socket = (events: OutsideEvents) => ({
    waitingBytes: 0,
    write: (data: Uint8Array) => {
      if (random.float() < 0.3) events.onData(data.slice());
    },
    end: () => events.onEnd(),
    destroy: () => events.onClose(false),
    pause: () => undefined,
    resume: () => undefined,
  });
  return {
    connect: (_, events) => {
      if (random.float() < 0.7) events.onOpen();
      else if (random.float() < 0.5) events.onClose(true);
      return socket(events);
    },
    openUdp: (onMessage) => ({
      send: (data, { ip, port }) => {
        if (random.float() < 0.5) onMessage(data.slice(), ip, port);
      },
      close: () => undefined,
    }),
    listenTcp: () => Promise.reject(new Error("no")),
    listenUdp: () => Promise.reject(new Error("no")),
    resolve: () => Promise.resolve("no-name"),
  };
}

function dhcpFrame(random: Random): Uint8Array {
  const type = random.below(10);
  const options = new Map<number, Uint8Array>([[dhcp.OPTION_TYPE, Uint8Array.of(type)]]);
  if (random.float() < 0.5)
    options.set(dhcp.OPTION_REQUESTED_IP, dhcp.word32(DEFAULT_SUBNET.network + random.below(300)));
  const source = mac(random.below(500));
  const message = { isReply: false, xid: random.u32(), flags: 0, clientIp: 0, yourIp: 0 };
  const data = dhcp.encodeDhcp({ ...message, mac: source, options });
  const ports = { sourcePort: 68, targetPort: 67, data };
  return udpFrame({ mac: source, ip: 0 }, { mac: MAC_BROADCAST, ip: 0xffff_ffff }, ports);
}

function tcpOf(random: Random): Uint8Array {
  const flags = random.pick([SYN, SYN, ACK, ACK | FIN, RST, ACK | RST, SYN | FIN, 0, 0xff]);
  const [frame] = plainFrames(
    tcpFrame(
      GUEST,
      { mac: GATEWAY_MAC, ip: random.pick([GATEWAY.ip, 0x0808_0808, 0x7f00_0001]) },
      {
        sourcePort: 1 + random.below(6),
        targetPort: 1 + random.below(3),
        seq: random.below(8) * 1000,
        ack: random.float() < 0.5 ? random.u32() : random.below(5),
        flags,
        window: random.below(65536),
        dataBytes: random.below(100),
        segmentBytes: 1460,
        mss: random.below(65536),
        scale: random.below(16),
      },
    ),
  );
  return (frame as { bytes: Uint8Array }).bytes;
}

function someFrame(random: Random): Uint8Array {
  const kind = random.below(7);
  if (kind === 0) return random.bytes(new Uint8Array(14 + random.below(200)));
  if (kind === 1) return dhcpFrame(random);
  if (kind === 2 || kind === 3) return tcpOf(random);
  if (kind === 4) {
    const data = random.bytes(new Uint8Array(random.below(60)));
    const ports = { sourcePort: 5, targetPort: random.pick([53, 67, 123, 0]), data };
    return udpFrame(
      GUEST,
      { mac: GATEWAY_MAC, ip: random.pick([GATEWAY.ip, DEFAULT_SUBNET.dns]) },
      ports,
    );
  }
  if (kind === 5) {
    const packet = { operation: random.below(4), senderMac: GUEST.mac, senderIp: random.u32() };
    return arpFrame({ ...packet, targetMac: 0, targetIp: GATEWAY.ip }, MAC_BROADCAST);
  }
  const bytes = newFrame({
    target: GATEWAY_MAC,
    source: GUEST.mac,
    type: TYPE_IPV4,
    payloadBytes: 60,
  });
  putIpv4(bytes, 14, { source: GUEST.ip, target: GATEWAY.ip, protocol: 1, payloadBytes: 40 });
  bytes[34] = 8;
  return bytes;
}

/** Some bits turned, or the end cut off, or neither. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (random.float() < 0.4) return out;
  for (let flips = random.below(4); flips > 0; flips--)
    out[random.below(out.length)] = random.below(256);
  return random.float() < 0.2 ? out.subarray(0, 14 + random.below(out.length - 13)) : out;
}

/** Each parser of a packet takes anything. */
export function fuzzFrames(seed: number, runs: number): void {
  const random = new Random(seed);
  for (let i = 0; i < runs; i++) {
    const bytes = damaged(someFrame(random), random);
    const { at } = payloadOf(bytes);
    parseArp(bytes, at);
    const packet = parseIpv4(bytes, at);
    if (packet) {
      assert(packet.end <= bytes.length);
      parseTcp(bytes, packet, random.below(2) === 0);
      parseUdp(bytes, packet, random.below(2) === 0);
      parseEcho(bytes, packet);
    }
    dhcp.parseDhcp(bytes.subarray(Math.min(42, bytes.length)));
    const query = parseDnsQuery(random.float() < 0.5 ? bytes : bytes.subarray(14));
    if (query) assert(encodeDnsResponse(query, { code: 0 }).length <= 512);
    decodeVxlan(1, bytes);
    const offload = {
      checksumStart: random.below(100),
      checksumOffset: random.below(30),
      segmentBytes: random.pick([0, 64, 1460]),
    };
    if (isSaneOffload(bytes, offload)) {
      const total = plainFrames({ bytes, offload }).reduce((sum, one) => sum + one.bytes.length, 0);
      assert(total < bytes.length * 2 + 1000);
    }
  }
}

/** The gateway of a user network: an honest guest is served after all. */
export function fuzzGateway(seed: number, runs: number): void {
  const random = new Random(seed);
  const clock = new VirtualClock();
  const port = new FakePort();
  const net = new UserNetwork({
    port,
    outside: outside(random),
    clock,
    random: random.split("net"),
  });
  for (let i = 0; i < runs; i++) {
    net.receive({ bytes: damaged(someFrame(random), random) });
    if (random.float() < 0.3) net.flush();
    if (random.float() < 0.01) clock.advance(random.below(1e9));
    for (const { bytes } of port.take()) assert(bytes.length < 66_000);
  }
  const { dhcp: leases, dns, tcp, udp } = net.metrics();
  assert(leases.leases <= 240);
  assert(tcp.connections <= 1024);
  assert(udp.flows <= 512);
  assert(dns.pending <= 64);
  const ask = { operation: 1, senderMac: mac(7), senderIp: DEFAULT_SUBNET.firstLease + 5 };
  net.receive({ bytes: arpFrame({ ...ask, targetMac: 0, targetIp: GATEWAY.ip }, MAC_BROADCAST) });
  const [answer] = port.take().map(({ bytes }) => parseArp(bytes, 14));
  assert(answer, "an honest guest is not answered");
  const { operation, senderMac, targetMac } = answer;
  assert.deepEqual([operation, senderMac, targetMac], [2, GATEWAY_MAC, mac(7)]);
  net.close();
}

/** A switch keeps stations apart, and its table bounded. */
export function fuzzSwitch(seed: number, runs: number): void {
  const random = new Random(seed);
  const clock = new VirtualClock();
  const made = new Switch({ clock, random, entriesMax: 64, portEntriesMax: 40 });
  const vlans = [
    { mode: "access", vlan: 10 },
    { mode: "access", vlan: 20 },
    { mode: "trunk", native: 1, allowed: new Set([20]) },
  ] as const;
  const stations = vlans.map((one, i) => new Station(made.addPort({ name: `p${i}`, vlans: one })));
  for (let i = 0; i < runs; i++) {
    const from = random.below(3);
    let bytes = damaged(someFrame(random), random);
    if (random.float() < 0.4) bytes = tagged({ bytes }, random.below(65536)).bytes;
    stations[from]?.send(bytes);
    if (from !== 0) assert.deepEqual(stations[0]?.take(), []);
    for (const station of stations) station.take();
    if (random.float() < 0.05) clock.advance(random.below(2e9));
  }
  assert(made.metrics().knownMacs <= 64);
}

/** Queues of a network card, with a driver that has no plan. */
export function fuzzCard(seed: number, runs: number): void {
  const random = new Random(seed);
  const memory = new FakeMemory(2 << 20);
  const port = new FakePort();
  const net = new VirtioNet({ port, mac: macBytes(mac(1)) });
  const device = new VirtioMmio({ device: net, memory, irq: () => undefined });
  const driver = new FakeDriver(device, memory, [net.features, 1]);
  let faults = 0;
  let sent = 0;
  for (let i = 0; i < runs; i++) {
    if (i % 16 === 0 || driver.needsReset) {
      faults += driver.needsReset ? 1 : 0;
      driver.start();
    }
    const queue = random.below(2);
    driver.writeDesc(queue, random.below(16), {
      gpa: 0x8010_0000 + random.below(0x10_0000) - (random.float() < 0.05 ? 0x20_0000 : 0),
      bytes: random.pick([0, 1, 11, 12, 26, 100, 1526, 4096, 70_000, 0xffff_ffff]),
      flags: random.below(random.float() < 0.9 ? 4 : 8),
      next: random.below(17),
    });
    if (random.float() < 0.7) driver.offer(queue, random.below(16));
    if (random.float() < 0.3) memory.ram[0x10_0000 + random.below(0x10_0000)] = random.below(256);
    driver.kick(queue);
    if (random.float() < 0.5)
      port.receiver?.receive({ bytes: frameOf(mac(2), mac(1), random.below(1480)) });
    for (const { bytes } of port.take()) {
      sent++;
      assert(bytes.length >= 14 && bytes.length <= 65_553);
      getMac(bytes, 0);
    }
  }
  assert(faults > 10 && sent > 10, "these drivers were too clumsy to test anything");
}
