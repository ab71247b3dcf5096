/** Who is held to how many pages: the guest as a whole, or each vCPU for itself. */
import { describe, expect, test } from "vitest";
import { SPACE_DIRTY_QUOTA } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import type { GuestClock } from "../../ts/machine/guest-clock.ts";
import { DirtyLimit } from "../../ts/vmm/dirty-limit.ts";

const TICKS_PER_MS = 10_000;
const AT = SPACE_DIRTY_QUOTA >>> 2;

/** Pages that vCPUs get in a second that would dirty `wants` of them each millisecond, in turn. */
function dirtied(pagesPerSec: number, buckets: number, wants: readonly number[]): number[] {
  const u32 = new Uint32Array(AT + 1);
  let now = 0;
  const clock = { ticks: () => now } as unknown as GuestClock;
  const limit = new DirtyLimit({ u32 } as unknown as Core, 0, clock);
  limit.set(pagesPerSec, buckets);
  const got = wants.map(() => 0);
  for (let ms = 0; ms < 1000; ms++) {
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
    const [heavy = 0, light = 0] = dirtied(4000, 1, [1000, 1]);
    expect(heavy + light).toBeLessThanOrEqual(4000);
    expect(heavy + light).toBeGreaterThan(3900);
    expect(light).toBeLessThan(50);
  });

  test("for each vCPU: who dirties less does not wait, who dirties more gets no more", () => {
    const [heavy = 0, light = 0, idle = 0] = dirtied(4000, 3, [1000, 1, 0]);
    expect(heavy).toBeLessThanOrEqual(4000);
    expect(heavy).toBeGreaterThan(3900);
    expect(light).toBeGreaterThan(990);
    expect(idle).toBe(0);
  });

  test("that is lifted leaves all that they like", () => {
    expect(dirtied(Number.POSITIVE_INFINITY, 1, [7])[0]).toBe(7000);
  });
});
