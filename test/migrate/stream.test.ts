import { describe, expect, test } from "vitest";
import { crc32 } from "../../ts/base/crc32.ts";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import * as stream from "../../ts/migrate/stream.ts";

const ALL = [1, 2, 3, 4, 5, 6, 7, 8];
const seed = Number(process.env["FUZZ_SEED"] ?? 11);

function sample(random: Random, frames: number): { bytes: Uint8Array; payloads: Uint8Array[] } {
  const payloads = Array.from({ length: frames }, () =>
    random.bytes(new Uint8Array(random.below(300))),
  );
  const parts = [
    stream.encodePreamble(),
    ...payloads.map((payload, i) => stream.encodeFrame(stream.FRAME_PAGES, i, [payload])),
  ];
  return { bytes: new Uint8Array(Buffer.concat(parts)), payloads };
}

/** Feeds `bytes` in random pieces; returns the payloads. */
function decode(bytes: Uint8Array, random: Random): Uint8Array[] {
  const decoder = new stream.FrameDecoder(ALL);
  const payloads: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.slice(at, at + 1 + random.below(random.below(2) ? 8 : 600));
    at += piece.length;
    decoder.push(piece);
    for (let frame = decoder.next(); frame; frame = decoder.next())
      payloads.push(frame.payload.slice());
  }
  if (!decoder.isBetweenFrames) throw new WasmvisorError("WV_BAD_STREAM", "cut");
  return payloads;
}

describe("the frame decoder", () => {
  test("puts together what was cut anywhere", () => {
    const random = new Random(seed);
    for (let run = 0; run < 300; run++) {
      const { bytes, payloads } = sample(random, 1 + random.below(6));
      expect(decode(bytes, random), `FUZZ_SEED=${seed} run ${run}`).toEqual(payloads);
    }
  });

  test("takes the rest of a long frame where it belongs, instead of a chunk", () => {
    const random = new Random(seed).split("room");
    const payloads = [70_000, 20, 300_000, 90_000].map((length) =>
      random.bytes(new Uint8Array(length)),
    );
    const frames = payloads.map((one, i) => stream.encodeFrame(stream.FRAME_PAGES, i, [one]));
    const bytes = new Uint8Array(Buffer.concat([stream.encodePreamble(), ...frames]));
    const decoder = new stream.FrameDecoder(ALL);
    let straight = 0;
    const got: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { room } = decoder;
      const piece = bytes.subarray(
        at,
        at + Math.min(1 + random.below(40_000), room?.length ?? 1e9),
      );
      at += piece.length;
      if (room) {
        room.set(piece);
        decoder.cameInto(piece.length);
        straight += piece.length;
      } else decoder.push(piece);
      for (let frame = decoder.next(); frame; frame = decoder.next())
        got.push(frame.payload.slice());
    }
    expect(got.map((one) => one.length)).toEqual(payloads.map((one) => one.length));
    expect(Buffer.compare(Buffer.concat(got), Buffer.concat(payloads))).toBe(0);
    expect(straight).toBeGreaterThan(bytes.length / 2);
  });

  test("a frame that came where it belongs is looked at no less", () => {
    const frame = stream.encodeFrame(stream.FRAME_PAGES, 0, [new Uint8Array(100_000)]);
    const decoder = new stream.FrameDecoder(ALL);
    decoder.push(new Uint8Array(Buffer.concat([stream.encodePreamble(), frame.subarray(0, 50)])));
    expect(decoder.next()).toBeUndefined();
    frame[60_000] = 1;
    decoder.room?.set(frame.subarray(50));
    decoder.cameInto(frame.length - 50);
    expect(() => decoder.next()).toThrow("PAGES: checksum wrong");
  });

  test("fuzz: every changed, lost, doubled or foreign byte is WV_BAD_STREAM with a place", () => {
    const random = new Random(seed).split("fuzz");
    for (let run = 0; run < 3_000; run++) {
      const { bytes } = sample(random, 3);
      const at = random.below(bytes.length);
      const changed = [
        () => bytes.map((byte, i) => (i === at ? byte ^ (1 << random.below(8)) : byte)),
        () => bytes.filter((_, i) => i !== at),
        () => new Uint8Array([...bytes.subarray(0, at), random.below(256), ...bytes.subarray(at)]),
        () => bytes.slice(0, at),
        () => random.bytes(bytes.slice()),
      ][random.below(5)]?.() as Uint8Array;
      if (changed.length === bytes.length && changed.every((byte, i) => byte === bytes[i]))
        continue;
      let code = "accepted";
      try {
        const frames = decode(changed, random);
        // Cut between frames or doubled behind the end is what the layer above must see.
        if (frames.length < 3) code = "short";
      } catch (error) {
        code = error instanceof WasmvisorError ? error.code : String(error);
      }
      expect(["WV_BAD_STREAM", "short"], `FUZZ_SEED=${seed} run ${run}`).toContain(code);
    }
  });

  test("a length that no frame has is refused before memory is set aside", () => {
    const frame = stream.encodeFrame(stream.FRAME_PAGES, 0, [new Uint8Array(4)]);
    stream.storeU32(frame, 8, 0xffff_ffff);
    const decoder = new stream.FrameDecoder(ALL);
    decoder.push(new Uint8Array(Buffer.concat([stream.encodePreamble(), frame])));
    expect(() => decoder.next()).toThrow(
      "migration stream: frame 0 at byte 16: PAGES of 4294967295 bytes, at most 67108864 are allowed",
    );
  });

  test("an error is final", () => {
    const decoder = new stream.FrameDecoder(ALL);
    decoder.push(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
    expect(() => decoder.next()).toThrow("not a migration stream");
    decoder.push(stream.encodePreamble());
    expect(() => decoder.next()).toThrow("not a migration stream");
  });

  test("refuses frames of the other direction, by name", () => {
    const decoder = new stream.FrameDecoder(ALL);
    const frame = stream.encodeFrame(stream.FRAME_RUNNING, 0, []);
    decoder.push(new Uint8Array(Buffer.concat([stream.encodePreamble(), frame])));
    expect(() => decoder.next()).toThrow("frame 0 at byte 16: RUNNING is not allowed here");
  });

  test("another version is refused by number", () => {
    const preamble = stream.encodePreamble();
    stream.storeU32(preamble, 8, 99);
    stream.storeU32(preamble, 12, crc32(preamble, 0, 0, 12));
    const decoder = new stream.FrameDecoder(ALL);
    decoder.push(preamble);
    expect(() => decoder.next()).toThrow("stream version 99, this release speaks 3");
  });
});
