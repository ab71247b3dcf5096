import { describe, expect, test } from "vitest";
import { VirtualClock, WallClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { type Future, promiseOf, runTask, type Wait } from "../../ts/base/task.ts";
import { memoryChannels } from "../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import { resolveSourceOptions } from "../../ts/migrate/options.ts";
import { qemu as decideConvergence } from "../../ts/migrate/policy/convergence.ts";
import { RateWindow } from "../../ts/migrate/rate-window.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import { migrate } from "../../ts/migrate/source.ts";
import { qemuStats } from "../../ts/migrate/stats.ts";
import { queryOutcome, receiveMigration } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";
import { checkOneRuns, Scene } from "./scene.ts";

describe("the convergence rule", () => {
  const limits = {
    downtimeLimitNs: 300e6,
    roundsMax: 5,
    timeoutNs: 60e9,
    onLimit: "fail",
    bandwidthCapBytesPerSec: Number.POSITIVE_INFINITY,
  } as const;
  const state = {
    round: 1,
    isSynced: false,
    remainingBytes: 1e9,
    bytesPerSec: 1e8,
    elapsedNs: 1e9,
    memoryBytes: 4e9,
    rounds: [],
  };

  test.each([
    ["much is left", {}, "send"],
    ["little is left, as far as is known", { remainingBytes: 3e7 }, "sync"],
    ["little is left for sure", { remainingBytes: 3e7, isSynced: true }, "stop"],
    ["one byte above the threshold", { remainingBytes: 3e7 + 1, isSynced: true }, "send"],
    ["nothing is left and nothing was measured", { remainingBytes: 0, bytesPerSec: 0 }, "sync"],
    ["too many rounds", { round: 5 }, "fail"],
    ["too long", { elapsedNs: 60e9 }, "fail"],
    ["it could stop in its last round", { round: 5, remainingBytes: 1, isSynced: true }, "stop"],
  ] as const)("%s", (_, change, decision) => {
    expect(decideConvergence({ ...state, ...change }, limits)).toBe(decision);
  });
});

describe("options", () => {
  const clock = new VirtualClock();
  test.each([
    { id: "" },
    { strategy: "teleport" as never },
    { downtimeLimitNs: -1 },
    { bandwidthCapBytesPerSec: 0 },
    { roundsMax: 0 },
    { batchPages: 1.5 },
    { timeoutNs: Number.NaN },
  ])("%o is refused", (wrong) => {
    expect(() =>
      resolveSourceOptions({ clock, id: "a", strategy: "pre-copy", ...wrong }),
    ).toThrowError(expect.objectContaining({ code: "WV_CONFIG" }));
  });
});

describe("the rate window", () => {
  test("keeps a sender under its cap, burst by burst", () => {
    const clock = new VirtualClock();
    const window = new RateWindow({ clock, capBytesPerSec: 1000 });
    runTask(
      (function* () {
        for (let i = 0; i < 50; i++) yield* window.pace(20);
      })(),
    );
    clock.run();
    expect(clock.nowNs()).toBe(1e9);
    expect(window.bytesPerSec).toBe(1000);
  });
});

describe("a simulated link", () => {
  test("takes bytes / rate + latency, and tells the sender when the last byte has left", () => {
    const clock = new VirtualClock();
    const [left, right] = simulatedLink({ clock, bytesPerSec: 1e6, latencyNs: 5e6 });
    const log: string[] = [];
    const watch = (one: Wait<unknown>, what: string): void =>
      (one as Future<unknown>).observe(() => log.push(`${what} ${clock.nowNs() / 1e6}`));
    watch(left.send(new Uint8Array(10), 990), "left");
    watch(right.receive(), "arrived");
    clock.run();
    expect(log).toEqual(["left 1", "arrived 6"]);
  });
});

describe("on the wall clock, over channels in memory", () => {
  test("the same engine moves a guest", async () => {
    const clock = new WallClock();
    const source = new FakeGuest(64);
    source.fill(new Random(3), 0.5);
    source.isRunning = true;
    const target = new FakeGuest(64);
    const [left, right] = memoryChannels(10_000);
    const ledger = new MigrationLedger();
    const received = receiveMigration(right, { clock, ledger, accept: () => target });
    const result = await promiseOf(
      migrate(source, left, { clock, id: "w", strategy: "pre-copy", verify: "memory" }),
    );
    expect(result.state).toBe("completed");
    expect((await promiseOf(received)).state).toBe("running");
    expect(Buffer.compare(target.memory, source.memory)).toBe(0);
  });

  test("an abort ends a migration that is stuck", async () => {
    const clock = new WallClock();
    const source = new FakeGuest(8);
    source.isRunning = true;
    const [left] = memoryChannels();
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    const options = { clock, id: "x", strategy: "pre-copy", signal: abort.signal } as const;
    const result = await promiseOf(migrate(source, left, options));
    expect(result.state).toBe("aborted");
    expect(source.isRunning).toBe(true);
  });
});

describe("the ledger", () => {
  test("answers over a channel, and what was asked about never starts", async () => {
    const clock = new WallClock();
    const ledger = new MigrationLedger();
    const [left, right] = memoryChannels();
    const accept = (): never => {
      throw new Error("not asked");
    };
    const served = promiseOf(receiveMigration(right, { clock, ledger, accept }));
    expect(await promiseOf(queryOutcome(left, "lost"))).toBe("not-running");
    expect(await served).toEqual({ state: "answered", outcome: "not-running" });
    expect(ledger.begin("lost", () => undefined)).toBe(false);
    expect(ledger.commit("lost")).toBe(false);
  });
});

describe("determinism", () => {
  test("one seed gives byte-identical results, another seed others", () => {
    const run = (seed: number): string => {
      const scene = new Scene({ seed, pages: 80, writesPerMs: 20 });
      const result = scene.run();
      checkOneRuns(scene, `seed ${seed}`);
      return JSON.stringify({ ...result, qemu: qemuStats(result.stats, 80) });
    };
    expect(run(5)).toBe(run(5));
    expect(run(5)).not.toBe(run(6));
  });
});
