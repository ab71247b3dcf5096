import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import { checkQcow2 } from "../../ts/storage/qcow2/check.ts";
import { type CreateQcow2Options, createQcow2 } from "../../ts/storage/qcow2/create.ts";
import { type BackingDisk, Qcow2Disk } from "../../ts/storage/qcow2/qcow2-disk.ts";
import { isSameBytes } from "../device/fakes.ts";
import { LoggedFile, MemoryFile } from "./memory-file.ts";

const BYTES = 600 * 1024;

function newImage(options: Partial<CreateQcow2Options> = {}): MemoryFile {
  const file = new MemoryFile();
  createQcow2(file, { bytes: BYTES, ...options });
  return file;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(WasmvisorError);
    return `${(error as WasmvisorError).code} ${(error as Error).message}`;
  }
  return "nothing was thrown";
}

/** Random writes, discards and reads against a plain array. */
class Driver {
  readonly model: Uint8Array;
  readonly random: Random;
  #touched = new Set<number>();

  constructor(model: Uint8Array, seed: number) {
    this.model = model;
    this.random = new Random(seed);
  }

  /** From now on remembers which sectors are written. */
  begin(): Set<number> {
    this.#touched = new Set();
    return this.#touched;
  }

  step(disk: Qcow2Disk): "flush" | undefined {
    const sectors = this.model.length / 512;
    const count = 1 + this.random.below(this.random.below(4) > 0 ? 16 : 300);
    const at = 512 * this.random.below(sectors);
    const bytes = Math.min(512 * count, this.model.length - at);
    const kind = this.random.below(10);
    if (kind < 8) for (let i = at; i < at + bytes; i += 512) this.#touched.add(i);
    if (kind < 6) {
      const data = new Uint8Array(bytes).fill(1 + this.random.below(255));
      disk.write(at, data);
      this.model.set(data, at);
    } else if (kind < 8) {
      if (kind === 6) disk.discard(at, bytes);
      else disk.zero(at, bytes);
      this.model.fill(0, at, at + bytes);
    } else if (kind < 9) {
      const into = new Uint8Array(bytes);
      disk.read(at, into);
      expect(isSameBytes(into, this.model.slice(at, at + bytes))).toBe(true);
    } else {
      disk.flush();
      return "flush";
    }
    return undefined;
  }
}

function contentOf(disk: Qcow2Disk): Uint8Array {
  const all = new Uint8Array(disk.bytes);
  disk.read(0, all);
  return all;
}

function backingOf(content: Uint8Array): BackingDisk {
  return {
    bytes: content.length,
    read: (offset, into) => into.set(content.subarray(offset, offset + into.length)),
  };
}

const counting = (bytes: number) => new Uint8Array(bytes).map((_, i) => 1 + ((i >> 9) % 251));

describe.each([
  { clusterBytes: 512, refcountBits: 1 },
  { clusterBytes: 512, refcountBits: 64 },
  { clusterBytes: 4096, refcountBits: 4 },
  { clusterBytes: 65536, refcountBits: 16 },
  { clusterBytes: 65536, version: 2 as const },
  { clusterBytes: 1 << 20, refcountBits: 2 },
])("an image of %o", (shape) => {
  test.each([true, false])(
    "is a disk, and stays in order (with a backing file: %s)",
    (hasBacking) => {
      const below = counting(400 * 1024);
      const file = newImage(shape);
      const backing = hasBacking ? backingOf(below) : undefined;
      const model = new Uint8Array(BYTES);
      if (hasBacking) model.set(below);
      const driver = new Driver(model, 11);
      const open = (): Qcow2Disk =>
        new Qcow2Disk({ file, readOnly: false, backing, cacheBytes: 16 * 1024 });
      let disk = open();
      for (let i = 0; i < 250; i++) {
        driver.step(disk);
        if (i % 80 !== 79) continue;
        disk.flush();
        expect(checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0 });
        disk = open();
      }
      expect(isSameBytes(contentOf(disk), model)).toBe(true);
      disk.flush();
      expect(checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0 });
    },
  );
});

