/** Pools in files: made, used as disks, kept for one process; the lock of a process that was killed is taken over. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PoolInfo } from "../../ts/host/pool-commands.ts";
import { createPool, openVolume, poolCommand, withPool } from "../../ts/host/pools.ts";
import { ROOT } from "./daemon-process.ts";

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

test("whoever has a pool open does what other processes ask for: info, more room, volumes", async () => {
  const script = `
    import { openVolume } from ${JSON.stringify(join(ROOT, "dist/ts/host/pools.js"))};
    const disk = await openVolume(${JSON.stringify(`pool:${file}/v`)}, false);
    await disk.write(0, new Uint8Array(512).fill(7));
    await disk.flush();
    await disk.write(0, new Uint8Array(512).fill(8));
    console.log("open");
    setInterval(() => undefined, 1000);
  `;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(owner.stdout, "data");
    await expect(withPool(file, () => undefined)).rejects.toMatchObject({ code: "WV_STATE" });
    const device = join(base, "device2");
    fs.writeFileSync(device, "");
    fs.truncateSync(device, 4 << 20);
    expect(await poolCommand(file, { do: "add", device })).toMatchObject({
      devices: [{}, {}, { name: device, state: "healthy" }],
    });
    fs.truncateSync(device, 8 << 20);
    const grown = (await poolCommand(file, { do: "grow" })) as { devices: { extents: number }[] };
    expect(grown.devices.map(({ extents }) => extents)).toEqual([63, 63, 127]); // Less a label.
    await poolCommand(file, { do: "createVolume", name: "w", bytes: 1 << 20 });
    await poolCommand(file, { do: "growVolume", name: "w", bytes: 2 << 20 });
    const volumes = (await poolCommand(file, { do: "volumes" })) as {
      name: string;
      bytes: number;
    }[];
    expect(volumes.map(({ bytes, name }) => [name, bytes])).toEqual([
      ["v", 1 << 20],
      ["w", 2 << 20],
    ]);
    await expect(poolCommand(file, { do: "map", name: "none" })).rejects.toMatchObject({
      code: "WV_DISK",
    });
  } finally {
    owner.kill("SIGKILL");
    await once(owner, "exit");
  }
  // Whoever had it died with a mirror half written: it is compared, and nobody is asked any more.
  const info = (await poolCommand(file, { do: "info" })) as PoolInfo;
  expect([info.devices.length, info.resync.comparedBytes > 0]).toEqual([3, true]);
});

test("a leg that is lost is made again in the background, while the volume is read and written", async () => {
  const disk = await openVolume(`pool:${file}/v`, false);
  await disk.write(0, new Uint8Array(1 << 20).fill(1));
  await disk.flush();
  await disk.close?.();
  fs.rmSync(join(base, "device0"));
  const again = await openVolume(`pool:${file}/v`, false);
  const info = async () => (await poolCommand(file, { do: "info" })) as PoolInfo;
  expect(await info()).toMatchObject({
    degradedBytes: 1 << 20,
    devices: [{ state: "failed" }, {}],
  });
  fs.writeFileSync(join(base, "device0"), "");
  fs.truncateSync(join(base, "device0"), 4 << 20);
  await poolCommand(file, { do: "add", device: join(base, "device0") });
  const into = new Uint8Array(512);
  for (let i = 0; i < 200 && (await info()).degradedBytes > 0; i++) {
    await again.write(512 * i, new Uint8Array(512).fill(i));
    await again.read(512 * i, into);
    expect(into[0]).toBe(i);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await info()).toMatchObject({
    degradedBytes: 0,
    rebuild: { doneBytes: 1 << 20 },
    devices: [{ state: "healthy" }, {}],
  });
  await again.close?.();
});

test("a pool that is just being closed is waited for, and opened again", async () => {
  const disk = await openVolume(`pool:${file}/v`, false);
  const closing = disk.close?.();
  const used = [1, 2].map(() => withPool(file, (pool) => pool.check().problems));
  await closing;
  expect(await Promise.all(used)).toEqual([[], []]);
  expect(fs.existsSync(`${file}.lock`)).toBe(false);
});
