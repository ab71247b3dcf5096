/** Post-copy and hybrid: pages on demand, recovery, and exactly one guest whatever is cut where. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { MigrationControl } from "../../ts/migrate/control.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 7);
const strategies = ["post-copy", "hybrid"] as const;

describe.each(strategies)("%s", (strategy) => {
  const options: SceneOptions = { seed, pages: 64, writesPerMs: 6, source: { strategy } };

  test("moves the guest first and its pages after it", () => {
    const scene = new Scene(options);
    const { state, stats } = scene.run();
    expect(state).toBe("completed");
    checkOneRuns(scene, "clean");
    expect(scene.targetResult?.state).toBe("running");
    expect(scene.phases).toEqual([
      "setup",
      ...(strategy === "hybrid" ? ["iterative-copy"] : []),
      "stop-and-copy",
      "commitment",
      "activation",
    ]);
    expect(stats.postcopyRequests).toBeGreaterThan(0);
    expect(stats.lastRequestNs).toBeGreaterThanOrEqual(stats.firstRequestNs);
    expect(stats.lastRequestNs).toBeGreaterThan(0);
    expect(stats.lastRequestNs).toBeLessThan(stats.totalNs);
    expect(stats.faults).toBeGreaterThanOrEqual(stats.postcopyRequests);
    expect(stats.downtimeNs).toBeLessThan(2e6);
    expect(stats.gapNs).toBeGreaterThanOrEqual(stats.downtimeNs);
    expect(stats.rounds.reduce((n, r) => n + r.normalPages, 0)).toBe(stats.normalPages);
    expect(stats.remainingPages).toBe(0);
    // Post-copy sends every page once.
    if (strategy === "post-copy") expect(stats.normalPages + stats.zeroPages).toBe(64);
  });

  test("a page that is needed does not wait for the push", () => {
    const scene = new Scene(options);
    const { stats } = scene.run();
    // A page takes 1 ms on this link; a request 0.1 ms there and back, and one page may be before it.
    expect(stats.longestWaitNs).toBeLessThan(3.4e6);
  });

  test("one vCPU waits, the others run on", () => {
    const scene = new Scene({ ...options, vcpus: 4 });
    scene.run();
    checkOneRuns(scene, "4 vcpus");
  });
});

describe("on command", () => {
  test("a pre-copy that does not converge goes without the rest", () => {
    const control = new MigrationControl();
    const scene = new Scene({
      seed,
      pages: 64,
      writesPerMs: 20,
      source: { strategy: "pre-copy", downtimeLimitNs: 1000, control },
      onTick: (nowNs) => {
        if (nowNs === 100e6) control.startPostCopy();
      },
    });
    const { state, stats } = scene.run();
    expect(state).toBe("completed");
    checkOneRuns(scene, "on command");
    expect(stats.postcopyRequests).toBeGreaterThan(0);
    expect(control.phase).toBe("activation");
    expect(control.stats()?.remainingPages).toBe(0);
  });

  test("is ignored by stop-and-copy, which has no such moment", () => {
    const control = new MigrationControl();
    control.startPostCopy();
    const scene = new Scene({ seed, source: { strategy: "stop-and-copy", control } });
    expect(scene.run().stats.postcopyRequests).toBe(0);
    checkOneRuns(scene, "stop-and-copy");
  });

  test("hybrid stops the guest for good when the rest fits its downtime", () => {
    const scene = new Scene({
      seed,
      pages: 400,
      source: { strategy: "hybrid", downtimeLimitNs: 300e6 },
    });
    expect(scene.run().stats.postcopyRequests).toBe(0);
    checkOneRuns(scene, "converged");
  });
});

const faults: readonly Fault[] = ["cut", "flip", "silence"];
const ends = ["toTarget", "toSource"] as const;
const faultOf = { toTarget: "faultToTarget", toSource: "faultToSource" } as const;
const base = (strategy: "post-copy" | "hybrid"): SceneOptions => ({
  seed,
  pages: 24,
  writesPerMs: 3,
  vcpus: 2,
  source: { strategy },
});

/** `count` places anywhere in what went over a channel, and the first and last byte. */
function places(channel: { readonly boundaries: readonly number[] }, count: number, label: string) {
  const random = new Random(seed).split(label);
  const end = channel.boundaries.at(-1) as number;
  return [0, end - 1, ...Array.from({ length: count }, () => random.below(end))];
}

