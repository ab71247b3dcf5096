/** Cards of vms in the caller's thread and in a worker, and of forks; what can be asked of a host's switches. It runs what was built. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostApi, Host as HostOf } from "../../ts/index.ts";
import { guest, ROOT, wasmvisor } from "../cli/binary.ts";

const { Host } = (await import(
  join(ROOT, "dist/ts/index.js")
)) as typeof import("../../ts/index.ts");
const { Daemon } = (await import(
  join(ROOT, "dist/ts/host/daemon/server.js")
)) as typeof import("../../ts/host/daemon/server.ts");

const KV = { kernel: guest("kv.elf"), append: "ops=100000000 report=20000", memory: "16MiB" };

describe.each(["caller", "worker"] as const)("a host in the thread of its %s", (thread) => {
  let host: HostApi;
  beforeEach(async () => {
    host = await Host.create({ memory: "128MiB", thread });
  });
  afterEach(() => host.close());

  test("has cards in user, lan and switches; a fork's cable is in where nobody else has its address", async () => {
    const vm = await host.createVm({
      ...KV,
      name: "a",
      networks: [
        { kind: "user", forwards: [{ hostPort: 0, guestPort: 80 }] },
        { kind: "lan" },
        { kind: "switch", switch: "office", vlan: 10 },
      ],
    });
    await vm.start();
    await vm.console.expect(/kv ok 20000 /);
    const { networks } = await vm.info();
    expect(networks.map(({ isLinkUp, network }) => [network, isLinkUp])).toEqual([
      ["user", true],
      ["lan", true],
      ["switch office, VLAN 10", true],
    ]);
    expect(networks[0]?.forwards[0]).toMatch(/^tcp 127\.0\.0\.1:[1-9]\d* -> 80$/);
    const child = await vm.fork();
    const its = (await child.info()).networks;
    expect(its.map((one) => one.isLinkUp)).toEqual([true, false, false]);
    expect(its.map((one) => one.mac)).toEqual(networks.map((one) => one.mac));
    const other = await host.createVm({ ...KV, name: "b", networks: [{ kind: "lan" }] });
    await other.start();
    expect((await other.info()).networks[0]?.isLinkUp).toBe(true);
    await vm.destroy();
    const again = await child.fork(); // Nobody has the address now.
    expect((await again.info()).networks.map((one) => one.isLinkUp)).toEqual([true, true, true]);
    await expect(
      host.createVm({ ...KV, name: "c", networks: [{ kind: "lan", mac: networks[1]?.mac }] }),
    ).rejects.toMatchObject({ code: "WV_CONFIG" });
  });
});

test("switches, lines, mirrors and rules, by the command line", async () => {
  await using host = await Host.create({ memory: "64MiB" });
  const daemon = await Daemon.listen(host, { listen: "tcp://127.0.0.1:0" });
  const run = async (...args: string[]) => {
    const { status, stderr, stdout } = await wasmvisor([
      ...args,
      "--host",
      daemon.address,
      "--json",
    ]);
    return { status, stderr, answer: JSON.parse(stdout) as never };
  };
  for (const name of ["a", "b"])
    await host.createVm({ ...KV, name, networks: [{ kind: "switch", switch: "office" }] });
  const ls = async () =>
    (
      (await run("switch", "ls")).answer as {
        name: string;
        hasFlows: boolean;
        ports: { name: string; number: number }[];
      }[]
    )[0];
  const before = await ls();
  expect(before).toMatchObject({
    name: "office",
    hasFlows: false,
    knownMacs: 0,
    loops: 0,
    shutPorts: [],
  });
  const [a = "", b = ""] = before?.ports.map((port) => port.name) ?? [];
  const { networks } = host as HostOf;
  const its = await networks.switch("office");
  const heard = [0, 0];
  const listen = (): void => {
    heard.fill(0);
    its.tap(() => {
      heard[0] = (heard[0] ?? 0) + 1;
    }, its.ports[1]);
  };
  const frame = (): void => {
    const bytes = new Uint8Array(64).fill(255, 0, 6);
    bytes.set(
      its.ports[0]?.mac === undefined
        ? []
        : [...Buffer.from(its.ports[0].mac.toString(16).padStart(12, "0"), "hex")],
      6,
    );
    its.ports[0]?.send({ bytes });
  };
  listen();
  frame();
  expect(heard[0]).toBe(1);

  expect(
    (await run("switch", "line", "office", a, "--direction", "in", "--loss", "100%")).status,
  ).toBe(0);
  frame();
  expect([heard[0], its.ports[0]?.metrics().lostFrames]).toEqual([1, 1]);
  expect((await run("switch", "line", "office", a, "--direction", "in")).status).toBe(0);
  frame();
  expect(heard[0]).toBe(2);
  const wrong = await run("switch", "line", "office", "x", "--rate", "1Mbit");
  expect([wrong.status, wrong.answer]).toMatchObject([2, { error: { code: "WV_CONFIG" } }]);
  for (const bad of [
    ["--loss", "2"],
    ["--loss", "200%"],
    ["--latency", "2h"],
    ["--rate", "1bit"],
    ["--direction", "up"],
  ])
    expect((await run("switch", "line", "office", a, ...bad)).status, bad.join(" ")).toBe(2);

  expect((await run("switch", "mirror", "office", b)).status).toBe(0);
  const out = its.ports[1]?.metrics().outFrames ?? 0;
  frame();
  // A copy goes there, and not the frame itself.
  expect([heard[0], its.ports[1]?.metrics().outFrames]).toEqual([2, out + 1]);
  expect((await run("switch", "mirror", "office", b, "--off")).status).toBe(0);

  expect((await run("flows", "list", "office")).answer).toEqual({ flows: null });
  expect(
    (await run("flows", "add", "office", "priority=9,in_port=1,actions=drop")).answer,
  ).toMatchObject({
    flows: [
      { priority: 9, match: "in_port=1", actions: "drop" },
      { priority: 0, actions: "normal" },
    ],
  });
  heard[0] = 0;
  frame();
  expect(heard[0]).toBe(0);
  expect((await run("flows", "delete", "office", "in_port=1")).answer).toEqual({ deleted: 1 });
  frame();
  expect(heard[0]).toBe(1);
  expect((await run("flows", "list", "nowhere")).status).toBe(2);
  expect((await ls())?.hasFlows).toBe(true);
  await daemon.close();
});
