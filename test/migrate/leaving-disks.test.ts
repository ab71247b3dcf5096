/** What a source sends of a disk that knows its holes: what became one is told, what was one is not. */
import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { runTask, wait } from "../../ts/base/task.ts";
import type { BlockExtent } from "../../ts/machine/block.ts";
import { MOVING_BLOCK_BYTES as BLOCK } from "../../ts/machine/moving-disk.ts";
import type { BlockBatch } from "../../ts/migrate/block-frames.ts";
import { InFlight } from "../../ts/migrate/in-flight.ts";
import { LeavingDisks } from "../../ts/migrate/leaving-disks.ts";
import { BlockServer } from "../../ts/migrate/phases/block-server.ts";
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
    hear: wait,
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

test("what follows a guest: blocks of zeros go together, up to the next one with content", () => {
  const content = new Uint8Array(200 * BLOCK);
  content.fill(7, 90 * BLOCK, 96 * BLOCK);
  const disk = new MovableDisk(new MemoryDisk({ content }));
  const disks = new LeavingDisks({
    disks: [disk.leaving(0, new VirtualClock())],
    how: "on-demand",
    nowNs: () => 0,
    send: function* () {},
    barrier: function* () {},
    hear: wait,
  });
  disks.start();
  const server = new BlockServer(disks);
  const frames: string[] = [];
  const seen: number[] = [];
  while (server.remaining > 0)
    runTask(
      (function* () {
        const { blocks, contents, isZero } = yield* server.next(4 * BLOCK);
        expect(isZero.filter((one) => !one)).toHaveLength(contents.length);
        seen.push(...blocks);
        frames.push(`${blocks.length - contents.length}+${contents.length}`);
      })(),
    );
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
  expect(frames).toEqual(["68+0", "22+2", "0+4", "68+0", "36+0"]);
});

test("two blocks may be on their way, however slow the link is, and what it moves in 20 ms", () => {
  const flight = new InFlight();
  flight.sent(1, BLOCK, 0);
  expect([flight.hasRoom, flight.hasRoomWithin(20e6)]).toEqual([false, true]);
  flight.sent(2, BLOCK, 0);
  expect(flight.hasRoomWithin(20e6)).toBe(false);
  flight.credited(2, 10e6); // 12.5 MiB/s: 256 KiB in 20 ms.
  for (let sequence = 3; sequence <= 6; sequence++) {
    expect(flight.hasRoomWithin(20e6)).toBe(true);
    flight.sent(sequence, BLOCK, 10e6);
  }
  expect(flight.hasRoomWithin(20e6)).toBe(false);
});
