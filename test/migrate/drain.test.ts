import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { SourceOptions } from "../../ts/migrate/options.ts";
import type { FaultPlan } from "./faulty-channel.ts";
import { checkOneRuns, Scene } from "./scene.ts";

interface Slow {
  readonly fault?: FaultPlan;
  readonly bytesPerSec?: number;
  /** That the target takes to take in a frame. */
  readonly frameNs?: number;
}

/** A target that is slow to take in frames, and so is behind when its source stops the guest. */
function slowScene(source: Partial<SourceOptions>, slow: Slow = {}): Scene {
  const { bytesPerSec, fault, frameNs = 100e6 } = slow;
  const scene = new Scene({
    pages: 600,
    source: { strategy: "pre-copy", batchPages: 64, policy: "settle", onLimit: "stop", ...source },
    ...(bytesPerSec ? { bytesPerSec } : {}),
    ...(fault ? { faultToTarget: fault } : {}),
  });
  const { clock, target } = scene;
  const apply = target.applyBatch.bind(target);
  target.applyBatch = (batch) => {
    apply(batch);
    return clock.sleep(frameNs);
  };
  return scene;
}

describe("drain: before-switch", () => {
  test("stops the guest when a target that is behind has taken in what was sent", () => {
    const downtimes = (["none", "before-switch"] as const).map((drain) => {
      const scene = slowScene({ drain });
      expect(scene.run().state).toBe("completed");
      checkOneRuns(scene, drain);
      return scene.snapshot.downtimeNs / 1e6;
    });
    const [without, drained] = downtimes as [number, number];
    expect(without).toBeGreaterThan(250);
    expect(drained).toBeLessThan(without / 2);
  });

  test("sends what the guest dirtied meanwhile before it stops it, however little was left before", () => {
    const scene = slowScene({ drain: "before-switch" }, { bytesPerSec: 400e6, frameNs: 20e6 });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, "fast link");
    const left = scene.snapshot.rounds.map(({ remainingPages }) => remainingPages);
    // The target needs 200 ms for ten frames, in which one page after the other is written.
    expect(Math.max(...left.slice(0, -2))).toBeGreaterThan(100);
    expect(left.at(-2)).toBeLessThanOrEqual(64);
  });

  test.each([2, 3, 4, 5, 6, 8])(
    "fails where it would without, at a limit of %i rounds",
    (roundsMax) => {
      const [without, drained] = (["none", "before-switch"] as const).map((drain) => {
        const scene = slowScene({ drain, roundsMax, onLimit: "fail" });
        const { state } = scene.run();
        checkOneRuns(scene, drain);
        return state;
      });
      expect(drained).toBe(without);
    },
  );

  test("loses nothing when the link is cut at any byte", () => {
    const whole = slowScene({ drain: "before-switch" });
    whole.run();
    const bytes = whole.toTarget.boundaries.at(-1) as number;
    const random = new Random(14);
    for (let run = 0; run < 40; run++) {
      const atByte = random.below(bytes);
      const scene = slowScene({ drain: "before-switch" }, { fault: { atByte, fault: "cut" } });
      scene.run();
      checkOneRuns(scene, `cut at byte ${atByte}`);
    }
  });
});