/** How the runs ended, counted. */
class Tally {
  readonly states: Record<string, number> = {};
  run(options: SceneOptions, what: string): Scene {
    const scene = new Scene(options);
    const { state } = scene.run();
    checkOneRuns(scene, `FUZZ_SEED=${seed} ${what}`);
    this.states[state] = (this.states[state] ?? 0) + 1;
    return scene;
  }
}

describe.each(strategies)("%s, broken at random bytes", (strategy) => {
  const clean = new Scene(base(strategy));
  clean.run();

  test.each(faults.flatMap((fault) => ends.map((end) => [fault, end] as const)))(
    "%s %s: with another channel it completes, or the guest runs at the source",
    (fault, end) => {
      const tally = new Tally();
      for (const atByte of places(clean[end], 160, `${fault}${end}`)) {
        const options = { ...base(strategy), recovers: true, [faultOf[end]]: { fault, atByte } };
        tally.run(options, `${strategy} ${fault} ${end} at byte ${atByte}`);
      }
      expect(Object.keys(tally.states).filter((s) => s !== "failed")).toEqual(["completed"]);
      expect(tally.states["completed"]).toBeGreaterThan(20);
    },
  );

  test("without another channel it is paused: the guest runs at the target, its pages are kept", () => {
    const tally = new Tally();
    for (const end of ends)
      for (const atByte of places(clean[end], 120, `paused${end}`))
        tally.run(
          { ...base(strategy), [faultOf[end]]: { fault: "cut", atByte } },
          `${strategy} paused ${end} at byte ${atByte}`,
        );
    expect(tally.states["paused"]).toBeGreaterThan(20);
  });

  test("channel after channel breaks: it completes all the same", () => {
    const random = new Random(seed).split("chain");
    const tally = new Tally();
    for (let run = 0; run < 250; run++) {
      const plan = () => {
        const fault = random.pick(faults);
        return { [random.pick(ends)]: { fault, atByte: random.below(30_000) } };
      };
      const laterFaults = Array.from({ length: random.below(5) }, plan);
      const first = { fault: random.pick(faults), atByte: random.below(100_000) };
      const options = { ...base(strategy), recovers: true, laterFaults, faultToTarget: first };
      tally.run(options, `${strategy} chain ${run}`);
    }
    expect(Object.keys(tally.states).every((s) => /completed|failed|paused/.test(s))).toBe(true);
    expect(tally.states["completed"]).toBeGreaterThan(40);
  });

  test.each(["hold", "roll-back"] as const)(
    "the target's host dies: the guest is at the source, as it was when it left (%s)",
    (onTargetLost) => {
      const tally = new Tally();
      for (const atByte of places(clean.toTarget, 200, "dies")) {
        const options: SceneOptions = {
          ...base(strategy),
          source: { strategy, onTargetLost },
          recovers: true,
          targetDies: true,
          faultToTarget: { fault: "cut", atByte },
        };
        tally.run(options, `${strategy} target dies at byte ${atByte}`);
      }
      const lost = onTargetLost === "hold" ? "target-lost" : "rolled-back";
      expect(Object.keys(tally.states).sort()).toEqual(["failed", lost].sort());
      expect(tally.states[lost]).toBeGreaterThan(20);
    },
  );
});

