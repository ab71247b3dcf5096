/** A Debian guest moves between two hosts whose lans have rules: its TCP connection goes on, and only rules change. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { controllerSide } from "../../ts/net/openflow/controller.ts";
import { formatPlace, OpenFlowListener } from "../../ts/net/openflow/sockets.ts";
import { StationController } from "../../ts/net/openflow/station-controller.ts";
import { say, WAIT_MS } from "./debian-guest.ts";
import { connected, echoOf, guestAt, noise } from "./network-fixture.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;

describe.skipIf(!hasApt)("rules that follow a guest (skipped unless apt is installed)", () => {
  beforeAll(async () => {
    await pullDebian();
  }, 600_000);

  test("a connection from outside goes on while the guest moves there and back", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    const clock = new WallClock();
    const app = new StationController();
    const side = controllerSide(app);
    const listener = await OpenFlowListener.open({ host: "127.0.0.1", port: 0 }, side);
    await using home = await Host.create({ memory: "384MiB" });
    await using away = await Host.create({ memory: "384MiB", seed: 2 });
    const there = await Daemon.listen(away, { listen: "tcp://127.0.0.1:0" });
    const here = await Daemon.listen(home, { listen: "tcp://127.0.0.1:0" });
    const listen = { address: "127.0.0.1", port: 0 };
    const port = await away.joinNetwork({ listen, peers: [], gateway: "peer" });
    const back = await home.joinNetwork({ listen, peers: [{ address: "127.0.0.1", port }] });
    away.networks.addPeer("lan", { address: "127.0.0.1", port: back });
    for (const host of [home, away])
      await host.networks.control.callController("lan", formatPlace(listener.place));
    while (app.datapaths.length < 2) await clock.sleep(10e6);

    const vm = await guestAt(home, "mover", {
      ip: "10.0.2.15",
      networks: [{ kind: "lan", forwards: [{ hostPort: 0, guestPort: 7 }] }],
    });
    await say(vm, "(while true; do nc -l -p 7 -e cat; done) & sleep 1");
    const forward = Number(/:(\d+) ->/.exec(vm.info().networks[0]?.forwards[0] ?? "")?.[1]);
    const socket = await connected(forward);
    const echoed = echoOf(socket, noise(32768));
    await echoed.rounds(20);
    const before = app.datapaths.map((one) => one.metrics());
    for (const [from, to] of [
      [home, there],
      [away, here],
    ] as const) {
      const outcome = await from.vm("mover").migrate(to.address, { strategy: "pre-copy" });
      expect(outcome.state).toBe("completed");
      await echoed.rounds(20);
    }
    for (const [i, its] of app.datapaths.map((one) => one.metrics()).entries()) {
      const flowMods = its.flowMods - (before[i]?.flowMods ?? 0);
      expect(flowMods).toBeGreaterThanOrEqual(2);
      expect(flowMods).toBeLessThanOrEqual(4);
      expect([its.framesOut, its.errors]).toEqual([0, 0]);
    }
    for (const host of [home, away])
      expect((await host.networks.switch("lan")).metrics().knownMacs).toBe(0);
    process.stderr.write(
      `flows: ${echoed.count} echoes of 32 KiB over two moves, longest ${Math.round(echoed.longestMs)} ms\n`,
    );
    socket.destroy();
    listener.close();
    for (const daemon of [there, here]) await daemon.close();
  });
});
