/** Images that a host which was killed did not finish are removed; those that somebody fills are not. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ArrivingImages } from "../../ts/host/migrations/arriving-images.ts";
import { removeUnfinished, unfinishedName } from "../../ts/host/migrations/unfinished-images.ts";
import { ownProcess } from "../../ts/host/process-identity.ts";
import { resolveVmConfig } from "../../ts/host/vm-config.ts";

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
  expect(others).toHaveLength(1);
  const images = new ArrivingImages(shapes, folder);
  const { config: placed } = images.place(config);
  expect(readdirSync(folder)).toHaveLength(2);
  images.arriving[0]?.keep();
  expect(readdirSync(folder).map((name) => join(folder, name))).toContain(placed.disks[0]?.path);
  images.discard();
  expect(readdirSync(folder)).toEqual(others);
});
