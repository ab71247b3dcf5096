/** Disks that are copied along: equal at the end, whatever is written meanwhile, and whatever breaks. */
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { Future, type Wait } from "../../ts/base/task.ts";
import { type LeavingDisk, MOVING_BLOCK_BYTES } from "../../ts/machine/moving-disk.ts";
import { DISK_COPIES } from "../../ts/migrate/leaving-disks.ts";
import type { Strategy } from "../../ts/migrate/options.ts";
import { DiskScene, type DiskSceneOptions } from "./disk-scene.ts";
import type { Fault } from "./faulty-channel.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 5);
const STRATEGIES: readonly Strategy[] = ["pre-copy", "stop-and-copy", "post-copy", "hybrid"];
const FAULTS: readonly Fault[] = ["cut", "flip", "silence"];

describe.each(DISK_COPIES)("disks %s", (diskCopy) => {
  test.each(STRATEGIES)("are equal at the end of %s", (strategy) => {
    let acknowledged = 0;
    for (let run = 0; run < 8; run++) {
      const scene = new DiskScene({
        seed: seed * 100 + run,
        source: { strategy, diskCopy, channels: 1 + (run % 3) },
        recovers: true,
      });
      expect(scene.run().state).toBe("completed");
      scene.check(`run ${run}`);
      const { disks } = scene.result.stats;
      expect(disks?.remainingBytes).toBe(0);
      expect(disks?.blocks).toBeGreaterThan(0);
      acknowledged += scene.acknowledged;
    }
    expect(acknowledged).toBeGreaterThan(0);
  });

  test.each(FAULTS)(
    "survive a %s at any byte, in either direction",
    { timeout: 120_000 },
    (fault) => {
      const states = new Set<string>();
      for (const strategy of ["pre-copy", "post-copy"] as const) {
        const options: DiskSceneOptions = { seed, source: { strategy, diskCopy } };
        const clean = new DiskScene(options);
        clean.run();
        const { toSource, toTarget } = clean.scene;
        for (const [name, { boundaries }] of Object.entries({ toTarget, toSource }))
          for (const [i, atByte] of positions(
            boundaries,
            new Random(seed).split(fault),
          ).entries()) {
            if (fault === "silence" && i % 4 > 0) continue; // Each is ten seconds of the guest's life.
            const plan = { fault, atByte };
            const broken = name === "toTarget" ? { faultToTarget: plan } : { faultToSource: plan };
            const scene = new DiskScene({ ...options, ...broken, recovers: atByte % 2 === 0 });
            states.add(scene.run().state);
            scene.check(`FUZZ_SEED=${seed} ${strategy}: ${fault} ${name} at byte ${atByte}`);
          }
      }
      // Of the few silences none need be one that a move gets over.
      const wanted = fault === "silence" ? ["failed"] : ["completed", "failed"];
      expect([...states]).toEqual(expect.arrayContaining(wanted));
    },
  );

  test("survive the death of the target's host", { timeout: 60_000 }, () => {
    const options: DiskSceneOptions = { seed, source: { strategy: "pre-copy", diskCopy } };
    const clean = new DiskScene(options);
    clean.run();
    const states = new Set<string>();
    for (const atByte of positions(clean.scene.toTarget.boundaries, new Random(seed))) {
      const scene = new DiskScene({
        ...options,
        faultToTarget: { fault: "cut", atByte },
        targetDies: true,
        recovers: true,
      });
      states.add(scene.run().state);
      scene.check(`host dies at byte ${atByte}`);
    }
    const wanted = diskCopy === "on-demand" ? ["failed", "target-lost"] : ["failed"];
    expect([...states].sort()).toEqual(wanted);
  });
});

/** Frame boundaries and bytes beside them, some of them, and random ones. */
function positions(boundaries: readonly number[], random: Random): number[] {
  const end = boundaries.at(-1) as number;
  const some = boundaries.filter((_, i) => i < 5 || i > boundaries.length - 7 || i % 13 === 0);
  const around = some.flatMap((at) => [at - 1, at]);
  const others = Array.from({ length: 4 }, () => random.below(end));
  return [...new Set([...around, ...others])].filter((at) => at >= 0 && at < end);
}

describe("a guest that writes faster than the link moves", () => {
  const options: DiskSceneOptions = {
    seed,
    bytesPerSec: 4e7,
    diskBytes: 256 * MOVING_BLOCK_BYTES,
    requestsPerMs: 1,
    requestBytesMax: 4096,
    source: { strategy: "pre-copy", downtimeLimitNs: 60e6 },
  };

  test("is held back until its disk fits the downtime, and no write fails", () => {
    const scene = new DiskScene(options);
    expect(scene.run().state).toBe("completed");
    scene.check("held back");
    const { disks, downtimeNs } = scene.result.stats;
    expect(disks?.heldNs).toBeGreaterThan(0);
    expect(disks?.passes).toBeGreaterThan(2);
    expect(downtimeNs).toBeLessThan(150e6);
    expect(scene.longestWriteNs).toBeGreaterThan(0);
    expect(scene.longestWriteNs).toBeLessThan(6e9);
  });

  test("is not held back where it leaves first", () => {
    const source = { ...options.source, diskCopy: "on-demand" as const };
    const scene = new DiskScene({ ...options, source });
    expect(scene.run().state).toBe("completed");
    scene.check("on demand");
    expect(scene.result.stats.disks?.heldNs).toBe(0);
    expect(scene.result.stats.disks?.requests).toBeGreaterThan(0);
    expect(scene.checkedReads).toBeGreaterThan(0);
  });

  test("and may not take longer than it is allowed to: it stays", () => {
    const source = { ...options.source, timeoutNs: 0.3e9, onLimit: "fail" as const };
    const scene = new DiskScene({ ...options, source });
    expect(scene.run().state).toBe("failed");
    scene.check("out of time");
  });
});

