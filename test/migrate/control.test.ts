/** Orders to a migration under way, and what is checked of its pages. */
import { describe, expect, test } from "vitest";
import type { PageEncoding } from "../../ts/machine/migratable.ts";
import { MigrationControl } from "../../ts/migrate/control.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

describe("a post-copy", () => {
  test("brings its pages to a guest that asks for none, also over another channel", () => {
    const idle = { pages: 400, writesPerMs: 0, source: { strategy: "post-copy" } } as const;
    const scene = new Scene(idle);
    const { state, stats } = scene.run();
    expect([state, stats.postcopyRequests]).toEqual(["completed", 0]);
    expect(stats.totalNs).toBeLessThan(2e9);
    checkOneRuns(scene, "asleep");
    const faultToTarget = { fault: "cut", atByte: 100_000 } as const;
    const broken = new Scene({ ...idle, recovers: true, faultToTarget });
    expect(broken.run()).toMatchObject({ state: "completed", stats: { recoveries: 1 } });
    checkOneRuns(broken, "asleep while its channel broke");
  });

  /** Pauses at `atNs`; `recovers`: the source could find another channel by itself. */
  function paused(atNs: number, recovers = true) {
    const control = new MigrationControl();
    const orders: boolean[] = [];
    const options: SceneOptions = {
      pages: 60,
      writesPerMs: 3,
      vcpus: 2,
      recovers,
      source: { strategy: "post-copy", control },
      onTick: (nowNs) => {
        if (nowNs === atNs) orders.push(control.pausePostCopy());
      },
    };
    const scene = new Scene(options);
    return { scene, orders, control, result: scene.run() };
  }

  test("is paused by order, looks for no other channel, and goes on when told to", () => {
    for (let atMs = 2; atMs < 40; atMs += 3) {
      const { control, orders, result, scene } = paused(atMs * 1e6);
      expect([orders, result.state, scene.reconnects], `${atMs} ms`).toEqual([[true], "paused", 0]);
      checkOneRuns(scene, `${atMs} ms`);
      expect(scene.target.missing.size, `${atMs} ms`).toBeGreaterThan(0);
      const after = scene.recover(result as typeof result & { state: "paused" });
      expect(after.state, `${atMs} ms`).toBe("completed");
      expect(after.stats.recoveries).toBe(1);
      expect(control.isPauseAsked).toBe(false);
      checkOneRuns(scene, `${atMs} ms, recovered`);
    }
  });

  test("that has all its pages, or whose guest has not left, is not paused", () => {
    for (const atMs of [0, 500]) {
      const { orders, result } = paused(atMs * 1e6);
      expect([orders.filter(Boolean), result.state]).toEqual([[], "completed"]);
    }
  });

  test("is paused while it seeks another channel", () => {
    const control = new MigrationControl();
    let orderedAtNs = 0;
    const scene = new Scene({
      pages: 60,
      recovers: true,
      targetDies: true, // For 3 s nobody answers.
      source: { strategy: "post-copy", control },
      faultToTarget: { fault: "cut", atByte: 80_000 },
      onTick: (nowNs) => {
        if (nowNs < 900e6 || orderedAtNs > 0) return;
        orderedAtNs = nowNs;
        expect(control.phase).toBe("recovery");
        expect(control.pausePostCopy()).toBe(true);
      },
    });
    expect(scene.run().state).toBe("paused");
    expect(orderedAtNs).toBeGreaterThan(0);
    expect(scene.result?.stats.totalNs).toBeLessThan(orderedAtNs + 600e6);
  });
});

describe("limits that are changed while it moves", () => {
  const run = (options: SceneOptions, change?: (control: MigrationControl) => void) => {
    const control = new MigrationControl();
    const scene = new Scene({
      pages: 400,
      ...options,
      source: { verify: "pages", downtimeLimitNs: 300e6, control, ...options.source },
      onTick: (nowNs) => {
        if (nowNs === 50e6) change?.(control);
      },
    });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, "changed");
    return scene.snapshot;
  };
  const capped = { bandwidthCapBytesPerSec: 200_000 } as const;
  const faster = (control: MigrationControl) => control.setLimits({ bandwidthCapBytesPerSec: 2e6 });
  const slower = (control: MigrationControl) =>
    control.setLimits({ bandwidthCapBytesPerSec: 50_000 });
  const none = (control: MigrationControl) =>
    control.setLimits({ bandwidthCapBytesPerSec: Number.POSITIVE_INFINITY });

  test.each(["pre-copy", "post-copy"] as const)("the cap of %s", (strategy) => {
    const options = { source: { strategy, ...capped } };
    const asIs = run(options).totalNs;
    expect(run(options, faster).totalNs).toBeLessThan(asIs / 2.5);
    expect(run(options, none).totalNs).toBeLessThan(asIs / 2.5);
    expect(run(options, slower).totalNs).toBeGreaterThan(asIs * 2);
  });

  test("the downtime limit decides from then on", () => {
    const options = {
      pages: 100,
      writesPerMs: 8,
      source: { downtimeLimitNs: 1, bandwidthCapBytesPerSec: 2e6 },
    };
    const stats = run(options, (control) => control.setLimits({ downtimeLimitNs: 1e9 }));
    expect(stats.totalNs).toBeGreaterThan(50e6);
    expect(stats.totalNs).toBeLessThan(1e9);
    // Nobody else lets it go.
    expect(() => run({ ...options, source: { ...options.source, timeoutNs: 0.9e9 } })).toThrow();
  });

  test("before it begins are its limits", () => {
    const control = new MigrationControl();
    control.setLimits({ bandwidthCapBytesPerSec: 2e6 });
    // A window of 100 ms more: the policy decides where one is over.
    expect(run({ source: { ...capped, control } }).totalNs).toBeLessThan(1.6e9);
  });

  test("that make no sense are refused", () => {
    const control = new MigrationControl();
    for (const wrong of [{ bandwidthCapBytesPerSec: 0 }, { downtimeLimitNs: -1 }])
      expect(() => control.setLimits(wrong)).toThrow(/expected/);
  });
});

describe("pages", () => {
  function encodings(verify: "frames" | "pages", strategy: "pre-copy" | "hybrid"): PageEncoding[] {
    const seen: PageEncoding[] = [];
    const scene = new Scene({
      pages: 60,
      writesPerMs: 9,
      source: { strategy, verify, downtimeLimitNs: 1000, roundsMax: 2, onLimit: "stop" },
    });
    Object.assign(scene.source, { encode: (encoding: PageEncoding) => seen.push(encoding) });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, verify);
    return seen;
  }

  test("have checksums unless only frames are to be checked", () => {
    const plain = { cacheBytes: 0, twins: false };
    expect(encodings("pages", "pre-copy")).toEqual([plain]);
    expect(encodings("pages", "hybrid")).toEqual([plain, plain]);
    expect(encodings("frames", "pre-copy")).toEqual([]);
    expect(encodings("frames", "hybrid")).toEqual([]);
  });
});
