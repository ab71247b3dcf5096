/**
 * Streams that nobody should send, made from one that somebody did. `raw`: bytes are changed, lost,
 * doubled, foreign, and no checksum fits. `framed`: each frame is well-formed, but not what or where it
 * should be, as a peer would send that means harm.
 */
import type { Random } from "../../../ts/base/random.ts";
import {
  encodeFrame,
  encodePreamble,
  FRAME_HEADER_BYTES,
  FRAME_SEALED,
  FrameDecoder,
  PREAMBLE_BYTES,
} from "../../../ts/migrate/stream.ts";

import { sealAnew } from "./guests.ts";

export interface FuzzFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

export interface Mutated {
  readonly name: string;
  readonly kind: "raw" | "framed";
  readonly bytes: Uint8Array;
  /** The frame that was touched, or the first of those; undefined: what is before the first. */
  readonly frame: FuzzFrame | undefined;
}

/** A good stream, and frames that are good elsewhere. */
export interface GoodStream {
  readonly bytes: Uint8Array;
  readonly frames: readonly FuzzFrame[];
  readonly foreign: readonly FuzzFrame[];
}

const EVERY_TYPE = Array.from({ length: 256 }, (_, type) => type);

/** The frames of a good stream. */
export function framesOf(stream: Uint8Array): FuzzFrame[] {
  const decoder = new FrameDecoder(EVERY_TYPE);
  decoder.push(stream);
  const frames: FuzzFrame[] = [];
  for (let frame = decoder.next(); frame; frame = decoder.next())
    frames.push({ type: frame.type, payload: frame.payload.slice() });
  return frames;
}

/** A stream with fitting sequence numbers and checksums. */
export function streamOf(frames: readonly FuzzFrame[]): Uint8Array {
  return Buffer.concat([
    encodePreamble(),
    ...frames.map(({ payload, type }, i) => encodeFrame(type, i, [payload])),
  ]);
}

type RawMutation = (bytes: Uint8Array, at: number, random: Random) => Uint8Array;
export const RAW: Readonly<Record<string, RawMutation>> = {
  "bit flipped": (bytes, at, random) => {
    const out = bytes.slice();
    out[at] = (out[at] as number) ^ (1 << random.below(8));
    return out;
  },
  "byte lost": (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
  "byte added": (bytes, at, random) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.of(random.below(256)), bytes.subarray(at)]),
  truncated: (bytes, at) => bytes.slice(0, at),
  "stretch overwritten": (bytes, at, random) => {
    const out = bytes.slice();
    random.bytes(out.subarray(at, at + 1 + random.below(64)));
    return out;
  },
  "stretch doubled": (bytes, at, random) => {
    const end = Math.min(bytes.length, at + 1 + random.below(300));
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  },
  "all foreign": (_bytes, _at, random) => random.bytes(new Uint8Array(1 + random.below(2_000))),
};

const without = (frames: readonly FuzzFrame[], at: number): FuzzFrame[] =>
  frames.filter((_, i) => i !== at);

type FrameMutation = (
  frames: readonly FuzzFrame[],
  at: number,
  random: Random,
  foreign: readonly FuzzFrame[],
) => readonly FuzzFrame[];
const FRAMED: Readonly<Record<string, FrameMutation>> = {
  "frame lost": (frames, at) => without(frames, at),
  "frame doubled": (frames, at) => frames.flatMap((one, i) => (i === at ? [one, one] : [one])),
  "frames swapped": (frames, at, random) => {
    const out = [...frames];
    const other = random.below(frames.length);
    [out[at], out[other]] = [out[other] as FuzzFrame, out[at] as FuzzFrame];
    return out;
  },
  "frame moved": (frames, at, random) => {
    const out = without(frames, at);
    out.splice(random.below(frames.length), 0, frames[at] as FuzzFrame);
    return out;
  },
  "type changed": (frames, at, random) =>
    frames.map((one, i) => (i === at ? { ...one, type: random.below(32) } : one)),
  "payload changed": (frames, at, random) =>
    frames.map((one, i) => (i === at ? { ...one, payload: changed(one.payload, random) } : one)),
  "payload changed and sealed": (frames, at, random) =>
    frames.map((one, i) => {
      if (i !== at) return one;
      const payload = changed(one.payload, random);
      if (one.type === FRAME_SEALED) sealAnew(payload);
      return { ...one, payload };
    }),
  "frame of another stream": (frames, at, random, foreign) => [
    ...frames.slice(0, at),
    random.pick(foreign),
    ...frames.slice(at + random.below(2)),
  ],
  "payload foreign": (frames, at, random) =>
    frames.map((one, i) =>
      i === at ? { ...one, payload: random.bytes(new Uint8Array(random.below(200))) } : one,
    ),
};

/** Mostly near the start, where the numbers are that somebody believes. */
function changed(payload: Uint8Array, random: Random): Uint8Array {
  const out = payload.slice();
  if (out.length === 0) return random.bytes(new Uint8Array(1 + random.below(8)));
  for (let i = random.below(3); i >= 0; i--)
    out[random.below(Math.min(out.length, random.below(2) ? 48 : out.length))] = random.below(256);
  return random.below(4) ? out : out.subarray(0, random.below(out.length));
}

const RAW_NAMES = Object.keys(RAW);
const FRAMED_NAMES = Object.keys(FRAMED);

/** One mutation of a good stream. */
export function mutate(good: GoodStream, random: Random): Mutated {
  const { bytes, frames } = good;
  if (random.below(2) === 0) {
    const name = random.pick(RAW_NAMES);
    const at = random.below(bytes.length);
    const changed = (RAW[name] as RawMutation)(bytes, at, random);
    return { name, kind: "raw", bytes: changed, frame: frameAt(frames, at) };
  }
  const name = random.pick(FRAMED_NAMES);
  const at = random.below(frames.length);
  const changed = framed(FRAMED[name] as FrameMutation, good, at, random);
  return { name, kind: "framed", bytes: changed, frame: frames[at] };
}

/** The frame to which byte `at` of a stream belongs. */
function frameAt(frames: readonly FuzzFrame[], at: number): FuzzFrame | undefined {
  let end = PREAMBLE_BYTES;
  if (at < end) return undefined;
  return frames.find(({ payload }) => {
    end += FRAME_HEADER_BYTES + payload.length;
    return at < end;
  });
}

function framed(
  mutation: FrameMutation,
  { foreign, frames }: GoodStream,
  at: number,
  random: Random,
): Uint8Array {
  try {
    return streamOf(mutation(frames, at, random, foreign));
  } catch {
    return encodePreamble(); // A payload that no frame of this type may have: our own encoder refuses.
  }
}
