/** Which pages a guest reads: its code, what it loads from, the page tables on the way; not what it stores to. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { HART_PC } from "../../bindings/abi.ts";
import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { findGuest } from "../../ts/sweep/guest-file.ts";
import { bootLone, loneGuest, loneVm } from "../../ts/vmm/lone-vm.ts";
import type { MigratableVm } from "../../ts/vmm/migratable-vm.ts";
import type { Vm } from "../../ts/vmm/vm.ts";

const MIB = 2 ** 20;
const PAGES = (32 * MIB) / 4096;
const WORKING_SET_PAGES = (16 * MIB) / 4096;

let core: Core;
beforeAll(async () => {
  core = await loadCore(await compileCore(), { wallTicks: () => 0 }, 128 * MIB);
});

/** The dirtier, which stores to 16 MiB at 20,000 pages a second and reads next to nothing. */
function dirtier(paging: string): { readonly vm: Vm; readonly guest: MigratableVm } {
  let text = "";
  const onConsole = (bytes: Uint8Array): void => {
    text += new TextDecoder().decode(bytes);
  };
  const vm = loneVm(core, { memoryBytes: 32 * MIB, mips: 500, onConsole });
  const bootArgs = `paging=${paging} fill=16MiB ws=16MiB rate=20000 heartbeat=10 idle=sleep`;
  bootLone(vm, { kernel: readFileSync(findGuest("dirtier.elf")), bootArgs });
  for (let i = 0; i < 1000 && !text.includes("hb 3 "); i++) vm.runFor(1e6);
  expect(text).toContain("hb 3 ");
  return { vm, guest: loneGuest(vm) };
}

/** Pages that are read in 40 ms, of `PAGES`. */
function readsOf(paging: string, pagesMax = PAGES) {
  const { guest, vm } = dirtier(paging);
  const [all, reads] = [guest.newPageSet(), guest.newPageSet()];
  guest.startDirtyLog(all);
  const populated = all.count();
  guest.noteReads();
  vm.runFor(40e6);
  const pc = vm.vcpus[0]?.getBig(HART_PC) as bigint;
  const count = guest.takeReads(all, reads, pagesMax);
  const left = all.count();
  const has = (gfn: number): boolean => reads.has(gfn);
  const dirtied = guest.newPageSet();
  const wrote = guest.harvest(dirtied);
  guest.stopDirtyLog();
  const result = { count, has, left, pc, populated, wrote, moved: reads.count() };
  return { ...result, end: (): void => vm.destroy() };
}

test.each(["0", "4k"])("paging=%s: code, data and tables, not what is stored to", (paging) => {
  const { count, end, has, left, moved, pc, populated, wrote } = readsOf(paging);
  expect(wrote).toBeGreaterThan(700);
  expect(count).toBe(moved);
  expect(left).toBe(populated - count);
  // Some pages of code and data; with page tables, those of 16 MiB besides.
  expect(count).toBeGreaterThan(paging === "4k" ? WORKING_SET_PAGES / 512 : 2);
  expect(count).toBeLessThan(40);
  // The dirtier's addresses are those of the machine.
  expect(has(Number((pc - 0x80000000n) >> 12n))).toBe(true);
  end();
});

test("no more than may be, code first", () => {
  const { count, end, has, pc } = readsOf("0", 3);
  expect(count).toBe(3);
  expect(has(Number((pc - 0x80000000n) >> 12n))).toBe(true);
  end();
});

test("a guest that is looked at does the same as one that is not", () => {
  const [plain, watched] = [false, true].map((isWatched) => {
    const { guest, vm } = dirtier("4k");
    guest.startDirtyLog(guest.newPageSet());
    if (isWatched) guest.noteReads();
    vm.runFor(30e6);
    const set = guest.newPageSet();
    if (isWatched) expect(guest.takeReads(set, guest.newPageSet(), PAGES)).toBe(0); // None are in the set.
    const hash = guest.memoryHash();
    const { cycles } = vm.metrics();
    guest.stopDirtyLog();
    vm.destroy();
    return { hash, cycles };
  });
  expect(watched).toEqual(plain);
});
