/** Pages over several connections: nothing is lost, doubled or overtaken, whatever breaks and when. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { runTask } from "../../ts/base/task.ts";
import { Connection } from "../../ts/migrate/connection.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import * as messages from "../../ts/migrate/messages.ts";
import type { Strategy } from "../../ts/migrate/options.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import * as stream from "../../ts/migrate/stream.ts";
import { receiveMigration, type TargetResult } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const scene = (strategy: Strategy, channels: number, more: SceneOptions = {}): Scene =>
  new Scene({
    seed,
    pages: 96,
    writesPerMs: 3,
    vcpus: 2,
    ...more,
    source: { strategy, channels, roundsMax: 4, onLimit: "stop", ...more.source },
  });

describe.each(["pre-copy", "stop-and-copy", "post-copy", "hybrid"] as const)("%s", (strategy) => {
  test.each([1, 2, 3, 4, 16])("over %i connections", (channels) => {
    const one = scene(strategy, channels);
    const { state, stats } = one.run();
    expect([state, stats.channels]).toEqual(["completed", channels]);
    checkOneRuns(one, `${channels} channels`);
    expect(one.targetResult?.state).toBe("running");
    expect(one.beside.length).toBe(channels - 1);
  });
});

describe("spread", () => {
  test("moves as much more as there are connections, where each can only do so much", () => {
    const times = [1, 2, 4].map((channels) => {
      const one = scene("stop-and-copy", channels, { pages: 2000 });
      one.run();
      return one.result?.stats.totalNs as number;
    });
    const [alone = 0, two = 0, four = 0] = times;
    expect(alone / two).toBeGreaterThan(1.8);
    expect(alone / four).toBeGreaterThan(3.3);
  });

  test("a version of a page never overtakes a later one, however slow its connection is", () => {
    // Rounds of a few pages that are written all the time, over links of different delay.
    for (let run = 0; run < 40; run++) {
      const one = scene("pre-copy", 4, {
        seed: seed + run,
        pages: 8,
        writesPerMs: 20,
        latenciesNs: [50_000, 9e6, 1000, 3e6],
        source: { batchPages: 1, roundsMax: 8 },
      });
      expect(one.run().state, `run ${run}`).toBe("completed");
      checkOneRuns(one, `FUZZ_SEED=${seed} run ${run}`);
    }
  });

  test("a target that does not know of it gets all over one", () => {
    const one = scene("pre-copy", 4, { target: { features: [] } });
    const { state, stats } = one.run();
    expect([state, stats.channels, one.beside.length]).toEqual(["completed", 1, 0]);
    checkOneRuns(one, "no features");
  });
});

/** Bytes of what goes over each connection in each direction when nothing breaks. */
function lengths(strategy: Strategy) {
  const clean = scene(strategy, 3);
  clean.run();
  const end = (channel: { boundaries: readonly number[] } | undefined): number =>
    channel?.boundaries.at(-1) ?? 0;
  return [end(clean.beside[0]), end(clean.beside[1])];
}

const faults: readonly Fault[] = ["cut", "flip", "silence", "loss"];

describe.each(["pre-copy", "post-copy", "hybrid"] as const)("%s, and a connection", (strategy) => {
  test.each(faults)("is hurt (%s) at any byte: one side runs", (fault) => {
    const random = new Random(seed).split(`${strategy} ${fault}`);
    const states: Record<string, number> = {};
    for (const [lane, end] of lengths(strategy).entries()) {
      const places = [0, 17, end - 1, ...Array.from({ length: 40 }, () => random.below(end))];
      for (const atByte of places) {
        const besideFaults = Array.from({ length: lane + 1 }, (_, i) =>
          i === lane ? { toTarget: { fault, atByte } } : undefined,
        );
        const one = scene(strategy, 3, { besideFaults, recovers: true });
        const { state } = one.run();
        states[state] = (states[state] ?? 0) + 1;
        checkOneRuns(one, `FUZZ_SEED=${seed} ${fault} at byte ${atByte} of channel ${lane + 1}`);
      }
    }
    expect(Object.keys(states).every((one) => ["completed", "failed"].includes(one))).toBe(true);
    expect(states[strategy === "pre-copy" ? "failed" : "completed"]).toBeGreaterThan(10);
  });

  test("is hurt on its way back, or the target's host dies", () => {
    for (const fault of faults)
      for (const atByte of [0, 15, 16, 31])
        for (const targetDies of [false, true]) {
          const besideFaults = [{ toSource: { fault, atByte } }];
          const one = scene(strategy, 3, { besideFaults, recovers: true, targetDies });
          one.run();
          checkOneRuns(one, `${fault} at byte ${atByte}, dies: ${targetDies}`);
        }
  });
});

