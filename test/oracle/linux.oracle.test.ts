/**
 * Debian's own kernel on our machine: it boots, sees its disk, is typed to, powers off, and moves
 * between two daemons while a checker and a dirtier run. QEMU boots the same files in the same run.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { INIT_LINE } from "../../ts/image/init-script.ts";
import { type ResolvedImage, resolveImage } from "../../ts/image/store.ts";
import { wasmvisor } from "../cli/binary.ts";
import { printed, startDaemon } from "../host/daemon-process.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";
import { qemuBootInstructions, qemuBootMs } from "./qemu-boot.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasApt = runs("apt-get", "--version");
const hasQemu = runs("qemu-system-riscv64", "--version");
const hasMke2fs = runs("mke2fs", "-V");

const wall = new WallClock();

const fingerprint = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

describe.skipIf(!hasApt)("Debian (skipped unless apt is installed)", () => {
  let image: ResolvedImage;
  let scratch = "";
  let disk = "";

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "wasmvisor-linux-"));
    await pullDebian();
    image = await resolveImage("debian");
    const tree = join(scratch, "tree");
    disk = join(scratch, "disk.img");
    await mkdir(tree);
    await writeFile(join(tree, "hello.txt"), "hello from the disk\n");
    if (hasMke2fs) expect(runs("mke2fs", "-q", "-t", "ext4", "-d", tree, disk, "16M")).toBe(true);
  }, 600_000);
  afterAll(async () => rm(scratch, { recursive: true, force: true }));

  test("boots, forks, is saved and moved in an embedder's few lines", {
    timeout: 2 * WAIT_MS,
  }, async () => {
    const daemon = await startDaemon("512MiB");
    const { signal } = new AbortController();
    const file = join(scratch, "web.wvs");

    await using host = await Host.create({ memory: "1GiB" });
    const vm = await host.createVm({ name: "web", image: "debian", memory: "256MiB", vcpus: 2 });
    await vm.start();
    await vm.console.expect(/# $/);
    const child = await vm.fork();
    await vm.snapshot(file);
    const result = await vm.migrate(daemon.address, { strategy: "pre-copy", signal });

    expect(result).toMatchObject({ state: "completed", strategy: "pre-copy" });
    expect((await daemon.client.list()).map(({ name, status }) => [name, status])).toEqual([
      ["web", "running"],
    ]);
    expect(await say(child, "echo I am the child")).toContain("\nI am the child");
    const restored = await host.restore(file);
    await restored.resume();
    expect(await say(restored, "echo back again")).toContain("\nback again");
    await daemon.kill("SIGTERM");
  });

  test("a hundred forks cost what they write, and their parent goes on", {
    timeout: WAIT_MS,
  }, async () => {
    await using host = await Host.create({ memory: "1GiB" });
    const vm = await bootDebian(host, {});
    await vm.pause();
    const before = host.freeBytes;
    const started = wall.nowNs();
    const forks: VirtualMachine[] = [];
    for (let i = 0; i < 100; i++) forks.push(await vm.fork());
    const spentMs = (wall.nowNs() - started) / 1e6;
    console.log(`linux: 100 forks in ${Math.round(spentMs)} ms`);
    expect(spentMs).toBeLessThan(2000);
    // Each has the directory of its map and registers of its own: no page of the guest.
    expect(before - host.freeBytes).toBe(100 * 2 * 4096);
    const writer = forks[42] as VirtualMachine;
    await writer.resume();
    await say(writer, "dd if=/dev/zero of=/dev/shm/x bs=1M count=4 2>/dev/null || true");
    await vm.resume();
    expect(await say(vm, "echo still here")).toContain("\nstill here");
    expect((forks[41] as VirtualMachine).info().metrics.copiedPages).toBe(0);
  });

  test("a thousand forks are alive, and each answers on its console", {
    timeout: 10 * WAIT_MS,
  }, async () => {
    await using host = await Host.create({ memory: "2.5GiB" });
    const vm = await bootDebian(host, {});
    await say(vm, "dd if=/dev/urandom of=/dev/shm/x bs=1M count=60 2>/dev/null");
    await vm.pause();
    expect(vm.info().populatedBytes).toBeGreaterThan(100 * 2 ** 20);
    const times: number[] = [];
    const forks: VirtualMachine[] = [];
    const free = host.freeBytes;
    for (let i = 0; i < 1000; i++) {
      const started = wall.nowNs();
      forks.push(await vm.fork());
      times.push((wall.nowNs() - started) / 1e6);
    }
    const fresh = (free - host.freeBytes) / forks.length;
    for (const fork of forks) await fork.resume();
    for (const [i, fork] of forks.entries()) fork.console.write(`echo I am $((${i} + 7000))\n`);
    const answers = forks.map((fork, i) =>
      fork.console.expect(new RegExp(`\nI am ${i + 7000}\r`), { timeoutMs: 8 * WAIT_MS }),
    );
    await Promise.all(answers);
    for (const fork of forks) await fork.pause();
    const answered = (free - host.freeBytes) / forks.length;
    const median = times.sort((a, b) => a - b)[500] as number;
    const sum = times.reduce((a, b) => a + b);
    process.stderr.write(
      `linux: 1000 forks, median ${median.toFixed(2)} ms, ${Math.round(1e6 / sum)} a second, ` +
        `${fresh} bytes each, ${Math.round(answered)} after its answer\n`,
    );
    expect(median).toBeLessThan(5);
    expect(fresh).toBe(2 * 4096);
    expect(answered).toBeLessThan(2 ** 20);
  });

  test("two Debians that were booted apart share what is equal, and go on", {
    timeout: 2 * WAIT_MS,
  }, async () => {
    await using host = await Host.create({ memory: "1GiB" });
    const vms = [await bootDebian(host, {}), await bootDebian(host, {})];
    const { mergedPages, savedBytes, zeroPages } = await host.sharePages();
    const { populatedBytes } = host.memory();
    process.stderr.write(
      `linux: two Debians of ${Math.round(populatedBytes / 2 ** 20)} MiB: ${mergedPages} equal ` +
        `pages, ${zeroPages} of zeros, ${Math.round(savedBytes / 2 ** 20)} MiB saved\n`,
    );
    expect(savedBytes).toBeGreaterThan(20 * 2 ** 20);
    for (const vm of vms) {
      expect(await say(vm, "cat /proc/cpuinfo | md5sum; ls /bin | wc -l")).toContain("done 0");
      expect(vm.console.text).not.toMatch(/Call Trace|Oops|segfault/);
    }
  });

  test("restored lazily, with a disk, answers before its pages are there", {
    timeout: WAIT_MS,
  }, async () => {
    const file = join(scratch, "lazy.wvsn");
    await using host = await Host.create({ memory: "1GiB" });
    const disks = hasMke2fs ? [{ path: disk, overlay: true }] : [];
    const vm = await bootDebian(host, { disks });
    await vm.snapshot(file);
    await vm.destroy();
    const started = wall.nowNs();
    const twin = await host.restore(file);
    const restoredMs = (wall.nowNs() - started) / 1e6;
    const all = twin.info().missingBytes;
    await twin.resume();
    // The disk's rings and buffers are among the pages that are not there yet.
    const command = hasMke2fs ? "cat /mnt/hello.txt; sync" : "echo hello from the disk";
    expect(await say(twin, command)).toContain("hello from the disk");
    const { missingBytes } = twin.info();
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    process.stderr.write(
      `linux: restored in ${restoredMs.toFixed(1)} ms, ${mib(all - missingBytes)} MiB of ` +
        `${mib(all)} read to answer\n`,
    );
    expect(missingBytes).toBeGreaterThan(all / 4);
    await twin.loadPages();
    expect(await say(twin, "ls -R / >/dev/null 2>&1; echo whole")).toContain("\nwhole");
    expect(twin.console.text).not.toMatch(/Call Trace|I\/O error/);
  });

  test.each([1, 4])(
    "boots with %i vCPUs, is typed to, powers off",
    { timeout: WAIT_MS },
    async (vcpus) => {
      await using host = await Host.create({ memory: "512MiB" });
      const vm = await bootDebian(host, { vcpus });
      expect(await say(vm, "nproc; uname -r")).toMatch(
        new RegExp(`\n${vcpus}\r?\n${image.manifest.kernelRelease.replaceAll("+", "\\+")}\r?\n`),
      );
      expect(vm.console.text).not.toContain("Call Trace");
      vm.console.write("poweroff -f\n");
      expect(await vm.wait()).toEqual({ type: "poweroff" });
    },
  );

  test("commands that are piped in arrive whole", { timeout: WAIT_MS }, async () => {
    const input = "echo $((6 * 7)) piped; poweroff -f\n";
    const { status, stdout } = await wasmvisor(["run", "--image", "debian"], { input });
    expect(stdout).toMatch(/\n42 piped\r?\n/);
    expect(status).toBe(0);
  });

  describe.skipIf(!hasMke2fs)("with an ext4 disk (skipped unless mke2fs is installed)", () => {
    test.each([
      ["an overlay leaves the file as it is", true],
      ["what is written stays in the file", false],
    ])("%s", { timeout: WAIT_MS }, async (_what, overlay) => {
      const before = await fingerprint(disk);
      await using host = await Host.create({ memory: "512MiB" });
      const vm = await bootDebian(host, { disks: [{ path: disk, overlay }] });
      const command = "cat /mnt/hello.txt; echo written >/mnt/new && sync && cat /mnt/new";
      expect(await say(vm, command)).toMatch(/\nhello from the disk\r?\nwritten\r?\n/);
      await say(vm, "umount /mnt");
      vm.console.write("poweroff -f\n");
      await vm.wait();
      expect((await fingerprint(disk)) === before).toBe(overlay);
      if (overlay) return;
      expect(runs("e2fsck", "-fn", disk)).toBe(true);
      expect((await readFile(disk)).includes("written\n")).toBe(true);
    });
  });

  test.each([
    ["a file that both can open", false],
    ["its overlay moves along", true],
  ])(
    "moves between processes under load; its disk: %s",
    { timeout: WAIT_MS },
    async (_, overlay) => {
      const [source, target] = await Promise.all([startDaemon("512MiB"), startDaemon("512MiB")]);
      try {
        const path = join(scratch, `moved-${overlay}.img`);
        if (hasMke2fs) await copyFile(disk, path);
        const disks = hasMke2fs ? [{ path, overlay }] : [];
        const options = { image: "debian", memory: "256MiB", vcpus: 2, disks };
        await source.client.create({ name: "web", ...options });
        await source.client.act("web", "start");
        const wait = { timeoutMs: WAIT_MS };
        await printed(source.client, "web", { pattern: /\/ # /, ...wait });
        const load =
          "echo kept >/mnt/k; dirty fill=32MiB ws=8MiB rate=4000 heartbeat=0 & kvcheck report=20000 &\n";
        const running = /kv ok 20000 [\s\S]*kv ok 40000 /;
        await printed(source.client, "web", { input: load, pattern: running, ...wait });
        const { state, stats } = await source.client.migrate("web", {
          target: target.address,
          downtime: "200ms",
          roundsMax: 10,
        });
        expect(state).toBe("completed");
        process.stderr.write(
          `linux migrated: ${stats["total-time"]} ms, downtime ${stats.downtime} ms, ` +
            `${(stats.ram.transferred / 2 ** 20).toFixed(1)} MiB in ${stats.rounds.length} rounds\n`,
        );
        expect(await source.client.list()).toEqual([]);
        const checks = await printed(target.client, "web", {
          pattern: /(kv ok.*){3}/s,
          ...wait,
        });
        expect(checks).not.toContain("CORRUPT");
        const input = "killall kvcheck dirty; cat /mnt/k; umount /mnt; echo al''ive\n";
        const text = await printed(target.client, "web", { input, pattern: /\nalive/, ...wait });
        if (hasMke2fs) expect(text).toMatch(/kept\r?\n/);
        expect(text).not.toMatch(/CORRUPT|Call Trace|I\/O error/);
        await printed(target.client, "web", {
          input: "poweroff -f\n",
          pattern: /Power down/,
          ...wait,
        });
        if (!hasMke2fs) return;
        expect(runs("e2fsck", "-fn", path)).toBe(true);
        expect((await readFile(path)).includes("kept\n")).toBe(!overlay);
      } finally {
        await Promise.all([source.kill("SIGKILL"), target.kill("SIGKILL")]);
      }
    },
  );

  test.skipIf(!hasQemu)(
    "boots beside QEMU (skipped unless qemu-system-riscv64 is installed)",
    { timeout: WAIT_MS },
    async () => {
      await using host = await Host.create({ memory: "512MiB" });
      const startNs = wall.nowNs();
      const vm = await host.createVm({ image: "debian", memory: "256MiB" });
      await vm.start();
      await vm.console.expect(new RegExp(INIT_LINE), { timeoutMs: WAIT_MS });
      const oursMs = (wall.nowNs() - startNs) / 1e6;
      const { instructions } = vm.info().metrics;
      const qemuMs = await qemuBootMs(image);
      const theirs = await qemuBootInstructions(image, join(scratch, "record.bin"));
      const [oursM, theirsM] = [instructions, theirs].map((count) => (count / 1e6).toFixed(0));
      process.stderr.write(
        `linux to /init: ${oursM} M instructions, QEMU with its firmware ${theirsM} M; ` +
          `${oursMs.toFixed(0)} ms, QEMU ${qemuMs.toFixed(0)} ms\n`,
      );
      expect(instructions / theirs).toBeGreaterThan(0.75);
      expect(instructions / theirs).toBeLessThan(1.1);
    },
  );
});
