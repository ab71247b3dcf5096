/** A Debian guest moves between two hosts whose lans have rules: its TCP connection goes on, and only rules change. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { controllerSide } from "../../ts/net/openflow/controller.ts";
import { formatPlace, OpenFlowListener } from "../../ts/net/openflow/sockets.ts";
import { StationController } from "../../ts/net/openflow/station-controller.ts";
import { WAIT_MS } from "./debian-guest.ts";
import { told, twoHosts } from "./moving-fixture.ts";

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
    await using hosts = await twoHosts();
    const { away, home } = hosts;
    await hosts.joinLans();
    for (const host of [home, away])
      await host.networks.control.callController("lan", formatPlace(listener.place));
    while (app.datapaths.length < 2) await clock.sleep(10e6);

    const mover = await hosts.mover();
    await mover.echoed.rounds(20);
    const before = app.datapaths.map((one) => one.metrics());
    await mover.move(2);
    for (const [i, its] of app.datapaths.map((one) => one.metrics()).entries()) {
      const flowMods = its.flowMods - (before[i]?.flowMods ?? 0);
      expect(flowMods).toBeGreaterThanOrEqual(2);
      expect(flowMods).toBeLessThanOrEqual(4);
      expect([its.framesOut, its.errors]).toEqual([0, 0]);
    }
    for (const host of [home, away])
      expect((await host.networks.switch("lan")).metrics().knownMacs).toBe(0);
    told("flows", mover, 2);
    mover.socket.destroy();
    listener.close();
  });
});