test("post-copy goes on with its connection for requests after the channel broke", () => {
  const faultToTarget = { fault: "cut", atByte: 60_000 } as const;
  const one = scene("post-copy", 2, { faultToTarget, recovers: true, pages: 200 });
  const { state, stats } = one.run();
  expect([state, stats.recoveries, one.beside.length]).toEqual(["completed", 1, 2]);
  checkOneRuns(one, "recovered");
  // What somebody waited for went over it, before and after.
  for (const channel of one.beside) expect(channel.boundaries.at(-1)).toBeGreaterThan(4096);
});

describe("a target", () => {
  /** A migration under way at a target, and what its source may do wrong. */
  function underWay() {
    const clock = new VirtualClock();
    const ledger = new MigrationLedger();
    const target = new FakeGuest(8);
    const results: TargetResult[] = [];
    const open = (): Connection => {
      const [left, right] = simulatedLink({ clock, bytesPerSec: 1e9 });
      receiveMigration(right, { clock, ledger, accept: () => target }).observe((o) => {
        if (o.ok) results.push(o.value);
      });
      return new Connection(left, [
        stream.FRAME_ACCEPT,
        stream.FRAME_REFUSE,
        stream.FRAME_JOINED,
        stream.FRAME_READY,
      ]);
    };
    const say = (
      connection: Connection,
      ...frames: [number, (Uint8Array | undefined)?][]
    ): void => {
      runTask(
        (function* () {
          for (const [type, payload] of frames)
            yield* connection.send(type, payload ? [payload] : []);
        })(),
      );
      clock.advance(1e6);
    };
    const main = open();
    const { shape } = target;
    const hello = {
      id: "m",
      arrives: "running",
      strategy: "pre-copy",
      checkpointNs: 0,
      features: ["channels"],
      shape,
    } as const;
    say(main, [stream.FRAME_HELLO, messages.encodeHello(hello)]);
    const join = (index: number, id = "m"): Connection => {
      const beside = open();
      say(beside, [stream.FRAME_JOIN, messages.encodeJoin({ id, index })]);
      return beside;
    };
    return { join, main, results, say, target, ledger };
  }

  const reason = (results: readonly TargetResult[]): string =>
    String((results.find((one) => one.state === "discarded") as { error?: unknown })?.error);

  test("takes connections in order, sixteen at most, and only of what is under way", () => {
    const { join, results } = underWay();
    for (let index = 1; index < 16; index++) join(index);
    expect(results.map(({ state }) => state)).toEqual(Array.from({ length: 15 }, () => "joined"));
    join(16);
    expect(reason(results)).toContain("channel 16 out of turn");
    const other = underWay();
    other.join(2);
    expect(reason(other.results)).toContain("channel 2 out of turn");
    const unknown = underWay();
    unknown.join(1, "somebody else's");
    expect(reason(unknown.results)).toContain("is not under way here");
    expect(unknown.target.isDestroyed).toBe(false);
  });

  test.each([
    ["a barrier out of turn", stream.FRAME_SYNC, messages.encodeSync(1), "barrier 1 out of turn"],
    ["what nobody agreed upon", stream.FRAME_PACKED, new Uint8Array(9), "not agreed upon"],
    ["seals that it cannot read", stream.FRAME_SEALED, new Uint8Array(16), "not agreed upon"],
    ["a barrier that is cut", stream.FRAME_SYNC, new Uint8Array(3), "expected 4 bytes"],
    ["COMMIT", stream.FRAME_COMMIT, undefined, "COMMIT out of turn"],
    ["pages that it has not", stream.FRAME_PAGES, new Uint8Array(12).fill(9), "more pages than"],
  ] as const)(
    "discards the guest for %s beside the first connection",
    (_what, type, payload, why) => {
      const { join, ledger, results, say, target } = underWay();
      say(join(1), [type, payload]);
      expect(target.isDestroyed).toBe(true);
      expect(reason(results)).toContain(why);
      expect(ledger.query("m")).toBe("not-running");
    },
  );

  test("waits at a barrier for all, and no longer than for anything", () => {
    const { join, main, results, say, target } = underWay();
    const beside = join(1);
    say(main, [stream.FRAME_SYNC, messages.encodeSync(0)], [stream.FRAME_ROUND, new Uint8Array(7)]);
    expect(target.isDestroyed).toBe(false); // ROUND, which is cut, was not read yet.
    say(beside, [stream.FRAME_SYNC, messages.encodeSync(0)]);
    expect(reason(results)).toContain("ROUND: expected 8 bytes");
  });
});
