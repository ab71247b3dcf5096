/** A minute of the soak, with small guests: what `npm run soak` does for hours, and its checkers see faults. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PAGE_BYTES, SPACE_BYTES, TLB_STORE_BASE } from "../../bindings/abi.ts";
import { Host } from "../../ts/host/host.ts";
import { audit, slope } from "./checks.ts";
import { Slot } from "./slot.ts";
import { type EpochReport, Soak } from "./soak.ts";
import { tiny } from "./workloads.ts";

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-soak-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function soak(seed: number): Promise<{ digests: readonly string[]; last: EpochReport }> {
  let last: EpochReport | undefined;
  const { digests, violations } = await Soak.run({
    workload: tiny,
    seed,
    guests: 8,
    epochNs: 2e9,
    turnNs: 5e8,
    epochs: 4,
    memory: "96MiB",
    codeCache: "1MiB",
    scratch,
    onEpoch: (report) => {
      last = report;
      return false;
    },
  });
  expect(violations).toEqual([]);
  return { digests, last: last as EpochReport };
}

test("guests under everything at once: no fault, and the same bytes each time", async () => {
  const { digests, last } = await soak(1);
  expect(last.counts).toMatchObject({ restores: 4, harvests: 4 });
  expect(last.counts.forks).toBeGreaterThan(3);
  expect(last.counts.beats).toBeGreaterThan(100);
  expect(last.counts.dirtyPages).toBeGreaterThan(100);
  expect(last.counts.sharedPages).toBeGreaterThan(0);
  expect((await soak(1)).digests).toEqual(digests);
  expect((await soak(2)).digests).not.toEqual(digests);
}, 300_000);

test("the auditor sees a frame too many, one too few, and a TLB that is wrong", async () => {
  await using host = await Host.create({ memory: "64MiB" });
  const vm = await host.createVm({ ...tiny.guest, name: "a" });
  await vm.start();
  await vm.console.expect(tiny.ready);
  await vm.pause();
  const slot = new Slot(vm, tiny, (what) => expect.fail(what));
  slot.run(1e9);
  const { core } = vm.machine.options;
  const { u32 } = core;
  expect(audit(core, [slot])).toBe(0);
  expect(audit(core, [])).toBeGreaterThan(0); // Frames that nobody has.

  const chunk = u32[(vm.machine.ram.space + SPACE_BYTES) >>> 2] as number;
  const present = Array.from({ length: 1024 }, (_, i) => (chunk >>> 2) + i).filter((i) => u32[i]);
  const [one, other] = present as [number, number];
  const entry = u32[one] as number;
  u32[one] = u32[other] as number;
  expect(audit(core, [slot])).toBeGreaterThanOrEqual(2);
  u32[one] = entry;
  expect(audit(core, [slot])).toBe(0);

  // A store entry that leads to the neighbour of its frame.
  let at = TLB_STORE_BASE >>> 2;
  while (!u32[at]) at += 4;
  u32[at + 3] = (u32[at + 3] as number) + PAGE_BYTES;
  expect(audit(core, [slot])).toBe(1);
  u32[at + 3] = (u32[at + 3] as number) - PAGE_BYTES;
  expect(audit(core, [slot])).toBe(0);
});

test("a line through points", () => {
  expect(slope([5, 5, 5])).toBe(0);
  expect(slope([1, 3, 5, 7])).toBeCloseTo(2);
});
