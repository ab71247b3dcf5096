/** The guest of a rehearsal does what guests do that come; the memory of the core that they will need is there. */
import { expect, test } from "vitest";
import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { rehearsalKernel, rehearsalMemory } from "../../ts/host/rehearsal-guest.ts";
import { bootLone, loneVm } from "../../ts/vmm/lone-vm.ts";
import { RAM_BASE } from "../../ts/vmm/memory-map.ts";
import type { Vm } from "../../ts/vmm/vm.ts";

const MEMORY = 4 << 20;
const PROGRAM = 0x3000;
/** An eighth of it is for decoded code. */
const LARGE = 64 << 20;

const newCore = async (bytes = 2 * MEMORY): Promise<Core> =>
  loadCore(await compileCore(), { wallTicks: () => 0 }, bytes);

function start(core: Core): { readonly vm: Vm; readonly printed: () => string } {
  let text = "";
  const onConsole = (bytes: Uint8Array): void => {
    text += String.fromCharCode(...bytes);
  };
  const vm = loneVm(core, { memoryBytes: MEMORY, mips: 100, onConsole });
  const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
  vm.boot({ writes: [{ gpa: RAM_BASE, bytes: rehearsalMemory(PROGRAM) }], ...boot });
  return { vm, printed: () => text };
}

test("it walks page tables, takes interrupts of its UART and its timer, waits, and asks its firmware", async () => {
  const { printed, vm } = start(await newCore());
  vm.runFor(60e6);
  const dots = printed().length;
  expect(printed()).toBe(".".repeat(dots));
  expect(dots).toBeGreaterThan(100);
  const { exits, pageWalks, translated } = vm.metrics();
  // Of each dot: claimed, and three registers of the UART; two stores to that, interrupts off, completed.
  expect(exits).toMatchObject({ fatal: 0, sbi: dots, wfi: dots });
  expect(exits.mmioLoad).toBe(4 * dots);
  expect(exits.mmioStore).toBe(4 * dots + 2); // The PLIC was told.
  expect(pageWalks).toBeGreaterThan(32 * dots);
  expect(translated.functions).toBeGreaterThan(0);
});

test("as a kernel it is the same", async () => {
  const core = await newCore();
  const vm = loneVm(core, { memoryBytes: MEMORY, mips: 100 });
  bootLone(vm, { kernel: rehearsalKernel(PROGRAM) });
  vm.runFor(60e6);
  expect(vm.metrics().exits.wfi).toBeGreaterThan(100);
});

test("memory for decoded code is touched once, and what is decoded stays as it is", async () => {
  const core = await newCore(LARGE);
  const faults = (): number => {
    const before = process.resourceUsage().minorPageFault;
    core.exports.touchArena(4 << 20);
    return process.resourceUsage().minorPageFault - before;
  };
  const pages = (5 << 20) >> 12; // With what is beside them.
  expect(faults()).toBeGreaterThan(pages / 2); // Some kernels give several at once.
  expect(faults()).toBeLessThan(pages / 8);

  const touched = start(core).vm;
  const other = start(await newCore(LARGE)).vm;
  for (let i = 0; i < 20; i++) {
    touched.runFor(1e6);
    core.exports.touchArena(64 << 10);
    other.runFor(1e6);
  }
  expect(touched.metrics().instructions).toBe(other.metrics().instructions);
  expect(touched.save().vcpus).toEqual(other.save().vcpus);
});
