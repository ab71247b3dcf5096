/** Snapshots whose pages come when they are touched: by the guest, by whoever moves or saves it. */
import { readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";

const guest = (name: string): string => join(import.meta.dirname, "../../guests/bin", name);
const isLinux = process.platform === "linux";

let scratch = "";
let file = "";
let host: Host;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-lazy-"));
  file = join(scratch, "kv.wvsn");
  await using first = await Host.create({ memory: "64MiB" });
  const vm = await first.createVm({
    name: "kv",
    kernel: guest("kv.elf"),
    memory: "32MiB",
    append: "report=20000 seed=7 keys=30000",
  });
  await vm.start();
  await vm.console.expect(/kv ok 20000 /);
  await vm.snapshot(file);
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));
beforeEach(async () => {
  host = await Host.create({ memory: "128MiB" });
});
afterEach(async () => host.close());

/** Files under `scratch` that this process has open. */
const openFiles = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(scratch) ? [path] : [];
    } catch {
      return []; // The descriptor of the listing itself.
    }
  });

/** It checks itself twice more and finds nothing. */
async function isSound(vm: VirtualMachine): Promise<void> {
  await vm.resume();
  await vm.console.expect(/kv ok \d+ [\s\S]*kv ok \d+ /);
  expect(vm.console.text).not.toContain("CORRUPT");
}

const missing = (vm: VirtualMachine): number => vm.info().missingBytes;

describe("a vm that is restored", () => {
  test("has no page until it touches one, and goes on", async () => {
    const vm = await host.restore(file);
    const all = missing(vm);
    expect(all).toBeGreaterThan(1 << 20);
    expect([vm.status, vm.info().populatedBytes]).toEqual(["paused", 0]);
    await isSound(vm);
    expect(missing(vm)).toBeLessThan(all);
    expect(vm.info().metrics.exits.missingPage).toBeGreaterThan(5);
  });

  test("at once has all of them, and reads no file any more", async () => {
    const vm = await host.restore(file, { pages: "at-once" });
    expect(missing(vm)).toBe(0);
    if (isLinux) expect(openFiles()).toEqual([]);
    await isSound(vm);
    expect(vm.info().metrics.exits.missingPage).toBe(0);
  });

  test("from bytes is the same", async () => {
    const vm = await host.restore(new Uint8Array(await readFile(file)));
    expect(missing(vm)).toBe(0);
    await isSound(vm);
    await vm.pause();
    const again = await host.restore(await vm.snapshotBytes(), {
      name: "again",
      pages: "on-touch",
    });
    expect(missing(again)).toBeGreaterThan(1 << 20);
    await isSound(again);
  });

  test.runIf(isLinux)("holds its file once, until nobody waits for it", async () => {
    const vms = [];
    for (const name of ["a", "b", "c"]) vms.push(await host.restore(file, { name }));
    const [a, b, c] = vms as [VirtualMachine, VirtualMachine, VirtualMachine];
    expect(openFiles()).toEqual([file]);
    await a.loadPages();
    await b.destroy();
    expect(openFiles()).toEqual([file]);
    const fork = await c.fork();
    await c.destroy();
    expect(openFiles()).toEqual([file]);
    await isSound(fork);
    await fork.loadPages();
    expect([missing(fork), openFiles()]).toEqual([0, []]);
    await isSound(a);
  });

  test("needs nothing but what it has open: its file may be replaced", async () => {
    const path = join(scratch, "mine.wvsn");
    const first = await host.restore(file, { name: "first" });
    await first.snapshot(path);
    await first.destroy();
    const vm = await host.restore(path);
    await isSound(vm);
    await vm.snapshot(path); // Over the file that its pages come from.
    await isSound(vm);
    await rm(path);
    await vm.loadPages();
    await isSound(vm);
  });

  test("is saved, forked and hashed as if all its pages were there", async () => {
    const whole = await host.restore(file, { name: "whole", pages: "at-once" });
    const lazy = await host.restore(file, { name: "lazy" });
    const child = await lazy.fork({ name: "child" });
    const path = join(scratch, "again.wvsn");
    await lazy.snapshot(path);
    const again = await host.restore(path, { name: "again" });
    const hash = whole.migratable().memoryHash();
    for (const vm of [child, lazy, again]) expect(vm.migratable().memoryHash()).toBe(hash);
    for (const vm of [child, lazy, again]) await isSound(vm);
  });

  test("moves, with the pages that it never touched", async () => {
    await using target = await Host.create({ memory: "64MiB" });
    const daemon = await Daemon.listen(target, {
      listen: "tcp://127.0.0.1:0",
      log: () => undefined,
    });
    try {
      const vm = await host.restore(file);
      await vm.resume();
      const { error, state } = await vm.migrate(daemon.address);
      expect([state, error]).toEqual(["completed", undefined]);
      if (isLinux) expect(openFiles()).toEqual([]);
      await isSound(target.vm("kv"));
    } finally {
      await daemon.close();
    }
  });

  test("is none if it is aborted, and costs nothing", async () => {
    const free = host.freeBytes;
    const abort = new AbortController();
    const restoring = host.restore(file, { pages: "at-once", signal: abort.signal });
    abort.abort();
    await expect(restoring).rejects.toMatchObject({ code: "WV_ABORTED" });
    expect([host.freeBytes, host.vms.length]).toEqual([free, 0]);
    if (isLinux) expect(openFiles()).toEqual([]);
  });

  test("is refused when `pages` makes no sense", async () => {
    const odd = host.restore(file, { pages: "soon" as "on-touch" });
    await expect(odd).rejects.toMatchObject({ code: "WV_CONFIG" });
    await expect(host.restore(scratch)).rejects.toMatchObject({ code: "WV_BAD_SNAPSHOT" });
  });
});

