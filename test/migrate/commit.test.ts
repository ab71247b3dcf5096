/** Exactly one side runs, whatever dies or is cut at whatever byte. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { Future } from "../../ts/base/task.ts";
import type { Strategy } from "../../ts/migrate/options.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const strategies: readonly Strategy[] = ["pre-copy", "stop-and-copy"];
const faults: readonly Fault[] = ["cut", "flip", "silence"];
const seed = Number(process.env["FUZZ_SEED"] ?? 7);

/** Frame boundaries, the bytes beside them, and random ones. */
function positions(boundaries: readonly number[], random: Random): number[] {
  const end = boundaries.at(-1) as number;
  const around = boundaries.flatMap((at) => [at - 1, at, at + 1]);
  const others = Array.from({ length: 60 }, () => random.below(end));
  return [...new Set([...around, ...others])].filter((at) => at >= 0 && at < end);
}

describe.each(strategies)("%s", (strategy) => {
  const options: SceneOptions = { seed, source: { strategy } };

  test("moves the guest when nothing goes wrong", () => {
    const scene = new Scene(options);
    const result = scene.run();
    expect(result.state).toBe("completed");
    checkOneRuns(scene, "clean");
    expect(scene.targetResult?.state).toBe("running");
    const { stats } = result;
    expect(stats.downtimeNs).toBeGreaterThan(0);
    expect(stats.rounds.reduce((n, r) => n + r.normalPages, 0)).toBe(stats.normalPages);
    expect(stats.normalPages + stats.zeroPages).toBeGreaterThanOrEqual(24);
  });

  describe.each(faults)("%s", (fault) => {
    test.each(["faultToTarget", "faultToSource"] as const)(
      "%s at every frame and byte",
      (where) => {
        const clean = new Scene(options);
        clean.run();
        const channel = where === "faultToTarget" ? clean.toTarget : clean.toSource;
        const places = positions(channel.boundaries, new Random(seed).split(fault));
        const states = new Map<string, number>();
        for (const atByte of places) {
          const scene = new Scene({ ...options, [where]: { fault, atByte } });
          const { state } = scene.run();
          const what = `FUZZ_SEED=${seed} ${strategy} ${fault} ${where} at byte ${atByte}`;
          checkOneRuns(scene, what);
          states.set(state, (states.get(state) ?? 0) + 1);
        }
        expect([...states.keys()].filter((s) => s !== "failed" && s !== "completed")).toEqual([]);
        expect(places.length).toBeGreaterThan(30);
      },
    );
  });

  test("the target's host dies at every frame and byte: the source runs on", () => {
    const clean = new Scene(options);
    clean.run();
    for (const atByte of positions(clean.toTarget.boundaries, new Random(seed))) {
      const scene = new Scene({
        ...options,
        faultToTarget: { fault: "cut", atByte },
        targetDies: true,
      });
      const { state } = scene.run();
      expect(state).toBe("failed");
      checkOneRuns(scene, `host dies at byte ${atByte}`);
    }
  });
});

describe("the target", () => {
  test("refuses: the source hears why and runs on", () => {
    const accept = (): never => {
      throw new Error("no room here");
    };
    const scene = new Scene({ target: { accept } });
    const result = scene.run();
    expect(result.state).toBe("failed");
    expect(String(result.state !== "completed" && result.error)).toContain("no room here");
    expect(scene.source.isRunning).toBe(true);
    expect(scene.targetResult?.state).toBe("discarded");
  });

  test("fails to start after COMMIT: the source runs on", () => {
    const scene = new Scene({});
    scene.target.resume = () => {
      throw new Error("no vcpu");
    };
    expect(scene.run().state).toBe("failed");
    checkOneRuns(scene, "resume fails");
    expect(scene.ledger.query("m1")).toBe("not-running");
  });

  test("with other memory than the source's is not started", () => {
    const scene = new Scene({});
    const apply = scene.target.applyBatch.bind(scene.target);
    scene.target.applyBatch = (batch) => {
      apply(batch);
      scene.target.memory[5] = 1 + (scene.target.memory[5] as number);
    };
    const result = scene.run();
    expect(String(result.state === "failed" && result.error)).toContain("memory differs");
    checkOneRuns(scene, "memory differs");
  });
});

describe("an abort", () => {
  test("at any millisecond leaves one side running", () => {
    const states = new Set<string>();
    const clean = new Scene({});
    const endMs = Math.ceil(clean.run().stats.totalNs / 1e6) + 2;
    for (let ms = 0; ms < endMs; ms++) {
      const abort = new AbortController();
      const scene = new Scene({
        source: { signal: abort.signal },
        onTick: (nowNs) => {
          if (nowNs === ms * 1e6) abort.abort("enough");
        },
      });
      states.add(scene.run().state);
      checkOneRuns(scene, `abort at ${ms} ms`);
    }
    expect([...states].sort()).toEqual(["aborted", "completed"]);
  });

  test("before the start is an abort, too", () => {
    const scene = new Scene({ source: { signal: AbortSignal.abort() } });
    expect(scene.run().state).toBe("aborted");
    checkOneRuns(scene, "aborted before");
  });
});

describe("a lost answer to COMMIT", () => {
  test("without anybody to ask is in doubt, and the source stays paused", () => {
    const clean = new Scene({ source: { askOutcome: undefined } });
    clean.run();
    const atByte = (clean.toSource.boundaries.at(-1) as number) - 1;
    const scene = new Scene({
      source: { askOutcome: undefined },
      faultToSource: { fault: "cut", atByte },
    });
    const result = scene.run();
    expect(result.state).toBe("in-doubt");
    expect([scene.source.isRunning, scene.target.isRunning]).toEqual([false, true]);
    expect(scene.source.isDestroyed).toBe(false);
  });
});

describe("pre-copy that does not converge", () => {
  test("fails at its round limit and leaves the guest where it is", () => {
    const scene = new Scene({ writesPerMs: 50, source: { roundsMax: 4, downtimeLimitNs: 1000 } });
    const result = scene.run();
    expect(result.state).toBe("failed");
    expect(String(result.state === "failed" && result.error)).toContain("did not converge");
    checkOneRuns(scene, "no convergence");
    expect(String(scene.targetResult?.state === "discarded" && scene.targetResult.error)).toContain(
      "the source gave up",
    );
  });

  test("stops the guest at its round limit if it is told to", () => {
    const scene = new Scene({
      writesPerMs: 50,
      source: { roundsMax: 4, downtimeLimitNs: 1000, onLimit: "stop" },
    });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, "forced stop");
  });
});

test("a target that takes the question and never answers is not waited for", () => {
  const clean = new Scene({});
  clean.run();
  const atByte = (clean.toSource.boundaries.at(-1) as number) - 1;
  const silent = new Future<never>();
  const scene = new Scene({
    source: { askOutcome: () => silent, outcomeTimeoutNs: 30e9 },
    faultToSource: { fault: "cut", atByte },
  });
  const result = scene.run();
  expect(result.state).toBe("in-doubt");
  expect(result.stats.totalNs).toBeLessThan(42e9);
  expect(scene.source.isDestroyed).toBe(false);
});
