/** What a source sends of a disk that knows its holes: what became one is told, what was one is not. */
import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { runTask } from "../../ts/base/task.ts";
import type { BlockExtent } from "../../ts/machine/block.ts";
import { MOVING_BLOCK_BYTES as BLOCK } from "../../ts/machine/moving-disk.ts";
import type { BlockBatch } from "../../ts/migrate/block-frames.ts";
import { LeavingDisks } from "../../ts/migrate/leaving-disks.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { MovableDisk } from "../../ts/storage/movable-disk.ts";

test("a block that was sent and then became a hole is sent as zeros", () => {
  const content = new Uint8Array(6 * BLOCK);
  content.fill(7, BLOCK, 3 * BLOCK);
  /** Whole blocks of zeros are holes. */
  const extent = (offset: number, bytes: number): BlockExtent => {
    const isHole = (at: number): boolean => content[at] === 0;
    let end = offset;
    while (end < offset + bytes && isHole(end) === isHole(offset))
      end = Math.min((Math.floor(end / BLOCK) + 1) * BLOCK, offset + bytes);
    return { bytes: end - offset, isZero: isHole(offset), isAllocated: !isHole(offset) };
  };
  const disk = new MovableDisk(Object.assign(new MemoryDisk({ content }), { extent }));
  const sent: Omit<BlockBatch, "contents">[] = [];
  const disks = new LeavingDisks({
    disks: [disk.leaving(0, new VirtualClock())],
    how: "stop",
    nowNs: () => 0,
    send: function* ({ contents, ...batch }) {
      expect(contents).toHaveLength(batch.isZero.filter((isZero) => !isZero).length);
      sent.push(batch);
    },
    barrier: function* () {},
  });
  disks.start();
  runTask(disks.sendLeft());
  expect(sent).toEqual([{ disk: 0, blocks: [1, 2], isZero: [false, false] }]);
  sent.length = 0;
  disk.write(2 * BLOCK, new Uint8Array(3 * BLOCK));
  disks.harvest();
  runTask(disks.sendLeft());
  expect(sent).toEqual([{ disk: 0, blocks: [2], isZero: [true] }]);
  expect(disks.remainingBytes).toBe(0);
  expect(disks.stats()).toMatchObject({ blocks: 2, zeroBlocks: 1, bytes: 2 * BLOCK });
});
