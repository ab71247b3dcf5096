/** Identical pages of different guests in one frame: what it saves, and that no guest can tell. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { expectLines, guestBin, guestRuns } from "../guest-runs.ts";

let host: Host;
beforeEach(async () => {
  host = await Host.create({ memory: "512MiB" });
});
afterEach(async () => host.close());

const kernel = (name: string): string => join(guestBin, name);

async function twins(count: number): Promise<VirtualMachine[]> {
  const options = { kernel: kernel("kv.elf"), memory: "32MiB", append: "report=20000", seed: 1 };
  const vms: VirtualMachine[] = [];
  for (let i = 0; i < count; i++) vms.push(await host.createVm(options));
  for (const vm of vms) await vm.start();
  // Each stops where it said so, as their turns are of different lengths.
  const stop = async (vm: VirtualMachine): Promise<void> => {
    await vm.console.expect(/kv ok 20000 /);
    await vm.pause();
  };
  await Promise.all(vms.map(stop));
  return vms;
}

test("guests that did the same have their pages once", async () => {
  const vms = await twins(4);
  const before = host.freeBytes;
  const result = await host.sharePages();
  expect(host.freeBytes - before).toBe(result.savedBytes);
  const { populatedBytes, savedBytes } = host.memory();
  expect(savedBytes).toBe(result.mergedPages * 4096);
  // Three quarters, if they were stopped at the same instruction.
  expect(savedBytes).toBeGreaterThan(0.4 * populatedBytes);
  for (const vm of vms) await vm.resume();
  for (const vm of vms) await vm.console.expect(/kv ok \d+ [\s\S]*kv ok \d+ /);
  for (const vm of vms) expect(vm.console.text).not.toContain("CORRUPT");
  expect(host.memory().savedBytes).toBeLessThan(savedBytes); // What they wrote is their own again.
  for (const vm of vms) await vm.destroy();
});

test("a second pass finds nothing more, and all memory comes back", async () => {
  const free = host.freeBytes;
  const vms = await twins(3);
  expect((await host.sharePages()).savedBytes).toBeGreaterThan(0);
  expect(await host.sharePages()).toMatchObject({ mergedPages: 0, zeroPages: 0, savedBytes: 0 });
  for (const vm of vms) await vm.destroy();
  expect(host.freeBytes).toBe(free);
  expect(host.memory()).toMatchObject({ populatedBytes: 0, savedBytes: 0, freeBytes: free });
});

test("no guest can tell: each prints what it always prints, while passes go on", {
  timeout: 120_000,
}, async () => {
  const runs = guestRuns.filter(({ program }) => program !== "kernels.elf");
  const vms = await Promise.all(
    [...runs, ...runs].map(async (run) => {
      const vm = await host.createVm({
        kernel: kernel(run.program),
        append: run.append.replace(" tolerate=qemu", ""),
        memory: `${run.memoryMiB}MiB`,
        clock: "virtual",
      });
      return { run, vm };
    }),
  );
  for (const { vm } of vms) await vm.start();
  let passes = 0;
  let saved = 0;
  while (vms.some(({ vm }) => vm.status === "running")) {
    saved += (await host.sharePages()).savedBytes;
    passes++;
  }
  for (const { run, vm } of vms) {
    const lines = vm.console.text.split("\n").map((line) => line.trimEnd());
    expectLines(lines, run.lines);
    expect(await vm.wait()).toEqual(run.fails ? { type: "exit", status: 1 } : { type: "poweroff" });
  }
  expect(passes).toBeGreaterThan(3);
  expect(saved).toBeGreaterThan(1 << 20);
});

test("a guest that dirties its pages is moved right while they are shared", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-share-"));
  try {
    const options = {
      kernel: kernel("dirtier.elf"),
      memory: "32MiB",
      append: "fill=16MiB ws=8MiB rate=2000 seed=3",
    };
    const [a, b] = [await host.createVm(options), await host.createVm(options)];
    for (const vm of [a, b]) await vm.start();
    for (const vm of [a, b]) await vm.console.expect(/ready/);
    expect((await host.sharePages()).savedBytes).toBeGreaterThan(1 << 20);
    await a.pause();
    const hash = a.migratable().memoryHash();
    await host.sharePages();
    expect(a.migratable().memoryHash()).toBe(hash);
    await a.snapshot(join(scratch, "a"));
    const again = await host.restore(join(scratch, "a"), { name: "again" });
    expect(again.migratable().memoryHash()).toBe(hash);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
});

test("one pass at a time; an abort ends it and loses nothing", async () => {
  const vms = await twins(3);
  const abort = new AbortController();
  const first = host.sharePages({ signal: abort.signal });
  await expect(host.sharePages()).rejects.toMatchObject({ code: "WV_STATE" });
  abort.abort();
  await expect(first).rejects.toMatchObject({ code: "WV_ABORTED" });
  await expect(host.sharePages({ signal: abort.signal })).rejects.toMatchObject({
    code: "WV_ABORTED",
  });
  const pass = host.sharePages();
  await vms[1]?.destroy(); // In the middle of it.
  expect((await pass).scannedPages).toBeGreaterThan(0);
  for (const vm of host.vms) await vm.resume();
  for (const vm of host.vms) await vm.console.expect(/kv ok \d+ [\s\S]*kv ok \d+ /);
});

test("a host without room for a table says so", async () => {
  const small = await Host.create({ memory: "24MiB" });
  const vm = await small.createVm({
    kernel: kernel("dirtier.elf"),
    memory: "64MiB",
    append: "fill=32MiB ws=1MiB",
  });
  await vm.start();
  expect(await vm.wait()).toMatchObject({ type: "crash", fault: { reason: "no-memory" } });
  await expect(small.sharePages()).rejects.toMatchObject({ code: "WV_NO_MEMORY" });
  await small.close();
});
