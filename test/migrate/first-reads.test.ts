/** A guest that leaves pages behind takes along what it reads. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { Fault } from "./faulty-channel.ts";
import { PAGES, readingScene } from "./reading-scene.ts";
import { checkOneRuns } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 5);
describe.each(["post-copy", "hybrid"] as const)("%s", (strategy) => {
  test("waits for none of the pages that it reads all the time", () => {
    const [blind, told] = (["on-demand", "first"] as const).map((readPages) => {
      const scene = readingScene({ seed, source: { strategy, readPages } });
      expect(scene.run().state).toBe("completed");
      checkOneRuns(scene, strategy);
      return scene.snapshot;
    });
    if (strategy === "post-copy") expect(blind?.faults).toBeGreaterThan(3);
    expect(told?.faults).toBe(0);
    expect((told?.normalPages ?? 0) + (told?.zeroPages ?? 0)).toBeLessThanOrEqual(
      PAGES + (strategy === "hybrid" ? 4 : 0),
    );
  });

  test.each(["cut", "flip", "silence"] as Fault[])("%s at any byte: one side runs", (fault) => {
    const whole = readingScene({ seed, source: { strategy } });
    whole.run();
    const { boundaries } = whole.toTarget;
    const random = new Random(seed);
    for (let run = 0; run < 40; run++) {
      // The first quarter of the bytes is where the pages go that are read.
      const atByte = random.below((boundaries.at(-1) as number) >> (run % 2 === 0 ? 0 : 2));
      const scene = readingScene({
        seed,
        source: { strategy },
        faultToTarget: { atByte, fault },
        recovers: true,
      });
      scene.run();
      checkOneRuns(scene, `${fault} at byte ${atByte}, seed ${seed}`);
    }
  });
});

test("costs no more downtime than some milliseconds, whatever the link", () => {
  const downtimes = [true, false].map((tellsReads) => {
    // A page takes 4 ms: nothing goes with the state.
    const scene = readingScene({ seed, tellsReads, bytesPerSec: 1e6 });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, "slow link");
    return scene.snapshot.downtimeNs / 1e6;
  });
  const [told, blind] = downtimes as [number, number];
  expect(told).toBeLessThan(blind + 1);
});

test("an abort while it is looked at leaves the guest at the source", () => {
  const abort = new AbortController();
  const scene = readingScene({ seed, source: { signal: abort.signal } });
  scene.clock.after(20e6, () => abort.abort());
  expect(scene.run().state).toBe("aborted");
  checkOneRuns(scene, "aborted");
  expect(scene.clock.nowNs()).toBeGreaterThan(20e6);
});
