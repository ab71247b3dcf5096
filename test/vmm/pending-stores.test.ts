/** Stores to pages that have not arrived: they wait for nothing, and nothing of them is lost. */

import { beforeAll, expect, test } from "vitest";
import { PAGE_BYTES } from "../../bindings/abi.ts";
import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../../ts/vmm/lone-vm.ts";
import type { MigratableVm } from "../../ts/vmm/migratable-vm.ts";
import type { Vm } from "../../ts/vmm/vm.ts";

const PAGES = 64;
let core: Core;
beforeAll(async () => {
  core = await loadCore(await compileCore(), { wallTicks: () => 0 }, 64 << 20);
});

/** Store `funct3` of t0 to `offset`(s1); load of t1 from there; t0 = value; the next page for s1; nothing more. */
const st = (funct3: number, offset: number): number =>
  ((offset >> 5) << 25) | (5 << 20) | (9 << 15) | (funct3 << 12) | ((offset & 31) << 7) | 0x23;
const ld = (offset: number): number => (offset << 20) | (9 << 15) | (3 << 12) | (6 << 7) | 0x03;
const li = (value: number): number => (value << 20) | (5 << 7) | 0x13;
const sd1 = (offset: number): number => st(3, offset) + (1 << 20);
const AUIPC_S1 = 0x1497;
const STOP = 0x6f;

interface Scene {
  readonly vm: Vm;
  readonly guest: MigratableVm;
  readonly missing: number[];
  readonly wanted: number[];
  readonly place: (gfn: number, fill: number | "zero") => number;
}

/** A guest that runs `program`, and whose pages have not arrived but for the first. */
function scene(program: readonly number[], isLogged = false): Scene {
  const vm = loneVm(core, { memoryBytes: PAGES * PAGE_BYTES, mips: 500 });
  const guest = loneGuest(vm);
  const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
  const bytes = new Uint8Array(Uint32Array.from(program).buffer);
  vm.boot({ writes: [{ gpa: RAM_BASE, bytes }], ...boot });
  const set = guest.newPageSet();
  if (isLogged) guest.startDirtyLog(set);
  set.load(new Uint8Array(PAGES / 8).fill(255).fill(254, 0, 1));
  const [missing, wanted] = [[] as number[], [] as number[]];
  guest.awaitPages(set, {
    onMissing: (gfn) => missing.push(gfn),
    onArrived: () => undefined,
    onWanted: (gfns) => wanted.push(...gfns),
  });
  set.release();
  const place = (gfn: number, fill: number | "zero"): number => {
    const isZero = fill === "zero";
    const records = new Uint8Array(isZero ? 4 : 4 + PAGE_BYTES).fill(isZero ? 0 : fill);
    new DataView(records.buffer).setUint32(0, isZero ? gfn | (1 << 30) : gfn, true);
    return guest.placeBatch({ normalPages: isZero ? 0 : 1, zeroPages: isZero ? 1 : 0, records });
  };
  return { vm, guest, missing, wanted, place };
}

function bytesAt(vm: Vm, offset: number, length: number): number[] {
  const bytes = new Uint8Array(length);
  vm.ram.read(RAM_BASE + offset, bytes);
  return [...bytes];
}

const STORES = [AUIPC_S1, li(0x5a), st(0, 1), st(1, 4), st(2, 8), st(3, 16), li(0x5b), st(0, 1)];

test("of all widths, in order, over what the page has", () => {
  const { guest, missing, place, vm, wanted } = scene([...STORES, STOP]);
  vm.run(10_000);
  expect({ missing, wanted }).toEqual({ missing: [], wanted: [1] });
  expect(vm.ram.isMissing(1)).toBe(true);
  expect(place(1, 0xee)).toBe(1);
  const e = 0xee;
  expect(bytesAt(vm, PAGE_BYTES, 26)).toEqual(
    [
      [e, 0x5b, e, e, 0x5a, 0, e, e],
      [0x5a, 0, 0, 0, e, e, e, e],
      [0x5a, 0, 0, 0, 0, 0, 0, 0],
      [e, e],
    ].flat(),
  );
  expect(place(1, 0x11)).toBe(0); // It is the guest's now.
  guest.destroy();
});

test("over a page of zeros", () => {
  const { guest, place, vm } = scene([...STORES, STOP]);
  vm.run(10_000);
  expect(place(1, "zero")).toBe(1);
  expect(bytesAt(vm, PAGE_BYTES, 6)).toEqual([0, 0x5b, 0, 0, 0x5a, 0]);
  guest.destroy();
});

test("a load waits, and finds what was stored", () => {
  const { guest, missing, place, vm, wanted } = scene([...STORES, ld(16), sd1(24), STOP]);
  vm.run(10_000);
  expect(vm.isBlocked).toBe(true);
  expect({ missing, wanted }).toEqual({ missing: [1], wanted: [1] });
  place(1, 0xee);
  vm.run(10_000);
  expect(bytesAt(vm, PAGE_BYTES + 16, 16)).toEqual(
    [0, 1].flatMap(() => [0x5a, 0, 0, 0, 0, 0, 0, 0]),
  );
  guest.destroy();
});

test("while a dirty log is kept stores wait: it cannot have what is not there", () => {
  const { guest, missing, vm, wanted } = scene([...STORES, STOP], true);
  vm.run(10_000);
  expect(vm.isBlocked).toBe(true);
  expect({ missing, wanted }).toEqual({ missing: [1], wanted: [] });
  guest.destroy();
});

test("all memory comes back, whatever waits in it", () => {
  const free = core.exports.freeFrames() >>> 0;
  const { guest, vm } = scene([...STORES, STOP]);
  vm.run(10_000);
  guest.destroy();
  expect(core.exports.freeFrames() >>> 0).toBe(free);
});
