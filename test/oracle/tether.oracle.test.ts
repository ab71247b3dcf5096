/**
 * Debian's connections while it moves between hosts whose networks have nothing to do with each other (IP in IP keeps
 * them), and between hosts whose lans are one inside of WireGuard; and what is captured of them, read by tshark.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import { writeNewKey } from "../../ts/host/networks/vpn-config.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { say, WAIT_MS } from "./debian-guest.ts";
import { connected, echoOf, guestAt, noise } from "./network-fixture.ts";
import { eventually } from "./wireguard-fixture.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasApt = runs("apt-get", "--version");
const hasTshark = runs("tshark", "--version");
const wall = new WallClock();
const LOOPBACK = "127.0.0.1";

/** Two hosts, and a daemon of each. */
async function twoHosts() {
  const home = await Host.create({ memory: "384MiB" });
  const away = await Host.create({ memory: "384MiB", seed: 2 });
  const there = await Daemon.listen(away, { listen: "tcp://127.0.0.1:0" });
  const here = await Daemon.listen(home, { listen: "tcp://127.0.0.1:0" });
  return {
    ...{ home, away, here, there },
    close: async (): Promise<void> => {
      await there.close();
      await here.close();
    },
  };
}

const portOf = (vm: VirtualMachine): number =>
  Number(/:(\d+) ->/.exec(vm.info().networks[0]?.forwards[0] ?? "")?.[1]);

const ECHO = "(while true; do nc -l -p 7 -e cat; done) & sleep 1";
const NETWORKS = [{ kind: "lan", forwards: [{ hostPort: 0, guestPort: 7 }] }] as const;

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
    const { away, close, here, home, there } = await twoHosts();
    const listen = { address: LOOPBACK, port: 0 };
    const port = await away.openTunnel({ listen, peers: [] });
    const back = await home.openTunnel({ listen, peers: [{ address: LOOPBACK, port }] });
    away.networks.addTunnelPeer({ address: LOOPBACK, port: back });
    const vm = await guestAt(home, "mover", { ip: "10.0.2.15", networks: NETWORKS });
    await say(vm, ECHO);
    const socket = await connected(portOf(vm));
    const echoed = echoOf(socket, noise(32768));
    const moves = [there.address, here.address, there.address, here.address, there.address];
    for (const [i, address] of moves.entries()) {
      await echoed.rounds(20);
      const from = i % 2 === 0 ? home : away;
      const outcome = await from.vm("mover").migrate(address, { strategy: "pre-copy" });
      expect([outcome.error?.message, outcome.state]).toEqual([undefined, "completed"]);
    }
    await echoed.rounds(20);
    expect(home.networks.tunnelInfo()).toMatchObject({ away: 1, connections: 1 });
    const { tunnel } = away.networks.tunnelInfo() ?? {};
    expect(tunnel?.sentPackets).toBeGreaterThan(100);
    process.stderr.write(
      `tether: ${echoed.count} echoes of 32 KiB over ${moves.length} moves, longest ${Math.round(echoed.longestMs)} ms, ${tunnel?.sentPackets} packets through the tunnel\n`,
    );
    socket.destroy();
    await eventually(() => home.networks.tunnelInfo()?.away === 0, "the end of the tunnel", 30);
    // What begins now is of the host where the guest is.
    const again = await connected(portOf(away.vm("mover")));
    const fresh = echoOf(again, noise(4096, 2));
    await fresh.rounds(5);
    again.destroy();
    expect(away.networks.tunnelInfo()?.tunnel.sentPackets).toBeLessThan(
      (tunnel?.sentPackets ?? 0) + 40,
    );
    await close();
    await home.close();
    await away.close();
  });

  test("to another host of one lan inside of WireGuard and back, and its connections go on", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    const { away, close, here, home, there } = await twoHosts();
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
    const vm = await guestAt(home, "mover", { ip: "10.0.2.15", networks: NETWORKS });
    await say(vm, ECHO);
    const pieces: Uint8Array[] = [];
    const captured = vm.capture({ maxSize: "2MiB", onBytes: (bytes) => void pieces.push(bytes) });
    const socket = await connected(portOf(vm));
    const echoed = echoOf(socket, noise(32768));
    for (const [i, address] of [there.address, here.address, there.address].entries()) {
      await echoed.rounds(20);
      const from = i % 2 === 0 ? home : away;
      expect((await from.vm("mover").migrate(address, { strategy: "pre-copy" })).state).toBe(
        "completed",
      );
    }
    await echoed.rounds(20);
    process.stderr.write(
      `vpn: ${echoed.count} echoes of 32 KiB over 3 moves, longest ${Math.round(echoed.longestMs)} ms\n`,
    );
    socket.destroy();
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
    await wall.sleep(1e6);
    await close();
    await home.close();
    await away.close();
  });
});
