/** What a guest reads first goes right behind COMMIT, and whatever breaks there, nothing is lost. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { Future } from "../../ts/base/task.ts";
import * as stream from "../../ts/migrate/stream.ts";
import type { Fault, FaultyChannel } from "./faulty-channel.ts";
import { READS, readingScene, WRITES } from "./reading-scene.ts";
import { checkOneRuns, type Scene } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 5);
const STRATEGIES = ["post-copy", "hybrid"] as const;
/** Bytes of a frame's header, and one beside it. */
const NEAR = stream.FRAME_HEADER_BYTES + 1;

interface SentFrame {
  readonly type: number;
  readonly atNs: number;
  readonly fromByte: number;
  readonly untilByte: number;
  readonly bytes: Uint8Array;
}

/** Notes what is sent from now on, frame by frame. */
function framesOf({ clock }: Scene, channel: FaultyChannel): SentFrame[] {
  const frames: SentFrame[] = [];
  const send = channel.send.bind(channel);
  channel.send = (bytes, modelBytes) => {
    const fromByte = channel.boundaries.at(-1) as number;
    const type = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const untilByte = fromByte + bytes.length;
    frames.push({ type, atNs: clock.nowNs(), fromByte, untilByte, bytes: bytes.slice() });
    return send(bytes, modelBytes);
  };
  return frames;
}

/** gfns of the records of a PAGES frame, all of them plain. */
function gfnsOf({ bytes }: SentFrame): number[] {
  const gfns: number[] = [];
  const view = new DataView(bytes.buffer);
  for (let at = stream.FRAME_HEADER_BYTES + 12; at < bytes.length; ) {
    const word = view.getUint32(at, true);
    gfns.push(word & 0xfff_ffff);
    at += (word & (1 << 30)) === 0 ? 4 + 4096 : 4;
  }
  return gfns;
}

/** Of the frames, those from COMMIT on that had left when RUNNING was sent. */
function behindCommit(frames: readonly SentFrame[], running: SentFrame): SentFrame[] {
  const commit = frames.findIndex(({ type }) => type === stream.FRAME_COMMIT);
  return frames.slice(commit).filter(({ atNs }) => atNs <= running.atNs);
}

const runningOf = (frames: readonly SentFrame[]): SentFrame =>
  frames.find(({ type }) => type === stream.FRAME_RUNNING) as SentFrame;

describe.each(STRATEGIES)("%s", (strategy) => {
  // In hybrid it has read nothing that was not sent before but what it has written since.
  const bytesPerSec = strategy === "hybrid" ? 4e6 : 40e6;
  const latencyNs = 2_000_000;
  const how = { strategy, downtimeLimitNs: 1 };
  const more = { seed, bytesPerSec, latencyNs, source: how };

  test("what it has just read and written leaves before RUNNING can come, and costs no downtime", () => {
    const scene = readingScene(more);
    const there = framesOf(scene, scene.toTarget);
    const back = framesOf(scene, scene.toSource);
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, strategy);
    const [commit, ...pages] = behindCommit(there, runningOf(back));
    expect(commit?.type).toBe(stream.FRAME_COMMIT);
    expect(new Set(pages.map(({ type }) => type))).toEqual(new Set([stream.FRAME_PAGES]));
    const gfns = pages.flatMap(gfnsOf);
    for (const gfn of WRITES) expect(gfns).toContain(gfn);
    for (const gfn of gfns) expect(READS).toContain(gfn);
    // What it waits for then has left already.
    expect(scene.snapshot.longestWaitNs).toBeLessThan(latencyNs);
    // Between MISSING and COMMIT stands no page, and what was sent then is all that the downtime is about.
    const types = there.slice(0, there.indexOf(commit as SentFrame)).map(({ type }) => type);
    expect(types.slice(-3)).toEqual([stream.FRAME_MISSING, stream.FRAME_STATE, stream.FRAME_END]);
    const blind = readingScene({ ...more, source: { ...how, readPages: "on-demand" } });
    blind.run();
    expect(scene.snapshot.downtimeSentNs).toBe(blind.snapshot.downtimeSentNs);
  });

  test.each(["cut", "flip", "silence", "loss"] as Fault[])(
    "%s at any byte from COMMIT to behind RUNNING: one side runs, with all that was written",
    (fault) => {
      const whole = readingScene(more);
      const there = framesOf(whole, whole.toTarget);
      const back = framesOf(whole, whole.toSource);
      whole.run();
      const random = new Random(seed);
      for (const atByte of bytesAround(behindCommit(there, runningOf(back)), random)) {
        const faultToTarget = { atByte, fault };
        const scene = readingScene({ ...more, faultToTarget, recovers: true });
        scene.run();
        checkOneRuns(scene, `${fault} at byte ${atByte} to the target, seed ${seed}`);
      }
      const running = back.indexOf(runningOf(back));
      for (const atByte of bytesAround(back.slice(running, running + 3), random)) {
        const faultToSource = { atByte, fault };
        const scene = readingScene({ ...more, faultToSource, recovers: true });
        scene.run();
        checkOneRuns(scene, `${fault} at byte ${atByte} to the source, seed ${seed}`);
      }
    },
  );
});

