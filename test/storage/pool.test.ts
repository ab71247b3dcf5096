import { describe, expect, test } from "vitest";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { Pool } from "../../ts/storage/pool/pool.ts";
import type { Volume } from "../../ts/storage/pool/volume.ts";
import { fuzzMirror } from "./fuzz-mirror.ts";
import { FragileDisk, fuzzPool } from "./fuzz-pool.ts";

const KIB = 1024;
const CHUNK = 64 * KIB;

async function makePool(count = 2, bytes = 16 * CHUNK) {
  const metadata = new FragileDisk(1 << 20);
  const disks = Array.from({ length: count }, () => new FragileDisk(bytes));
  const devices = disks.map((backend, i) => ({ name: `d${i}`, backend }));
  const pool = await Pool.create({ metadata, devices });
  const reopen = () => Pool.open(metadata, (name) => disks[Number(name.slice(1))] as BlockBackend);
  return { pool, disks, metadata, reopen };
}

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);
const content = async (volume: Volume) => {
  const bytes = new Uint8Array(volume.bytes);
  await volume.read(0, bytes);
  return bytes;
};

describe("layouts", () => {
  test("linear fills one device first, striped all in turn, mirrored two at a time", async () => {
    const { pool } = await makePool(3);
    for (const layout of ["linear", "striped", "mirrored"] as const) {
      const volume = await pool.createVolume({ name: layout, bytes: 4 * CHUNK, layout });
      await volume.write(0, filled(3 * CHUNK, 7));
    }
    const devicesOf = (name: string) =>
      pool
        .volume(name)
        .map()
        .map(({ copies }) => copies.map(({ device }) => device));
    expect(devicesOf("linear")).toEqual([["d0"], []]);
    expect(devicesOf("striped")).toEqual([["d0"], ["d1"], ["d2"], []]);
    for (const copies of devicesOf("mirrored").slice(0, -1)) expect(new Set(copies).size).toBe(2);
  });

  test("a thin volume takes room as it is written, and gives it back when discarded", async () => {
    const { pool } = await makePool();
    const volume = await pool.createVolume({ name: "v", bytes: 1000 * CHUNK });
    expect(pool.check().usedExtents).toBe(0);
    await volume.write(5 * CHUNK + 512, filled(512, 1));
    expect(pool.check().usedExtents).toBe(1);
    expect((await volume.extent(5 * CHUNK, CHUNK)).isZero).toBe(false);
    await volume.discard(5 * CHUNK, CHUNK);
    await volume.flush();
    expect(pool.check()).toMatchObject({ usedExtents: 0, problems: [] });
    const full = await pool.createVolume({ name: "f", bytes: 3 * CHUNK, room: "full" });
    expect([pool.check().usedExtents, (await content(full)).some((byte) => byte !== 0)]).toEqual([
      3,
      false,
    ]);
  });
});

test("a snapshot keeps what was there and takes no room until its volume is written", async () => {
  const { pool, reopen } = await makePool();
  const volume = await pool.createVolume({ name: "v", bytes: 4 * CHUNK });
  await volume.write(0, filled(4 * CHUNK, 1));
  const kept = await pool.snapshot("v", "s");
  expect(pool.check().usedExtents).toBe(4);
  await volume.write(CHUNK, filled(100 * 512, 2));
  await volume.discard(2 * CHUNK, CHUNK);
  expect(pool.check().usedExtents).toBe(5);
  expect((await content(kept)).every((byte) => byte === 1)).toBe(true);
  expect(() => kept.write(0, filled(512, 3))).toThrow(expect.objectContaining({ code: "WV_DISK" }));
  await pool.flush();
  const again = await reopen();
  expect(Buffer.compare(await content(again.volume("v")), await content(volume))).toBe(0);
  await again.removeVolume("s");
  expect(again.check()).toMatchObject({ usedExtents: 3, problems: [] });
  expect(Buffer.compare(await content(again.volume("v")), await content(volume))).toBe(0);
});

