/** The vm as a whole: exact budgets, hostile guests, forks, dirty log, code that changes. */

import { describe, expect, test } from "vitest";
import { HART_MCAUSE, HART_MEDELEG, HART_MTVAL, HART_PC, HART_SCAUSE } from "../../bindings/abi.ts";
import { describeEnd } from "../../ts/host/virtual-machine.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneGuest } from "../../ts/vmm/lone-vm.ts";
import type { Vcpu } from "../../ts/vmm/vcpu.ts";
import type { Vm } from "../../ts/vmm/vm.ts";
import * as code from "./guest-code.ts";

const { T0, T1, T2, ZERO } = code;
const LOOP = [code.addi(T0, T0, 1), code.addi(T1, T1, 3), code.j(-8)];
const hart = (vm: Vm): Vcpu => vm.vcpus[0] as Vcpu;

describe("budgets", () => {
  test("a run uses exactly the instructions it was given", async () => {
    const vm = code.machine(LOOP, { core: await code.core() });
    for (const budget of [1, 2, 3, 7, 254, 255, 256, 257, 12_345]) {
      const before = vm.metrics().instructions;
      vm.run(budget);
      expect(vm.metrics().instructions - before).toBe(budget);
    }
  });

  test("a guest's state does not depend on how its budget is cut", async () => {
    const whole = code.machine(LOOP, { core: await code.core() });
    const cut = code.machine(LOOP, { core: await code.core() });
    whole.run(100_000);
    for (let i = 0; i < 100_000; i += 625) cut.run(625);
    expect(hart(cut).getBig(HART_PC)).toBe(hart(whole).getBig(HART_PC));
    expect(hart(cut).x(T0)).toEqual(hart(whole).x(T0));
    expect(cut.metrics().cycles).toBe(whole.metrics().cycles);
  });

  test("instret counts what retired, also behind traps", async () => {
    // mtvec -> the last two instructions: read minstret, spin.
    const words = [
      ...code.ram(T0, 0x1000),
      code.addi(T0, T0, 28),
      code.csrw(0x305, T0),
      0xffffffff,
    ];
    const vm = code.machine([...words, code.csrr(T1, 0xb02), code.j(0)], {
      core: await code.core(),
      isBare: true,
    });
    vm.run(8);
    expect(hart(vm).x(T1).lo).toBe(6); // The illegal one did not retire.
  });
});

