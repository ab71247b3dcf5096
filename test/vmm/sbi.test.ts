import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { HART_STARTED, HART_STOPPED, Sbi, type SbiMachine } from "../../ts/vmm/sbi.ts";
import { FakeMemory } from "../device/fakes.ts";

const BASE = 0x10;
const TIME = 0x54494d45;
const IPI = 0x735049;
const RFENCE = 0x52464e43;
const HSM = 0x48534d;
const SRST = 0x53525354;
const DBCN = 0x4442434e;

const events: unknown[][] = [];
const note =
  (name: string) =>
  (...args: unknown[]) =>
    void events.push([name, ...args]);
let states: number[] = [];
let mayStart = true;
let typed = new Uint8Array();
const memory = new FakeMemory(1 << 16);
const machine: SbiMachine = {
  hartCount: 3,
  memory,
  raiseSoftware: note("raiseSoftware"),
  setTimer: note("setTimer"),
  flushTlb: note("flushTlb"),
  fenceI: note("fenceI"),
  hartState: (hart) => states[hart] ?? HART_STOPPED,
  startHart: (hart, at) => {
    events.push(["startHart", hart, at]);
    return mayStart;
  },
  stopHart: note("stopHart"),
  suspendHart: note("suspendHart"),
  shutdown: note("shutdown"),
  consoleWrite: (bytes) => void events.push(["consoleWrite", new TextDecoder().decode(bytes)]),
  consoleRead: (bytesMax) => typed.slice(0, bytesMax),
};

beforeEach(() => {
  events.length = 0;
  states = [HART_STARTED, HART_STOPPED, HART_STOPPED];
  mayStart = true;
});

/** Arguments as 64-bit values. */
function ecall(eid: number, fid: number, ...values: (number | bigint)[]) {
  const args = new Uint32Array(12);
  for (const [i, value] of values.entries())
    new DataView(args.buffer).setBigUint64(8 * i, BigInt.asUintN(64, BigInt(value)), true);
  return { ...new Sbi(machine).call(0, eid, fid, args) };
}

const ok = (valueLo = 0) => ({ isReturning: true, error: 0, valueLo, valueHi: 0 });
const failure = (error: number) => ({ isReturning: true, error, valueLo: 0, valueHi: 0 });

test("BASE tells version 2.0 and which extensions exist", () => {
  expect(ecall(BASE, 0)).toEqual(ok(0x0200_0000));
  expect(ecall(BASE, 1).error).toBe(0);
  expect(ecall(BASE, 2).error).toBe(0);
  for (const eid of [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN])
    expect(ecall(BASE, 3, eid)).toEqual(ok(1));
  for (const eid of [0, 1, 0x504d55, 0x535441]) expect(ecall(BASE, 3, eid)).toEqual(ok(0));
  for (const fid of [4, 5, 6]) expect(ecall(BASE, fid)).toEqual(ok(0));
});

test.each([
  ["an unknown extension", 0x504d55, 0],
  ["legacy console_putchar", 1, 0],
  ["an unknown function of BASE", BASE, 7],
  ["an unknown function of TIME", TIME, 1],
  ["an unknown function of IPI", IPI, 1],
  ["an unknown function of RFENCE", RFENCE, 7],
  ["an unknown function of HSM", HSM, 4],
  ["an unknown function of SRST", SRST, 1],
  ["an unknown function of DBCN", DBCN, 3],
])("%s is NOT_SUPPORTED", (_, eid, fid) => {
  expect(ecall(eid, fid)).toEqual(failure(-2));
  expect(events).toEqual([]);
});

test("set_timer passes the deadline on; what is beyond 2^53 never comes", () => {
  ecall(TIME, 0, 0x1_2345_6789);
  ecall(TIME, 0, -1n);
  ecall(TIME, 0, 2n ** 53n);
  expect(events).toEqual([
    ["setTimer", 0, 0x1_2345_6789],
    ["setTimer", 0, Infinity],
    ["setTimer", 0, Infinity],
  ]);
});

test("send_ipi reaches exactly the harts of the mask", () => {
  expect(ecall(IPI, 0, 0b101, 0)).toEqual(ok());
  expect(ecall(IPI, 0, 0b1, 1)).toEqual(ok());
  expect(ecall(IPI, 0, 0, -1n)).toEqual(ok());
  expect(events.map(([, hart]) => hart)).toEqual([0, 2, 1, 0, 1, 2]);
});

test.each([
  ["a hart that does not exist", 0b1000, 0],
  ["a mask that leaves the harts by its base", 0b11, 2],
  ["a base beyond the harts", 1, 3],
  ["a base of 2^32", 1, 2 ** 32],
  ["a mask with high bits", 2n ** 40n, 0],
])("%s is INVALID_PARAM for IPIs and fences", (_, mask, base) => {
  expect(ecall(IPI, 0, mask, base)).toEqual(failure(-3));
  expect(ecall(RFENCE, 1, mask, base)).toEqual(failure(-3));
  expect(events).toEqual([]);
});