test.each([1, 2, 3, 4])(
  "wherever it is cut off, an image is in order but for leaks, and has all that was flushed (seed %d)",
  (seed) => {
    const below = counting(200 * 1024);
    const backing = backingOf(below);
    const file = new LoggedFile(newImage({ clusterBytes: 4096, refcountBits: 8 }).content);
    const model = new Uint8Array(BYTES);
    model.set(below);
    const driver = new Driver(model, seed);
    const disk = new Qcow2Disk({ file, readOnly: false, backing, cacheBytes: 16 * 1024 });
    /** Where in the log each flush ended, what the disk held then, and what was written from there on. */
    const flushes = [{ at: 0, content: model.slice(), touched: driver.begin() }];
    for (let i = 0; i < 120; i++)
      if (driver.step(disk))
        flushes.push({ at: file.log.length, content: model.slice(), touched: driver.begin() });
    const random = new Random(seed);
    let cuts = 0;
    for (let cut = 0; cut <= file.log.length; cut += 1 + random.below(5)) {
      const isPower = random.below(2) === 0;
      const left = file.after(cut, () => !isPower || random.below(2) === 0);
      expect(checkQcow2(left)).toMatchObject({ corruptions: 0 });
      const found = contentOf(new Qcow2Disk({ file: left, readOnly: false, backing }));
      const last = flushes.findLast(({ at }) => at <= cut);
      if (!last) throw new Error("no flush");
      for (let at = 0; at < found.length; at += 512)
        if (!last.touched.has(at) && found[at] !== last.content[at])
          throw new Error(`cut ${cut}, sector ${at / 512}: ${found[at]}, not ${last.content[at]}`);
      cuts++;
    }
    expect(cuts).toBeGreaterThan(20);
  },
);

test("a device that is full costs the request that needs more, and nothing else", () => {
  const file = newImage({ clusterBytes: 4096 });
  const disk = new Qcow2Disk({ file, readOnly: false });
  disk.write(0, counting(8192));
  file.bytesMax = file.bytes + 6 * 4096;
  expect(() => disk.write(8192, counting(100 * 4096))).toThrow("ENOSPC");
  disk.write(0, counting(4096).fill(9)); // In place.
  file.bytesMax = Number.POSITIVE_INFINITY;
  disk.write(8192, counting(8192));
  disk.flush();
  expect(checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  expect(contentOf(disk).subarray(0, 16384)).toEqual(
    new Uint8Array([
      ...counting(4096).fill(9),
      ...counting(8192).subarray(4096),
      ...counting(8192),
    ]),
  );
});

test("a device that is full while tables are written: they are written once there is room", () => {
  const file = newImage({ clusterBytes: 512, refcountBits: 64 });
  const disk = new Qcow2Disk({ file, readOnly: false, cacheBytes: 4096 });
  const data = counting(BYTES);
  file.bytesMax = file.bytes + 40 * 1024;
  expect(() => disk.write(0, data)).toThrow("ENOSPC");
  file.bytesMax = Number.POSITIVE_INFINITY;
  disk.write(0, data);
  disk.flush();
  expect(isSameBytes(contentOf(disk), data)).toBe(true);
  expect(checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0 });
});

test("what is discarded is room again", () => {
  const file = newImage({ clusterBytes: 4096 });
  const disk = new Qcow2Disk({ file, readOnly: false });
  disk.write(0, counting(256 * 1024));
  disk.flush();
  const before = file.bytes;
  for (let i = 0; i < 5; i++) {
    disk.discard(0, 256 * 1024);
    disk.flush();
    disk.write(256 * 1024, counting(256 * 1024));
    disk.discard(256 * 1024, 256 * 1024);
    disk.flush();
    disk.write(0, counting(256 * 1024));
    disk.flush();
  }
  expect(file.bytes).toBeLessThan(before + 40 * 4096);
});

test("what is known of ranges: data, zeros, holes, and what a backing file has", () => {
  const disk = new Qcow2Disk({
    file: newImage({ clusterBytes: 4096 }),
    readOnly: false,
    backing: backingOf(counting(16384)),
  });
  disk.write(4096, counting(8192));
  disk.discard(0, 4096);
  expect(disk.extent(0, BYTES)).toEqual({ bytes: 4096, isZero: true, isAllocated: false });
  expect(disk.extent(4096, BYTES - 4096)).toEqual({
    bytes: 8192,
    isZero: false,
    isAllocated: true,
  });
  expect(disk.extent(12288, 100)).toEqual({ bytes: 100, isZero: false, isAllocated: false });
  expect(disk.extent(16384, 512)).toEqual({ bytes: 512, isZero: true, isAllocated: false });
});

