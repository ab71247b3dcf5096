/**
 * A peer that follows the framing and nothing else: frames of all kinds in any order, with payloads
 * that are right, changed, cut or invented. Whatever it does, the other side comes to an end, says so
 * with a code, and no guest runs that was not committed.
 */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { encodeState } from "../../ts/base/codec.ts";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import type { Wait } from "../../ts/base/task.ts";
import type { Channel } from "../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../ts/migrate/source.ts";
import * as stream from "../../ts/migrate/stream.ts";
import { receiveMigration, type TargetResult } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 3);
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 3_000);
const PAGES = 12;
const TO_TARGET = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const TO_SOURCE = [16, 17, 18, 19, 20, 21, 22, 23, 24, 27];

type Recorded = readonly (readonly [type: number, payload: Uint8Array])[];

/** Keeps what goes over a channel, frame by frame. */
function recorder(inner: Channel, frames: [number, Uint8Array][]): Channel {
  return {
    send(bytes: Uint8Array): Wait<void> {
      if (bytes.length > stream.PREAMBLE_BYTES || stream.loadU32(bytes, 0) < 64)
        frames.push([stream.loadU32(bytes, 0), bytes.slice(stream.FRAME_HEADER_BYTES)]);
      return inner.send(bytes);
    },
    receive: () => inner.receive(),
    close: () => inner.close(),
    abort: (reason) => inner.abort(reason),
  };
}

/** What both sides of an honest post-copy say. */
function honest(): { readonly toTarget: Recorded; readonly toSource: Recorded } {
  const clock = new VirtualClock();
  const [left, right] = simulatedLink({ clock, bytesPerSec: 1e8 });
  const toTarget: [number, Uint8Array][] = [];
  const toSource: [number, Uint8Array][] = [];
  const guest = new FakeGuest(PAGES);
  guest.fill(new Random(1), 0.7);
  guest.isRunning = true;
  receiveMigration(recorder(right, toSource), {
    clock,
    ledger: new MigrationLedger(),
    accept: () => new FakeGuest(PAGES),
  });
  migrate(guest, recorder(left, toTarget), { clock, id: "m", strategy: "post-copy" });
  clock.run();
  return { toTarget, toSource };
}

function changed(payload: Uint8Array, random: Random): Uint8Array {
  const what = random.below(6);
  if (what < 2) return payload;
  if (what === 2) return payload.slice(0, random.below(payload.length + 1));
  if (what === 3) return random.bytes(new Uint8Array(random.below(64)));
  if (what === 4)
    return encodeState(
      {
        id: random.pick(["m", "", "x".repeat(500)]),
        strategy: "hybrid",
        kind: "fake/1",
        pageCount: random.u53(),
        config: new Uint8Array(3),
        normalPages: -1,
        zeroPages: 1.5,
        memoryHash: "",
        code: "WV_NO",
        message: "m",
        outcome: random.pick(["running", "not-running", "maybe"]),
        pages: 1,
        faults: 2,
        longestWaitNs: 3,
        waitedNs: 4,
        firstStallNs: 2,
        longestStallNs: 4,
      },
      1,
    );
  const copy = payload.slice();
  for (let i = 0; i < 3 && copy.length > 0; i++)
    copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** A conversation: mostly the honest one, with frames changed, swapped, left out, doubled, invented. */
function* conversation(frames: Recorded, types: readonly number[], random: Random) {
  for (const [type, payload] of frames) {
    const what = random.below(40);
    if (what === 0) continue;
    if (what === 1) yield [random.pick(types), payload] as const;
    if (what === 2) yield [type, payload] as const;
    if (what === 3) yield [random.pick(types), changed(payload, random)] as const;
    yield [type, random.below(8) === 0 ? changed(payload, random) : payload] as const;
  }
  for (let i = random.below(4); i > 0; i--)
    yield [random.pick(types), changed(new Uint8Array(8), random)] as const;
}

/** Says all of it without listening, then closes or falls silent. */
function say(channel: Channel, frames: Iterable<readonly [number, Uint8Array]>, random: Random) {
  channel.send(stream.encodePreamble());
  let sequence = 0;
  for (const [type, payload] of frames) {
    try {
      channel.send(stream.encodeFrame(type, sequence++, [payload]));
    } catch (error) {
      // Longer than such a frame may be: an honest encoder refuses, and so does a decoder.
      if (!(error instanceof WasmvisorError)) throw error;
    }
  }
  if (random.below(2) === 0) channel.close();
}

describe("a hostile source", () => {
  const { toTarget } = honest();
  test("leaves no guest that was not committed, and everything comes to an end", () => {
    const states: Record<string, number> = {};
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(seed).split("source").split(run);
      const clock = new VirtualClock();
      const [left, right] = simulatedLink({ clock, bytesPerSec: 1e8 });
      const guest = new FakeGuest(PAGES);
      let result: TargetResult | undefined;
      const options = { clock, ledger: new MigrationLedger(), accept: () => guest };
      receiveMigration(right, { ...options, sourceTimeoutNs: 1e9 }).observe((o) => {
        if (!o.ok) throw o.reason;
        result = o.value;
      });
      const frames = [...conversation(toTarget, TO_TARGET, random)];
      say(left, frames, random);
      clock.run(() => result !== undefined && clock.nowNs() > 40e9);
      const what = `FUZZ_SEED=${seed} run ${run}: ${result?.state}`;
      expect(result, what).toBeDefined();
      const state = result?.state as string;
      states[state] = (states[state] ?? 0) + 1;
      expect(guest.isRunning, what).toBe(state === "running");
      if (state === "running") {
        expect(guest.missing.size, what).toBe(0);
        expect(
          frames.some(([type]) => type === stream.FRAME_COMMIT),
          what,
        ).toBe(true);
      }
      if (result && "error" in result) expect(result.error, what).toBeInstanceOf(WasmvisorError);
    }
    expect(Object.keys(states).sort()).toEqual(
      expect.arrayContaining(["discarded", "lost", "running"]),
    );
  });
});

describe("a hostile target", () => {
  const { toSource } = honest();
  test("cannot make the source run a guest that it gave away, nor hang it", () => {
    const states: Record<string, number> = {};
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(seed).split("target").split(run);
      const clock = new VirtualClock();
      const [left, right] = simulatedLink({ clock, bytesPerSec: 1e8 });
      const guest = new FakeGuest(PAGES);
      guest.fill(random, 0.7);
      guest.isRunning = true;
      let result: MigrationResult | undefined;
      migrate(guest, left, { clock, id: "m", strategy: "post-copy" }).observe((o) => {
        if (!o.ok) throw o.reason;
        result = o.value;
      });
      say(right, conversation(toSource, TO_SOURCE, random), random);
      clock.run(() => result !== undefined || clock.nowNs() > 300e9);
      const what = `FUZZ_SEED=${seed} run ${run}: ${result?.state}`;
      const state = result?.state as string;
      states[state] = (states[state] ?? 0) + 1;
      expect(["failed", "in-doubt", "paused", "completed"], what).toContain(state);
      expect(guest.isRunning, what).toBe(state === "failed");
      expect(guest.isDestroyed, what).toBe(state === "completed");
    }
    expect(Object.keys(states)).toEqual(expect.arrayContaining(["failed", "completed"]));
  });
});