describe.each(strategies)("%s, and the source does not come back", (strategy) => {
  const options = {
    ...base(strategy),
    target: { sourceTimeoutNs: 5e9 },
  };

  test("the guest is lost only if pages were only there", () => {
    const clean = new Scene(options);
    clean.run();
    const ends: Record<string, number> = {};
    for (const atByte of places(clean.toTarget, 200, "source dies")) {
      const scene = new Scene({ ...options, faultToTarget: { fault: "cut", atByte } });
      const { state } = scene.run();
      const what = `FUZZ_SEED=${seed} source dies at byte ${atByte}: ${state}`;
      const result = scene.targetResult;
      const end = result?.state ?? "none";
      ends[end] = (ends[end] ?? 0) + 1;
      expect(scene.target.isRunning, what).toBe(end === "running");
      const missingPages = scene.target.missing.size;
      if (end === "running") expect(missingPages, what).toBe(0);
      if (end !== "lost") continue;
      expect(scene.target.isDestroyed, what).toBe(true);
      expect(result, what).toMatchObject({ missingPages });
      expect(missingPages, what).toBeGreaterThan(0);
    }
    expect(Object.keys(ends).sort()).toEqual(["discarded", "lost"]);
  });

  test("the last answer gets lost: the guest has all its pages and runs", () => {
    const clean = new Scene(options);
    clean.run();
    const atByte = (clean.toSource.boundaries.at(-1) as number) - 1;
    const scene = new Scene({ ...options, faultToSource: { fault: "cut", atByte } });
    expect(scene.run().state).toBe("paused");
    expect(scene.targetResult?.state).toBe("running");
    expect(scene.target.missing.size).toBe(0);
  });

  test("a target that gave up is not joined by a second guest, and the first is not gone", () => {
    const clean = new Scene(options);
    clean.run();
    const atByte = Math.floor((clean.toTarget.boundaries.at(-1) as number) * 0.9);
    const scene = new Scene({ ...options, faultToTarget: { fault: "cut", atByte } });
    const result = scene.run();
    expect(scene.targetResult?.state).toBe("lost");
    if (result.state !== "paused") throw new Error(result.state);
    const later = scene.recover(result);
    expect(later.state).toBe("target-lost");
    checkOneRuns(scene, "given up");
  });
});

test("a paused post-copy is recovered by hand", () => {
  const clean = new Scene(base("post-copy"));
  clean.run();
  const atByte = Math.floor((clean.toTarget.boundaries.at(-1) as number) * 0.7);
  const scene = new Scene({
    ...base("post-copy"),
    faultToTarget: { fault: "silence", atByte },
    laterFaults: [{ toSource: { fault: "cut", atByte: 60 } }],
  });
  let result = scene.run();
  const states = [result.state];
  while (result.state === "paused" && states.length < 5) {
    result = scene.recover(result);
    states.push(result.state);
  }
  expect(states).toEqual(["paused", "paused", "completed"]);
  expect(result.stats.recoveries).toBe(2);
  checkOneRuns(scene, "by hand");
});

describe("with checkpoints", () => {
  const PERIOD_NS = 10e6;
  const options = (atByte: number): SceneOptions => ({
    ...base("post-copy"),
    pages: 60,
    source: { strategy: "post-copy", checkpointNs: PERIOD_NS },
    recovers: true,
    targetDies: true,
    faultToTarget: { fault: "cut", atByte },
  });

  test("a target that dies costs one period of work, not all since the switch", () => {
    const clean = new Scene({ ...options(0), faultToTarget: { fault: "cut", atByte: 1e9 } });
    expect(clean.run().state).toBe("completed");
    checkOneRuns(clean, "clean");
    let restored = 0;
    for (const atByte of places(clean.toTarget, 120, "checkpoints")) {
      const scene = new Scene(options(atByte));
      const what = `FUZZ_SEED=${seed} dies at byte ${atByte}`;
      if (scene.run().state !== "target-lost") continue;
      const { memory } = scene.source;
      const latest = scene.checkpoints.findLast((one) => Buffer.compare(one.memory, memory) === 0);
      if (!latest) {
        expect(Buffer.compare(memory, scene.atSwitch as Uint8Array), what).toBe(0);
        continue;
      }
      // The last one may still have been on its way: 24 pages take 24 ms here.
      const last = scene.checkpoints.at(-1) as { atNs: number };
      expect(last.atNs - latest.atNs, what).toBeLessThanOrEqual(6 * PERIOD_NS);
      restored++;
    }
    expect(restored).toBeGreaterThan(20);
  });

  test("they survive a channel that breaks", () => {
    const clean = new Scene(options(1e9));
    clean.run();
    const atByte = Math.floor((clean.toTarget.boundaries.at(-1) as number) * 0.5);
    const scene = new Scene({ ...options(atByte), targetDies: false });
    const { state, stats } = scene.run();
    expect(state).toBe("completed");
    expect(stats.recoveries).toBe(1);
    checkOneRuns(scene, "recovered");
  });
});
