/**
 * Live migration between two daemons in two processes: guests that check themselves go on, and
 * whatever happens to the target, the guest runs on exactly one side.
 */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RoundStats } from "../../ts/migrate/stats.ts";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";

const guest = (name: string): string => join(import.meta.dirname, "../../guests/bin", name);
const WAIT_MS = 300_000;

let source: DaemonProcess;
let target: DaemonProcess;
const others: DaemonProcess[] = [];

beforeEach(async () => {
  [source, target] = await Promise.all([startDaemon("192MiB"), startDaemon("192MiB")]);
});
afterEach(async () => {
  for (const one of [source, target, ...others.splice(0)]) await one.kill("SIGKILL");
});

async function start(name: string, program: string, append: string, memory = "64MiB") {
  await source.client.create({ name, kernel: guest(program), memory, append });
  await source.client.act(name, "start");
}

const startStore = async (): Promise<void> => {
  await start("kv", "kv.elf", "report=20000");
  await printed(source.client, "kv", { pattern: /kv ok/ });
};

/** Operations of the last check that a store has printed. */
const checkedOf = (text: string): number => Number([...text.matchAll(/kv ok (\d+)/g)].at(-1)?.[1]);

/** The store checks itself three times more, at `where`, and finds nothing. */
async function isSound(where: DaemonProcess): Promise<void> {
  const before = checkedOf(await printed(where.client, "kv", { pattern: /kv ok \d+ [^\n]*\n/ }));
  const after = new RegExp(`kv ok ${before + 60_000} [^\n]*\n`);
  expect(await printed(where.client, "kv", { pattern: after })).not.toContain("CORRUPT");
}

const names = async (one: DaemonProcess): Promise<string[]> =>
  (await one.client.list()).map((vm) => `${vm.name} ${vm.status}`);

describe.each(["pre-copy", "stop-and-copy"] as const)("%s", (strategy) => {
  test("moves a store that checks itself, and back", { timeout: WAIT_MS }, async () => {
    await startStore();
    const rounds: RoundStats[] = [];
    const to = await source.client.migrate(
      "kv",
      { target: target.address, strategy },
      { onRound: (round) => rounds.push(round) },
    );
    expect(to).toMatchObject({ state: "completed", strategy });
    expect(rounds).toEqual(to.stats.rounds);
    expect(to.stats["total-time"]).toBeGreaterThanOrEqual(to.stats.downtime);
    expect(to.stats.downtime).toBeGreaterThan(0);
    expect(await names(source)).toEqual([]);
    expect(await names(target)).toEqual(["kv running"]);
    await isSound(target);
    const back = await target.client.migrate("kv", { target: source.address, strategy });
    expect(back.state).toBe("completed");
    expect(await names(target)).toEqual([]);
    await isSound(source);
  });

  test("moves a guest that dirties pages all the time", { timeout: WAIT_MS }, async () => {
    await start("d", "dirtier.elf", "fill=24MiB ws=8MiB rate=20000 heartbeat=100");
    await printed(source.client, "d", { pattern: /ready.*hb 2 /s });
    const move = { target: target.address, strategy, downtime: "50ms", roundsMax: 8 };
    const { state, stats } = await source.client.migrate("d", move);
    expect(state).toBe("completed");
    expect(stats.ram.normal).toBeGreaterThan(6000);
    expect(await names(source)).toEqual([]);
    await printed(target.client, "d", { pattern: /(hb .*){3}/s });
  });

  test.each([
    ["at once", 0],
    ["in the middle", 40],
    ["late", 120],
  ])("survives a target that is killed %s", { timeout: WAIT_MS }, async (_when, killMs) => {
    await startStore();
    const move = { target: target.address, strategy, bandwidth: "40MiB/s", downtime: "10ms" };
    const moving = source.client.migrate("kv", move);
    const killed = new Promise((resolve) => setTimeout(resolve, killMs)).then(() =>
      target.kill("SIGKILL"),
    );
    const outcome = await moving.catch((error: { code: string }) => error);
    await killed;
    if ("state" in outcome && outcome.state === "completed") {
      // It was through before the kill, and went down with its host.
      expect(await names(source)).toEqual([]);
      return;
    }
    expect("state" in outcome ? outcome.state : outcome.code).toMatch(/^(failed|WV_NETWORK)$/);
    expect(await names(source)).toEqual(["kv running"]);
    await isSound(source);
  });
});

