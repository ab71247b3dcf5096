/**
 * The H extension and its relatives where QEMU 7.2 cannot be the oracle: it has no Svade, Svnapot is off in
 * it, and `test/diff/lab/` lists what it gets wrong. Expectations are the manual's.
 */
import { beforeAll, expect, test } from "vitest";
import type { Core } from "../bindings/core.ts";
import {
  A,
  ALL,
  D,
  DATA,
  INTERRUPT,
  RAM,
  ROOT_G,
  ROOT_S,
  Trials,
  U,
  V,
  W,
  X,
} from "./hypervisor-machine.ts";
import { core as makeCore } from "./vmm/guest-code.ts";

let core: Core;
beforeAll(async () => {
  core = await makeCore();
});

const MENVCFG = 0x30a;
const HENVCFG = 0x60a;
const HSTATUS = 0x600;
const HGATP = 0x680;
const VSATP = 0x280;
const SATP = 0x180;
const ADUE = 1n << 61n;
const PBMTE = 1n << 62n;
const STCE = 1n << 63n;
const SV39 = 8n << 60n;
const MXR = 1n << 19n;
/** Gigapage of RAM in a root table, and a middle table of its own for pages. */
const AT_RAM = 2;
const MIDDLE_S = ROOT_S + 0x1000;
const LAST_S = ROOT_S + 0x2000;
const MIDDLE_G = ROOT_G + 0x4000;
const LAST_G = ROOT_G + 0x5000;
const TEST_VA = RAM + 0x20_0000;

const satp = (root: number): bigint => SV39 | BigInt(root / 4096);
const read = (csr: number) => ["csrrs", 10, csr, 0] as const;

/** Identity mapping of RAM by 2 MiB leaves, but for the second, which has pages: `flags` of its first. */
function stage(t: Trials, tables: readonly number[], leaf: number, flags: number | bigint): void {
  const [root = 0, middle = 0, last = 0] = tables;
  t.pte(root, AT_RAM, middle, V);
  for (let n = 0; n < 8; n += 1) if (n !== 1) t.pte(middle, n, RAM + n * 0x20_0000, leaf);
  t.pte(middle, 1, last, V);
  t.pte(last, 0, DATA, flags);
}
const first = (t: Trials, flags: number | bigint) =>
  stage(t, [ROOT_S, MIDDLE_S, LAST_S], ALL, flags);
const second = (t: Trials, flags: number | bigint, leaf = ALL | U) =>
  stage(t, [ROOT_G, MIDDLE_G, LAST_G], leaf, flags);

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

test("without ADUE a page whose A or D is clear faults in its stage; with it hardware sets them", () => {
  const load = ["ld", 10, 11, 0] as const;
  const store = ["sd", 10, 11, 0] as const;
  const causes = (envcfg: readonly [menvcfg: bigint, henvcfg: bigint], flags: number[]) => {
    const t = new Trials();
    first(t, flags[0] as number);
    second(t, flags[1] as number);
    t.csr(MENVCFG, envcfg[0]);
    t.csr(HENVCFG, envcfg[1]);
    t.csr(HGATP, satp(ROOT_G));
    t.csr(VSATP, satp(ROOT_S));
    t.li(11, TEST_VA);
    t.tryIn("VS", load);
    t.tryIn("VS", store);
    return t.run(core);
  };
  const noD = ALL & ~D;
  const noA = noD & ~A;
  const cause = (trials: { cause: number }[]) => trials.map((trial) => trial.cause);
  expect(cause(causes([0n, 0n], [noA, ALL | U]))).toEqual([13, 15]);
  expect(cause(causes([ADUE, 0n], [noD, noA | U]))).toEqual([10, 15]);
  expect(cause(causes([0n, 0n], [ALL, noA | U]))).toEqual([21, 23]);
  expect(cause(causes([ADUE, ADUE], [noA, noA | U]))).toEqual([10, 10]);
  expect(causes([0n, 0n], [ALL, noD | U])[1]).toMatchObject({
    cause: 23,
    tval: BigInt(TEST_VA),
    tval2: BigInt(TEST_VA) >> 2n,
    tinst: 0xa03023n, // sd a0, 0(offset 0)
  });
});

test("to set A of a guest's PTE, the second stage must allow the store: htinst 0x3020", () => {
  const t = new Trials();
  first(t, ALL & ~A);
  second(t, ALL | U);
  t.pte(MIDDLE_G, 2, RAM + 0x40_0000, (ALL | U) & ~W); // both tables' pages
  t.csr(HENVCFG, ADUE);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.li(11, TEST_VA);
  t.tryIn("VS", ["ld", 10, 11, 0]);
  expect(t.run(core)[0]).toMatchObject({
    cause: 21,
    tval: BigInt(TEST_VA),
    tval2: BigInt(LAST_S) >> 2n,
    tinst: 0x3020n,
  });
});

