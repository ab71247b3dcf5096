/** What keeps the silence of a guest short, and tells how long it was. */
import { expect, test } from "vitest";
import { InFlight } from "../../ts/migrate/in-flight.ts";
import { qemu, settle } from "../../ts/migrate/policy/convergence.ts";
import type { ConvergenceState } from "../../ts/migrate/policy/state.ts";
import { StallMeter } from "../../ts/migrate/stalls.ts";
import { EVERY_SETTING } from "./policy-settings.ts";

test("a push may begin before anything was heard: a guest that waits for nothing gets its pages", () => {
  const inFlight = new InFlight();
  expect(inFlight.hasRoom).toBe(true);
  inFlight.sent(0, 1 << 20, 0);
  expect(inFlight.hasRoom).toBe(false);
  expect(inFlight.credited(0, 1_000_000)).toBe(true);
  expect(inFlight.hasRoom).toBe(true);
});

test("waits with hardly any time in between are one stall, those of a guest that runs are not", () => {
  const meter = new StallMeter();
  meter.begin(0);
  meter.waits(100_000);
  meter.goesOn(10_100_000); // 10 ms, right after the switch.
  meter.waits(11_000_000);
  meter.goesOn(21_000_000); // 0.9 ms of running is no sign of life.
  expect([meter.firstNs, meter.longestNs]).toEqual([21_000_000, 21_000_000]);
  meter.waits(31_000_000);
  meter.goesOn(61_000_000);
  expect([meter.firstNs, meter.longestNs]).toEqual([21_000_000, 30_000_000]);
});

const LIMITS = {
  downtimeLimitNs: 300e6,
  roundsMax: Number.POSITIVE_INFINITY,
  timeoutNs: Number.POSITIVE_INFINITY,
  onLimit: "stop",
  bandwidthCapBytesPerSec: Number.POSITIVE_INFINITY,
  policySettings: EVERY_SETTING,
} as const;

/** After passes that left so many pages, synced. */
function after(...left: number[]): ConvergenceState {
  const rounds = left.map((remainingPages) => ({ remainingPages }));
  return {
    round: left.length + 1,
    isSynced: true,
    remainingBytes: (left.at(-1) ?? 0) * 4096,
    bytesPerSec: 32 << 20,
    elapsedNs: 1e9,
    memoryBytes: 512 << 20,
    rounds: rounds as unknown as ConvergenceState["rounds"],
  };
}

test("settle goes on where QEMU stops, as long as passes halve what remains", () => {
  expect(qemu(after(5_000, 2_300), LIMITS)).toBe("stop");
  expect(settle(after(5_000, 2_300), LIMITS)).toBe("send");
  expect(settle(after(5_000, 2_300, 600), LIMITS)).toBe("send");
  expect(settle(after(5_000, 2_300, 1_200), LIMITS)).toBe("stop"); // More than half.
  expect(settle(after(2_300, 600, 40), LIMITS)).toBe("stop"); // Nothing that could be noticed.
  expect(settle(after(5_000, 3_000), LIMITS)).toBe("send"); // As QEMU: too much.
  const middle = { ...after(5_000, 2_300), isSynced: false };
  expect([qemu(middle, LIMITS), settle(middle, LIMITS)]).toEqual(["sync", "send"]);
  expect(settle(after(5_000, 2_300), { ...LIMITS, roundsMax: 3 })).toBe("stop");
});
