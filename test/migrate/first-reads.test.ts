/** A guest that leaves pages behind takes along what it reads. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 5);
const PAGES = 200;
/** Pages that the guest reads each millisecond, and of these the ones that it also writes. */
const READS = [3, 20, 21, 22, 90, 91, 150, 199];
const WRITES = [90, 199];

/** A guest that is as it was described, wherever it runs, and writes elsewhere now and then. */
function readingScene(more: SceneOptions = {}): Scene {
  const scene: Scene = new Scene({
    seed,
    pages: PAGES,
    writesPerMs: 0,
    bytesPerSec: 40e6,
    tellsReads: true,
    ...more,
    source: { strategy: "post-copy", drain: "before-switch", readPages: "first", ...more.source },
  });
  const { clock, reference } = scene;
  let turn = 0;
  function live(): void {
    const guest = [scene.source, scene.target].find((one) => one.isRunning);
    if (guest) {
      const gfn = READS[turn++ % READS.length] as number;
      guest.read(gfn);
      const at = gfn * 4096 + 9;
      const done = (): void => {
        reference[at] = turn & 255;
      };
      if (WRITES.includes(gfn)) guest.write(at, turn & 255, done);
    }
    if (!scene.result) clock.after(200_000, live);
  }
  live();
  return scene;
}

describe.each(["post-copy", "hybrid"] as const)("%s", (strategy) => {
  test("waits for none of the pages that it reads all the time", () => {
    const [blind, told] = (["on-demand", "first"] as const).map((readPages) => {
      const scene = readingScene({ source: { strategy, readPages } });
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
    const whole = readingScene({ source: { strategy } });
    whole.run();
    const { boundaries } = whole.toTarget;
    const random = new Random(seed);
    for (let run = 0; run < 40; run++) {
      // The first quarter of the bytes is where the pages go that are read.
      const atByte = random.below((boundaries.at(-1) as number) >> (run % 2 === 0 ? 0 : 2));
      const scene = readingScene({
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
    const scene = readingScene({ tellsReads, bytesPerSec: 1e6 });
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, "slow link");
    return scene.snapshot.downtimeNs / 1e6;
  });
  const [told, blind] = downtimes as [number, number];
  expect(told).toBeLessThan(blind + 1);
});

test("an abort while it is looked at leaves the guest at the source", () => {
  const abort = new AbortController();
  const scene = readingScene({ source: { signal: abort.signal } });
  scene.clock.after(20e6, () => abort.abort());
  expect(scene.run().state).toBe("aborted");
  checkOneRuns(scene, "aborted");
  expect(scene.clock.nowNs()).toBeGreaterThan(20e6);
});