test("fences reach the harts of the mask", () => {
  ecall(RFENCE, 0, 0b11, 0);
  ecall(RFENCE, 1, 0b1, 2, 0x1000, 0x1000);
  ecall(RFENCE, 2, 0, -1n, 0, -1n, 7);
  for (const hfence of [3, 4, 5, 6]) ecall(RFENCE, hfence, 0b10, 0, 0, -1n, 7);
  expect(events).toEqual([
    ["fenceI", 3],
    ["flushTlb", 4],
    ["flushTlb", 7],
    ...Array(4).fill(["flushTlb", 2]),
  ]);
});

test("hart_start starts a stopped hart at its entry with its argument", () => {
  expect(ecall(HSM, 0, 1, 0x8000_1000, 0x1_0000_0002n)).toEqual(ok());
  expect(events).toEqual([
    ["startHart", 1, { entry: { lo: 0x8000_1000, hi: 0 }, opaque: { lo: 2, hi: 1 } }],
  ]);
});

test("hart_start refuses wrong harts, wrong places and harts that run", () => {
  expect(ecall(HSM, 0, 3, 0x8000_1000)).toEqual(failure(-3));
  expect(ecall(HSM, 0, 2 ** 32, 0x8000_1000)).toEqual(failure(-3));
  expect(ecall(HSM, 0, 1, 0x1000)).toEqual(failure(-5));
  expect(ecall(HSM, 0, 0, 0x8000_1000)).toEqual(failure(-6));
  mayStart = false;
  expect(ecall(HSM, 0, 1, 0x8000_1000)).toEqual(failure(-1));
});

test("hart_stop and non-retentive suspend do not return, retentive suspend does", () => {
  expect(ecall(HSM, 1).isReturning).toBe(false);
  expect(ecall(HSM, 3, 0)).toEqual(ok());
  expect(ecall(HSM, 3, 0x8000_0000, 0x8000_2000, 9).isReturning).toBe(false);
  expect(ecall(HSM, 3, 0x8000_0000, 0)).toEqual(failure(-5));
  expect(ecall(HSM, 3, 1)).toEqual(failure(-3));
  expect(ecall(HSM, 3, 0x1000_0000)).toEqual(failure(-2));
  expect(events.map(([name, , at]) => [name, at])).toEqual([
    ["stopHart", undefined],
    ["suspendHart", undefined],
    ["suspendHart", { entry: { lo: 0x8000_2000, hi: 0 }, opaque: { lo: 9, hi: 0 } }],
  ]);
});

test("hart_get_status tells the state, INVALID_PARAM for harts that do not exist", () => {
  expect([ecall(HSM, 2, 0), ecall(HSM, 2, 1), ecall(HSM, 2, 3)]).toEqual([
    ok(0),
    ok(1),
    failure(-3),
  ]);
});

test("system_reset ends the machine in the way that was asked for", () => {
  for (const type of [0, 1, 2]) expect(ecall(SRST, 0, type, 1).isReturning).toBe(false);
  expect(events).toEqual([
    ["shutdown", "poweroff", 1],
    ["shutdown", "cold-reboot", 1],
    ["shutdown", "warm-reboot", 1],
  ]);
  expect([ecall(SRST, 0, 3, 0), ecall(SRST, 0, 0, 2), ecall(SRST, 0, 0xf000_0000, 0)]).toEqual([
    failure(-3),
    failure(-3),
    failure(-2),
  ]);
});

test("the debug console writes and reads guest memory, in bounded pieces", () => {
  memory.write(0x8000_0100, new TextEncoder().encode("hello"));
  expect(ecall(DBCN, 0, 5, 0x8000_0100, 0)).toEqual(ok(5));
  expect(ecall(DBCN, 2, 0x121)).toEqual(ok());
  expect(events).toEqual([
    ["consoleWrite", "hello"],
    ["consoleWrite", "!"],
  ]);
  expect(ecall(DBCN, 0, 0xffff, 0x8000_0000, 0)).toEqual(ok(4096));
  typed = new TextEncoder().encode("abc");
  expect(ecall(DBCN, 1, 2, 0x8000_0200, 0)).toEqual(ok(2));
  expect([...memory.ram.slice(0x200, 0x203)]).toEqual([97, 98, 0]);
  for (const [bytes, base, high] of [
    [1, 0, 0],
    [0x1_0001, 0x8000_0000, 0],
    [1, 0x8000_0000, 1],
    [-1n, 0x8000_0000, 0],
  ] as const)
    expect(ecall(DBCN, 0, bytes, base, high)).toEqual(failure(-3));
});

test("no arguments make it throw, and calls are counted by extension", () => {
  const sbi = new Sbi(machine);
  const eid = fc.oneof(fc.constantFrom(BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN), fc.nat());
  const register = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000), fc.nat());
  fc.assert(
    fc.property(
      eid,
      fc.nat(8),
      fc.array(register, { minLength: 12, maxLength: 12 }),
      (e, fid, args) => {
        const { error } = sbi.call(0, e, fid, Uint32Array.from(args));
        expect(error).toBeLessThanOrEqual(0);
      },
    ),
    { numRuns: 1000 },
  );
  const total = Object.values(sbi.metrics().calls).reduce((sum, count) => sum + count, 0);
  expect(total).toBe(1000);
});
