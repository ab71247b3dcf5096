import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { type Future, runTask, type Task, wait } from "../../ts/base/task.ts";
import { ReceiveQueue } from "../../ts/migrate/channel.ts";

const bytesFrom = (first: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => first + i);

describe("a reader with room for what comes", () => {
  test("gets all that it holds, whatever the bytes came in, and what is over comes next", () => {
    const queue = new ReceiveQueue();
    const done: Uint8Array[] = [];
    queue.onDone = (bytes) => void done.push(bytes);
    const [first, second, third] = [bytesFrom(0, 4), bytesFrom(4, 4), bytesFrom(8, 4)];
    queue.push(first);
    const room = new Uint8Array(10);
    const filled = queue.nextInto(room) as Future<number>;
    expect(filled.isSettled).toBe(false);
    expect(queue.room?.length).toBe(6);
    queue.push(second);
    queue.push(third);
    expect(filled.isSettled).toBe(true);
    expect(room).toEqual(bytesFrom(0, 10));
    expect(queue.bytes).toBe(2);
    expect(queue.next()).toEqual(bytesFrom(10, 2));
    expect(done).toEqual([first, second]);
    void queue.next(); // It is done with the rest, too.
    expect(done[2]).toBe(third);
  });

  test("has bytes put there without a copy, and counts them", () => {
    const queue = new ReceiveQueue();
    const room = new Uint8Array(8);
    const filled = queue.nextInto(room) as Future<number>;
    queue.room?.set(bytesFrom(0, 5));
    queue.filled(5);
    queue.push(bytesFrom(5, 2));
    queue.room?.set(bytesFrom(7, 1));
    queue.filled(1);
    let result = 0;
    filled.observe((o) => {
      if (o.ok) result = o.value;
    });
    expect(result).toBe(8);
    expect(room).toEqual(bytesFrom(0, 8));
    expect(queue.room).toBeUndefined();
  });

  test("is told of the end: how many bytes there are, then none", () => {
    const queue = new ReceiveQueue();
    const filled = queue.nextInto(new Uint8Array(8)) as Future<number>;
    queue.push(bytesFrom(0, 3));
    queue.close();
    let result = -1;
    filled.observe((o) => {
      if (o.ok) result = o.value;
    });
    expect(result).toBe(3);
    expect(queue.nextInto(new Uint8Array(8))).toBe(0);
  });

  test("is told of a failure, and its room is left alone from then on", () => {
    const queue = new ReceiveQueue();
    const filled = queue.nextInto(new Uint8Array(8)) as Future<number>;
    const reason = new Error("cut");
    queue.fail(reason);
    let why: unknown;
    filled.observe((o) => {
      if (!o.ok) why = o.reason;
    });
    expect(why).toBe(reason);
    expect(queue.room).toBeUndefined();
    queue.filled(4); // A socket that had it may still say so.
  });

  test("may ask for chunks and for rooms by turns: every byte comes once, in order", () => {
    const random = new Random(5);
    for (let run = 0; run < 200; run++) {
      const queue = new ReceiveQueue();
      const sent = random.bytes(new Uint8Array(2_000));
      const got: number[] = [];
      const reader = runTask(
        (function* (): Task<void> {
          while (got.length < sent.length) {
            const count = Math.min(1 + random.below(300), sent.length - got.length);
            const room = new Uint8Array(count);
            const isRoom = random.below(2) === 0;
            const chunk = isRoom ? undefined : yield* wait(queue.next());
            if (isRoom && (yield* wait(queue.nextInto(room))) !== count) throw new Error("short");
            got.push(...(chunk ?? room));
          }
        })(),
      );
      for (let at = 0; at < sent.length; ) {
        const { room } = queue;
        const count = Math.min(1 + random.below(200), sent.length - at);
        const piece = sent.subarray(at, at + Math.min(count, room?.length ?? count));
        if (room && random.below(2) === 0) {
          room.set(piece);
          queue.filled(piece.length);
        } else queue.push(piece);
        at += piece.length;
      }
      expect(reader.isSettled).toBe(true);
      expect(Buffer.compare(Uint8Array.from(got), sent)).toBe(0);
    }
  });
});