describe("an image is refused that", () => {
  const set32 = (at: number, value: number) => (file: MemoryFile) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    file.write(at, bytes);
  };
  test.each<[string, (file: MemoryFile) => void, RegExp]>([
    ["is none", set32(0, 0x12345678), /byte 0: it is not a qcow2 image; say format=raw/],
    ["is of version 4", set32(4, 4), /byte 4: version expected 2 or 3, got 4; convert/],
    ["has clusters of 256 bytes", set32(20, 8), /byte 20: cluster bits expected 9 to 21, got 8/],
    ["is encrypted", set32(32, 1), /byte 32: it is encrypted/],
    ["has extended L2 entries", set32(76, 16), /byte 72: it uses extended L2 entries/],
    ["has an external data file", set32(76, 4), /byte 72: it uses an external data file/],
    ["uses feature 40", set32(72, 256), /byte 72: it uses the unknown feature 40/],
    ["has a size beyond reason", set32(24, 0xffffffff), /byte 24: a size of .* is absurd/],
    [
      "has an L1 table beyond reason",
      set32(36, 0x7fffffff),
      /byte 36: an L1 table of .* is absurd/,
    ],
    ["has an L1 table too small", set32(36, 0), /byte 36: an L1 table of 0 entries does not cover/],
    ["has its L1 table elsewhere", set32(40, 0xffff), /byte 40: the L1 table is misaligned or not/],
    ["has a crooked L1 table", set32(44, 4097), /byte 40: the L1 table is misaligned or not/],
    ["has no refcounts", set32(56, 0), /byte 56: a refcount table of 0 clusters is absurd/],
    ["has refcounts of 128 bits", set32(96, 7), /byte 96: a refcount order of 7/],
    ["has a million snapshots", set32(60, 1 << 20), /byte 60: 1048576 snapshots/],
    ["has an impossible header", set32(100, 1 << 30), /byte 100: header bytes expected/],
    ["has a name beyond its head", set32(12, 4090), /byte 8: the name of its backing file|none/],
    ["is marked as dirty", set32(76, 1), /byte 72: its refcounts may be out of date; repair/],
    ["is marked as corrupt", set32(76, 2), /byte 72: it is marked as corrupt/],
    ["is cut in its header", (file) => file.truncate(90), /byte 0: its header is cut/],
    ["is empty", (file) => file.truncate(0), /byte 0: it is not a qcow2 image/],
    ["does not count its tables", (file) => file.write(8192, new Uint8Array(4096)), /refcount 0/],
  ])("%s", (_, spoil, message) => {
    const file = newImage({ clusterBytes: 4096 });
    spoil(file);
    const got = codeOf(() => new Qcow2Disk({ file, readOnly: false }).read(0, new Uint8Array(512)));
    if (!message.test("none") || got !== "nothing was thrown")
      expect(got).toMatch(
        new RegExp(`^WV_DISK disk "test.qcow2" at ${message.source}|^WV_DISK .*${message.source}`),
      );
  });

  test("one that is marked as dirty or corrupt can be read all the same", () => {
    const file = newImage({ clusterBytes: 4096 });
    set32(76, 3)(file);
    expect(contentOf(new Qcow2Disk({ file, readOnly: true })).every((byte) => byte === 0)).toBe(
      true,
    );
  });

  test("data that lies on a table is never written; a cluster beyond the end is told", () => {
    const file = newImage({ clusterBytes: 4096 });
    const disk = new Qcow2Disk({ file, readOnly: false });
    disk.write(0, counting(8192));
    disk.flush();
    const view = new DataView(file.content.buffer);
    const l1 = view.getUint32(44);
    const l2 = view.getUint32(l1 + 4);
    view.setUint32(l2 + 4, l1);
    view.setUint32(l2 + 12, 0x7fff_f000);
    const broken = new Qcow2Disk({ file, readOnly: false });
    expect(codeOf(() => broken.write(0, counting(512)))).toMatch(/data lies where a table is/);
    expect(codeOf(() => broken.read(4096, new Uint8Array(512)))).toMatch(/not in the file/);
    expect(checkQcow2(file).corruptions).toBeGreaterThan(0);
  });

  test("compressed data that are none, too short, or too long", () => {
    for (const packed of [
      Uint8Array.of(255, 255, 255),
      deflateRawSync(new Uint8Array(100)),
      deflateRawSync(new Uint8Array(1 << 20)),
    ]) {
      const file = newImage({ clusterBytes: 4096 });
      const disk = new Qcow2Disk({ file, readOnly: false });
      disk.write(0, counting(4096));
      disk.flush();
      const view = new DataView(file.content.buffer);
      const l2 = view.getUint32(view.getUint32(44) + 4);
      const data = view.getUint32(l2 + 4);
      file.write(data, packed);
      const entry = new DataView(file.content.buffer);
      entry.setUint32(l2, 0x4000_0000);
      const broken = new Qcow2Disk({ file, readOnly: true });
      expect(codeOf(() => broken.read(0, new Uint8Array(512)))).toMatch(/WV_DISK .*compressed/);
    }
  });
});

test.each([
  [{ clusterBytes: 1000 }, /cluster size: expected a power of two/],
  [{ refcountBits: 3 }, /refcount bits: expected/],
  [{ version: 2 as const, refcountBits: 8 }, /refcount bits: expected/],
  [{ bytes: 1000 }, /size: expected a multiple of 512/],
  [{ bytes: 2 ** 50, clusterBytes: 512 }, /size: expected a multiple of 512/],
])("create refuses %o", (options, message) => {
  expect(codeOf(() => newImage(options))).toMatch(message);
});
