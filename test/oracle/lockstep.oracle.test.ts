/** Debian's kernel in lockstep: from its first instruction to /init the engines have the same state. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../bindings/core.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { INIT_LINE } from "../../ts/image/init-script.ts";
import { resolveImage } from "../../ts/image/store.ts";
import { type LockstepPlan, lockstep } from "../diff/lockstep.ts";
import { coreBytesFor, createCore, type GuestOptions, startGuest } from "../diff/lockstep-guest.ts";
import { describeDifference } from "../diff/lockstep-report.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const MEMORY_BYTES = 256 << 20;
const UNITS = 1_500_000_000;

describe.skipIf(!hasApt)("Debian (skipped unless apt is installed)", () => {
  let guest: GuestOptions;

  beforeAll(async () => {
    await pullDebian();
    const image = await resolveImage("debian");
    const [kernel, initrd] = [readFileSync(image.kernel), readFileSync(image.initrd)];
    guest = { kernel, initrd, append: `${image.cmdline} console=hvc0`, memoryBytes: MEMORY_BYTES };
  }, 600_000);

  test.each<[number, readonly [number, number] | undefined, number]>([
    [1, undefined, 42],
    [2, [2000, 2], 43],
  ])("%i vCPUs, sampling %o, seed %i", async (vcpus, sampling, seed) => {
    const start = (engine: Engine, at?: readonly [number, number]) => async () => {
      const core = await createCore({
        engine,
        sampling: at,
        memoryBytes: coreBytesFor(MEMORY_BYTES),
      });
      return startGuest(core, { ...guest, vcpus });
    };
    const plan: LockstepPlan = {
      start: [start("interpreter"), start("auto", sampling)],
      seed,
      budgets: [1, 997, 10_007, 100_003],
      until: UNITS,
      untilText: INIT_LINE,
    };
    const result = await lockstep(plan);
    if (result.difference) expect.fail(await describeDifference(plan, result.difference));
    expect(result.console).toContain(INIT_LINE);
    expect(result.translated).toBeGreaterThan(100);
    console.log(
      `lockstep: ${result.instructions} instructions, ${result.chunks} budgets, ${result.translated} functions`,
    );
  });
});
