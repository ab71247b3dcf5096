/** The background push keeps to its rate beside a target, and a processor, that are busy. */
import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { runTask, type Task, type Wait } from "../../ts/base/task.ts";
import { type Channel, memoryChannels } from "../../ts/migrate/channel.ts";
import { Connection } from "../../ts/migrate/connection.ts";
import { InFlight } from "../../ts/migrate/in-flight.ts";
import { Pacer } from "../../ts/migrate/pacer.ts";
import * as stream from "../../ts/migrate/stream.ts";

const FRAME_BYTES = 32 << 10;
const MS = 1e6;

test("what a link can do is not forgotten while a busy target gives credit once in a turn", () => {
  const flight = new InFlight();
  let now = 1e9;
  let sequence = 0;
  const send = (): void => flight.sent(++sequence, FRAME_BYTES, now);
  const credit = (afterMs: number): void => {
    now += afterMs * MS;
    flight.credited(sequence - 1, now);
    send();
  };
  // Two frames that were on their way together, 50 us apart: 655 MB/s.
  send();
  send();
  credit(0.2);
  credit(0.05);
  // Half a second of turns of 4 ms of a guest that has the processor for itself: two frames in each.
  for (let turn = 0; turn < 250; turn++) credit(2);
  // 32 MiB/s with credits after 4 ms: that needs 128 KiB on their way.
  for (let i = 0; i < 4; i++) {
    expect(flight.hasRoom, `${i} more on their way`).toBe(true);
    send();
  }
});

test("under a cap so much may be on its way as goes in two turns of the target's guest", () => {
  for (const [capBytesPerSec, frames] of [
    [Number.POSITIVE_INFINITY, 16], // Half a MiB.
    [32 << 20, 16],
    [128 << 20, 33], // 8 ms of 128 MiB/s are 32.8 frames.
  ] as const) {
    const flight = new InFlight();
    flight.cap(capBytesPerSec);
    let sequence = 0;
    // Both on their way, 10 us apart: 3 GB/s.
    flight.sent(++sequence, FRAME_BYTES, 1e9);
    flight.sent(++sequence, FRAME_BYTES, 1e9);
    flight.credited(1, 1e9 + 0.2 * MS);
    flight.credited(2, 1e9 + 0.21 * MS);
    let room = 0;
    for (; flight.hasRoom; room++) flight.sent(++sequence, FRAME_BYTES, 1e9 + MS);
    expect(room, `${capBytesPerSec} bytes a second`).toBe(frames);
  }
});

test("what a timer was late by is caught up with, up to 20 ms", () => {
  const clock = new VirtualClock();
  const pacer = new Pacer(clock, 32e6);
  pacer.spend(320e3);
  expect(pacer.waitNs()).toBe(10 * MS);
  clock.after(25 * MS, () => undefined);
  clock.run();
  pacer.spend(320e3);
  expect(pacer.waitNs()).toBe(0);
  pacer.spend(320e3);
  expect(pacer.waitNs()).toBe(5 * MS);
  clock.after(1000 * MS, () => undefined);
  clock.run();
  pacer.spend(960e3);
  expect(pacer.waitNs()).toBe(10 * MS);
});

test("frames that are sent together are one piece, and come one by one in order", () => {
  const [here, there] = memoryChannels();
  const pieces: number[] = [];
  const sendParts = (parts: readonly Uint8Array[]): Wait<void> => {
    pieces.push(parts.length);
    return here.send(Uint8Array.from(parts.flatMap((part) => [...part])));
  };
  const channel: Channel = {
    send: (bytes) => here.send(bytes),
    sendParts,
    receive: () => here.receive(),
    close: () => here.close(),
    abort: (reason) => here.abort(reason),
  };
  const from = new Connection(channel, []);
  const to = new Connection(there, [stream.FRAME_ROUND, stream.FRAME_STATE, stream.FRAME_END]);
  const came: [number, number, number][] = [];
  runTask(
    (function* talk(): Task<void> {
      yield* from.send(stream.FRAME_ROUND, [new Uint8Array(8)]);
      const before = from.sentBytes;
      yield* from.sendTogether([
        { type: stream.FRAME_STATE, parts: [new Uint8Array(5), new Uint8Array(6)] },
        { type: stream.FRAME_END, parts: [new Uint8Array(7)] },
      ]);
      expect(from.sentBytes - before).toBe(2 * stream.FRAME_HEADER_BYTES + 18);
      for (let i = 0; i < 3; i++) {
        const { payload, sequence, type } = yield* to.demand();
        came.push([type, sequence, payload.length]);
      }
    })(),
  );
  expect(came).toEqual([
    [stream.FRAME_ROUND, 0, 8],
    [stream.FRAME_STATE, 1, 11],
    [stream.FRAME_END, 2, 7],
  ]);
  expect(pieces.at(-1)).toBe(5);
  expect(pieces).toHaveLength(2);
});
