/** Images of QEMU read here, images of ours read by QEMU, and both writing to the same ones in turn. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { HostFile } from "../../ts/storage/image-file.ts";
import { openDisk } from "../../ts/storage/open-disk.ts";
import { checkQcow2 } from "../../ts/storage/qcow2/check.ts";
import { createQcow2 } from "../../ts/storage/qcow2/create.ts";

const hasZstd = "zstdDecompressSync" in zlib;
const hasQemu = spawnSync("qemu-img", ["--version"]).status === 0;
const BYTES = 3 * 1024 * 1024 + 1024;

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "wasmvisor-qcow2-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function qemu(tool: "qemu-img" | "qemu-io", ...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(tool, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${status} ${stdout} ${stderr}`);
  return stdout;
}

/** Lets qemu-io write patterns into an image, and the model with it. */
function qemuWrites(path: string, model: Uint8Array, random: Random): void {
  const commands: string[] = [];
  for (let i = 0; i < 12; i++) {
    const bytes = 512 * (1 + random.below(300));
    const at = 512 * random.below((model.length - bytes) / 512);
    const pattern = 1 + random.below(255);
    const isZero = random.below(5) === 0;
    commands.push("-c", isZero ? `write -z ${at} ${bytes}` : `write -P ${pattern} ${at} ${bytes}`);
    model.fill(isZero ? 0 : pattern, at, at + bytes);
  }
  qemu("qemu-io", "-f", "qcow2", ...commands, path);
}

function oursWrite(path: string, model: Uint8Array, random: Random): void {
  const disk = openDisk({ path, format: "qcow2", cacheBytes: 32 * 1024 });
  for (let i = 0; i < 40; i++) {
    const bytes = 512 * (1 + random.below(200));
    const at = 512 * random.below((model.length - bytes) / 512);
    if (random.below(4) === 0) {
      void disk.discard?.(at, bytes);
      model.fill(0, at, at + bytes);
    } else {
      const data = random.bytes(new Uint8Array(bytes));
      void disk.write(at, data);
      model.set(data, at);
    }
  }
  void disk.flush();
  void disk.close?.();
}

function expectSame(path: string, model: Uint8Array, snapshot?: string): void {
  const disk = openDisk({ path, format: "qcow2", readOnly: true, snapshot });
  const all = new Uint8Array(disk.bytes);
  disk.read(0, all);
  void disk.close?.();
  expect(Buffer.compare(all, model)).toBe(0);
}

