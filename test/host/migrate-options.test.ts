/** What can be asked of a migration, by the library, the API and the command line: asked, heard, obeyed. */
import { afterEach, describe, expect, test } from "vitest";
import { HostClient, type RemoteMigrateOptions } from "../../ts/host/daemon/client.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host, type HostOptions } from "../../ts/host/host.ts";
import { engineOptions } from "../../ts/host/migrations/options.ts";
import { parseMigration } from "../../ts/host/migrations/schema.ts";
import { POLICY_NAMES } from "../../ts/migrate/policy/convergence.ts";
import { guest, wasmvisor } from "../cli/binary.ts";
import { FaultProxy } from "./faults/proxy.ts";

const MIB = 1 << 20;
const WAIT_MS = 300_000;
const daemons: Daemon[] = [];
const proxies: FaultProxy[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

async function open(migrations: HostOptions["migrations"] = {}) {
  const host = await Host.create({ memory: "96MiB", migrations });
  const daemon = await Daemon.listen(host, { listen: "tcp://127.0.0.1:0" });
  daemons.push(daemon);
  return { host, address: daemon.address, client: new HostClient(daemon.address), daemon };
}

/** A guest of some 12 MiB, of which it writes `rate` pages a second. */
async function start(host: Host, name: string, rate: number, ws = "4MiB") {
  const append = `fill=12MiB ws=${ws} rate=${rate} heartbeat=0 idle=sleep`;
  const vm = await host.createVm({ name, kernel: guest("dirtier.elf"), memory: "32MiB", append });
  await vm.start();
  await vm.console.expect(/ready/);
  return vm;
}

const until = (look: () => boolean): Promise<void> =>
  expect.poll(look, { timeout: 60_000, interval: 5 }).toBe(true);

describe("the schema", () => {
  const target = "tcp://127.0.0.1:1";
  test.each([
    [{ target: 5 }, "target: expected text, got 5"],
    [{ stratgy: "hybrid" }, "stratgy: unknown; expected target, strategy, preCopyRounds,"],
    [
      { strategy: "teleport" },
      'strategy: expected stop-and-copy, pre-copy, post-copy, hybrid, auto, got "teleport"',
    ],
    [{ policy: "luck" }, "policy: expected qemu, settle, xen,"],
    [
      { policy: "xen", policySettings: { goal: 1 } },
      "policy xen: expected rounds, pages, got goal",
    ],
    [{ policySettings: { rounds: 1 } }, "policy settle: expected stall, got rounds"],
    [
      { policy: "xen", policySettings: { rounds: "1" } },
      'policySettings.rounds: expected a number, got "1"',
    ],
    [
      { policy: "xen", policySettings: { rounds: -1 } },
      "policySettings.rounds: expected a number above 0",
    ],
    [{ bandwidth: "32" }, "bandwidth: expected a rate like 1Gbit or 125MiB/s"],
    [{ bandwidth: "0bit" }, "bandwidthCapBytesPerSec: expected more than 0, got 0"],
    [{ downtime: "soon" }, "downtime: expected a time like 30ms"],
    [{ roundsMax: 0 }, "roundsMax: expected an integer from 1 on, got 0"],
    [{ slowdown: "nap" }, "slowdown: expected none, auto-converge, dirty-limit, stun"],
    [{ slowdown: "dirty-limit" }, "dirtyLimit: goes with slowdown"],
    [{ slowdown: "stun", dirtyLimit: "8MiB/s" }, "dirtyLimit: goes with slowdown"],
    [{ dirtyLimitPer: "vcpu" }, "dirtyLimitPer: vcpu goes with the slowdown dirty-limit, got none"],
    [{ xbzrleCache: "64" }, "xbzrleCache: expected a size like 512MiB"],
    [{ identicalPages: true }, "identicalPages: expected by-hash, send, got true"],
    [{ compression: "rar" }, "compression: expected deflate, none"],
    [
      { compression: "deflate", compressionLevel: 10 },
      "compressionLevel: expected an integer from 1",
    ],
    [{ channels: 17 }, "channels: expected 1 to 16, got 17"],
    [{ channels: 0 }, "channels: expected an integer from 1 on"],
    [{ verify: "hope" }, 'verify: expected frames, pages, memory, got "hope"'],
    [{ verify: "frames", xbzrleCache: "1MiB" }, "need checksums of pages"],
    [{ checkpoint: "often" }, "checkpoint: expected a time like 30ms"],
    [{ onTargetLost: "cry" }, "onTargetLost: expected hold, roll-back"],
    [{ onLimit: "wait" }, "onLimit: expected stop, fail"],
    [{ recoveryTimeout: "-1s" }, "recoveryTimeout: expected a time like 30ms"],
    [{ priority: 1.5 }, "priority: expected an integer, got 1.5"],
    [{ token: "a\0b" }, "token: expected text"],
  ])("refuses %o", (wrong, message) => {
    expect(() => parseMigration({ target, ...wrong })).toThrowError(
      expect.objectContaining({ code: "WV_CONFIG", message: expect.stringContaining(message) }),
    );
  });

  test("gives the engine what was asked, in its units", () => {
    const body = {
      target,
      strategy: "hybrid",
      preCopyRounds: 2,
      bandwidth: "32MiB/s",
      policy: "xen",
      policySettings: { pages: 7 },
      downtime: "30ms",
      roundsMax: 9,
      timeout: "60s",
      onLimit: "fail",
      slowdown: "dirty-limit",
      dirtyLimit: "8MiB/s",
      dirtyLimitPer: "vcpu",
      xbzrleCache: "64MiB",
      identicalPages: "by-hash",
      channels: 4,
      verify: "memory",
      checkpoint: "2s",
      onTargetLost: "roll-back",
      recoveryTimeout: "5min",
      token: null,
    };
    expect(engineOptions(parseMigration(body).options)).toEqual({
      strategy: "hybrid",
      preCopyRounds: 2,
      bandwidthCapBytesPerSec: 32 * MIB,
      policy: "xen",
      policySettings: { pages: 7 },
      drain: "before-switch",
      readPages: "first",
      firstBatchPages: 16,
      downtimeLimitNs: 30e6,
      roundsMax: 9,
      timeoutNs: 60e9,
      onLimit: "fail",
      slowdown: "dirty-limit",
      dirtyLimitPagesPerSec: 2048,
      dirtyLimitPer: "vcpu",
      xbzrleCacheBytes: 64 * MIB,
      identicalPages: "by-hash",
      channels: 4,
      verify: "memory",
      checkpointNs: 2e9,
      onTargetLost: "roll-back",
      recoveryTimeoutNs: 300e9,
    });
  });
});

describe("a guest between two hosts", () => {
  test("moves by each policy, back and forth", { timeout: WAIT_MS }, async () => {
    const [a, b] = [await open(), await open()];
    await start(a.host, "d", 200);
    let [from, to] = [a, b];
    for (const policy of POLICY_NAMES) {
      const move = { target: to.address, policy, roundsMax: 12 };
      const { error, state, stats } = await from.client.migrate("d", move);
      expect([error, state], policy).toEqual([undefined, "completed"]);
      if (policy === "xen") expect(stats.rounds.length).toBeLessThanOrEqual(6);
      [from, to] = [to, from];
    }
  });

  /** What it took with `options`; the guest dirties faster than the link is. */
  async function taken(options: RemoteMigrateOptions, ws = "8MiB") {
    const [a, b] = [await open(), await open()];
    await start(a.host, "d", 16_000, ws);
    const move = { target: b.address, bandwidth: "8MiB/s", downtime: "50ms", ...options };
    return { ...(await a.client.migrate("d", move)), a, b };
  }

  test("which does not converge is stopped, or stays, as was asked", {
    timeout: WAIT_MS,
  }, async () => {
    const stopped = await taken({ roundsMax: 3 });
    expect(stopped.state).toBe("completed");
    expect(stopped.stats.rounds.length).toBeLessThanOrEqual(4);
    const stays = await taken({ roundsMax: 3, onLimit: "fail" });
    expect(stays.state).toBe("failed");
    expect(stays.error?.message).toContain("did not converge");
    expect(stays.a.host.vm("d").status).toBe("running");
    expect(stays.b.host.vms).toEqual([]);
  });

  test.each([
    { slowdown: "auto-converge" },
    { slowdown: "stun" },
    { slowdown: "dirty-limit", dirtyLimit: "1MiB/s" },
    { slowdown: "dirty-limit", dirtyLimit: "1MiB/s", dirtyLimitPer: "vcpu" },
  ] as const)("is held back by %o, and converges", { timeout: WAIT_MS }, async (options) => {
    const { state, stats } = await taken({ ...options, timeout: "60s", onLimit: "fail" });
    expect(state).toBe("completed");
    expect(stats["throttled-time"]).toBeGreaterThan(0);
    const limits = stats.rounds.map((round) => round.dirtyLimitPagesPerSec);
    // JSON has no infinity: a round without a limit says null.
    expect(limits.some((limit) => limit !== null && limit < 16_000)).toBe(true);
    if (options.slowdown === "dirty-limit") expect(limits).toContain(256);
  });

  test("sends differences and equal pages, and all that is checked fits", {
    timeout: WAIT_MS,
  }, async () => {
    const options = { xbzrleCache: "32MiB", identicalPages: "by-hash", verify: "memory" } as const;
    const less = await taken({ ...options, roundsMax: 4 }, "2MiB");
    const plain = await taken({ roundsMax: 4, verify: "frames" }, "2MiB");
    expect([less.state, plain.state]).toEqual(["completed", "completed"]);
    expect(less.stats["xbzrle-cache"].pages).toBeGreaterThan(0);
    expect(plain.stats["xbzrle-cache"].pages + plain.stats["identical-pages"]).toBe(0);
    expect(less.stats.ram.transferred).toBeLessThan(plain.stats.ram.transferred);
  });
});

test("a guest goes packed over a slow link, and back", { timeout: WAIT_MS }, async () => {
  const [a, b] = [await open({ bandwidth: "3MiB/s" }), await open()];
  const append = "report=20000";
  const vm = await a.host.createVm({ name: "d", kernel: guest("kv.elf"), memory: "32MiB", append });
  await vm.start();
  await vm.console.expect(/kv ok/);
  const run = (...args: string[]) => wasmvisor(args, { env: { WASMVISOR_HOST: a.address } });
  const options = ["--compress", "deflate:level=1", "--rounds", "2", "--json"];
  const packed = await run("migrate", "d", b.address, ...options);
  const { outcome } = JSON.parse(packed.stdout.trim().split("\n").at(-1) as string);
  expect(outcome.state).toBe("completed");
  expect(outcome.stats.compression["compression-rate"]).toBeGreaterThan(1.1);
  expect(outcome.stats.ram.transferred).toBeLessThan(outcome.stats.ram["normal-bytes"]);
  const back = await b.client.migrate("d", {
    target: a.address,
    verify: "memory",
    roundsMax: 2,
  });
  expect([back.state, back.stats.compression["compressed-size"]]).toEqual(["completed", 0]);
});

describe("over several connections", () => {
  test.each([
    { strategy: "pre-copy", channels: 4, xbzrleCache: "16MiB", identicalPages: "by-hash" },
    { strategy: "hybrid", channels: 2 },
    { strategy: "post-copy", channels: 16 },
  ] as const)("a guest moves, and back: %o", { timeout: WAIT_MS }, async (options) => {
    const [a, b] = [await open({ bandwidth: "24MiB/s" }), await open()];
    await start(a.host, "d", 2000);
    const move = { ...options, downtime: "20ms", verify: "memory", roundsMax: 6 } as const;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const { error, state, stats } = await from.client.migrate("d", {
        ...move,
        target: to.address,
      });
      expect([error, state]).toEqual([undefined, "completed"]);
      expect(stats.channels).toBe(options.channels);
      expect([from.host.vms.length, to.host.vm("d").status]).toEqual([0, "running"]);
    }
  });

  test("a connection that breaks leaves the guest where it was", { timeout: WAIT_MS }, async () => {
    const [a, b] = [await open({ bandwidth: "2MiB/s" }), await open()];
    const port = Number(new URL(b.address.replace("tcp:", "http:")).port);
    const proxy = await FaultProxy.open(() => port);
    proxies.push(proxy);
    await start(a.host, "d", 1);
    const moving = a.client.migrate("d", { target: `tcp://127.0.0.1:${proxy.port}`, channels: 3 });
    await until(() => (a.host.migrations()[0]?.sentBytes ?? 0) > MIB);
    proxy.dropOne(1);
    expect((await moving).state).toBe("failed");
    expect(a.host.vm("d").status).toBe("running");
    await until(() => b.host.vms.length === 0);
  });
});

