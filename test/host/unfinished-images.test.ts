/** Images that a host which was killed did not finish are removed; those that somebody fills are not. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { pullDisk } from "../../ts/host/disk-pull.ts";
import { openPath } from "../../ts/host/disks.ts";
import { ArrivingImages } from "../../ts/host/migrations/arriving-images.ts";
import { removeUnfinished, unfinishedName } from "../../ts/host/migrations/unfinished-images.ts";
import { ownProcess } from "../../ts/host/process-identity.ts";
import { resolveVmConfig } from "../../ts/host/vm-config.ts";
import { BlockSet } from "../../ts/machine/block-set.ts";
import { MOVING_BLOCK_BYTES } from "../../ts/machine/moving-disk.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { isPartial, MissingFile } from "../../ts/storage/missing-record.ts";
import { NbdServer } from "../../ts/storage/nbd/server.ts";
import { ROOT } from "./daemon-process.ts";

const config = resolveVmConfig({ name: "web", disks: [{ path: "a" }] }, { name: "web", seed: 1 });
const shapes = [{ index: 0, bytes: 1 << 20, usedBytes: 1 << 20 }];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wv-part-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As a process would call its image that had our number before us. */
function nameOfGone(image: string): string {
  const gone = (ownProcess() as string).replace(/\d+$/, "1");
  return `${image}.${Buffer.from(gone).toString("base64url")}.part`;
}

const make = (...names: string[]): void => {
  for (const name of names) writeFileSync(join(folder, name), "x");
};

test("of a process that is gone nothing is left but what its guest had", () => {
  make(nameOfGone("web-0-00000001.img"), "web-0-00000001.img.arriving");
  make("web-0-00000002.qcow2", "web-0-00000002.qcow2.arriving", unfinishedName("x-0-3.img"));
  make("mine.img.part");
  const kept = readdirSync(folder).filter((name) => !name.includes("00000001"));
  expect(removeUnfinished(folder)).toEqual(["web-0-00000001.img"]);
  expect(readdirSync(folder).sort()).toEqual(kept.sort());
  expect(removeUnfinished(join(folder, "nowhere"))).toEqual([]);
});

test("and of one of which nothing is known, what nobody has written for a day", () => {
  make("web-0-00000001.img.part", "web-0-00000002.img.part");
  const now = Date.now() / 1e3;
  utimesSync(join(folder, "web-0-00000001.img.part"), now, now - 25 * 3600);
  utimesSync(join(folder, "web-0-00000002.img.part"), now, now - 23 * 3600);
  expect(removeUnfinished(folder)).toEqual(["web-0-00000001.img"]);
});

test("a guest that comes makes room first, and leaves its neighbour's images alone", () => {
  make(nameOfGone("web-0-00000001.img"));
  const neighbour = new ArrivingImages(shapes, folder);
  neighbour.place(config);
  const others = readdirSync(folder);
  expect(others).toHaveLength(2);
  const images = new ArrivingImages(shapes, folder);
  const { config: placed } = images.place(config);
  expect(readdirSync(folder)).toHaveLength(4);
  images.arriving[0]?.keep();
  images.arriving[0]?.settle();
  expect(readdirSync(folder)).toHaveLength(3);
  expect(readdirSync(folder).map((name) => join(folder, name))).toContain(placed.disks[0]?.path);
  images.discard();
  expect(readdirSync(folder)).toEqual(others);
});

/** A host that is killed when a disk has come so far; its image, if there is one by its own name. */
function killedAfter(step: string): string | undefined {
  const script = `
    import { ArrivingImages } from ${JSON.stringify(join(ROOT, "dist/ts/host/migrations/arriving-images.js"))};
    const images = new ArrivingImages(${JSON.stringify(shapes)}, ${JSON.stringify(folder)});
    images.place(${JSON.stringify(config)});
    const [disk] = images.arriving;
    const steps = {
      place: () => undefined,
      write: () => disk.write(3, new Uint8Array(65536).fill(7)),
      flush: () => disk.flush(),
      keep: () => disk.keep(),
      settle: () => disk.settle(),
    };
    for (const [name, step] of Object.entries(steps)) {
      step();
      if (name === ${JSON.stringify(step)}) process.kill(process.pid, "SIGKILL");
    }
  `;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  expect(signal).toBe("SIGKILL");
  const name = readdirSync(folder).find((one) => one.endsWith(".img"));
  return name && join(folder, name);
}

test.each(["place", "write", "flush"])(
  "a host killed after %s, before its guest was to run there, leaves nothing that looks like an image",
  (step) => {
    expect(killedAfter(step)).toBeUndefined();
    expect(removeUnfinished(folder)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test("killed before the guest's former host was told, it leaves an image that is not taken for the only one", async () => {
  const image = killedAfter("keep") as string;
  expect(removeUnfinished(folder)).toEqual([]);
  const refused = { code: "WV_DISK", message: expect.stringContaining("may have gone on") };
  const open = (readOnly: boolean) => openPath({ path: image, format: "raw", readOnly });
  await expect(open(false)).rejects.toMatchObject(refused);
  const pull = pullDisk({ path: image, format: "raw", from: "nbd://127.0.0.1:9/x" });
  await expect(pull).rejects.toMatchObject(refused);
  const look = new Uint8Array(512);
  const disk = await open(true);
  await disk.read(3 * 65_536, look);
  await disk.close?.();
  expect(look[0]).toBe(7);
  rmSync(`${image}.arriving`); // Whoever has looked says which image it is.
  await (await open(false)).close?.();
});

test("what a pull has not fetched when its source fails stays missing, and the next one fetches all of it", async () => {
  const blocks = 100;
  const content = new Random(5).bytes(new Uint8Array(blocks * MOVING_BLOCK_BYTES));
  const source = new MemoryDisk({ content });
  let readsLeft = 3;
  const read = source.read.bind(source);
  source.read = (offset, into) => {
    if (readsLeft-- === 0) throw new Error("it broke");
    read(offset, into);
  };
  const server = await NbdServer.listen({ exports: [{ name: "x", disk: source }], port: 0 });
  const from = `nbd://127.0.0.1:${server.port}/x`;
  const image = join(folder, "rest.img");
  writeFileSync(image, new Uint8Array(content.length));
  const missing = new BlockSet(blocks);
  missing.fill();
  const record = new MissingFile(image, content.length);
  record.save(missing);
  record.close();
  try {
    const pull = () => pullDisk({ path: image, format: "raw", from });
    await expect(pull()).rejects.toMatchObject({ code: "WV_DISK" });
    expect(isPartial(image)).toBe(true);
    readsLeft = Number.POSITIVE_INFINITY;
    expect(await pull()).toBe(blocks);
    expect(isPartial(image)).toBe(false);
    expect(readFileSync(image).equals(content)).toBe(true);
  } finally {
    await server.close();
  }
});

test("killed after that, it leaves an image like any other", async () => {
  const image = killedAfter("settle") as string;
  expect(readdirSync(folder)).toHaveLength(1);
  await (await openPath({ path: image, format: "raw", readOnly: false })).close?.();
});
