/**
 * Debian's connections while it moves between hosts whose networks have nothing to do with each other (IP in IP keeps
 * them), and between hosts whose lans are one inside of WireGuard; and what is captured of them, read by tshark.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNewKey } from "../../ts/host/networks/vpn-config.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { WAIT_MS } from "./debian-guest.ts";
import { forwardOf, told, twoHosts } from "./moving-fixture.ts";
import { connected, echoOf, noise } from "./network-fixture.ts";
import { eventually } from "./wireguard-fixture.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasApt = runs("apt-get", "--version");
const hasTshark = runs("tshark", "--version");
const LOOPBACK = "127.0.0.1";

describe.skipIf(!hasApt)("Debian moves far (skipped unless apt is installed)", () => {
  let folder = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "wasmvisor-far-"));
    await pullDebian();
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("to another network and back, and its connections go on through the tunnel until they end", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    await using hosts = await twoHosts();
    const { away, home } = hosts;
    const listen = { address: LOOPBACK, port: 0 };
    const port = await away.openTunnel({ listen, peers: [] });
    const back = await home.openTunnel({ listen, peers: [{ address: LOOPBACK, port }] });
    away.networks.addTunnelPeer({ address: LOOPBACK, port: back });
    const mover = await hosts.mover();
    await mover.move(5);
    expect(home.networks.tunnelInfo()).toMatchObject({ away: 1, connections: 1 });
    const { tunnel } = away.networks.tunnelInfo() ?? {};
    expect(tunnel?.sentPackets).toBeGreaterThan(100);
    told(`tether, ${tunnel?.sentPackets} packets through the tunnel`, mover, 5);
    mover.socket.destroy();
    await eventually(() => home.networks.tunnelInfo()?.away === 0, "the end of the tunnel", 30);
    // What begins now is of the host where the guest is.
    const again = await connected(forwardOf(away.vm("mover")));
    const fresh = echoOf(again, noise(4096, 2));
    await fresh.rounds(5);
    again.destroy();
    expect(away.networks.tunnelInfo()?.tunnel.sentPackets).toBeLessThan(
      (tunnel?.sentPackets ?? 0) + 40,
    );
  });

  test("to another host of one lan inside of WireGuard and back, and its connections go on", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    await using hosts = await twoHosts();
    const { away, home } = hosts;
    const [a, b] = ["a", "b"].map((name) => join(folder, name)) as [string, string];
    const keys = { a: writeNewKey(a), b: writeNewKey(b) };
    const listen = { address: LOOPBACK, port: 0 };
    const port = await home.joinNetwork({
      peers: [],
      vpn: {
        listen,
        keyFile: a,
        address: "10.9.0.1",
        peers: [{ publicKey: keys.b, addresses: ["10.9.0.2"] }],
      },
    });
    await away.joinNetwork({
      ...{ peers: [], gateway: "peer" },
      vpn: {
        ...{ listen, keyFile: b, address: "10.9.0.2" },
        peers: [
          {
            publicKey: keys.a,
            addresses: ["10.9.0.1"],
            endpoint: { address: LOOPBACK, port },
            keepaliveNs: 5e9,
          },
        ],
      },
    });
    const mover = await hosts.mover();
    const { vm } = mover;
    const pieces: Uint8Array[] = [];
    const captured = vm.capture({ maxSize: "2MiB", onBytes: (bytes) => void pieces.push(bytes) });
    await mover.move(3);
    told("vpn", mover, 3);
    mover.socket.destroy();
    const { bytes, frames } = await captured; // The card went with the guest, or the file was full.
    expect(Buffer.concat(pieces).length).toBe(bytes);
    expect(bytes).toBeLessThanOrEqual(2 << 20);
    if (hasTshark) {
      const file = join(folder, "x.pcap");
      writeFileSync(file, Buffer.concat(pieces));
      const read = spawnSync(
        "tshark",
        ["-r", file, "-Y", "tcp.port == 7", "-T", "fields", "-e", "ip.addr"],
        { encoding: "utf8" },
      );
      expect(read.status).toBe(0);
      expect(read.stdout.trim().split("\n").length).toBeGreaterThan(10);
      expect(read.stdout).toContain("10.0.2.15");
      expect(frames).toBeGreaterThan(10);
    }
  });
});
