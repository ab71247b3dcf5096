/** How a guest fares whose pages follow when its source dies, when it is destroyed, and when it was paused. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";
import { FaultProxy } from "./faults/proxy.ts";

const WAIT_MS = 300_000;
const KERNEL = {
  name: "kv",
  kernel: join(import.meta.dirname, "../../guests/bin/kv.elf"),
  memory: "64MiB",
  append: "report=20000",
};

let source: DaemonProcess;
let target: DaemonProcess;

const hasTimeout = (): boolean => !/this machine/.test(expect.getState().currentTestName ?? "");

beforeEach(async () => {
  [source, target] = await Promise.all([
    startDaemon("192MiB"),
    startDaemon("192MiB", { args: hasTimeout() ? ["--source-timeout", "3s"] : [] }),
  ]);
  await source.client.create(KERNEL);
  await source.client.act("kv", "start");
  await printed(source.client, "kv", { pattern: /kv ok/ });
});
afterEach(async () => {
  for (const one of [source, target]) await one.kill("SIGKILL");
});

const names = async (one: DaemonProcess): Promise<string[]> =>
  (await one.client.list()).map((vm) => `${vm.name} ${vm.status}`);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Moving = ReturnType<DaemonProcess["client"]["migrate"]>;

/** Its pages follow, slowly. In an object, because a promise of a promise is that promise. */
async function followed(
  address = target.address,
  bandwidth = "1MiB/s",
): Promise<{ readonly moving: Moving }> {
  const move = { target: address, strategy: "post-copy", bandwidth } as const;
  const moving = source.client.migrate("kv", move);
  moving.catch(() => undefined);
  while ((await names(target))[0] !== "kv running") await sleep(10);
  return { moving };
}

test("a guest whose source dies is lost, after a while, and not for ever in between", {
  timeout: WAIT_MS,
}, async () => {
  await followed();
  await source.kill("SIGKILL");
  expect(await names(target)).toEqual(["kv running"]);
  const free = (await target.client.health()).freeBytes;
  for (let waitedMs = 0; (await names(target)).length > 0 && waitedMs < 60_000; waitedMs += 100)
    await sleep(100);
  expect(await names(target)).toEqual([]);
  // Its memory is somebody else's.
  expect((await target.client.health()).freeBytes).toBeGreaterThan(free);
  await target.client.create({ ...KERNEL, name: "kv" });
});

describe("a source on this machine", () => {
  test("that is killed is noticed at once, not after ten minutes", {
    timeout: WAIT_MS,
  }, async () => {
    await followed();
    expect((await target.client.list())[0]?.missingBytes).toBeGreaterThan(0);
    await source.kill("SIGKILL");
    const startMs = performance.now();
    while ((await names(target)).length > 0 && performance.now() - startMs < 60_000)
      await sleep(100);
    expect(await names(target)).toEqual([]);
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });

  test("is not dead because its link is cut: it comes back", { timeout: WAIT_MS }, async () => {
    const { port } = new URL(target.address.replace("tcp", "http"));
    const proxy = await FaultProxy.open(() => Number(port));
    const { moving } = await followed(`tcp://127.0.0.1:${proxy.port}`, "8MiB/s");
    proxy.arm({ afterTurn: 0, direction: "to-target", atByte: 1 }, () => proxy.drop());
    while (!proxy.hasFired) await sleep(10);
    await sleep(3_000);
    expect(await names(target)).toEqual(["kv running"]);
    expect((await target.client.list())[0]?.missingBytes).toBeGreaterThan(0);
    proxy.heal();
    expect((await moving).state).toBe("completed");
    expect(await names(source)).toEqual([]);
    await printed(target.client, "kv", { pattern: /kv ok/ });
    await proxy.close();
  });
});

test("a guest that is destroyed while its pages follow is gone at the target", {
  timeout: WAIT_MS,
}, async () => {
  const { moving } = await followed();
  await target.client.destroy("kv");
  await target.client.create({ ...KERNEL, name: "other" });
  await target.client.act("other", "start");
  // The source has no target any more, and still all that the guest was.
  expect((await moving).state).toBe("target-lost");
  expect(await names(source)).toEqual(["kv paused"]);
  await source.client.act("kv", "resume");
  await printed(source.client, "kv", { pattern: /kv ok/ });
  // Nothing of what came late is in the memory of another.
  expect(await printed(target.client, "other", { pattern: /kv ok 40000/ })).not.toContain(
    "CORRUPT",
  );
});

test.each(["pre-copy", "post-copy", "stop-and-copy", "hybrid"] as const)(
  "%s: a guest that is paused arrives paused",
  { timeout: WAIT_MS },
  async (strategy) => {
    await source.client.act("kv", "pause");
    const before = (await source.client.info("kv")).metrics.cycles;
    const outcome = await source.client.migrate("kv", { target: target.address, strategy });
    expect(outcome.state).toBe("completed");
    expect(await names(source)).toEqual([]);
    expect(await names(target)).toEqual(["kv paused"]);
    await sleep(100);
    expect((await target.client.info("kv")).metrics.cycles).toBe(before);
    await target.client.act("kv", "resume");
    expect(
      await printed(target.client, "kv", { pattern: /(kv ok \d+ [^\n]*\n){2}/ }),
    ).not.toContain("CORRUPT");
  },
);