/** Bytes where frames begin and end, those beside them, and some in between. */
function bytesAround(frames: readonly SentFrame[], random: Random): Set<number> {
  const bytes = new Set<number>();
  for (const { fromByte, untilByte } of frames) {
    for (let at = fromByte - 1; at < fromByte + NEAR; at++) bytes.add(at);
    for (let i = 0; i < 4; i++) bytes.add(fromByte + random.below(untilByte - fromByte));
  }
  return bytes;
}

/** How many sends were under way at once, at most. */
function mostAtOnce(channel: FaultyChannel): () => number {
  let [now, most] = [0, 0];
  const send = channel.send.bind(channel);
  channel.send = (bytes, modelBytes) => {
    most = Math.max(most, ++now);
    const sending = send(bytes, modelBytes);
    (sending as Future<void>).observe(() => now--);
    return sending;
  };
  return () => most;
}

test("with several channels such pages wait for each other on the first one", () => {
  const more = { seed, latencyNs: 2_000_000, source: { channels: 3, batchPages: 1 } };
  const scene = readingScene(more);
  const there = framesOf(scene, scene.toTarget);
  const back = framesOf(scene, scene.toSource);
  const most = mostAtOnce(scene.toTarget);
  expect(scene.run().state).toBe("completed");
  checkOneRuns(scene, "channels");
  expect(behindCommit(there, runningOf(back)).length).toBeGreaterThan(WRITES.length);
  expect(most()).toBe(1);
  const random = new Random(seed);
  for (const atByte of bytesAround(behindCommit(there, runningOf(back)), random)) {
    const faultToTarget = { atByte, fault: "silence" } as const;
    const hurt = readingScene({ ...more, faultToTarget, recovers: true });
    hurt.run();
    checkOneRuns(hurt, `silence at byte ${atByte}, seed ${seed}`);
  }
});

test("a target that refuses then has nothing of the guest, which goes on here", () => {
  const scene = readingScene({ seed });
  scene.target.resume = () => {
    throw new Error("no");
  };
  expect(scene.run().state).toBe("failed");
  checkOneRuns(scene, "refused");
});

test("what is asked for while such pages leave is answered behind them; the downtime ends with RUNNING", () => {
  // A page takes 2 ms, so of those that it reads some go behind COMMIT, and it asks for others.
  const scene = readingScene({ seed, bytesPerSec: 2e6, latencyNs: 10_000 });
  const back = framesOf(scene, scene.toSource);
  expect(scene.run().state).toBe("completed");
  checkOneRuns(scene, "slow");
  const { downtimeNs, firstRequestNs, postcopyRequests } = scene.snapshot;
  const requests = back.filter(({ type }) => type === stream.FRAME_REQUEST);
  expect(requests.length).toBeGreaterThan(0);
  const gfns = requests.map(({ bytes }) => (bytes.length - stream.FRAME_HEADER_BYTES) / 4);
  expect(postcopyRequests).toBe(gfns.reduce((sum, count) => sum + count, 0));
  const waitedNs = (requests[0] as SentFrame).atNs - runningOf(back).atNs;
  expect(firstRequestNs).toBeLessThan(waitedNs + 1e6);
  expect(downtimeNs).toBeLessThan(10e6);
});

test.each(["silence", "flip"] as Fault[])(
  "a COMPLETE that does not come (%s) is waited for no longer than anything",
  (fault) => {
    const whole = readingScene({ seed });
    const back = framesOf(whole, whole.toSource);
    whole.run();
    const complete = back.find(({ type }) => type === stream.FRAME_COMPLETE) as SentFrame;
    const faultToSource = { atByte: complete.fromByte, fault };
    const scene = readingScene({ seed, faultToSource, recovers: true });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, fault);
    expect(scene.snapshot.totalNs).toBeLessThan(21e9);
  },
);
