import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { SourceOptions } from "../../ts/migrate/options.ts";
import type { FaultPlan } from "./faulty-channel.ts";
import { checkOneRuns, Scene } from "./scene.ts";

/** A target that takes 100 ms to take in a frame, and so is behind when its source stops the guest. */
function slowScene(source: Partial<SourceOptions>, fault?: FaultPlan): Scene {
  const scene = new Scene({
    pages: 600,
    source: { strategy: "pre-copy", batchPages: 64, policy: "settle", onLimit: "stop", ...source },
    ...(fault ? { faultToTarget: fault } : {}),
  });
  const { clock, target } = scene;
  const apply = target.applyBatch.bind(target);
  target.applyBatch = (batch) => {
    apply(batch);
    return clock.sleep(100e6);
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
      const scene = slowScene({ drain: "before-switch" }, { atByte, fault: "cut" });
      scene.run();
      checkOneRuns(scene, `cut at byte ${atByte}`);
    }
  });
});