describe("a target that refuses leaves the guest where it is", () => {
  test("because the name is taken", { timeout: WAIT_MS }, async () => {
    await startStore();
    await target.client.create({ name: "kv", kernel: guest("hello.elf"), memory: "16MiB" });
    const { error, state } = await source.client.migrate("kv", { target: target.address });
    expect([state, error?.code]).toEqual(["failed", "WV_MIGRATION"]);
    expect(error?.message).toMatch(/WV_CONFIG: name: a vm called "kv" exists already/);
    expect(await names(target)).toEqual(["kv created"]);
    await isSound(source);
  });

  test("because it has not enough memory", { timeout: WAIT_MS }, async () => {
    const small = await startDaemon("4MiB");
    others.push(small);
    await startStore();
    const { free } = await small.client.health().then((health) => ({ free: health.freeBytes }));
    const { error, state } = await source.client.migrate("kv", { target: small.address });
    expect(error?.message).toMatch(/WV_NO_MEMORY/);
    expect(state).toBe("failed");
    expect(await names(small)).toEqual([]);
    expect((await small.client.health()).freeBytes).toBe(free);
    await isSound(source);
  });

  test("because it cannot open the disk", { timeout: WAIT_MS }, async () => {
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    const folder = await mkdtemp(join(tmpdir(), "wasmvisor-disk-"));
    const path = join(folder, "disk.img");
    await writeFile(path, new Uint8Array(4096));
    const options = { kernel: guest("kv.elf"), memory: "64MiB", append: "report=20000" };
    await source.client.create({ name: "kv", ...options, disks: [{ path }] });
    await source.client.act("kv", "start");
    await printed(source.client, "kv", { pattern: /kv ok/ });
    await rm(folder, { recursive: true });
    const { error, state } = await source.client.migrate("kv", { target: target.address });
    expect(state).toBe("failed");
    expect(error?.message).toMatch(/WV_DISK: .*there is no such file/);
    expect(await names(target)).toEqual([]);
    await isSound(source);
  });

  test("because nobody is there", { timeout: WAIT_MS }, async () => {
    await startStore();
    await target.kill("SIGKILL");
    const moving = source.client.migrate("kv", { target: target.address });
    await expect(moving).rejects.toMatchObject({ code: "WV_NETWORK" });
    await isSound(source);
  });
});

test("options that make no sense are refused before the target hears of it", {
  timeout: WAIT_MS,
}, async () => {
  await startStore();
  const wrong = [{ downtime: "5" }, { bandwidth: "1Gb" }, { roundsMax: 0 }, { timeout: "-1s" }];
  // Nobody listens there: a connection would fail with WV_NETWORK.
  for (const options of wrong)
    await expect(
      source.client.migrate("kv", { target: "tcp://127.0.0.1:9", ...options }),
    ).rejects.toMatchObject({ code: "WV_CONFIG" });
  await isSound(source);
});

describe("while it migrates", () => {
  const slow = () => ({ target: target.address, bandwidth: "2MiB/s", downtime: "1ms" });

  /** Starts a migration that takes long, and waits until the target has set memory aside for it. */
  async function begin(signal = new AbortController().signal) {
    const { freeBytes } = await target.client.health();
    const moving = source.client.migrate("kv", slow(), { signal });
    moving.catch(() => undefined);
    while ((await target.client.health()).freeBytes === freeBytes)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return { moving };
  }

  test("a client that leaves aborts it", { timeout: WAIT_MS }, async () => {
    await startStore();
    const abort = new AbortController();
    const { moving } = await begin(abort.signal);
    abort.abort();
    await expect(moving).rejects.toMatchObject({ code: "WV_ABORTED" });
    await isSound(source);
    expect(await names(target)).toEqual([]);
    expect(await source.client.migrate("kv", { target: target.address })).toMatchObject({
      state: "completed",
    });
  });

  test("it can be neither paused nor moved twice, but destroyed", {
    timeout: WAIT_MS,
  }, async () => {
    await startStore();
    const { moving } = await begin();
    const inTheWay = { code: "WV_STATE", message: expect.stringContaining("while it migrates") };
    await expect(source.client.act("kv", "pause")).rejects.toMatchObject(inTheWay);
    await expect(source.client.migrate("kv", slow())).rejects.toMatchObject(inTheWay);
    await expect(
      target.client.create({ name: "kv", kernel: guest("hello.elf") }),
    ).rejects.toMatchObject({
      code: "WV_CONFIG",
    });
    await source.client.destroy("kv");
    expect(await moving).toMatchObject({ state: "aborted" });
    expect([await names(source), await names(target)]).toEqual([[], []]);
  });
});

test("a daemon ends politely", { timeout: WAIT_MS }, async () => {
  await startStore();
  expect(await source.kill("SIGTERM")).toBe(0);
});