describe("guests that misbehave", () => {
  const hostile: readonly (readonly [string, readonly number[]])[] = [
    ["jumps into nowhere", [code.addi(T0, ZERO, 64), code.jr(T0)]],
    ["executes illegal instructions", [0xffffffff, 0]],
    ["spins with interrupts off", [code.j(0)]],
    ["reads where nothing is", [code.lui(T0, 0x5000000), code.ld(T1, T0)]],
    ["writes where nothing is", [code.lui(T0, 0x5000000), code.sd(T1, T0)]],
  ];
  for (const isBare of [false, true])
    for (const [what, words] of hostile)
      test(`${isBare ? "M" : "S"}-mode: one that ${what} uses its budget and nothing more`, async () => {
        const shared = await code.core();
        const bad = code.machine(words, { core: shared, isBare });
        const good = code.machine(LOOP, { core: shared, isBare });
        expect(bad.run(50_000).used).toBe(50_000);
        good.run(300);
        expect(hart(good).x(T0).lo).toBe(100);
      });

  test("a load from nowhere is an access fault that names the address", async () => {
    const vm = code.machine([code.lui(T0, 0x5000000), code.ld(T1, T0)], {
      core: await code.core(),
      isBare: true,
    });
    vm.run(2);
    expect(hart(vm).getNumber(HART_MCAUSE)).toBe(5);
    expect(hart(vm).getBig(HART_MTVAL)).toBe(0x5000000n);
  });

  test("an ecall from U-mode is the guest's own", async () => {
    const vm = code.machine([code.csrw(0x141, T0), 0x10200073], { core: await code.core() });
    vm.run(3);
    expect(hart(vm).getNumber(HART_SCAUSE)).toBe(1); // sret to U at 0: fetch fault there
  });

  test("a float that comes from a device makes the float state dirty", async () => {
    const clock = [code.lui(T0, 0x101000), 0x0002a007]; // flw ft0, 0(t0)
    const setInitial = [code.addi(T1, ZERO, 1), code.slli(T1, T1, 13), code.csrw(0x100, T1)];
    const words = [...setInitial, ...clock, code.csrr(T2, 0x100)];
    const vm = code.machine(words, { core: await code.core() });
    vm.run(words.length);
    expect((hart(vm).x(T2).lo >>> 13) & 3).toBe(3);
  });

  test("one that ends by a trap says at which instruction", async () => {
    const vm = code.machine([code.addi(T0, T0, 1), 0x00b50577], { core: await code.core() });
    hart(vm).setU32(HART_MEDELEG, 0); // So that its traps are the firmware's, which is the VMM.
    vm.run(10);
    const { end } = vm;
    expect(end).toMatchObject({
      type: "crash",
      fault: { reason: "trap", cause: 2, pc: "0x80001004", instruction: ".4byte\t0xb50577" },
    });
    if (end) expect(describeEnd(end)).toContain("pc 0x80001004 (.4byte 0xb50577), cause 2");
  });

  test("the instruction of other traps is read from memory", async () => {
    const vm = code.machine([code.addi(T0, T0, 1), 0x00100073], { core: await code.core() });
    hart(vm).setU32(HART_MEDELEG, 0);
    expect(vm.run(10)).toMatchObject({ end: { fault: { cause: 3, instruction: "ebreak" } } });
  });

  test("user mode may read time, cycle and instret, as a vDSO does", async () => {
    const SRET = 0x10200073;
    const drop = [...code.ram(T0, 0x1000), code.addi(T0, T0, 28), code.csrw(0x141, T0), SRET];
    const reads = [code.csrr(T1, 0xc00), code.csrr(T1, 0xc01), code.csrr(T1, 0xc02)];
    const vm = code.machine([...drop, ...reads, code.j(0)], { core: await code.core() });
    vm.run(100);
    expect(hart(vm).getU32(HART_SCAUSE)).toBe(0);
    expect(hart(vm).getBig(HART_PC)).toBe(BigInt(code.ENTRY + 40));
  });

  test("one that touches more than the host has crashes alone", async () => {
    const shared = await code.core(4 << 20);
    // Walks through its memory a page at a time.
    const words = [...code.ram(T0, 0x200000), code.lui(T1, 0x1000), code.sd(T1, T0)];
    const vm = code.machine([...words, (T1 << 20) | (T0 << 15) | (T0 << 7) | 0x33, code.j(-8)], {
      core: shared,
      memoryBytes: 64 << 20,
    });
    const outcome = vm.run(1_000_000);
    expect(outcome).toMatchObject({ end: { type: "crash", fault: { reason: "no-memory" } } });
    vm.destroy();
    const next = code.machine(LOOP, { core: shared, memoryBytes: 1 << 20 });
    next.run(300);
    expect(hart(next).x(T0).lo).toBe(100);
  });
});

