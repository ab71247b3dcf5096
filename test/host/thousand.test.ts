/** A hundred guests leave their host, half of them asleep; `npm run test:thousand` moves a thousand. */
import { expect, test } from "vitest";
import { compileCore } from "../../bindings/bytes.ts";
import { loadCore } from "../../bindings/core.ts";
import { STRATEGIES } from "../../ts/migrate/options.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { Pulse } from "./thousand/guest.ts";
import { emptyHost } from "./thousand/run.ts";

test("100 of 100 guests live on, and are what they would have been without a migration", async () => {
  const { alive, moved } = await emptyHost(100, 1);
  expect(moved.filter(({ state }) => state !== "completed")).toEqual([]);
  expect(moved.filter(({ isEqual }) => !isEqual).map(({ index }) => index)).toEqual([]);
  expect(alive.filter((isAlive) => isAlive)).toHaveLength(100);
  expect(moved.filter(({ slept }) => slept).length).toBeGreaterThanOrEqual(50);
  for (const strategy of STRATEGIES) {
    const slept = moved.filter((one) => one.strategy === strategy && one.slept);
    expect(slept.length, strategy).toBeGreaterThanOrEqual(10);
  }
  for (const { stats } of moved) expect(stats.downtimeNs).toBeLessThanOrEqual(stats.totalNs);
});

test("one byte or one instruction more is no twin", async () => {
  const guest = Pulse.boot(await loadCore(await compileCore(), { wallTicks: () => 0 }, 64 << 20));
  const twin = guest.fork();
  const print = guest.fingerprint("without-time");
  expect(twin.fingerprint("without-time")).toBe(print);
  twin.vm.ram.write(RAM_BASE + 4096, Uint8Array.of(1));
  expect(twin.fingerprint("without-time")).not.toBe(print);
  expect(guest.runTo(guest.instructions + 1)).toBe(true);
  expect(guest.fingerprint("without-time")).not.toBe(print);
});
