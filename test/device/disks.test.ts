import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { FileDisk } from "../../ts/storage/file-disk.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { Overlay } from "../../ts/storage/overlay.ts";
import { ThreadedDisk } from "../../ts/storage/threaded-disk.ts";
import { isSameBytes } from "./fakes.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmvisor-disk-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(bytes).fill(1));
  return path;
}

function errorOf(run: () => unknown): WasmvisorError {
  try {
    run();
  } catch (error) {
    if (error instanceof WasmvisorError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("a file disk reads and writes its file in place", () => {
  const path = fileWith("plain.img", 4096);
  const disk = new FileDisk({ path });
  disk.write(512, new Uint8Array(512).fill(9));
  disk.flush();
  const back = new Uint8Array(1024);
  disk.read(512, back);
  disk.close();
  expect([disk.bytes, back[511], back[512]]).toEqual([4096, 9, 1]);
  expect(readFileSync(path)[1023]).toBe(9);
});

test.each([
  ["missing", () => join(folder, "absent.img"), /absent.img.*no such file.*truncate/],
  ["a directory", () => folder, /directory/],
  [
    "not made of whole sectors",
    () => fileWith("odd.img", 1000),
    /odd.img.*got 1000.*truncate -s %512/,
  ],
  ["empty", () => fileWith("empty.img", 0), /got 0/],
])("a disk that is %s is refused with its path and what to do", (_, path, message) => {
  const error = errorOf(() => new FileDisk({ path: path() }));
  expect([error.code, error.message]).toEqual(["WV_DISK", expect.stringMatching(message)]);
});

test("pieces are filled one after the other, however many, and not from beyond the end", () => {
  const path = join(folder, "pieces.img");
  const bytes = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i % 251);
  writeFileSync(path, bytes);
  const disk = new FileDisk({ path, readOnly: true });
  const all = new Uint8Array(40_000);
  // More than the system takes at once.
  const pieces = Array.from({ length: 4000 }, (_, i) => all.subarray(10 * i, 10 * (i + 1)));
  disk.readPieces(512, pieces);
  expect(isSameBytes(all, bytes.subarray(512, 40_512))).toBe(true);
  const error = errorOf(() => disk.readPieces(64 * 1024 - 512, [all.subarray(0, 1024)]));
  expect([error.code, error.message]).toEqual(["WV_DISK", expect.stringMatching(/beyond/)]);
  disk.close();
});

test("a disk with threads does long writes later, and says what fails", async () => {
  const path = fileWith("threads.img", 1 << 20);
  const file = new FileDisk({ path });
  const disk = new ThreadedDisk(file);
  expect(disk.write(0, new Uint8Array(512).fill(3))).toBeUndefined();
  const long = disk.write(4096, new Uint8Array(256 * 1024).fill(4));
  expect(long).toBeInstanceOf(Promise);
  await long;
  disk.flush();
  const content = readFileSync(path);
  expect([
    content[0],
    content[512],
    content[4095],
    content[4096],
    content[4096 + 256 * 1024],
  ]).toEqual([3, 1, 1, 4, 1]);
  await expect(disk.write(900_000, new Uint8Array(256 * 1024))).rejects.toMatchObject({
    code: "WV_DISK",
  });
  const back = new Uint8Array(256 * 1024);
  disk.read(4096, back);
  expect(back.every((byte) => byte === 4)).toBe(true);
  disk.close();
  await expect(disk.write(0, back)).rejects.toMatchObject({ code: "WV_DISK" });
});

test("what threads still write when a disk is closed goes to that disk, not to the next file that is opened", async () => {
  const path = fileWith("closing.img", 16 << 20);
  const disk = new ThreadedDisk(new FileDisk({ path }));
  const piece = new Uint8Array(1 << 20).fill(5);
  const writes = Array.from({ length: 16 }, (_, i) => disk.write(i << 20, piece));
  const closed = disk.close();
  const others = fileWith("others.img", 16 << 20);
  const other = new FileDisk({ path: others });
  await Promise.all([...writes, closed]);
  other.close();
  expect(isSameBytes(readFileSync(path), new Uint8Array(16 << 20).fill(5))).toBe(true);
  expect(isSameBytes(readFileSync(others), new Uint8Array(16 << 20).fill(1))).toBe(true);
});

test("a read-only file disk, a closed one and one that shrank fail with WV_DISK", () => {
  const path = fileWith("ro.img", 1024);
  const disk = new FileDisk({ path, readOnly: true });
  expect(disk.readOnly).toBe(true);
  expect(errorOf(() => disk.write(0, new Uint8Array(512))).code).toBe("WV_DISK");
  expect(errorOf(() => disk.read(1024, new Uint8Array(512))).code).toBe("WV_DISK");
  truncateSync(path, 512);
  expect(errorOf(() => disk.read(512, new Uint8Array(512))).message).toMatch(/shorter/);
  disk.close();
  disk.close();
  expect(errorOf(() => disk.read(0, new Uint8Array(512))).message).toMatch(/closed/);
});

test("a memory disk refuses odd sizes and, when read-only, writes", () => {
  expect(errorOf(() => new MemoryDisk({ content: 100 })).code).toBe("WV_DISK");
  const disk = new MemoryDisk({ content: 512, readOnly: true });
  expect(errorOf(() => disk.write(0, new Uint8Array(512))).code).toBe("WV_DISK");
});

test("an overlay behaves as a plain disk, leaves its base alone, and survives save and restore", () => {
  const bytes = 4096 * 3 + 512;
  const step = fc.record({
    op: fc.constantFrom("write", "read", "discard", "fork", "restore"),
    sector: fc.nat(bytes / 512 - 1),
    sectors: fc.integer({ min: 1, max: 12 }),
    value: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const original = new Uint8Array(bytes).map((_, i) => i % 253);
      const base = new MemoryDisk({ content: original.slice(), readOnly: true });
      const model = original.slice();
      let overlay = new Overlay(base);
      const forks: { overlay: Overlay; model: Uint8Array }[] = [];
      const contentOf = (disk: Overlay) => {
        const into = new Uint8Array(bytes);
        disk.read(0, into);
        return into;
      };
      for (const { op, sector, sectors, value } of steps) {
        const at = sector * 512;
        const count = Math.min(sectors * 512, bytes - at);
        if (op === "write")
          overlay.write(at, model.fill(value, at, at + count).slice(at, at + count));
        else if (op === "discard") {
          overlay.discard(at, count);
          model.fill(0, at, at + count);
        } else if (op === "fork") {
          forks.push({ overlay, model: model.slice() });
          overlay = overlay.fork();
        } else if (op === "restore") {
          const state = structuredClone(overlay.save());
          overlay = new Overlay(base);
          overlay.restore(state);
          expect(overlay.save().blocks.length).toBe(state.blocks.length);
        } else {
          const into = new Uint8Array(count);
          overlay.read(at, into);
          expect(isSameBytes(into, model.slice(at, at + count))).toBe(true);
        }
      }
      expect(isSameBytes(contentOf(overlay), model)).toBe(true);
      for (const fork of forks) expect(isSameBytes(contentOf(fork.overlay), fork.model)).toBe(true);
      const untouched = new Uint8Array(bytes);
      base.read(0, untouched);
      expect(isSameBytes(untouched, original)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("an overlay over a base that answers later loses no write to a block that is still coming", async () => {
  const content = new Uint8Array(16384).fill(5);
  const inner = new MemoryDisk({ content });
  const waiting: (() => void)[] = [];
  let reads = 0;
  const overlay = new Overlay({
    bytes: inner.bytes,
    readOnly: true,
    read: (offset, into) =>
      new Promise<void>((resolve) => {
        reads++;
        waiting.push(() => resolve(inner.read(offset, into)));
      }),
    write: () => undefined,
    flush: () => undefined,
  });
  const writes = [
    overlay.write(512, new Uint8Array(512).fill(1)),
    overlay.write(1024, new Uint8Array(512).fill(2)),
    overlay.write(0, new Uint8Array(8192).fill(3)),
  ];
  expect(reads).toBe(1);
  for (const go of waiting.splice(0)) go();
  await Promise.all(writes);
  const all = new Uint8Array(16384);
  const read = overlay.read(0, all);
  expect(reads).toBe(2); // What is not here comes with one request.
  for (const go of waiting.splice(0)) go();
  await read;
  expect([all[0], all[600], all[1100], all[8000], all[8192], all[16383]]).toEqual([
    3, 3, 3, 3, 5, 5,
  ]);
});

test("a fork owns no block until it writes one", () => {
  const overlay = new Overlay(new MemoryDisk({ content: 1 << 16 }));
  overlay.write(0, new Uint8Array(8192).fill(1));
  const twin = overlay.fork();
  expect([overlay.metrics(), twin.metrics()]).toEqual([
    { changedBlocks: 2, ownedBlocks: 0 },
    { changedBlocks: 2, ownedBlocks: 0 },
  ]);
  twin.write(0, Uint8Array.of(2));
  expect(twin.metrics()).toEqual({ changedBlocks: 2, ownedBlocks: 1 });
  const first = new Uint8Array(1);
  overlay.read(0, first);
  expect(first[0]).toBe(1);
});

test("an overlay state of another disk, or with odd blocks, is refused", () => {
  const overlay = new Overlay(new MemoryDisk({ content: 8192 }));
  expect(errorOf(() => overlay.restore({ bytes: 4096, blocks: [] })).code).toBe("WV_BAD_SNAPSHOT");
  const block = { index: 2, content: new Uint8Array(4096) };
  expect(errorOf(() => overlay.restore({ bytes: 8192, blocks: [block] })).code).toBe(
    "WV_BAD_SNAPSHOT",
  );
  const short = { index: 0, content: new Uint8Array(10) };
  expect(errorOf(() => overlay.restore({ bytes: 8192, blocks: [short] })).code).toBe(
    "WV_BAD_SNAPSHOT",
  );
});