describe("memory", () => {
  const writer = [...code.ram(T0, 0x300000), code.addi(T1, T1, 1), code.sd(T1, T0), code.j(-8)];

  test("the dirty log holds a page once a round, and again in the next round", async () => {
    const vm = code.machine(writer, { core: await code.core() });
    vm.run(100);
    const guest = loneGuest(vm);
    const set = guest.newPageSet();
    guest.startDirtyLog(set);
    expect(guest.harvest(set)).toBe(0);
    vm.run(300);
    expect(guest.harvest(set)).toBe(1);
    expect(guest.harvest(set)).toBe(0);
    vm.run(300);
    expect(guest.harvest(set)).toBe(1);
  });

  test("a device's writes are in the dirty log", async () => {
    const vm = code.machine(LOOP, { core: await code.core() });
    const guest = loneGuest(vm);
    const set = guest.newPageSet();
    guest.startDirtyLog(set);
    vm.ram.write(RAM_BASE + 0x5ffc, new Uint8Array(8));
    expect(guest.harvest(set)).toBe(2);
  });

  test("a fork and its parent do not see each other's writes", async () => {
    const shared = await code.core();
    const vm = code.machine(writer, { core: shared });
    vm.run(100);
    const before = vm.ram.word(RAM_BASE + 0x300000);
    const ram = vm.ram.fork();
    vm.run(300);
    expect(ram.word(RAM_BASE + 0x300000)).toBe(before);
    expect(vm.ram.word(RAM_BASE + 0x300000)).toBe(before + 100);
    ram.write(RAM_BASE + 0x300000, Uint8Array.of(1, 2, 3, 4));
    expect(vm.ram.word(RAM_BASE + 0x300000)).toBe(before + 100);
  });

  test("every frame comes back when a vm is destroyed", async () => {
    const shared = await code.core();
    const free = shared.exports.freeFrames();
    const vm = code.machine(writer, { core: shared });
    vm.run(1000);
    vm.destroy();
    expect(shared.exports.freeFrames()).toBe(free);
  });

  test("batches carry the pages of a set to an equal memory", async () => {
    const shared = await code.core();
    const [a, b] = [code.machine(writer, { core: shared }), code.machine(LOOP, { core: shared })];
    a.run(1000);
    const [from, to] = [loneGuest(a), loneGuest(b)];
    const pages = from.newPageSet();
    from.addPopulated(pages);
    for (let gfn = 0; gfn < from.shape.pageCount; ) {
      const batch = from.takeBatch(pages, gfn, { normalPagesMax: 2, zeroPagesMax: 8 });
      gfn = batch.nextGfn;
      to.applyBatch({ ...batch, records: batch.records.slice() });
    }
    expect(pages.count()).toBe(0);
    expect(to.memoryHash()).toBe(from.memoryHash());
  });

  test("a batch that lies about its pages is refused", async () => {
    const guest = loneGuest(code.machine(LOOP, { core: await code.core() }));
    const records = new Uint8Array(Uint32Array.of(0x3fffff).buffer);
    for (const bad of [
      { normalPages: 1, zeroPages: 0, records },
      { normalPages: 0, zeroPages: 1, records: new Uint8Array(3) },
      { normalPages: 0, zeroPages: 1, records: new Uint8Array(Uint32Array.of(0x7fffffff).buffer) },
    ])
      expect(() => guest.applyBatch(bad)).toThrow(
        expect.objectContaining({ code: "WV_BAD_STREAM" }),
      );
  });
});

describe("code that changes", () => {
  // Overwrites the `addi t1, t1, 1` at `patched` by `addi t1, t1, 2` (in t0), then runs it again.
  const patch = code.addi(T1, T1, 2);

  test("a store into code counts after FENCE.I", async () => {
    const words = [
      ...code.ram(T0, 0x2000),
      code.addi(T1, T1, 1),
      code.lui(7, patch),
      code.addi(7, 7, (patch << 20) >> 20),
      code.ram(T0, 0x1000)[0] ?? 0,
      code.slli(T0, T0, 31),
      code.lui(28, 0x1000),
      (28 << 20) | (T0 << 15) | (T0 << 7) | 0x33,
      code.sw(7, T0, 16),
      code.FENCE_I,
      code.j(-36),
    ];
    // lui rounds when the low half is negative.
    if (patch & 0x800) words[5] = code.lui(7, patch + 0x1000);
    const vm = code.machine(words, { core: await code.core() });
    vm.run(4 + 10); // First time round: +1.
    expect(hart(vm).x(T1).lo).toBe(1);
    vm.run(1);
    expect(hart(vm).x(T1).lo).toBe(3);
  });

  test("code that a device brings in is executed", async () => {
    const vm = code.machine([code.addi(T1, T1, 1), code.j(-4)], { core: await code.core() });
    vm.run(10);
    vm.ram.write(code.ENTRY, new Uint8Array(Uint32Array.of(patch).buffer));
    const before = hart(vm).x(T1).lo;
    vm.run(10);
    expect(hart(vm).x(T1).lo - before).toBe(10);
  });
});

describe("time", () => {
  test("an idle guest without a timer waits for input; nothing is used up", async () => {
    const vm = code.machine([code.WFI, code.j(-4)], { core: await code.core() });
    const outcome = vm.run(1_000_000);
    expect(outcome).toMatchObject({ state: "idle", wakeInNs: Number.POSITIVE_INFINITY });
    expect(outcome.used).toBeLessThan(10);
  });

  test("virtual time passes with instructions and stops with them", async () => {
    const vm = code.machine(LOOP, { core: await code.core() });
    vm.run(1_000_000); // 100 MIPS: 10 ms, 100,000 ticks.
    expect(vm.clock.ticks()).toBe(100_000);
    vm.runFor(5e6);
    expect(vm.clock.ticks()).toBe(150_000);
  });
});
