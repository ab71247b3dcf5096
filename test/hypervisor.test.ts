/**
 * The H extension and its relatives where QEMU 7.2 cannot be the oracle: it has no Svade, Svnapot is off in
 * it, and `test/diff/lab/` lists what it gets wrong. Expectations are the manual's.
 */
import { beforeAll, expect, test } from "vitest";
import type { Core } from "../bindings/core.ts";
import { ALL, DATA, INTERRUPT, RAM, ROOT_G, ROOT_S, Trials, U } from "./hypervisor-machine.ts";
import {
  first,
  HENVCFG,
  HGATP,
  HSTATUS,
  MENVCFG,
  read,
  SATP,
  STCE,
  satp,
  second,
  TEST_VA,
  VSATP,
} from "./hypervisor-stages.ts";
import { core as makeCore } from "./vmm/guest-code.ts";

let core: Core;
beforeAll(async () => {
  core = await makeCore();
});

/** The value that a CSR takes when `value` is written to it. */
function written(pairs: readonly (readonly [csr: number, value: bigint])[]): bigint[] {
  const t = new Trials();
  for (const [csr, value] of pairs) {
    t.csr(csr, value);
    t.try(read(csr));
  }
  return t.run(core).map(({ a0 }) => a0);
}

test("CSRs keep what the manual lets them keep", () => {
  const ones = (1n << 64n) - 1n;
  const values = written([
    [0x301, 0n],
    [0x302, ones],
    [0x303, 0n],
    [0x602, ones],
    [0x603, ones],
    [HSTATUS, ones],
    [0x607, ones],
    [0x645, ones],
    [MENVCFG, 0n],
    [HENVCFG, ones & ~0x20n],
    [MENVCFG, ones & ~0x20n],
    [HENVCFG, ones & ~0x20n],
    [HENVCFG, 0x20n],
    [0x200, ones],
  ]);
  expect(values.map((value) => value.toString(16))).toEqual([
    "80000000001411ad", // misa: H
    "f0b7ff",
    "444", // mideleg: the guest's interrupts are always delegated
    "b1ff",
    "444",
    "2007003c0", // VSXL is 64 bits; no VGEIN
    "0", // GEILEN is 0
    "444",
    "0",
    "d1", // what menvcfg does not allow is 0
    "e0000000000000d1",
    "e0000000000000d1",
    "10", // CBIE takes no reserved value
    "80000002000c6122", // SD with FS
  ]);
});

test("hgatp takes no MODE that is none, no root that is not aligned, and 14 bits of VMID", () => {
  const all = (1n << 60n) - 1n;
  const values = written([
    [HGATP, (8n << 60n) | all],
    [HGATP, (9n << 60n) | (5n << 44n) | 7n],
    [HGATP, (5n << 60n) | 8n],
    [VSATP, (10n << 60n) | 1n],
    [VSATP, (11n << 60n) | 2n],
  ]);
  expect(values).toEqual([
    (8n << 60n) | (0x3fffn << 44n) | ((1n << 44n) - 4n),
    (9n << 60n) | (5n << 44n) | 4n,
    (9n << 60n) | 8n,
    (10n << 60n) | 1n,
    (10n << 60n) | 1n,
  ]);
});

test("what HS-mode may do and its guest may not is a virtual instruction", () => {
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  const causes = (mode: "VU" | "VS" | "S" | "U", ...lines: Parameters<Trials["emit"]>) =>
    lines.map((line) => t.tryIn(mode, line));
  causes("VS", read(HSTATUS), read(0x240), read(0x34a), ["hfence.gvma", 0, 0], ["hlv.b", 10, 11]);
  causes("VU", read(0x100), read(0x240), ["sret"], ["sfence.vma", 0, 0], ["wfi"]);
  causes("VU", ["sfence.w.inval"], ["hinval.vvma", 0, 0], ["mret"]);
  causes("S", read(HSTATUS), read(0x34a), ["sfence.inval.ir"]);
  causes("U", ["hlv.b", 10, 11], ["sfence.w.inval"], read(HSTATUS));
  t.csr(HSTATUS, (1n << 22n) | (1n << 21n) | (1n << 20n)); // VTSR VTW VTVM
  causes("VS", ["sret"], ["wfi"], ["sfence.vma", 0, 0], ["sinval.vma", 0, 0], read(SATP));
  causes("VS", ["sfence.w.inval"], read(0x140));
  const v = 22;
  expect(t.run(core).map(({ cause }) => cause)).toEqual(
    [v, v, 2, v, v]
      .concat([v, v, v, v, v], [v, v, 2])
      .concat([9, 2, 9], [2, 2, 2])
      .concat([v, v, v, v, v], [10, 10]),
  );
});

test("mstatus.TVM is about HS-mode: it stops satp and hgatp there, not a guest's satp", () => {
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(0x300, 1n << 20n);
  t.tryIn("S", read(SATP));
  t.tryIn("S", read(HGATP));
  t.tryIn("S", ["hfence.gvma", 0, 0]);
  t.tryIn("S", ["hfence.vvma", 0, 0]);
  t.tryIn("VS", read(SATP), ["sfence.vma", 0, 0]);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([2, 2, 2, 9, 10]);
});

test("a guest sees VS interrupts one number lower, in sip and in vscause", () => {
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(0x603, 0x444n);
  t.csr(0x645, 0x440n);
  t.try(read(0x244));
  t.tryIn("VS", read(0x144));
  t.csr(0x604, 0x40n);
  t.csr(0x205, BigInt(RAM + 0x1000)); // vstvec
  t.csr(0x200, 2n); // SIE
  t.emit(["addi", 10, 0, 0]);
  t.tryIn("VS");
  t.try(read(0x242));
  const trials = t.run(core);
  expect(trials.slice(0, 2).map(({ a0 }) => a0)).toEqual([0x220n, 0x220n]);
  expect(trials[3]?.a0).toBe((1n << 63n) | 5n);
});

