/** Several guests between two hosts over sockets: who waits, who is told to come later, who is cancelled. */
import { afterEach, expect, test } from "vitest";
import { HostClient } from "../../ts/host/daemon/client.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import type { HostOptions } from "../../ts/host/host.ts";
import { Host } from "../../ts/host/host.ts";
import type { MigrationProgress } from "../../ts/host/migrations/jobs.ts";
import { guest } from "../cli/binary.ts";

const daemons: Daemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.close();
});

async function open(migrations: HostOptions["migrations"]) {
  const host = await Host.create({ memory: "64MiB", migrations });
  const daemon = await Daemon.listen(host, { listen: "tcp://127.0.0.1:0" });
  daemons.push(daemon);
  return { host, address: daemon.address, client: new HostClient(daemon.address) };
}

/** A guest of some 4 MiB that holds still. */
async function start(host: Host, name: string): Promise<void> {
  const append = "fill=4MiB ws=1MiB rate=1 heartbeat=0 idle=sleep";
  const vm = await host.createVm({ name, kernel: guest("dirtier.elf"), memory: "16MiB", append });
  await vm.start();
  await vm.console.expect(/ready/);
}

const until = (look: () => boolean): Promise<void> =>
  expect.poll(look, { timeout: 60_000 }).toBe(true);

test("one waits until the other has left, and can be paused and cancelled meanwhile", async () => {
  const source = await open({ outgoing: 1, bandwidth: "2MiB/s" });
  const target = await open({});
  for (const name of ["a", "b", "c"]) await start(source.host, name);
  const seen: MigrationProgress[] = [];
  const move = { target: target.address };
  const a = source.client.migrate("a", move);
  await until(() => source.host.migrations().length === 1);
  const b = source.client.migrate("b", move, { onProgress: (progress) => seen.push(progress) });
  const c = source.client.migrate("c", { ...move, priority: 1 });
  const cancelled = expect(b).rejects.toMatchObject({ code: "WV_ABORTED" });
  await until(() => source.host.migrations().length === 3);
  const listed = (await source.client.migrations()).map(({ name, position }) => [name, position]);
  expect(listed).toEqual([
    ["a", undefined],
    ["c", 0],
    ["b", 1],
  ]);
  await source.client.act("b", "pause");
  await expect(source.client.act("a", "pause")).rejects.toMatchObject({ code: "WV_STATE" });
  await expect(source.client.migrate("b", move)).rejects.toMatchObject({ code: "WV_STATE" });
  await source.client.cancelMigration("b");
  await cancelled;
  await expect(source.client.cancelMigration("b")).rejects.toMatchObject({ code: "WV_STATE" });
  expect((await a).state).toBe("completed");
  expect((await c).state).toBe("completed");
  expect(seen[0]).toMatchObject({ name: "b", state: "queued" });
  expect(source.host.vms.map((vm) => `${vm.name} ${vm.status}`)).toEqual(["b paused"]);
  expect(target.host.vms.map((vm) => vm.name)).toEqual(["a", "c"]);
});

test("a target that has no room is asked again until it has", async () => {
  const source = await open({});
  const target = await open({ incoming: 1 });
  for (const name of ["a", "b"]) await start(source.host, name);
  const move = { target: target.address, bandwidth: "3MiB/s" };
  const moving = ["a", "b"].map((name) => source.client.migrate(name, move));
  await until(() => source.host.migrations().some(({ state }) => state === "queued"));
  for (const one of moving) expect((await one).state).toBe("completed");
  expect(target.host.vms.map((vm) => vm.name).sort()).toEqual(["a", "b"]);
});

test("one that runs is cancelled by its name, and its guest goes on", async () => {
  const source = await open({ bandwidth: "1MiB/s" });
  const target = await open({});
  await start(source.host, "a");
  const moving = source.client.migrate("a", { target: target.address });
  await until(() => (source.host.migrations()[0]?.sentBytes ?? 0) > 100_000);
  await source.client.cancelMigration("a");
  expect((await moving).state).toBe("aborted");
  expect(source.host.vm("a").status).toBe("running");
  await until(() => target.host.vms.length === 0);
  expect(source.host.migrations()).toEqual([]);
});