describe("orders to one under way", () => {
  test("switch to post-copy, pause it, recover it", { timeout: WAIT_MS }, async () => {
    const [a, b] = [await open(), await open()];
    await start(a.host, "d", 8000);
    const move = { target: b.address, bandwidth: "4MiB/s", downtime: "1ms" };
    const moving = a.client.migrate("d", move);
    const progress = () => a.host.migrations()[0];
    await until(() => (progress()?.sentBytes ?? 0) > MIB);
    expect(progress()).toMatchObject({ state: "running", phase: "iterative-copy" });
    await expect(a.client.orderMigration("d", "pause")).rejects.toMatchObject({ code: "WV_STATE" });
    expect(await a.client.orderMigration("d", "postcopy")).toMatchObject({ name: "d" });
    await until(() => progress()?.phase === "activation");
    expect(progress()?.remainingPages).toBeGreaterThan(0);
    await expect(a.client.orderMigration("d", "postcopy")).rejects.toMatchObject({
      code: "WV_STATE",
    });
    await expect(a.client.cancelMigration("d")).rejects.toThrow("it runs at its target already");
    const paused = await a.client.orderMigration("d", "pause");
    const outcome = await moving;
    expect([paused.name, outcome.state]).toEqual(["d", "paused"]);
    expect(a.host.migrations()).toMatchObject([{ state: "paused", target: b.address }]);
    expect(b.host.vm("d").status).toBe("running");
    await expect(a.client.act("d", "resume")).rejects.toMatchObject({ code: "WV_STATE" });
    // Nobody else has the guest: to ask there would be taken for its end.
    const elsewhere = (await open()).address;
    await expect(a.client.migrate("d", { target: elsewhere })).rejects.toThrow("recover it there");
    const left = a.host.migrations()[0]?.remainingPages as number;
    const after = await a.client.migrate("d", { target: b.address });
    expect(after.state).toBe("completed");
    expect(after.stats.recoveries).toBe(1);
    expect(left).toBeGreaterThan(0);
    expect([a.host.migrations(), a.host.vms]).toEqual([[], []]);
    expect(b.host.vm("d").status).toBe("running");
  });

  test.each(["pre-copy", "post-copy"] as const)(
    "change the bandwidth of a %s, through the daemon",
    { timeout: WAIT_MS },
    async (strategy) => {
      const [a, b] = [await open(), await open()];
      await start(a.host, "d", 8000);
      // It would take minutes.
      const moving = a.client.migrate("d", { target: b.address, strategy, bandwidth: "64KiB/s" });
      const progress = () => a.host.migrations()[0];
      await until(() => (progress()?.sentBytes ?? 0) > 1000 && progress()?.phase !== "setup");
      await expect(a.client.setMigration("d", {})).rejects.toThrow("nothing to change");
      await expect(a.client.setMigration("x", { bandwidth: "none" })).rejects.toMatchObject({
        code: "WV_STATE",
      });
      await expect(a.client.setMigration("d", { bandwidth: "fast" })).rejects.toMatchObject({
        code: "WV_CONFIG",
      });
      const unknown = { speed: "1MiB/s" } as object;
      await expect(a.client.setMigration("d", unknown)).rejects.toThrow("speed: unknown");
      expect(await a.client.setMigration("d", { bandwidth: "64MiB/s" })).toMatchObject({
        name: "d",
      });
      await a.client.setMigration("d", { downtime: "2s", bandwidth: "none" });
      const { state, stats } = await moving;
      expect(state).toBe("completed");
      expect(stats["total-time"]).toBeLessThan(60_000);
      expect(b.host.vm("d").status).toBe("running");
    },
  );

  test("change limits, by the command line", { timeout: WAIT_MS }, async () => {
    const [a, b] = [await open(), await open()];
    await start(a.host, "d", 1);
    const run = (...args: string[]) => wasmvisor(args, { env: { WASMVISOR_HOST: a.address } });
    // It would take minutes.
    const moving = a.client.migrate("d", { target: b.address, bandwidth: "64KiB/s" });
    await until(() => (a.host.migrations()[0]?.sentBytes ?? 0) > 1000);
    expect(await run("migrate-set", "d")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("nothing to change"),
    });
    expect(await run("migrate-set", "x", "--bandwidth", "none")).toMatchObject({ status: 1 });
    const limits = ["--downtime", "50ms", "--bandwidth", "none"] as const;
    expect(await run("migrate-set", "d", ...limits)).toEqual({
      status: 0,
      stdout: "d: bandwidth none, downtime 50ms from now on\n",
      stderr: "",
    });
    expect((await moving).state).toBe("completed");
    expect(b.host.vm("d").status).toBe("running");
  });

  test("by the command line", { timeout: WAIT_MS }, async () => {
    const [a, b] = [await open(), await open()];
    await start(a.host, "d", 1);
    const env = { WASMVISOR_HOST: a.address };
    const run = (...args: string[]) => wasmvisor(args, { env });
    const slow = ["--bandwidth", "700KiB/s", "--policy", "xen:rounds=50", "--compress", "xbzrle"];
    const moving = run("migrate", "d", b.address, ...slow, "--json");
    await until(() => (a.host.migrations()[0]?.sentBytes ?? 0) > MIB);
    expect((await run("migrations")).stdout).toMatch(
      /^NAME +STATE +PHASE .*\nd +running +iterative-copy /,
    );
    expect((await run("migrate-postcopy", "d")).stdout).toMatch(/^d: it goes as soon as it can/);
    await until(() => a.host.migrations()[0]?.phase === "activation");
    expect(JSON.parse((await run("migrate-pause", "d", "--json")).stdout)).toMatchObject({
      name: "d",
    });
    const { status, stdout } = await moving;
    const last = JSON.parse(stdout.trim().split("\n").at(-1) as string) as object;
    expect([status, last]).toMatchObject([1, { vm: "d", outcome: { state: "paused" } }]);
    expect((await run("migrations")).stdout).toMatch(/\nd +paused +activation /);
    const recovered = await run("migrate-recover", "d");
    expect(recovered).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^d runs at tcp:.*, 1 recoveries\n$/),
      stderr: expect.stringMatching(/^(d: round .*\n)*$/),
    });
    const nothing = await run("migrate-recover", "d");
    expect([nothing.status, nothing.stderr]).toEqual([
      1,
      "wasmvisor: d: no post-copy of it is paused on this host\n",
    ]);
  });
});

test("whoever comes back after its channel broke keeps to its share of the link", {
  timeout: WAIT_MS,
}, async () => {
  const [a, b] = [await open({ bandwidth: "4MiB/s" }), await open()];
  const proxy = await FaultProxy.open(() =>
    Number(new URL(b.address.replace("tcp:", "http:")).port),
  );
  proxies.push(proxy);
  await start(a.host, "d", 1);
  const target = `tcp://127.0.0.1:${proxy.port}`;
  const moving = a.client.migrate("d", { target, strategy: "post-copy" });
  await until(() => a.host.migrations()[0]?.phase === "activation");
  await until(() => (a.host.migrations()[0]?.sentBytes ?? 0) > 2 * MIB);
  const startNs = a.host.clock.nowNs();
  const sent = a.host.migrations()[0]?.sentBytes as number;
  proxy.drop();
  const { state, stats } = await moving;
  expect([state, stats.recoveries]).toEqual(["completed", 1]);
  const seconds = (a.host.clock.nowNs() - startNs) / 1e9;
  const rate = (stats.ram.transferred - sent) / seconds;
  expect(stats.ram.transferred - sent).toBeGreaterThan(4 * MIB);
  expect(rate).toBeLessThan(4.4 * MIB);
});
