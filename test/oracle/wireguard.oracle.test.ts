/**
 * Our WireGuard and `wireguard-go`, which is Debian's: each begins, each answers pings, keys are renewed, and strangers
 * and old messages get nothing. Then the kernel's VXLAN inside of it, and what tshark sees with our keys.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Clock, realTimeNs, WallClock } from "../../ts/base/clock.ts";
import { Random, secretBytes } from "../../ts/base/random.ts";
import { put16 } from "../../ts/net/bytes.ts";
import { checksum } from "../../ts/net/checksum.ts";
import type { DatagramEnd } from "../../ts/net/datagrams.ts";
import { parseIp, putIpv4 } from "../../ts/net/ipv4.ts";
import { pcapHeader, pcapRecords } from "../../ts/net/pcap.ts";
import { Switch } from "../../ts/net/switch.ts";
import { udpFrame } from "../../ts/net/udp.ts";
import { UdpSocket } from "../../ts/net/udp-socket.ts";
import { NodeOutside } from "../../ts/net/user/node-outside.ts";
import { UserNetwork } from "../../ts/net/user/user-network.ts";
import { VxlanLink } from "../../ts/net/vxlan-link.ts";
import { parsePrefix } from "../../ts/net/wireguard/allowed-ips.ts";
import { newPrivateKey, publicKeyOf } from "../../ts/net/wireguard/crypto.ts";
import { InnerStation } from "../../ts/net/wireguard/inner-station.ts";
import { formatKey, parseKey } from "../../ts/net/wireguard/keys.ts";
import { Vpn } from "../../ts/net/wireguard/vpn.ts";
import { Wireguard } from "../../ts/net/wireguard/wireguard.ts";
import { mac } from "../net/fakes.ts";
import { A_IP, B_IP, Line, packetOf } from "../net/wireguard/pair.ts";
import {
  eventually,
  fastClock,
  hasWireguardGo,
  ITS_IP,
  OUR_IP,
  running,
  tool,
  WireguardGo,
} from "./wireguard-fixture.ts";

const hasTshark = spawnSync("tshark", ["--version"]).status === 0;
const wall = new WallClock();
const ECHO_REQUEST = 8;

function echoRequest(seq: number, bytes: number): Uint8Array {
  const packet = new Uint8Array(28 + bytes).fill(0x61, 28);
  const ends = { source: parseIp(OUR_IP), target: parseIp(ITS_IP) };
  putIpv4(packet, 0, { ...ends, protocol: 1, payloadBytes: 8 + bytes });
  packet[20] = ECHO_REQUEST;
  packet[21] = 0;
  put16(packet, 22, 0);
  put16(packet, 24, 77);
  put16(packet, 26, seq);
  put16(packet, 22, checksum(packet, 20, packet.length));
  return packet;
}

/** Our side, with what passed. */
class Ours {
  readonly packets: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  readonly came: { readonly bytes: Uint8Array; readonly from: DatagramEnd }[] = [];
  readonly #closed = new AbortController();
  readonly wireguard: Wireguard;
  readonly socket: UdpSocket;

  private constructor(wireguard: Wireguard, socket: UdpSocket) {
    this.wireguard = wireguard;
    this.socket = socket;
  }

  static async open(clock: Clock = wall, privateKey = newPrivateKey(secretBytes)): Promise<Ours> {
    const socket = await UdpSocket.open({ address: "127.0.0.1", port: 0 });
    const wireguard: Wireguard = new Wireguard({
      privateKey,
      random: secretBytes,
      nowNs: () => clock.nowNs(),
      realNs: realTimeNs,
      transmit: (message, to) => {
        ours.sent.push(message.slice());
        socket.send(message, to);
      },
      deliver: (packet) => {
        ours.packets.push(Uint8Array.from(packet));
        station.receive(packet);
      },
    });
    const ours = new Ours(wireguard, socket);
    const station = new InnerStation({
      ip: parseIp(OUR_IP),
      mtu: wireguard.mtu,
      send: (packet) => wireguard.send(packet),
      isFull: () => false,
    });
    socket.connect((bytes, from) => {
      ours.came.push({ bytes: Uint8Array.from(bytes), from });
      wireguard.receive(bytes, from);
    });
    void ours.#tick(clock);
    return ours;
  }

