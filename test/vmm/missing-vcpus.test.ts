/** A vCPU that reads a page which has not arrived waits; the other one runs on. */
import { expect, test } from "vitest";
import { PAGE_BYTES } from "../../bindings/abi.ts";
import { compileCore } from "../../bindings/bytes.ts";
import { loadCore } from "../../bindings/core.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../../ts/vmm/lone-vm.ts";

const PAGES = 64;
const SECOND = 0x100;
const COUNTER = 0x200;
const [A0, A1, A2, A6, A7, S1, T0, T1] = [10, 11, 12, 16, 17, 9, 5, 6] as const;

const addi = (rd: number, rs: number, value: number): number =>
  ((value & 0xfff) << 20) | (rs << 15) | (rd << 7) | 0x13;
const lui = (rd: number, value: number): number => (value << 12) | (rd << 7) | 0x37;
const auipc = (rd: number, value: number): number => (value << 12) | (rd << 7) | 0x17;
const ld = (rd: number, rs: number, offset: number): number =>
  (offset << 20) | (rs << 15) | (3 << 12) | (rd << 7) | 0x03;
const sd = (rs: number, base: number, offset: number): number =>
  ((offset >> 5) << 25) | (rs << 20) | (base << 15) | (3 << 12) | ((offset & 31) << 7) | 0x23;
const ECALL = 0x73;
const STOP = 0x6f;
const BACK_12 = 0xff5ff06f;

/** Starts hart 1 by SBI, then reads the page behind. */
const FIRST = [
  auipc(S1, 0),
  lui(A7, 0x485), // 0x48534D: the extension that starts harts.
  addi(A7, A7, 0x34d),
  addi(A6, 0, 0),
  addi(A0, 0, 1),
  addi(A1, S1, SECOND),
  addi(A2, 0, 0),
  ECALL,
  auipc(S1, 1),
  ld(T1, S1, 0),
  STOP,
];
/** Counts, in the page that is there. */
const SECOND_HART = [auipc(S1, 0), ld(T0, S1, COUNTER), addi(T0, T0, 1), sd(T0, S1, COUNTER)];

test("one of two waits, and goes on when the page comes", async () => {
  const core = await loadCore(await compileCore(), { wallTicks: () => 0 }, 64 << 20);
  const vm = loneVm(core, { memoryBytes: PAGES * PAGE_BYTES, mips: 500, vcpus: 2 });
  const guest = loneGuest(vm);
  const code = (words: readonly number[]) => new Uint8Array(Uint32Array.from(words).buffer);
  vm.boot({
    writes: [
      { gpa: RAM_BASE, bytes: code(FIRST) },
      { gpa: RAM_BASE + SECOND, bytes: code([...SECOND_HART, BACK_12]) },
    ],
    entry: RAM_BASE,
    deviceTreeGpa: 0,
    firmwareInfoGpa: 0,
    elf: undefined,
  });
  const set = guest.newPageSet();
  set.load(new Uint8Array(PAGES / 8).fill(255).fill(254, 0, 1));
  const [missing, arrived] = [[] as number[], [] as number[]];
  guest.awaitPages(set, {
    onMissing: (gfn) => missing.push(gfn),
    onArrived: (gfn) => arrived.push(gfn),
    onWanted: () => undefined,
  });
  set.release();
  const count = (): number => {
    const bytes = new Uint8Array(8);
    vm.ram.read(RAM_BASE + SECOND + COUNTER, bytes);
    return Number(new DataView(bytes.buffer).getBigUint64(0, true));
  };
  vm.run(20_000);
  expect(missing).toEqual([1]);
  const before = count();
  vm.run(20_000);
  expect(before).toBeGreaterThan(0);
  expect(count()).toBeGreaterThan(before);
  expect(arrived).toEqual([]);
  const records = new Uint8Array(4 + PAGE_BYTES).fill(7);
  new DataView(records.buffer).setUint32(0, 1, true);
  guest.placeBatch({ normalPages: 1, zeroPages: 0, records });
  expect(arrived).toEqual([1]);
  guest.destroy();
});
