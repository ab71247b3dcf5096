/** Who is held to how many pages: the guest as a whole, or each vCPU for itself. */
import { describe, expect, test } from "vitest";
import { SPACE_DIRTY_QUOTA } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import type { GuestClock } from "../../ts/machine/guest-clock.ts";
import { DirtyLimit } from "../../ts/vmm/dirty-limit.ts";

const TICKS_PER_MS = 10_000;
const AT = SPACE_DIRTY_QUOTA >>> 2;

interface Load {
  readonly pagesPerSec: number;
  readonly buckets: number;
  /** Pages that each vCPU would dirty in a turn. */
  readonly wants: readonly number[];
  /** Between two turns. */
  readonly turnMs?: number;
}

/** Pages that the vCPUs get in a second, each in turn. */
function dirtied({ buckets, pagesPerSec, turnMs = 1, wants }: Load): number[] {
  const u32 = new Uint32Array(AT + 1);
  let now = 0;
  const clock = { ticks: () => now } as unknown as GuestClock;
  const limit = new DirtyLimit({ u32 } as unknown as Core, 0, clock);
  limit.set(pagesPerSec, buckets);
  const got = wants.map(() => 0);
  for (let ms = 0; ms < 1000; ms += turnMs) {
    now = ms * TICKS_PER_MS;
    for (const [vcpu, want] of wants.entries()) {
      if (limit.isOn) limit.enter(vcpu);
      const pages = Math.min(u32[AT] as number, want);
      u32[AT] = (u32[AT] as number) - pages;
      got[vcpu] = (got[vcpu] as number) + pages;
    }
  }
  return got;
}

describe("a limit of 4,000 pages a second", () => {
  test("for the guest: what one takes, the others do not have", () => {
    const [heavy = 0, light = 0] = dirtied({ pagesPerSec: 4000, buckets: 1, wants: [1000, 1] });
    expect(heavy + light).toBeLessThanOrEqual(4000);
    expect(heavy + light).toBeGreaterThan(3900);
    expect(light).toBeLessThan(50);
  });

  test("for each vCPU: who dirties less does not wait, who dirties more gets no more", () => {
    const [heavy = 0, light = 0, idle = 0] = dirtied({
      pagesPerSec: 4000,
      buckets: 3,
      wants: [1000, 1, 0],
    });
    expect(heavy).toBeLessThanOrEqual(4000);
    expect(heavy).toBeGreaterThan(3900);
    expect(light).toBeGreaterThan(990);
    expect(idle).toBe(0);
  });

  test("that is lifted leaves all that they like", () => {
    const none = { pagesPerSec: Number.POSITIVE_INFINITY, buckets: 1, wants: [7] };
    expect(dirtied(none)[0]).toBe(7000);
  });

  test("does not count the time against a guest in which its host gave it no turn", () => {
    const load = { pagesPerSec: 4000, buckets: 1, wants: [1000], turnMs: 10 };
    const [pages = 0] = dirtied(load);
    expect(pages).toBeLessThanOrEqual(4000);
    expect(pages).toBeGreaterThan(3900);
  });

  test("keeps no more than 20 ms of what was not used", () => {
    const [pages = 0] = dirtied({ pagesPerSec: 4000, buckets: 1, wants: [1000], turnMs: 100 });
    expect(pages).toBe(9 * 80);
  });
});
