/** Post-copy between two daemons in two processes, with guests that check themselves. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";

const guest = (name: string): string => join(import.meta.dirname, "../../guests/bin", name);
const WAIT_MS = 300_000;

let source: DaemonProcess;
let target: DaemonProcess;

beforeEach(async () => {
  [source, target] = await Promise.all([startDaemon("192MiB"), startDaemon("192MiB")]);
});
afterEach(async () => {
  for (const one of [source, target]) await one.kill("SIGKILL");
});

async function start(name: string, program: string, append: string, memory = "64MiB") {
  await source.client.create({ name, kernel: guest(program), memory, append });
  await source.client.act(name, "start");
}

const names = async (one: DaemonProcess): Promise<string[]> =>
  (await one.client.list()).map((vm) => `${vm.name} ${vm.status}`);

/** Operations of the last check that a store has printed. */
const checkedOf = (text: string): number => Number([...text.matchAll(/kv ok (\d+)/g)].at(-1)?.[1]);

/** The store checks itself three times more, at `where`, and finds nothing. */
async function isSound(where: DaemonProcess): Promise<void> {
  const before = checkedOf(await printed(where.client, "kv", { pattern: /kv ok \d+ [^\n]*\n/ }));
  const after = new RegExp(`kv ok ${before + 60_000} [^\n]*\n`);
  expect(await printed(where.client, "kv", { pattern: after })).not.toContain("CORRUPT");
}

describe.each(["post-copy", "hybrid"] as const)("%s", (strategy) => {
  test("moves a store that checks itself, and back", { timeout: WAIT_MS }, async () => {
    await start("kv", "kv.elf", "report=20000");
    await printed(source.client, "kv", { pattern: /kv ok/ });
    const move = { strategy, bandwidth: "16MiB/s", downtime: "1ms" };
    const to = await source.client.migrate("kv", { target: target.address, ...move });
    expect(to).toMatchObject({ state: "completed", strategy });
    expect(to.stats.ram["postcopy-requests"]).toBeGreaterThan(0);
    expect(to.stats["total-time"]).toBeGreaterThanOrEqual(to.stats.downtime);
    expect(await names(source)).toEqual([]);
    expect(await names(target)).toEqual(["kv running"]);
    await isSound(target);
    const back = await target.client.migrate("kv", { target: source.address, ...move });
    expect(back.state).toBe("completed");
    expect(await names(target)).toEqual([]);
    await isSound(source);
  });

  test("moves a guest that dirties more than the link moves", { timeout: WAIT_MS }, async () => {
    await start("d", "dirtier.elf", "fill=24MiB ws=16MiB rate=32000 heartbeat=10");
    await printed(source.client, "d", { pattern: /ready.*hb 2 /s });
    const { state, stats } = await source.client.migrate("d", {
      target: target.address,
      strategy,
      bandwidth: "16MiB/s",
      downtime: "10ms",
    });
    expect(state).toBe("completed");
    // It only stores, and what it reads has come with it.
    expect(stats.ram["postcopy-requests"]).toBeLessThanOrEqual(3);
    expect(await names(source)).toEqual([]);
    await printed(target.client, "d", { pattern: /(hb .*){3}/s });
  });
});

/** A store that runs at the target already while its pages are at the source still; how its migration ends. */
async function halfway(): Promise<{ readonly moving: ReturnType<typeof source.client.migrate> }> {
  await start("kv", "kv.elf", "report=20000");
  await printed(source.client, "kv", { pattern: /kv ok/ });
  const move = { target: target.address, strategy: "post-copy", bandwidth: "1MiB/s" } as const;
  const moving = source.client.migrate("kv", move);
  while ((await names(target))[0] !== "kv running")
    await new Promise((resolve) => setTimeout(resolve, 10));
  return { moving };
}

test("while its pages follow, a guest is paused and goes on at the target", {
  timeout: WAIT_MS,
}, async () => {
  const { moving } = await halfway();
  expect(await target.client.act("kv", "pause")).toMatchObject({ status: "paused" });
  expect(await target.client.act("kv", "resume")).toMatchObject({ status: "running" });
  expect(await names(source)).toEqual(["kv paused"]); // Its pages are still there.
  expect((await moving).state).toBe("completed");
  expect(await names(target)).toEqual(["kv running"]);
  await isSound(target);
});

test("a target that is killed leaves the guest at the source, as it was when it left", {
  timeout: WAIT_MS,
}, async () => {
  const { moving } = await halfway();
  // It runs there and its pages are here.
  expect(await names(source)).toEqual(["kv paused"]);
  await target.kill("SIGKILL");
  const { error, state } = await moving;
  expect(state).toBe("target-lost");
  expect(error?.message).toContain("as it was when it left");
  expect(await names(source)).toEqual(["kv paused"]);
  await source.client.act("kv", "resume");
  await isSound(source);
});

test("with checkpoints a target that is killed takes no more with it than was done since the last one", {
  timeout: WAIT_MS,
}, async () => {
  const beatOf = (text: string): number => Number([...text.matchAll(/hb (\d+) \d+/g)].at(-1)?.[1]);
  await start("d", "dirtier.elf", "fill=24MiB ws=1MiB rate=500 heartbeat=50 idle=sleep");
  const before = await printed(source.client, "d", { pattern: /ready.*hb 2 /s });
  const move = {
    target: target.address,
    strategy: "post-copy",
    bandwidth: "1MiB/s",
    checkpoint: "300ms",
  } as const;
  const moving = source.client.migrate("d", move);
  while ((await names(target))[0] !== "d running")
    await new Promise((resolve) => setTimeout(resolve, 10));
  // Two seconds later, what it has done since it left is only known from checkpoints.
  const at = beatOf(before) + 60;
  const last = beatOf(
    await printed(target.client, "d", { pattern: new RegExp(`hb ${at} \\d+\r\n`) }),
  );
  await target.kill("SIGKILL");
  const { error, state, stats } = await moving;
  expect(state).toBe("target-lost");
  expect(stats.checkpoints).toBeGreaterThan(1);
  expect(error?.message).toContain(`as it was at checkpoint ${stats.checkpoints}`);
  expect(await names(source)).toEqual(["d paused"]);
  await source.client.act("d", "resume");
  const text = await printed(source.client, "d", { pattern: new RegExp(`hb ${last + 5} `) });
  const beats = [...text.matchAll(/hb (\d+) \d+/g)].map(([, beat]) => Number(beat));
  // What it printed at the target, up to the last checkpoint, it has not printed here.
  const [jump = -1] = beats.flatMap((beat, i) =>
    i > 0 && beat > (beats[i - 1] as number) + 1 ? [i] : [],
  );
  expect(beats[jump] as number).toBeGreaterThan((beats[jump - 1] as number) + 10);
  expect(beats[jump] as number).toBeGreaterThan(last - 30);
  expect(beats.slice(0, jump)).toEqual(
    Array.from({ length: jump }, (_, i) => (beats[0] as number) + i),
  );
});
