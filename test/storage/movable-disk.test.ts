/** Which blocks a disk that leaves calls dirty, with writes that are under way when they are asked for. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Future } from "../../ts/base/task.ts";
import { BlockSet } from "../../ts/machine/block-set.ts";
import { MOVING_BLOCK_BYTES as BLOCK, type LeavingDisk } from "../../ts/machine/moving-disk.ts";
import { FileDisk } from "../../ts/storage/file-disk.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { MovableDisk } from "../../ts/storage/movable-disk.ts";
import { ThreadedDisk } from "../../ts/storage/threaded-disk.ts";

const BLOCKS = 8;

let underWay: Future<void>[];
let disk: MovableDisk;
let leaving: LeavingDisk;
let clock: VirtualClock;

/** A disk that writes when the test lets it. */
beforeEach(() => {
  underWay = [];
  const memory = new MemoryDisk({ content: BLOCKS * BLOCK });
  const write = (): Future<void> => {
    const done = new Future<void>();
    underWay.push(done);
    return done;
  };
  disk = new MovableDisk(Object.assign(memory, { write }));
  clock = new VirtualClock();
  leaving = disk.leaving(0, clock);
});

function harvested(): number[] {
  const set = new BlockSet(BLOCKS);
  leaving.harvest(set);
  return Array.from({ length: BLOCKS }, (_, i) => i).filter((block) => set.has(block));
}

const write = (block: number, blocks = 1): void =>
  void disk.write(block * BLOCK + 512, new Uint8Array(blocks * BLOCK));

test("a write is dirty when it begins, and once more when it is done", () => {
  leaving.startLog(new BlockSet(BLOCKS));
  write(2);
  expect(harvested()).toEqual([2, 3]);
  expect(harvested()).toEqual([]);
  underWay[0]?.resolve();
  expect(harvested()).toEqual([2, 3]);
  write(5);
  expect(harvested()).toEqual([5, 6]);
  underWay[1]?.reject(new Error("half of it"));
  expect(harvested()).toEqual([5, 6]);
});

test("a write that was under way when the log began is dirty when it is done", () => {
  write(1);
  leaving.startLog(new BlockSet(BLOCKS));
  expect(harvested()).toEqual([]);
  underWay[0]?.resolve();
  expect(harvested()).toEqual([1, 2]);
});

test("a write that is held back is dirty until it was done, and goes on when the log ends", () => {
  leaving.startLog(new BlockSet(BLOCKS));
  leaving.limitDirty(BLOCK);
  write(0);
  write(4);
  expect(harvested()).toEqual([0, 1, 4, 5]);
  expect(underWay).toHaveLength(0);
  leaving.limitDirty(Number.POSITIVE_INFINITY);
  expect(underWay).toHaveLength(2);
  underWay[1]?.resolve();
  expect(harvested()).toEqual([4, 5]);
  underWay[0]?.resolve();
  expect(harvested()).toEqual([0, 1]);
});

test("a file with holes takes the room of what is in it, at its target, too", () => {
  const folder = mkdtempSync(join(tmpdir(), "wv-holes-"));
  try {
    const path = join(folder, "a.img");
    writeFileSync(path, "");
    truncateSync(path, 1 << 30);
    const file = new FileDisk({ path });
    file.write(1 << 20, new Uint8Array(65_536).fill(1));
    file.flush();
    for (const inner of [file, new ThreadedDisk(file)]) {
      const used = new MovableDisk(inner).leaving(0, clock).usedBytes();
      expect(used).toBeGreaterThanOrEqual(65_536);
      expect(used).toBeLessThan(1 << 20);
    }
    file.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
