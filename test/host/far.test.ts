/** A guest with a card that moves between hosts with a tunnel, whose connections are packets of a test. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import { frameOf, mac, Station } from "../net/fakes.ts";

const kernel = join(import.meta.dirname, "../../guests/bin/kv.elf");
const LISTEN = { address: "127.0.0.1", port: 0 };

test("a guest leaves for another network, comes back, and leaves again", async () => {
  await using home = await Host.create({ memory: "160MiB" });
  await using away = await Host.create({ memory: "160MiB", seed: 2 });
  const there = await Daemon.listen(away, { listen: "tcp://127.0.0.1:0" });
  const here = await Daemon.listen(home, { listen: "tcp://127.0.0.1:0" });
  const port = await away.openTunnel({ listen: LISTEN, peers: [] });
  await home.openTunnel({ listen: LISTEN, peers: [{ address: "127.0.0.1", port }] });
  await expect(home.openTunnel({ listen: LISTEN, peers: [] })).rejects.toThrow(/one already/);
  const networks = [{ kind: "lan", mac: "52:54:00:00:00:09" }] as const;
  const vm = await home.createVm({
    name: "kv",
    kernel,
    memory: "64MiB",
    append: "report=20000",
    networks,
  });
  await vm.start();
  const neighbour = new Station((await home.networks.switch("lan")).addPort({ name: "neighbour" }));
  neighbour.send(frameOf(mac(1), mac(9)));
  for (const [i, address] of [there.address, here.address, there.address].entries()) {
    const from = i % 2 === 0 ? home : away;
    const outcome = await from.vm("kv").migrate(address, { strategy: "stop-and-copy" });
    expect([outcome.error?.message, outcome.state]).toEqual([undefined, "completed"]);
    expect(from.vms).toEqual([]);
  }
  expect(home.networks.tunnelInfo()).toMatchObject({ away: 0, connections: 0 });
  await away.vm("kv").destroy();
  expect((await away.networks.switch("lan")).ports.map(({ name }) => name)).toEqual(["gateway"]);
  expect((await home.networks.switch("lan")).ports.map(({ name }) => name)).toEqual([
    "gateway",
    "neighbour",
  ]);
  await there.close();
  await here.close();
});