  async #tick(clock: Clock): Promise<void> {
    while (!this.#closed.signal.aborted) {
      this.wireguard.tick();
      await clock.sleep(100e6);
    }
  }

  knows(its: WireguardGo, presharedKey?: Uint8Array): void {
    this.wireguard.addPeer({
      publicKey: parseKey(its.publicKey, "wg"),
      presharedKey,
      endpoint: { address: "127.0.0.1", port: its.port },
      allowedIps: [parsePrefix(ITS_IP)],
    });
  }

  /** True: the kernel behind wireguard-go has answered. */
  async pings(seq: number, bytes = 56): Promise<boolean> {
    const from = this.packets.length;
    this.wireguard.send(echoRequest(seq, bytes));
    try {
      await eventually(
        () => this.packets.slice(from).some((packet) => packet[20] === 0 && packet[27] === seq),
        "reply",
        12,
      );
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#closed.abort();
    this.wireguard.close();
    this.socket.close();
  }
}

describe.skipIf(!hasWireguardGo)(
  "wireguard-go (skipped without it, wg, ip and ping, root and /dev/net/tun)",
  () => {
    let its: WireguardGo;
    let ours: Ours;
    beforeAll(async () => {
      its = await WireguardGo.start("wvtest0");
    });
    afterEach(() => {
      its.forgets(ours.wireguard.publicKey);
      ours.close();
    });
    afterAll(async () => its?.stop());

    test("is reached by us, with packets of all lengths that fit", async () => {
      ours = await Ours.open();
      ours.knows(its);
      its.knows(ours.wireguard.publicKey);
      for (const [seq, bytes] of [0, 1, 3, 4, 56, 1000, 1391, 1392].entries())
        expect(await ours.pings(seq, bytes)).toBe(true);
      expect(its.show(ours.wireguard.publicKey).handshake).toBeGreaterThan(0);
    });

    test("reaches us, which knew its key alone", async () => {
      ours = await Ours.open();
      ours.knows(its);
      its.knows(ours.wireguard.publicKey, { port: ours.socket.localPort });
      const { text } = await running(
        "ping",
        "-c",
        "5",
        "-i",
        "0.2",
        "-s",
        "1392",
        "-M",
        "do",
        OUR_IP,
      );
      expect(text).toContain("5 received");
      expect(ours.sent[0]?.[0]).toBe(2); // It asked, we answered.
    });

    test("shares a key with us beside, or does not", async () => {
      ours = await Ours.open();
      const psk = secretBytes(new Uint8Array(32));
      ours.knows(its, psk);
      its.knows(ours.wireguard.publicKey, { psk });
      expect(await ours.pings(1)).toBe(true);
      its.forgets(ours.wireguard.publicKey);
      ours.close();
      ours = await Ours.open();
      ours.knows(its, psk);
      its.knows(ours.wireguard.publicKey);
      expect(await ours.pings(1)).toBe(false);
      expect(ours.wireguard.metrics().peers[0]?.forgedMessages).toBeGreaterThan(0);
    });

    test("renews keys when we ask: no ping is lost", async () => {
      ours = await Ours.open(fastClock(60));
      ours.knows(its);
      its.knows(ours.wireguard.publicKey);
      for (let seq = 0; seq < 30; seq++) {
        expect(await ours.pings(seq)).toBe(true);
        await wall.sleep(200e6); // 12 s of our time.
      }
      const { handshakes } = ours.wireguard.metrics().peers[0] ?? { handshakes: 0 };
      expect(handshakes).toBeGreaterThanOrEqual(3);
      expect(ours.sent.filter(([type]) => type === 1).length).toBeGreaterThanOrEqual(3);
    });

    test("asks for new keys itself after 120 s", { timeout: 400_000 }, async () => {
      ours = await Ours.open();
      ours.knows(its);
      its.knows(ours.wireguard.publicKey, { port: ours.socket.localPort });
      const { text } = await running("ping", "-c", "65", "-i", "2", "-W", "2", OUR_IP);
      expect(text).toContain("65 received");
      expect(ours.came.filter(({ bytes }) => bytes[0] === 1).length).toBe(2);
    });

    test("does not talk to a stranger, nor do we", async () => {
      ours = await Ours.open();
      ours.knows(its);
      const before = its.show(ours.wireguard.publicKey);
      expect(await ours.pings(1)).toBe(false);
      expect(before.handshake).toBe(0);
      expect(ours.came).toEqual([]);
      ours.close();
      ours = await Ours.open(); // Knows nobody, but is known.
      its.knows(ours.wireguard.publicKey, { port: ours.socket.localPort });
      const { text } = await running("ping", "-c", "2", "-W", "1", OUR_IP);
      expect(text).toContain(" 0 received");
      expect(ours.sent).toEqual([]);
      expect(ours.wireguard.metrics().refusedMessages).toBeGreaterThan(0);
    });

    test("takes no message of ours twice, and we none of its", async () => {
      ours = await Ours.open();
      ours.knows(its);
      its.knows(ours.wireguard.publicKey);
      for (let seq = 0; seq < 5; seq++) expect(await ours.pings(seq)).toBe(true);
      const [packets, sent, came] = [ours.packets.length, [...ours.sent], [...ours.came]];
      const before = its.show(ours.wireguard.publicKey).received;
      for (const bytes of sent) ours.socket.send(bytes, { address: "127.0.0.1", port: its.port });
      for (const { bytes, from } of came) ours.wireguard.receive(bytes, from);
      await wall.sleep(500e6);
      expect(ours.packets.length).toBe(packets);
      expect(ours.wireguard.metrics().peers[0]?.replayedMessages).toBeGreaterThanOrEqual(5);
      expect(its.show(ours.wireguard.publicKey).received - before).toBeLessThan(200); // No ping; handshakes are counted.
      expect(await ours.pings(9)).toBe(true);
    });

    test("gets a cookie when we are busy, and comes back with it", async () => {
      ours = await Ours.open();
      ours.knows(its);
      const stranger = new Line().end(9);
      const messages: Uint8Array[] = [];
      const flooder = new Wireguard({
        privateKey: stranger.privateKey,
        random: secretBytes,
        nowNs: () => messages.length * 6e9,
        realNs: realTimeNs,
        transmit: (message) => messages.push(message.slice()),
        deliver: () => undefined,
      });
      const endpoint = { address: "127.0.0.1", port: 1 };
      flooder.addPeer({
        publicKey: ours.wireguard.publicKey,
        endpoint,
        allowedIps: [parsePrefix("0.0.0.0/0")],
      });
      flooder.send(echoRequest(1, 1));
      const initiation = messages[0];
      if (!initiation) throw new Error("no initiation");
      const flood = (): void => {
        for (let i = 0; i < 40; i++)
          ours.wireguard.receive(initiation, { address: "127.0.0.9", port: i + 1 });
      };
      flood();
      its.knows(ours.wireguard.publicKey, { port: ours.socket.localPort });
      const pinging = running("ping", "-c", "12", "-i", "1", "-W", "1", OUR_IP);
      for (let i = 0; i < 55; i++) {
        await wall.sleep(200e6);
        flood();
      }
      expect((await pinging).text).not.toContain(" 0 received");
      expect(ours.came.filter(({ bytes }) => bytes[0] === 1).length).toBeGreaterThanOrEqual(2);
      expect(ours.sent.some((bytes) => bytes[0] === 3 && bytes.length === 64)).toBe(true);
    });

    test("carries the kernel's VXLAN to our switch: its pings and its TCP", async () => {
      ours = await Ours.open();
      const privateKey = newPrivateKey(secretBytes);
      its.knows(publicKeyOf(privateKey));
      const peer = { publicKey: parseKey(its.publicKey, "wg"), allowedIps: [parsePrefix(ITS_IP)] };
      const endpoint = { address: "127.0.0.1", port: its.port };
      const listen = { address: "127.0.0.1", port: 0 };
      const vpn = await Vpn.open(
        {
          listen,
          privateKey,
          ip: parseIp(OUR_IP),
          peers: [{ ...peer, endpoint, keepaliveNs: 5e9 }],
        },
        wall,
      );
      const made = new Switch({ clock: wall, random: new Random(1) });
      const network = parseIp("10.78.9.0");
      const subnet = {
        ...{ network, mask: parseIp("255.255.255.0"), gateway: network + 2, dns: network + 3 },
        ...{ firstLease: network + 15, lastLease: network + 200 },
      };
      const user = new UserNetwork({
        ...{ port: made.addPort({ name: "gateway" }), outside: new NodeOutside(), clock: wall },
        ...{ random: new Random(2), subnet },
      });
      const link = new VxlanLink(
        { peers: [{ address: ITS_IP }], vni: 7 },
        { port: made.addPort({ name: "vxlan" }), clock: wall, datagrams: vpn.datagrams(4789) },
      );
      const body = Buffer.alloc(3 << 20, "wireguard");
      const server = createServer((_, response) => response.end(body)).listen(0, "127.0.0.1");
      try {
        await eventually(() => vpn.metrics().peers[0]?.handshakes === 1, "a handshake");
        const ports = ["srcport", "4789", "4790", "dstport", "4789"];
        tool(
          "ip",
          "link",
          "add",
          "wvvx0",
          "type",
          "vxlan",
          "id",
          "7",
          "remote",
          OUR_IP,
          "local",
          ITS_IP,
          ...ports,
          "dev",
          its.name,
        );
        tool("ip", "link", "set", "wvvx0", "mtu", String(link.mtu));
        tool("ip", "addr", "add", "10.78.9.77/24", "dev", "wvvx0");
        tool("ip", "link", "set", "wvvx0", "up");
        const pinged = await running(
          "ping",
          "-c",
          "3",
          "-i",
          "0.2",
          "-M",
          "do",
          "-s",
          String(link.mtu - 28),
          "10.78.9.2",
        );
        expect(pinged.text).toContain("3 received");
        const { port } = server.address() as AddressInfo;
        const fetched = await running(
          "curl",
          "-s",
          "-m",
          "60",
          "-o",
          "/dev/null",
          "-w",
          "%{size_download}",
          `http://10.78.9.2:${port}/`,
        );
        expect(fetched.text).toBe(String(body.length));
        expect(link.metrics().receivedFrames).toBeGreaterThan(100);
      } finally {
        spawnSync("ip", ["link", "del", "wvvx0"]);
        server.close();
        user.close();
        link.close();
        vpn.close();
        its.forgets(publicKeyOf(privateKey));
      }
    });
  },
);

