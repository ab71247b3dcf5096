/** A pool that has no room left, seen from Debian: IO errors where room was wanted, nothing else, until there is some. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import { createPool, poolCommand, withPool } from "../../ts/host/pools.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;

describe.skipIf(!hasApt)("Debian (skipped unless apt is installed)", () => {
  test("is told EIO when a pool is full, other volumes go on, and so does it with one more device", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    await pullDebian();
    const dir = mkdtempSync(join(tmpdir(), "wasmvisor-space-"));
    const device = (name: string, bytes: number): string => {
      const path = join(dir, name);
      writeFileSync(path, "");
      truncateSync(path, bytes);
      return path;
    };
    try {
      const file = join(dir, "pool");
      await (await createPool(file, { devices: [device("a", 16 << 20)] })).close();
      await withPool(file, async (pool) => {
        await pool.createVolume({ name: "thin", bytes: 64 << 20 });
        await pool.createVolume({ name: "full", bytes: 4 << 20, room: "full" });
      });
      await using host = await Host.create({ memory: "512MiB" });
      const disks = ["thin", "full"].map((name) => ({ path: `pool:${file}/${name}` }));
      const vm = await bootDebian(host, { disks });
      const write = (to: string, mib: number): string =>
        `dd if=/dev/urandom of=/dev/${to} bs=1M count=${mib} conv=fsync 2>&1 | tail -4`;
      expect(await say(vm, write("vda", 8))).toMatch(/8\+0 records out/);
      await say(vm, "dd if=/dev/vda bs=1M count=8 2>/dev/null | md5sum >/tmp/before");
      expect(await say(vm, write("vda", 32))).toMatch(/Input\/output error/);
      // Its own room is there, and so is everything for the others.
      expect(await say(vm, write("vdb", 4))).toMatch(/4\+0 records out/);
      expect(await say(vm, write("vda", 4))).toMatch(/4\+0 records out/);
      expect(await say(vm, "dmesg | grep -c 'I/O error, dev vdb'")).toMatch(/\n0\r?\n/);
      const more = device("b", 64 << 20);
      expect(await poolCommand(file, { do: "add", device: more })).toMatchObject({
        devices: [{ freeExtents: 0 }, { state: "healthy" }],
      });
      expect(await say(vm, write("vda", 32))).toMatch(/32\+0 records out/);
      expect(vm.console.text).not.toMatch(/Call Trace|Oops/);
      await vm.destroy();
      expect(await poolCommand(file, { do: "check" })).toMatchObject({ problems: [] });
      const map = (await poolCommand(file, { do: "map", name: "thin" })) as {
        copies: { device: string }[];
      }[];
      const used = new Set(map.flatMap(({ copies }) => copies.map((one) => one.device)));
      expect([...used].sort()).toEqual([join(dir, "a"), more]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