test("holes are not sent, and what became zero is", () => {
  const scene = new DiskScene({ seed, requestsPerMs: 0 });
  scene.content.fill(0);
  scene.reference.fill(0);
  scene.content.fill(7, 0, MOVING_BLOCK_BYTES);
  scene.reference.fill(7, 0, MOVING_BLOCK_BYTES);
  expect(scene.run().state).toBe("completed");
  scene.check("holes");
  expect(scene.result.stats.disks).toMatchObject({ blocks: 1, zeroBlocks: 0 });
});

test.each(["pre-copy", "stop"] as const)(
  "zeros that take longer to read than a silence may last are no silence: %s",
  (diskCopy) => {
    const diskBytes = 64 * 16 * MOVING_BLOCK_BYTES;
    const scene = new DiskScene({ seed, diskBytes, requestsPerMs: 0, source: { diskCopy } });
    scene.content.fill(0);
    scene.reference.fill(0);
    const { clock, source } = scene.scene;
    const read = (_: number, into: Uint8Array): Wait<void> => {
      into.fill(0);
      return clock.sleep(0.5e9);
    };
    Object.assign(source.leavingDisks?.[0] as LeavingDisk, { read });
    expect(scene.run().state).toBe("completed");
    expect(scene.scene.clock.nowNs()).toBeGreaterThan(30e9);
    scene.check("zeros");
    expect(scene.result.stats.disks).toMatchObject({ blocks: 0, zeroBlocks: 0 });
  },
);

describe("a disk that never answers", () => {
  const stuck = (): Wait<void> => new Future<void>();
  const read = (scene: DiskScene): void => {
    Object.assign(scene.scene.source.leavingDisks?.[0] as LeavingDisk, { read: stuck });
  };
  const pause = (scene: DiskScene): void => {
    const { source } = scene.scene;
    source.pause = () => {
      source.isRunning = false;
      return stuck() as undefined;
    };
  };

  test.each([
    ["while it is read", read],
    ["while its guest is stopped", pause],
  ])("ends a move by the silence that it makes: %s", (_, stick) => {
    const scene = new DiskScene({ seed, requestsPerMs: 0 });
    stick(scene);
    const result = scene.run();
    expect([result.state, "error" in result && String(result.error)]).toEqual([
      "failed",
      expect.stringContaining("nothing moved for 10 s"),
    ]);
    scene.check("stuck");
  });

  test.each([
    ["while it is read", read],
    ["while its guest is stopped", pause],
  ])("keeps nobody from cancelling: %s", (_, stick) => {
    const abort = new AbortController();
    let endedNs = 0;
    const scene = new DiskScene({
      seed,
      requestsPerMs: 0,
      source: { signal: abort.signal, onPhase: () => undefined },
      onTick: (nowNs) => {
        if (scene.scene.result) endedNs ||= nowNs;
        else if (nowNs > 0.5e9) abort.abort();
      },
    });
    stick(scene);
    expect(scene.run().state).toBe("aborted");
    expect(endedNs).toBeLessThan(1e9);
    scene.check("cancelled");
  });

  test("after its guest has gone, too: that waits to be recovered", () => {
    const scene = new DiskScene({
      seed,
      requestsPerMs: 0,
      recovers: true,
      source: { diskCopy: "on-demand" },
    });
    read(scene);
    const result = scene.run();
    expect(result.state).toBe("paused");
    scene.check("stuck behind its guest");
  });
});

test("a target that cannot keep what follows its guest is not tried for ever", () => {
  const source = { strategy: "post-copy", diskCopy: "on-demand" } as const;
  const scene = new DiskScene({ seed, requestsPerMs: 0, recovers: true, source });
  const place = (): never => {
    throw new Error("no space left on the target's disk");
  };
  Object.assign(scene.image.onDemand, { place });
  const result = scene.run();
  expect(result.state).toBe("paused");
  expect(scene.scene.reconnects).toBeLessThan(10);
  scene.check("full behind its guest");
});

test("a target whose disk is full refuses, and the guest goes on", () => {
  const scene = new DiskScene({ seed, roomBytes: 5 * MOVING_BLOCK_BYTES });
  const result = scene.run();
  expect(result.state).toBe("failed");
  expect(String(result.state === "failed" && result.error)).toContain("no space left");
  scene.check("full");
});

test.each(["disks", "disks-on-demand"] as const)(
  "a target without %s is refused by name",
  (one) => {
    const features = (["channels", "disks", "disks-on-demand"] as const).filter((it) => it !== one);
    const scene = new DiskScene({
      seed,
      source: { diskCopy: one === "disks" ? "pre-copy" : "on-demand" },
      target: { features },
    });
    const result = scene.run();
    expect(result.state).toBe("failed");
    expect(String(result.state === "failed" && result.error)).toContain(`has no "${one}"`);
    scene.check("an older target");
  },
);

test("checkpoints, which would build on another disk, are refused", () => {
  const scene = new DiskScene({ source: { strategy: "post-copy", checkpointNs: 1e7 } });
  expect(scene.run().state).toBe("failed");
  expect(String("error" in scene.result && scene.result.error)).toContain("leave out --checkpoint");
});