test("to set A or D, PMP must allow the store: an access fault of the access, in either stage", () => {
  const lastPages = [LAST_S, LAST_G];
  const causes = (flags: readonly [first: number, second: number], readOnly: number) => {
    const t = new Trials();
    first(t, flags[0]);
    second(t, flags[1]);
    t.csr(MENVCFG, ADUE);
    t.csr(HENVCFG, ADUE);
    t.csr(HGATP, satp(ROOT_G));
    t.csr(VSATP, satp(ROOT_S));
    t.csr(0x3b1, (1n << 54n) - 1n); // all, behind a page that may only be read
    t.csr(0x3b0, (BigInt(readOnly) >> 2n) | 0x1ffn);
    t.csr(0x3a0, 0x1f19n);
    t.li(11, TEST_VA);
    t.tryIn("VS", ["ld", 10, 11, 0]);
    t.tryIn("VS", ["sd", 10, 11, 0]);
    return t.run(core).map(({ cause, tval2 }) => [cause, tval2]);
  };
  const noA = ALL & ~A & ~D;
  const faults = [
    [5, 0n],
    [7, 0n],
  ];
  const none = [
    [10, 0n],
    [10, 0n],
  ];
  expect(lastPages.map((page) => causes([noA, ALL | U], page))).toEqual([faults, none]);
  expect(lastPages.map((page) => causes([ALL, noA | U], page))).toEqual([none, faults]);
});

test("likewise with V = 0", () => {
  const causes = (readOnly: number) => {
    const t = new Trials();
    first(t, ALL & ~A & ~D);
    t.csr(MENVCFG, ADUE);
    t.csr(SATP, satp(ROOT_S));
    t.csr(0x3b1, (1n << 54n) - 1n);
    t.csr(0x3b0, (BigInt(readOnly) >> 2n) | 0x1ffn);
    t.csr(0x3a0, 0x1f19n);
    t.li(11, TEST_VA);
    t.tryIn("S", ["ld", 10, 11, 0]);
    t.tryIn("S", ["sd", 10, 11, 0]);
    return t.run(core).map(({ cause }) => cause);
  };
  expect(causes(LAST_S)).toEqual([5, 7]);
  expect(causes(LAST_G)).toEqual([9, 9]);
});

test("a store whose walk the second stage stops is a store's fault: htinst 0x3000", () => {
  const t = new Trials();
  first(t, ALL);
  second(t, ALL | U);
  t.pte(MIDDLE_G, 2, RAM + 0x40_0000, 0);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.li(11, TEST_VA);
  t.csr(0x341, BigInt(RAM));
  t.csr(0x300, (1n << 39n) | (1n << 17n) | 0x800n); // MPRV as VS
  t.try(["sd", 10, 11, 0]);
  const [trial] = t.run(core);
  expect(trial).toMatchObject({ cause: 23, tval2: BigInt(ROOT_S + 16) >> 2n, tinst: 0x3000n });
  expect(((trial?.status ?? 0n) >> 38n) & 1n).toBe(1n); // GVA
});

test("MXR of the guest is about its own stage, that of the host about both; HLVX wants X", () => {
  const t = new Trials();
  first(t, V | X | A | D);
  second(t, V | X | A | D | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.csr(HSTATUS, 1n << 8n); // SPVP
  t.li(11, TEST_VA);
  const hlv = ["hlv.w", 10, 11] as const;
  t.csr(0x200, MXR);
  t.try(hlv); // the first stage lets it pass, the second does not
  t.csr(0x300, MXR);
  t.csr(0x200, 0n);
  t.try(hlv);
  t.csr(0x300, 0n);
  t.try(hlv);
  t.try(["hlvx.wu", 10, 11]);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([21, -1, 13, -1]);
});

test("HLVX does not read what is readable, but not executable", () => {
  const t = new Trials();
  first(t, ALL);
  second(t, (ALL & ~X) | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.csr(HSTATUS, 1n << 8n);
  t.li(11, TEST_VA);
  t.try(["hlv.d", 10, 11]);
  t.try(["hlvx.hu", 10, 11]);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([-1, 21]);
});

test("HLV goes by the guest's SUM, not by the host's", () => {
  const t = new Trials();
  first(t, ALL | U);
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.csr(HSTATUS, 1n << 8n);
  t.li(11, TEST_VA);
  for (const [host, guest] of [
    [1n << 18n, 0n],
    [0n, 1n << 18n],
  ] as const) {
    t.csr(0x300, host);
    t.csr(0x200, guest);
    t.try(["hlv.d", 10, 11]);
  }
  expect(t.run(core).map(({ cause }) => cause)).toEqual([13, -1]);
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

test("Svnapot: sixteen pages by one PTE, of 64 KiB only", () => {
  const N = 1n << 63n;
  const load = ["ld", 10, 11, 0] as const;
  const t = new Trials();
  first(t, N | BigInt(ALL) | (8n << 10n)); // the page number ends in 1000
  t.pte(LAST_S, 1, DATA, N | BigInt(ALL)); // ... in 0000: reserved
  t.word(DATA + 8, 0x1234n);
  t.csr(SATP, satp(ROOT_S));
  t.li(11, TEST_VA + 8);
  t.tryIn("S", load);
  t.li(11, TEST_VA + 0x1008);
  t.tryIn("S", load);
  const [good, bad] = t.run(core);
  expect([good?.cause, good?.a0, bad?.cause]).toEqual([9, 0x1234n, 13]);
});

test("Svpbmt: the memory type is reserved without PBMTE, and type 3 always", () => {
  const t = new Trials();
  const load = ["ld", 10, 11, 0] as const;
  first(t, (1n << 61n) | BigInt(ALL));
  t.pte(LAST_S, 1, DATA, (3n << 61n) | BigInt(ALL));
  t.csr(SATP, satp(ROOT_S));
  t.li(11, TEST_VA);
  t.tryIn("S", load);
  t.csr(MENVCFG, PBMTE | ADUE);
  t.tryIn("S", load);
  t.li(11, TEST_VA + 0x1000);
  t.tryIn("S", load);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([13, 9, 13]);
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