test("vstimecmp is compared with time + htimedelta", () => {
  const t = new Trials();
  t.csr(MENVCFG, STCE);
  t.csr(HENVCFG, STCE);
  t.csr(0x24d, 1n << 40n);
  t.try(read(0x644));
  t.csr(0x605, 1n << 40n);
  t.try(read(0x644));
  t.csr(0x24d, (1n << 40n) + (1n << 30n));
  t.try(read(0x644));
  t.csr(MENVCFG, 0n); // henvcfg.STCE falls with it
  t.csr(0x24d, 0n);
  t.try(read(0x644));
  t.csr(0x303, 0n);
  t.csr(0x304, 0x40n);
  expect(t.run(core).map(({ a0 }) => a0)).toEqual([0n, 0x40n, 0n, 0n]);
});

test("a guest that writes fflags dirties floating point for itself and for its host", () => {
  const FS = 3n << 13n;
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(0x200, 1n << 13n); // Initial
  t.csr(0x300, 1n << 13n);
  t.tryIn("VS", ["csrrwi", 0, 1, 1]);
  t.try(read(0x200));
  const [guest, after] = t.run(core);
  expect([guest?.cause, (guest?.status ?? 0n) & FS, (after?.a0 ?? 0n) & FS]).toEqual([10, FS, FS]);
});

test("of several interrupts SEI comes before SSI, and SSI before STI", () => {
  const [ssi, sti, sei] = [1n << 1n, 1n << 5n, 1n << 9n];
  const t = new Trials();
  for (const pending of [ssi | sti | sei, ssi | sti, sti]) {
    t.csr(0x300, 0n); // MPIE, so that M-mode goes on without
    t.csr(0x304, pending);
    t.csr(0x344, pending);
    t.tryIn("S");
    t.csr(0x304, 0n);
    t.csr(0x344, 0n);
  }
  const causes = [9, 1, 5].map((number) => INTERRUPT + number);
  expect(t.run(core).map(({ cause }) => cause)).toEqual(causes);
});

test("an interrupt of the guest that HS-mode has not delegated is HS-mode's own", () => {
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(0x303, 0x222n);
  t.csr(0x304, 0x2n); // and an SSI that is M-mode's, to see how those are told
  t.csr(0x303, 0n);
  t.csr(0x344, 0x2n);
  t.tryIn("VS");
  t.csr(0x344, 0n);
  t.csr(0x105, BigInt(RAM + 0x1000));
  t.csr(0x645, 0x4n);
  t.csr(0x604, 0x4n);
  t.tryIn("VS");
  t.try(read(0x142));
  const [machine, , host] = t.run(core);
  expect(machine?.cause).toBe(INTERRUPT + 1);
  expect(host?.a0).toBe((1n << 63n) | 2n);
});

test("cache blocks: who may, and what CBO.ZERO does", () => {
  const t = new Trials();
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.word(DATA + 0x40, 5n);
  t.word(DATA + 0x80, 6n);
  t.li(11, DATA + 0x48);
  const zero = ["cbo.zero", 11] as const;
  t.tryIn("S", zero); // menvcfg says no
  t.csr(MENVCFG, 0xd0n);
  t.tryIn("VS", zero); // henvcfg does
  t.csr(HENVCFG, 0xd0n);
  t.tryIn("VS", ["ld", 10, 11, -8]);
  t.tryIn("VS", zero, ["ld", 10, 11, -8]);
  t.tryIn("VS", ["ld", 10, 11, 0x38]);
  t.tryIn("VU", ["cbo.flush", 11]); // senvcfg does not
  t.csr(0x10a, 0x40n);
  t.tryIn("VU", ["cbo.flush", 11]);
  t.tryIn("U", ["cbo.inval", 11]);
  const trials = t.run(core);
  expect(trials.map(({ cause }) => cause)).toEqual([2, 22, 10, 10, 10, 22, 8, 2]);
  expect(trials.slice(2, 5).map(({ a0 }) => a0)).toEqual([5n, 0n, 6n]);
});

test("Zihpm: counters count what mhpmevent says, for those who may read them", () => {
  const t = new Trials();
  first(t, ALL);
  t.csr(0x323, 3n); // page-table walks
  t.csr(0x324, 4n); // traps
  t.csr(0x325, 99n); // nothing
  t.csr(0xb03, 0n);
  t.csr(0xb04, 0n);
  t.csr(0xb05, 7n);
  t.csr(SATP, satp(ROOT_S));
  t.li(11, TEST_VA);
  t.tryIn("S", ["ld", 10, 11, 0], ["ld", 10, 11, 8]);
  t.try(read(0xb03));
  t.try(read(0xb04));
  t.try(read(0xb05));
  t.tryIn("S", read(0xc03));
  t.csr(0x306, 8n);
  t.tryIn("S", read(0xc03));
  t.tryIn("U", read(0xc03));
  const trials = t.run(core);
  expect(trials[1]?.a0).toBe(2n); // the code's page and the data's
  expect(trials[2]?.a0).toBe(1n);
  expect(trials[3]?.a0).toBe(7n);
  expect(trials.slice(4).map(({ cause }) => cause)).toEqual([2, 9, 12]); // U may not even fetch
});

test("Zawrs: waiting on a reservation set ends at once, in every mode", () => {
  const t = new Trials();
  t.tryIn("U", ["wrs.nto"], ["wrs.sto"]);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([8]);
});