test("out of space is the writer's trouble alone, and over when there is room", async () => {
  const { pool } = await makePool(1, 4 * CHUNK);
  const [a, b] = [
    await pool.createVolume({ name: "a", bytes: 8 * CHUNK }),
    await pool.createVolume({ name: "b", bytes: 8 * CHUNK }),
  ];
  await b.write(0, filled(CHUNK, 2));
  await a.write(0, filled(3 * CHUNK, 1));
  const noSpace = expect.objectContaining({ code: "WV_NO_SPACE" });
  expect(() => a.write(3 * CHUNK, filled(512, 1))).toThrow(noSpace);
  await b.write(512, filled(512, 3)); // In place: needs none.
  await b.flush();
  const device = { name: "more", backend: new MemoryDisk({ content: 2 * CHUNK }) };
  await pool.addDevice(device);
  await a.write(3 * CHUNK, filled(512, 1));
  await pool.growVolume("a", 9 * CHUNK);
  expect([a.bytes, pool.check().problems]).toEqual([9 * CHUNK, []]);
});

test("a mirror that loses a leg goes on, says so, and is rebuilt in steps", async () => {
  const { disks, pool, reopen } = await makePool(2);
  const volume = await pool.createVolume({ name: "m", bytes: 8 * CHUNK, layout: "mirrored" });
  const other = await pool.createVolume({ name: "l", bytes: 8 * CHUNK });
  await volume.write(0, filled(6 * CHUNK, 1));
  await volume.flush();
  const [first] = disks as [FragileDisk];
  first.isBroken = true;
  await volume.write(CHUNK, filled(CHUNK, 2));
  await volume.flush();
  expect(pool.devices.map(({ state }) => state)).toEqual(["failed", "healthy"]);
  expect(pool.degradedChunks).toBe(6);
  await other.write(0, filled(512, 5));
  // The leg comes back as it was: nobody reads what it missed.
  first.isBroken = false;
  const again = await reopen();
  expect((await content(again.volume("m"))).slice(CHUNK, CHUNK + 4)).toEqual(filled(4, 2));
  await again.addDevice({ name: "d2", backend: new MemoryDisk({ content: 16 * CHUNK }) });
  expect([await again.rebuild(4), await again.rebuild(4)]).toEqual([2, 0]);
  expect([again.degradedChunks, again.check().problems]).toEqual([0, []]);
  const [, second] = disks as [FragileDisk, FragileDisk];
  second.isBroken = true;
  expect((await content(again.volume("m"))).slice(CHUNK, CHUNK + 4)).toEqual(filled(4, 2));
});

test("metadata that is damaged in one copy is read from the other, in both it is WV_DISK", async () => {
  const { metadata, pool, reopen } = await makePool();
  await pool.createVolume({ name: "v", bytes: CHUNK });
  await pool.createVolume({ name: "w", bytes: CHUNK });
  const half = metadata.bytes / 2;
  metadata.content.fill(0xff, half + 40, half + 60);
  expect((await reopen()).volumes.length).toBeGreaterThanOrEqual(1);
  metadata.content.fill(0xff, 40, 60);
  expect(reopen).toThrow(expect.objectContaining({ code: "WV_DISK" }));
});

test.each(Array.from({ length: 24 }, (_, i) => 1000 + i))(
  "random work with crashes, next to plain arrays: seed %i",
  (seed) => fuzzPool(seed, 400),
);

test("mirrors with crashes, failing legs and rebuilds: what was flushed is there, and legs are equal", async () => {
  const seen: Awaited<ReturnType<typeof fuzzMirror>>[] = [];
  for (let i = 0; i < 12; i++) seen.push(await fuzzMirror(2000 + i, 400));
  const sum = (key: "mended" | "rebuilt" | "crashes" | "returned") =>
    seen.reduce((all, one) => all + one[key], 0);
  const enough = [
    sum("crashes") > 100,
    sum("mended") > 20,
    sum("rebuilt") > 100,
    sum("returned") > 10,
  ];
  expect(enough).toEqual([true, true, true, true]);
});