/** `qemu-img check` finds nothing, ours neither, and QEMU reads the same. */
function expectGood(path: string, model: Uint8Array): void {
  qemu("qemu-img", "check", path);
  const file = new HostFile(path, "read");
  expect(checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  file.close();
  const raw = join(dir, "model.raw");
  writeFileSync(raw, model);
  expect(qemu("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, path)).toContain("identical");
}

const shapes = [512, 1024, 4096, 65536, 2097152].flatMap((clusterBytes) =>
  (["1.1", "0.10"] as const).flatMap((compat) =>
    (["none", "raw", "qcow2"] as const).map((backing) => ({ clusterBytes, compat, backing })),
  ),
);

describe.skipIf(!hasQemu)("QEMU (skipped unless installed: apt install qemu-utils)", () => {
  test.each(shapes)(
    "and we write $clusterBytes-byte clusters, compat $compat, over $backing",
    (shape) => {
      const { backing, clusterBytes, compat } = shape;
      const random = new Random(clusterBytes);
      const model = new Uint8Array(BYTES);
      const path = join(dir, `${clusterBytes}-${compat}-${backing}.qcow2`);
      const below = `${path}.base`;
      const options = `cluster_size=${clusterBytes},compat=${compat}`;
      if (backing !== "none") {
        const base = new Uint8Array(2 * 1024 * 1024);
        if (backing === "qcow2") {
          qemu("qemu-img", "create", "-q", "-f", "qcow2", below, String(base.length));
          qemuWrites(below, base, random);
        } else writeFileSync(below, random.bytes(base));
        model.set(base);
        const args = ["-b", below, "-F", backing, path, String(BYTES)];
        qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, ...args);
      } else qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, String(BYTES));
      qemuWrites(path, model, random);
      expectSame(path, model);
      qemu("qemu-img", "snapshot", "-c", "before", path);
      const before = model.slice();
      oursWrite(path, model, random);
      expectGood(path, model);
      expectSame(path, before, "before");
      qemuWrites(path, model, random);
      oursWrite(path, model, random);
      expectGood(path, model);
      qemu("qemu-img", "snapshot", "-a", "before", path);
      expectGood(path, before);
    },
  );

  test.each(["512", "65536", "2097152"])(
    "compressed clusters of %s bytes are read, and written over",
    (size) => {
      const random = new Random(5);
      const model = new Uint8Array(BYTES);
      for (let at = 0; at < BYTES; at += 512) model.fill(at / 512 + random.below(3), at, at + 512);
      const raw = join(dir, "compress.raw");
      const path = join(dir, `compressed-${size}.qcow2`);
      writeFileSync(raw, model);
      const options = `cluster_size=${size}`;
      qemu("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
      expectSame(path, model);
      oursWrite(path, model, random);
      expectGood(path, model);
    },
  );

  test.each(["1", "2", "4", "8", "32", "64"])("refcounts of %s bits are kept", (bits) => {
    const random = new Random(9);
    const model = new Uint8Array(BYTES);
    const path = join(dir, `refcount-${bits}.qcow2`);
    const options = `refcount_bits=${bits},cluster_size=512`;
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, String(BYTES));
    oursWrite(path, model, random);
    expectGood(path, model);
    oursWrite(path, model, random);
    expectGood(path, model);
  });

  test.each([512, 65536, 2097152])(
    "reads and writes images that were made here (%d)",
    (clusterBytes) => {
      const random = new Random(3);
      const model = new Uint8Array(BYTES);
      const path = join(dir, `ours-${clusterBytes}.qcow2`);
      const file = new HostFile(path, "create");
      createQcow2(file, { bytes: BYTES, clusterBytes });
      file.close();
      expectGood(path, model);
      qemuWrites(path, model, random);
      expectSame(path, model);
      oursWrite(path, model, random);
      expectGood(path, model);
      const json = JSON.parse(qemu("qemu-img", "info", "--output=json", path)) as object;
      expect(json).toMatchObject({
        format: "qcow2",
        "virtual-size": BYTES,
        "cluster-size": clusterBytes,
      });
    },
  );

  test("sees the same extents in an image as we do", () => {
    const random = new Random(1);
    const model = new Uint8Array(BYTES);
    const path = join(dir, "map.qcow2");
    qemu("qemu-img", "create", "-q", "-f", "qcow2", path, String(BYTES));
    oursWrite(path, model, random);
    type Part = { start: number; length: number; zero: boolean; data: boolean };
    const theirs = JSON.parse(qemu("qemu-img", "map", "--output=json", path)) as Part[];
    const disk = openDisk({ path, format: "qcow2", readOnly: true });
    for (const { start, length, zero } of theirs)
      for (let at = start; at < start + length; ) {
        const extent = disk.extent?.(at, start + length - at);
        expect([at, extent?.isZero]).toEqual([at, zero]);
        at += extent?.bytes ?? length;
      }
    void disk.close?.();
    expect(theirs.length).toBeGreaterThan(2);
  });

  test.skipIf(!hasZstd).each(["4096", "65536"])(
    "clusters of %s bytes compressed with zstd are read, and written over (Node 22.15 or later)",
    (size) => {
      const random = new Random(6);
      const model = new Uint8Array(BYTES);
      for (let at = 0; at < BYTES; at += 512) model.fill(at / 512 + random.below(3), at, at + 512);
      const raw = join(dir, "zstd.raw");
      const path = join(dir, `zstd-${size}.qcow2`);
      writeFileSync(raw, model);
      const options = `cluster_size=${size},compression_type=zstd`;
      qemu("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
      expectSame(path, model);
      oursWrite(path, model, random);
      expectGood(path, model);
    },
  );

  test.skipIf(hasZstd)("zstd is refused by name where Node has none", () => {
    const raw = join(dir, "none.raw");
    const path = join(dir, "none.qcow2");
    writeFileSync(raw, new Uint8Array(BYTES).fill(1));
    const options = "compression_type=zstd";
    qemu("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
    expect(() => expectSame(path, new Uint8Array(BYTES))).toThrow(
      /zstd, which Node unpacks from 22/,
    );
  });

  test("lazy refcounts, chains of five and ours on top are read by both", () => {
    const random = new Random(8);
    const model = new Uint8Array(BYTES);
    let below = "";
    for (let i = 0; i < 5; i++) {
      const path = join(dir, `chain-${i}.qcow2`);
      const options = `lazy_refcounts=on,cluster_size=${512 << (2 * i)}`;
      const base = below === "" ? [] : ["-b", below, "-F", "qcow2"];
      qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, ...base, path, String(BYTES));
      if (i % 2 === 0) qemuWrites(path, model, random);
      else oursWrite(path, model, random);
      below = path;
    }
    const top = join(dir, "chain-top.qcow2");
    const file = new HostFile(top, "create");
    createQcow2(file, { bytes: BYTES, backing: { name: below, format: "qcow2" } });
    file.close();
    oursWrite(top, model, random);
    expectSame(top, model);
    expectGood(top, model);
  });

  test("an image that QEMU left dirty is read, not written, and repaired is written again", () => {
    const random = new Random(9);
    const model = new Uint8Array(BYTES);
    const path = join(dir, "dirty.qcow2");
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", path, String(BYTES));
    model.fill(7, 0, 65536);
    // It ends as if its process had been killed, so that refcounts are behind.
    spawnSync("qemu-io", ["-c", "write -P 7 0 65536", "-c", "flush", "-c", "abort", path]);
    expectSame(path, model);
    expect(() => openDisk({ path, format: "qcow2" })).toThrow(/refcounts may be out of date/);
    qemu("qemu-img", "check", "-q", "-r", "all", path);
    oursWrite(path, model, random);
    expectGood(path, model);
  });

  test.each<readonly [string, number, number, RegExp]>([
    ["encrypted (AES)", 32, 1, /encrypted/],
    ["encrypted (LUKS)", 32, 2, /encrypted/],
    ["of an unknown version", 4, 4, /version expected 2 or 3/],
    ["of a size beyond reason", 24, 0x7fffffff, /absurd|does not cover/],
    ["with clusters of 2 GiB", 20, 31, /cluster bits/],
    ["with an L1 table of 4 G entries", 36, 0xffffffff, /absurd/],
    ["with 4 G snapshots", 60, 0xffffffff, /snapshots/],
  ])("an image of QEMU's that says it is %s is refused by both", (what, at, value, message) => {
    const path = join(dir, `${what.replaceAll(/\W/g, "-")}.qcow2`);
    qemu("qemu-img", "create", "-q", "-f", "qcow2", path, String(BYTES));
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(value, at);
    writeFileSync(path, bytes);
    expect(() => openDisk({ path, format: "qcow2" })).toThrow(message);
    expect(spawnSync("qemu-io", ["-c", "read 0 512", path]).status).not.toBe(0);
  });

  test("images that QEMU made with what we do not read are refused by name", () => {
    const make = (name: string, options: string): string => {
      const path = join(dir, name);
      qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, "1M");
      return path;
    };
    const open = (path: string) => () => openDisk({ path, format: "qcow2" });
    expect(open(make("ext.qcow2", "extended_l2=on"))).toThrow(/extended L2 entries/);
    expect(open(make("data.qcow2", `data_file=${join(dir, "data.raw")}`))).toThrow(/external data/);
    const path = make("base.qcow2", "compat=1.1");
    const loose = join(dir, "loose.qcow2");
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-b", path, "-F", "qcow2", loose);
    const bytes = readFileSync(loose);
    bytes.write("xxxx", bytes.indexOf("qcow2", 100));
    writeFileSync(loose, bytes);
    expect(open(loose)).toThrow(/in format "xxxx2", which is not read here/);
    qemu("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", loose, path);
    qemu("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", path, loose);
    expect(open(loose)).toThrow(/its own backing file/);
  });
});
