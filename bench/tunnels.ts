/**
 * Frames between two hosts over real UDP on loopback: VXLAN inside of WireGuard, beside plain VXLAN. Both ends are in
 * one thread, so each figure is what a processor does for sending and receiving together.
 */
import { WallClock } from "../ts/base/clock.ts";
import { secretBytes } from "../ts/base/random.ts";
import type { Frame, NicPort, NicReceiver } from "../ts/machine/nic.ts";
import type { Datagrams } from "../ts/net/datagrams.ts";
import { newFrame, TYPE_IPV4 } from "../ts/net/ethernet.ts";
import { IPV4_AT, putIpv4 } from "../ts/net/ipv4.ts";
import { UdpSocket } from "../ts/net/udp-socket.ts";
import { VxlanLink } from "../ts/net/vxlan-link.ts";
import { newPrivateKey, publicKeyOf } from "../ts/net/wireguard/crypto.ts";
import { Vpn } from "../ts/net/wireguard/vpn.ts";
import { type BenchRow, inTurn } from "./harness.ts";

const FRAMES = 20_000;
/** Frames that are on their way at a time: fewer than the sockets' buffers hold. */
const WINDOW = 64;
const PACKET_BYTES = 1370;
const LOOPBACK = "127.0.0.1";
const VXLAN_PORT = 4789;

interface End {
  readonly datagrams: Datagrams;
  readonly peer: { readonly address: string; readonly port: number };
  close(): void;
}

class Port implements NicPort {
  receiver: NicReceiver | undefined;
  onFrame: () => void = () => undefined;
  connect(receiver: NicReceiver): void {
    this.receiver = receiver;
  }
  send(_frame: Frame): void {
    this.onFrame();
  }
  flush(): void {}
}

async function plainEnds(): Promise<[End, End]> {
  const sockets = [
    await UdpSocket.open({ address: LOOPBACK, port: 0 }),
    await UdpSocket.open({ address: LOOPBACK, port: 0 }),
  ] as const;
  const end = (i: 0 | 1): End => ({
    datagrams: sockets[i],
    peer: { address: LOOPBACK, port: sockets[i === 0 ? 1 : 0].localPort },
    close: () => sockets[i].close(),
  });
  return [end(0), end(1)];
}

async function sealedEnds(clock: WallClock): Promise<[End, End]> {
  const keys = [newPrivateKey(secretBytes), newPrivateKey(secretBytes)] as const;
  const ips = [0x0a09_0001, 0x0a09_0002] as const;
  const of = (i: 0 | 1) => ({
    listen: { address: LOOPBACK, port: 0 },
    privateKey: keys[i],
    ip: ips[i],
  });
  const knows = (i: 0 | 1, port?: number) => ({
    publicKey: publicKeyOf(keys[i]),
    allowedIps: [{ network: ips[i], bits: 32 }],
    endpoint: port === undefined ? undefined : { address: LOOPBACK, port },
  });
  const b = await Vpn.open({ ...of(1), peers: [knows(0)] }, clock);
  const a = await Vpn.open({ ...of(0), peers: [knows(1, b.localPort)] }, clock);
  const end = (vpn: Vpn, address: string): End => ({
    datagrams: vpn.datagrams(VXLAN_PORT),
    peer: { address, port: VXLAN_PORT },
    close: () => vpn.close(),
  });
  return [end(a, "10.9.0.2"), end(b, "10.9.0.1")];
}

/** Megabytes of packets a second. */
async function rateOf(ends: [End, End], clock: WallClock): Promise<number> {
  const ports = [new Port(), new Port()] as const;
  for (const [i, { datagrams, peer }] of ends.entries())
    new VxlanLink({ peers: [peer] }, { port: ports[i] as Port, clock, datagrams });
  const bytes = newFrame({
    target: 0x5254_0000_0002,
    source: 0x5254_0000_0001,
    type: TYPE_IPV4,
    payloadBytes: PACKET_BYTES,
  });
  putIpv4(bytes, IPV4_AT, { source: 1, target: 2, protocol: 17, payloadBytes: PACKET_BYTES - 20 });
  const fromNs = clock.nowNs();
  let [sent, came] = [0, 0];
  await new Promise<void>((resolve) => {
    const more = (): void => {
      while (sent < FRAMES && sent - came < WINDOW) {
        sent++;
        ports[0].receiver?.receive({ bytes });
      }
    };
    ports[1].onFrame = () => {
      came++;
      if (came === FRAMES) resolve();
      else if (sent - came < WINDOW / 2) more();
    };
    more();
  });
  const seconds = (clock.nowNs() - fromNs) / 1e9;
  for (const end of ends) end.close();
  return (FRAMES * PACKET_BYTES) / seconds / 1e6;
}

export async function benchTunnels(runs: number): Promise<BenchRow[]> {
  const clock = new WallClock();
  return [
    await inTurn({
      bench: "tunnels/VXLAN inside of WireGuard",
      unit: "MB/s",
      better: "higher",
      runs,
      ours: async () => rateOf(await sealedEnds(clock), clock),
      peer: { name: "plain VXLAN", run: async () => rateOf(await plainEnds(), clock) },
    }),
  ];
}
