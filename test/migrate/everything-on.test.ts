/** Several channels, checkpoints, packed pages and first reads at once, and a fault anywhere: one side runs. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { Packer } from "../../ts/migrate/packing.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 11);
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 20);
const FAULTS = ["cut", "flip", "silence", "loss"] as const satisfies readonly Fault[];

const packer: Packer = {
  name: "deflate",
  pack: (bytes) => deflateRawSync(bytes, { level: 1 }),
  unpack: (bytes, maxOutputLength) => inflateRawSync(bytes, { maxOutputLength }),
};

function options(random: Random, strategy: "post-copy" | "hybrid"): SceneOptions {
  return {
    seed: random.below(1 << 20),
    pages: 60,
    writesPerMs: 1 + random.below(8),
    vcpus: 1 + random.below(3),
    tellsReads: random.below(2) === 0,
    recovers: true,
    source: {
      strategy,
      channels: 1 + random.below(4),
      checkpointNs: [0, 5e6, 20e6][random.below(3)] as number,
      packer: random.below(2) === 0 ? packer : undefined,
      drain: random.below(2) === 0 ? "before-switch" : "none",
      readPages: "first",
      bandwidthCapBytesPerSec: [Number.POSITIVE_INFINITY, 2e6][random.below(2)] as number,
    },
    target: { packer },
  };
}

describe.each(["post-copy", "hybrid"] as const)("%s", (strategy) => {
  test.each(["first", "back", "beside"] as const)("%s channel", { timeout: 120_000 }, (which) => {
    const random = new Random(seed).split(`${strategy} ${which}`);
    const states = new Map<string, number>();
    for (let run = 0; run < RUNS; run++) {
      const drawn = options(random, strategy);
      const fault = random.pick(FAULTS);
      const clean = new Scene(drawn);
      expect(clean.run().state).toBe("completed");
      const of =
        which === "back" ? clean.toSource : which === "beside" ? clean.beside[0] : clean.toTarget;
      const atByte = random.below(of?.boundaries.at(-1) ?? 1);
      const plan = { fault, atByte };
      const scene = new Scene({
        ...drawn,
        ...(which === "first" ? { faultToTarget: plan } : {}),
        ...(which === "back" ? { faultToSource: plan } : {}),
        ...(which === "beside" ? { besideFaults: [{ toTarget: plan }] } : {}),
      });
      const { state } = scene.run();
      states.set(state, (states.get(state) ?? 0) + 1);
      checkOneRuns(scene, `FUZZ_SEED=${seed} run ${run}: ${fault} at byte ${atByte}`);
    }
    expect(states.get("completed")).toBeGreaterThan(RUNS / 10);
    expect([...states.keys()].filter((one) => !["completed", "failed"].includes(one))).toEqual([]);
  });
});

describe("bytes that are lost though the system has taken them, while checkpoints come back", () => {
  const guest = { pages: 400, writesPerMs: 2, recovers: true, bytesPerSec: 20e6 } as const;
  const source = { strategy: "post-copy", checkpointNs: 5e6, stallTimeoutNs: 2e9 } as const;
  /** Of the first channel (the push), or of the one beside it (what somebody waits for). */
  const run = (where: "first" | "beside"): Scene => {
    const clean = new Scene({ ...guest, source: { ...source, channels: 2 } });
    expect(clean.run().state).toBe("completed");
    const sent = (where === "first" ? clean.toTarget : clean.beside[0])?.boundaries.at(-1) ?? 0;
    const plan = { fault: "loss", atByte: Math.floor(sent / 2) } as const;
    const scene = new Scene({
      ...guest,
      source: { ...source, channels: 2 },
      target: { stallTimeoutNs: 2e9 },
      ...(where === "first" ? { faultToTarget: plan } : { besideFaults: [{ toTarget: plan }] }),
    });
    scene.run();
    return scene;
  };

  test.each(["first", "beside"] as const)(
    "are noticed on the %s channel, and sent again",
    (where) => {
      const scene = run(where);
      const { recoveries, totalNs } = scene.snapshot;
      expect(scene.result?.state).toBe("completed");
      expect(recoveries).toBe(1);
      expect(totalNs).toBeLessThan(2 * 2e9 + 2e9);
      expect(scene.checkpoints.length).toBeGreaterThan(100);
      checkOneRuns(scene, where);
    },
  );
});