test.skipIf(!hasTshark)(
  "tshark reads what passes, with our keys and without (skipped unless it is installed)",
  () => {
    const ephemerals: string[] = [];
    const random = new Random(3);
    const line = new Line();
    const logged = (into: Uint8Array): Uint8Array => {
      random.bytes(into);
      if (into.length === 32) ephemerals.push(formatKey(into));
      return into;
    };
    const [a, b] = [line.end(51820, { random: logged }), line.end(51821)];
    a.knows(b, B_IP);
    b.knows(a, A_IP);
    a.wireguard.send(packetOf(A_IP, B_IP, 100));
    b.wireguard.send(packetOf(B_IP, A_IP, 200));
    const folder = mkdtempSync(join(tmpdir(), "wasmvisor-wg-"));
    try {
      const [file, keys] = [join(folder, "x.pcap"), join(folder, "keys")];
      const records = line.log.map(({ bytes, from, to }) => {
        const station = (port: number) => ({
          mac: mac(port % 200),
          ip: 0xc000_0200 + (port % 200),
        });
        const frame = udpFrame(station(from.port), station(to.port), {
          sourcePort: from.port,
          targetPort: to.port,
          data: bytes,
        });
        return pcapRecords({ bytes: frame }, 1_700_000_000e9);
      });
      writeFileSync(file, Buffer.concat([pcapHeader(), ...records]));
      const log = [
        ["LOCAL_STATIC_PRIVATE_KEY", formatKey(a.privateKey)],
        ["REMOTE_STATIC_PUBLIC_KEY", formatKey(b.publicKey)],
        ...ephemerals.map((key) => ["LOCAL_EPHEMERAL_PRIVATE_KEY", key]),
      ];
      writeFileSync(keys, log.map((pair) => `${pair.join(" = ")}\n`).join(""), { mode: 0o600 });
      const fields = [
        "wg.type",
        "wg.receiver_pubkey.known_privkey",
        "wg.timestamp.nanoseconds",
        "wg.handshake_ok",
        "frame.protocols",
        "ip.len",
      ];
      const read = (...options: string[]): string[] =>
        tool(
          "tshark",
          "-r",
          file,
          ...options,
          "-T",
          "fields",
          ...fields.flatMap((field) => ["-e", field]),
          "-E",
          "separator=|",
        )
          .trimEnd()
          .split("\n");
      const blind = read();
      expect(blind.map((row) => row.split("|")[0])).toEqual(["1", "2", "4", "4"]);
      const seeing = read("-o", `wg.keylog_file:${keys}`);
      expect(seeing[2]).toContain("wg:ip");
      expect(seeing[2]?.endsWith(",120")).toBe(true);
      expect(seeing[3]?.endsWith(",220")).toBe(true);
      expect(blind[2]).not.toContain("wg:ip");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
