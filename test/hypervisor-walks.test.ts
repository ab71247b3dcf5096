/**
 * Walks of a guest's two stages, and what of them faults how, where QEMU 7.2 cannot be the oracle (see
 * `hypervisor.test.ts`). Expectations are the manual's.
 */
import { beforeAll, expect, test } from "vitest";
import type { Core } from "../bindings/core.ts";
import { A, ALL, D, DATA, RAM, ROOT_G, ROOT_S, Trials, U, V, W, X } from "./hypervisor-machine.ts";
import {
  ADUE,
  first,
  HENVCFG,
  HGATP,
  HSTATUS,
  LAST_G,
  LAST_S,
  MENVCFG,
  MIDDLE_G,
  MIDDLE_S,
  MXR,
  PBMTE,
  SATP,
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

/** PMP grants everything but what `config` leaves of one page. */
function restrict(t: Trials, page: number, config: bigint): void {
  t.csr(0x3b1, (1n << 54n) - 1n);
  t.csr(0x3b0, (BigInt(page) >> 2n) | 0x1ffn);
  t.csr(0x3a0, 0x1f18n | config);
}

test("what PMP denies behind the second stage, or of its tables, is an access fault", () => {
  const faultsOf = (page: number) => {
    const t = new Trials();
    first(t, ALL);
    second(t, ALL | U);
    t.csr(HGATP, satp(ROOT_G));
    t.csr(VSATP, satp(ROOT_S));
    restrict(t, page, 0n);
    t.li(11, TEST_VA);
    t.tryIn("VS", ["ld", 10, 11, 0]);
    t.tryIn("VS", ["sd", 10, 11, 0]);
    t.tryIn("VS", ["addi", 31, 6, 0], ["jalr", 0, 11, 0]);
    return t.run(core).map(({ cause, tval, tval2 }) => [cause, tval, tval2]);
  };
  const faults = [5, 7, 1].map((cause) => [cause, BigInt(TEST_VA), 0n]);
  expect([DATA, LAST_G].map(faultsOf)).toEqual([faults, faults]);
});

test("with MPP = M MPV means nothing to MPRV", () => {
  const t = new Trials();
  second(t, 0);
  t.csr(HGATP, satp(ROOT_G));
  t.word(DATA, 42n);
  t.li(11, DATA);
  t.csr(0x300, (1n << 39n) | (1n << 17n) | 0x1800n);
  t.try(["ld", 10, 11, 0]);
  t.csr(0x300, (1n << 39n) | (1n << 17n) | 0x800n);
  t.try(["ld", 10, 11, 0]);
  const [own, guests] = t.run(core);
  expect([own?.cause, own?.a0, guests?.cause]).toEqual([-1, 42n, 21]);
});

test("HLV and HSV act with the privilege that SPVP says now", () => {
  const t = new Trials();
  first(t, ALL);
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  t.li(11, TEST_VA);
  for (const spvp of [1n << 8n, 0n, 1n << 8n]) {
    t.csr(HSTATUS, spvp);
    t.try(["hlv.d", 10, 11]);
    t.try(["hsv.d", 11, 10]);
  }
  expect(t.run(core).map(({ cause }) => cause)).toEqual([-1, -1, 13, 15, -1, -1]);
});

const SUM = 1n << 18n;
const MPRV_MPV = (1n << 39n) | (1n << 17n);
const AS_SUPERVISOR = MPRV_MPV | 0x800n;

/** A load as the guest's, as `status` says. */
function loadAs(t: Trials, status: bigint, va = TEST_VA): void {
  t.li(11, va);
  t.csr(0x300, status);
  t.try(["ld", 10, 11, 0], ["csrrw", 0, 0x300, 0]);
}

/** Two worlds, each by the CSR that makes the difference: the page may be loaded in one of them. */
const WORLDS = [
  { name: "SUM", leaves: [ALL | U, ALL | U], csr: 0x200, values: [SUM, 0n], cause: 13 },
  { name: "MXR", leaves: [V | X | A, ALL | U], csr: 0x200, values: [MXR, 0n], cause: 13 },
  { name: "vsatp", leaves: [0, ALL | U], csr: VSATP, values: [0n, satp(ROOT_S)], cause: 13 },
  { name: "hgatp", leaves: [ALL, 0], csr: HGATP, values: [0n, satp(ROOT_G)], cause: 21 },
] as const;

test.each(WORLDS)("what is known of a page holds for $name alone", (world) => {
  const { leaves, csr, values, cause } = world;
  const t = new Trials();
  first(t, leaves[0]);
  second(t, leaves[1]);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  for (const value of [values[0], values[1], values[0]]) {
    t.csr(csr, value);
    loadAs(t, AS_SUPERVISOR);
  }
  expect(t.run(core).map((trial) => trial.cause)).toEqual([-1, cause, -1]);
});

test("what is known of a page holds for one privilege", () => {
  const t = new Trials();
  first(t, ALL | U);
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  for (const status of [MPRV_MPV, AS_SUPERVISOR, MPRV_MPV]) loadAs(t, status);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([-1, 13, -1]);
});

test("HFENCE.VVMA of an address forgets all of its superpage", () => {
  const va = RAM + 0x40_0000;
  const t = new Trials();
  first(t, ALL);
  second(t, ALL | U);
  t.csr(HGATP, satp(ROOT_G));
  t.csr(VSATP, satp(ROOT_S));
  loadAs(t, AS_SUPERVISOR, va);
  t.li(12, MIDDLE_S + 16);
  t.emit(["sd", 0, 12, 0]);
  t.li(12, va + 0x1000);
  t.emit(["hfence.vvma", 12, 0]);
  loadAs(t, AS_SUPERVISOR, va);
  expect(t.run(core).map(({ cause }) => cause)).toEqual([-1, 13]);
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
    restrict(t, readOnly, 1n);
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
    restrict(t, readOnly, 1n);
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
