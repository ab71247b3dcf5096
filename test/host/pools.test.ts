/** Pools in files: made, used as disks, kept for one process; the lock of a process that was killed is taken over. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPool, openVolume, withPool } from "../../ts/host/pools.ts";

let base = "";
let file = "";
beforeEach(async () => {
  base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-pools-"));
  file = join(base, "pool");
  const devices = [0, 1].map((i) => join(base, `device${i}`));
  for (const device of devices) {
    fs.writeFileSync(device, "");
    fs.truncateSync(device, 4 << 20);
  }
  const pool = await createPool(file, { devices });
  await pool.createVolume({ name: "v", bytes: 1 << 20, layout: "mirrored" });
  await pool.close();
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

test("a volume is a disk, and what it holds is there when the pool is opened again", async () => {
  const disk = await openVolume(`pool:${file}/v`, false);
  await disk.write(4096, new Uint8Array(512).fill(7));
  const other = await openVolume(`pool:${file}/v`, true);
  expect([disk.bytes, disk.readOnly, other.readOnly]).toEqual([1 << 20, false, true]);
  await disk.close?.();
  await other.close?.();
  await withPool(file, async (pool) => {
    const found = new Uint8Array(512);
    await pool.volume("v").read(4096, found);
    expect(found.every((byte) => byte === 7)).toBe(true);
    expect(pool.check().problems).toEqual([]);
  });
  expect(fs.existsSync(`${file}.lock`)).toBe(false);
});

test("a pool that another process has open is refused; one whose process died is not", async () => {
  const sleeper = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
  fs.writeFileSync(`${file}.lock`, `${sleeper.pid}\n`);
  await expect(openVolume(`pool:${file}/v`, false)).rejects.toMatchObject({ code: "WV_STATE" });
  sleeper.kill("SIGKILL");
  await new Promise((resolve) => sleeper.once("exit", resolve));
  expect(await withPool(file, (pool) => pool.volumes.length)).toBe(1);
});

test("without one of its devices a mirror is there; a volume that is none is WV_DISK", async () => {
  fs.rmSync(join(base, "device0"));
  await withPool(file, async (pool) => {
    expect(pool.devices.map(({ state }) => state)).toEqual(["failed", "healthy"]);
    await pool.volume("v").write(0, new Uint8Array(512).fill(1));
  });
  await expect(openVolume(`pool:${file}/none`, false)).rejects.toMatchObject({ code: "WV_DISK" });
  await expect(openVolume(`pool:${file}`, false)).rejects.toMatchObject({
    code: expect.stringMatching(/WV_DISK|WV_CONFIG/),
  });
});