describe("a snapshot whose pages are damaged", () => {
  let bad = "";
  beforeAll(async () => {
    bad = join(scratch, "bad.wvsn");
    const bytes = await readFile(file);
    for (let at = 4096 + 100; at < bytes.length - 100_000; at += 4096)
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(bad, bytes);
  });
  const DAMAGED = /bad\.wvsn" at byte \d+: pages \d+ to \d+ of the guest are damaged/;
  const refused = { code: "WV_BAD_SNAPSHOT", message: expect.stringMatching(DAMAGED) };

  test("ends the guest that touches one, by name, and nobody else", async () => {
    const good = await host.restore(file, { name: "good" });
    const vm = await host.restore(bad, { name: "bad" });
    const ended = vm.wait();
    await vm.resume();
    expect(await ended).toMatchObject({
      type: "crash",
      fault: { reason: "missing-page", message: expect.stringMatching(DAMAGED) },
    });
    await expect(vm.console.expect(/x/)).rejects.toMatchObject({ code: "WV_GUEST" });
    await isSound(good);
  });

  test("cannot be loaded, saved or moved, and says why", async () => {
    const free = host.freeBytes;
    const vm = await host.restore(bad);
    await expect(vm.loadPages()).rejects.toMatchObject(refused);
    await expect(vm.snapshot(join(scratch, "never"))).rejects.toMatchObject(refused);
    expect(vm.status).toBe("paused");
    await vm.destroy();
    expect(host.freeBytes).toBe(free);
    await expect(host.restore(bad, { pages: "at-once" })).rejects.toMatchObject(refused);
    expect(host.freeBytes).toBe(free);
  });

  test("ends a guest at a device's access, too, though it is paused", async () => {
    const vm = await host.restore(bad);
    const { board } = vm.machine;
    Object.defineProperty(board, "receive", {
      value: (bytes: Uint8Array) => {
        vm.machine.ram.write(0x8020_0000, bytes);
        return bytes.length;
      },
    });
    expect(vm.console.write("x")).toBe(1);
    expect(vm.end).toMatchObject({ type: "crash", fault: { reason: "missing-page" } });
    await vm.resume();
    expect(vm.status).toBe("ended");
    expect((await vm.wait()).type).toBe("crash");
  });

  test("or gone: a file that was cut under a guest ends it", async () => {
    const path = join(scratch, "cut.wvsn");
    await writeFile(path, await readFile(file));
    const vm = await host.restore(path);
    await truncate(path, 5000);
    const ended = vm.wait();
    await vm.resume();
    expect(await ended).toMatchObject({
      fault: { message: expect.stringMatching(/cut: \d+ bytes/) },
    });
    const handle = await open(path);
    await handle.close();
  });
});
