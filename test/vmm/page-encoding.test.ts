/** Pages as differences, as twins, with checksums: what arrives is what was there, or it is refused. */

import { beforeAll, describe, expect, test } from "vitest";
import { PAGE_BYTES } from "../../bindings/abi.ts";
import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import type { PageBatch } from "../../ts/machine/migratable.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../../ts/vmm/lone-vm.ts";
import type { MigratableVm } from "../../ts/vmm/migratable-vm.ts";
import type { Vm } from "../../ts/vmm/vm.ts";

const PAGES = 64;
const seed = Number(process.env["FUZZ_SEED"] ?? 5);
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 5_000);
let core: Core;
beforeAll(async () => {
  core = await loadCore(await compileCore(), { wallTicks: () => 0 }, 64 << 20);
});

function makeGuest(): { readonly vm: Vm; readonly guest: MigratableVm } {
  const vm = loneVm(core, { memoryBytes: PAGES * PAGE_BYTES, mips: 500 });
  return { vm, guest: loneGuest(vm) };
}

/** Changes pages of `vm` as guests do: little, much, to zero, to what another page has. */
function scribble(vm: Vm, random: Random): void {
  const page = new Uint8Array(PAGE_BYTES);
  for (let i = random.below(12); i >= 0; i--) {
    const gpa = RAM_BASE + random.below(PAGES) * PAGE_BYTES;
    const what = random.below(6);
    if (what === 0) vm.ram.write(gpa, random.bytes(page));
    else if (what === 1) vm.ram.write(gpa, page.fill(0));
    else if (what === 2) {
      vm.ram.read(RAM_BASE + random.below(PAGES) * PAGE_BYTES, page);
      vm.ram.write(gpa, page);
    } else {
      const bytes = new Uint8Array(1 + random.below(200));
      vm.ram.write(gpa + random.below(PAGE_BYTES - bytes.length), random.bytes(bytes));
    }
  }
}

const copyOf = (batch: PageBatch): PageBatch => ({ ...batch, records: batch.records.slice() });
const LIMIT = { normalPagesMax: PAGES, zeroPagesMax: PAGES };
const MODES = [
  { cacheBytes: 0, twins: false },
  { cacheBytes: PAGES * PAGE_BYTES, twins: false },
  { cacheBytes: 16 * PAGE_BYTES, twins: false },
  { cacheBytes: 0, twins: true },
  { cacheBytes: 16 * PAGE_BYTES, twins: true },
];

describe.each(MODES)("cache of $cacheBytes bytes, twins $twins", (encoding) => {
  test("round after round the target has what the source has", () => {
    const random = new Random(seed).split(JSON.stringify(encoding));
    const free = core.exports.freeFrames();
    const [source, target] = [makeGuest(), makeGuest()];
    const set = source.guest.newPageSet();
    source.guest.startDirtyLog(set);
    source.guest.encode(encoding);
    let [deltas, twins, bytes] = [0, 0, 0];
    for (let round = 0; round < 400; round++) {
      scribble(source.vm, random);
      source.guest.harvest(set);
      const batch = source.guest.takeBatch(set, 0, LIMIT);
      deltas += batch.deltaPages ?? 0;
      twins += batch.twinPages ?? 0;
      bytes += batch.records.length;
      target.guest.applyBatch(copyOf(batch));
      expect(target.guest.memoryHash(), `FUZZ_SEED=${seed} round ${round}`).toBe(
        source.guest.memoryHash(),
      );
    }
    expect(deltas > 0).toBe(encoding.cacheBytes > 0);
    expect(twins > 0).toBe(encoding.twins);
    expect(bytes).toBeGreaterThan(0);
    set.release();
    for (const { guest } of [source, target]) guest.destroy();
    expect(core.exports.freeFrames()).toBe(free);
  });
});

test("sparse writes go as a few bytes", () => {
  const { guest, vm } = makeGuest();
  const random = new Random(seed);
  const set = guest.newPageSet();
  guest.startDirtyLog(set);
  guest.encode({ cacheBytes: PAGES * PAGE_BYTES, twins: false });
  vm.ram.write(RAM_BASE, random.bytes(new Uint8Array(PAGE_BYTES)));
  guest.harvest(set);
  expect(guest.takeBatch(set, 0, LIMIT).records.length).toBeGreaterThan(PAGE_BYTES);
  vm.ram.write(RAM_BASE + 1000, random.bytes(new Uint8Array(64)));
  guest.harvest(set);
  const { deltaPages, records } = guest.takeBatch(set, 0, LIMIT);
  expect(deltaPages).toBe(1);
  expect(records.length).toBeLessThan(64 + 20);
  guest.destroy();
});

test("fuzz: a batch that was changed is refused, or says the same; nothing else is touched", () => {
  const random = new Random(seed).split("fuzz");
  const source = makeGuest();
  const set = source.guest.newPageSet();
  source.guest.startDirtyLog(set);
  source.guest.encode({ cacheBytes: PAGES * PAGE_BYTES, twins: true });
  const target = makeGuest();
  const bystander = makeGuest();
  scribble(bystander.vm, random);
  const before = bystander.guest.memoryHash();
  let refused = 0;
  for (let run = 0; run < RUNS; run++) {
    scribble(source.vm, random);
    source.guest.harvest(set);
    const batch = copyOf(source.guest.takeBatch(set, 0, LIMIT));
    const { records } = batch;
    const wrong = records.slice(
      0,
      random.below(3) ? records.length : random.below(records.length + 1),
    );
    for (let i = random.below(4); i >= 0 && wrong.length > 0; i--) {
      // Headers are where it hurts most: they are at the start of records.
      const at = random.below(2)
        ? random.below(Math.min(wrong.length, 24))
        : random.below(wrong.length);
      wrong[at] = random.below(256);
    }
    const how = random.below(2) ? "applyBatch" : "placeBatch";
    try {
      target.guest[how]({ ...batch, records: wrong });
    } catch (error) {
      if (!(error instanceof WasmvisorError)) throw error;
      expect(error.code, `FUZZ_SEED=${seed} run ${run}`).toBe("WV_BAD_STREAM");
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(RUNS / 100);
  expect(bystander.guest.memoryHash()).toBe(before);
  for (const { guest } of [source, target, bystander]) guest.destroy();
});

test("pages that were written again stay in the set, if that is asked for", () => {
  const { guest, vm } = makeGuest();
  const set = guest.newPageSet();
  const write = (gfn: number): boolean =>
    vm.ram.write(RAM_BASE + gfn * PAGE_BYTES, Uint8Array.of(1));
  for (const gfn of [1, 2, 3]) write(gfn);
  guest.startDirtyLog(set);
  write(2);
  const skipping = { ...LIMIT, dirtyPages: "leave" } as const;
  expect(guest.takeBatch(set, 0, skipping)).toMatchObject({ normalPages: 2, nextGfn: PAGES });
  expect([1, 2, 3].map((gfn) => set.has(gfn))).toEqual([false, true, false]);
  expect(guest.takeBatch(set, 0, skipping).normalPages).toBe(0);
  expect(guest.harvest(set)).toBe(1);
  expect(guest.takeBatch(set, 0, skipping).normalPages).toBe(1);
  write(3);
  guest.harvest(set);
  write(3);
  expect(guest.takeBatch(set, 0, LIMIT).normalPages).toBe(1);
  set.release();
  guest.destroy();
});
