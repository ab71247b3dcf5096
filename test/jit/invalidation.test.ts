/** Whatever changes code that was translated is seen by the next run of it. */
import { describe, expect, test } from "vitest";
import { HART_MCAUSE, HART_MEPC, PAGE_SHIFT, TLB_ENTRIES } from "../../bindings/abi.ts";
import * as reg from "../../ts/device/virtio/registers.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { VIRTIO_BASE } from "../../ts/vmm/memory-map.ts";
import type { Assembler, Line } from "../diff/asm.ts";
import type { Side } from "../diff/lockstep-guest.ts";
import * as s from "./scene.ts";

const { A0, RA, S0, S1, S2, S3, S4, T0, T1, R, W, X } = s;
const CODE = RAM_BASE + 0x8000;
const DATA = RAM_BASE + 0x9000;
const RET: Line = ["jalr", 0, RA, 0];
const add = (value: number): Line => ["addi", A0, A0, value];
const ADD_1 = s.word(...add(1));
const ADD_100 = s.word(...add(100));
const TIMES = 50;

/** The function that is changed: a loop of its own around one instruction, so that it is hot. */
const FUNCTION = s.assemble(CODE, (asm) => {
  asm.li(S2, TIMES);
  asm.label("loop");
  asm.emit(add(1), ["addi", S2, S2, -1], ["bne", S2, 0, "loop"], RET);
});
/** Where its `add(1)` is. */
const SPOT = CODE + 4;

const sceneOf = (write: (asm: Assembler) => void, more: Partial<s.Scene> = {}): s.Scene => ({
  ...more,
  writes: [
    { gpa: s.ENTRY, bytes: s.assemble(s.ENTRY, write) },
    { gpa: CODE, bytes: FUNCTION },
    ...(more.writes ?? []),
  ],
});

const call = (asm: Assembler): void => {
  asm.li(S0, CODE);
  asm.emit(["jalr", RA, S0, 0]);
};
const patch = (asm: Assembler, at: number): void => {
  asm.li(T0, at);
  asm.li(T1, ADD_100);
  asm.emit(["sw", T1, T0, 0]);
};
const stop = (asm: Assembler): void => asm.emit(["jal", 0, 0]);
/** Calls the function for ever. */
const forever = sceneOf((asm) => {
  asm.label("again");
  call(asm);
  asm.emit(["jal", 0, "again"]);
});
const patchFromOutside = ({ vm }: Side): void => {
  vm.ram.write(SPOT, new Uint8Array(Uint32Array.of(ADD_100).buffer));
};

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test.each(["sw", "fsw", "fsh", "amoswap.w"])(
    "%s over the next instruction counts at once",
    async (op) => {
      const [at, spot] = [s.ENTRY + 0x100, s.ENTRY + 0x104];
      const isFloat = op.startsWith("fs");
      const scene = sceneOf((asm) => {
        asm.li(S2, s.word(...add(1)));
        asm.li(S3, s.word(...add(2)));
        asm.li(S0, spot + (op === "fsh" ? 2 : 0));
        asm.emit(["jal", 0, "swap"]);
        asm.org(at);
        if (op === "amoswap.w") asm.emit([op, 0, S0, S2, 0]);
        else asm.emit([op, isFloat ? 1 : S2, S0, 0]);
        // a0 was 0 and has what S2 says now; s1 counts when it has not.
        asm.emit(add(9), ["srli", T0, S2, 20], ["sub", T0, T0, A0], ["sltu", T0, 0, T0]);
        asm.emit(["add", S1, S1, T0], ["addi", S4, S4, 1]);
        asm.label("swap");
        asm.emit(["addi", A0, 0, 0], ["addi", T0, S2, 0], ["addi", S2, S3, 0], ["addi", S3, T0, 0]);
        // The two differ in their upper halves: that is what FSH stores.
        if (isFloat) asm.emit(["srli", T1, S2, op === "fsh" ? 16 : 0], ["fmv.w.x", 1, T1]);
        asm.li(T1, at);
        asm.emit(["jalr", 0, T1, 0]);
      });
      const sides = await s.pair(scene, options);
      s.runBoth(sides, 5000, 97);
      expect(s.x(sides[1], S4)).toBeGreaterThan(200);
      expect(s.x(sides[1], S1)).toBe(0);
    },
  );

  test("a store into code counts after fence.i", async () => {
    const scene = sceneOf((asm) => {
      call(asm);
      patch(asm, SPOT);
      asm.emit(["fence.i", 0, 0, 0]);
      call(asm);
      stop(asm);
    });
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 1000);
    expect(s.x(sides[1], A0)).toBe(TIMES * 101);
    expect(sides[1].core.translated.functions).toBeGreaterThan(1);
  });

  test("code that rewrites itself in a loop runs as it was rewritten", async () => {
    // Adds 1, 2, ... 60: each turn stores the next instruction over the last.
    const bytes = s.assemble(s.ENTRY, (asm) => {
      asm.li(S1, s.word(...add(1)));
      asm.li(S2, 60);
      asm.li(S3, 1 << 20);
      asm.label("loop");
      asm.emit(["auipc", T0, 0], ["sw", S1, T0, 12], ["fence.i", 0, 0, 0], add(0));
      asm.emit(["add", S1, S1, S3], ["addi", S2, S2, -1], ["bne", S2, 0, "loop"], ["jal", 0, 0]);
    });
    const sides = await s.pair({ writes: [{ gpa: s.ENTRY, bytes }] }, options);
    s.runBoth(sides, 1000, 333);
    expect(s.x(sides[1], A0)).toBe(60 * 61 * 0.5);
  });

  test("a store through another mapping of the frame counts", async () => {
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(0x10000, CODE, R | X);
    tables.map(0x50000, CODE, R | W);
    const scene = sceneOf(
      (asm) => {
        asm.li(S0, 0x10000);
        asm.emit(["jalr", RA, S0, 0]);
        patch(asm, 0x50004);
        asm.emit(["fence.i", 0, 0, 0], ["jalr", RA, S0, 0]);
        stop(asm);
      },
      { satp: tables.satp, writes: tables.writes },
    );
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 1000);
    expect(s.x(sides[1], A0)).toBe(TIMES * 101);
  });

  test("a store into code from code that misses the TLB nearly always counts", async () => {
    // Each turn patches the function, through a page that shares its entry in the TLB with another.
    const far = 0x50000 + (TLB_ENTRIES << PAGE_SHIFT);
    const tables = new s.Tables(RAM_BASE + 0x10000);
    tables.map(0x10000, CODE, R | X);
    tables.map(0x50000, CODE, R | W);
    tables.map(far, DATA, R | W);
    const scene = sceneOf(
      (asm) => {
        asm.li(S0, 0x10000);
        asm.li(S1, 0x50004);
        asm.li(S3, far);
        asm.li(T1, ADD_1);
        asm.li(S4, ADD_100 ^ ADD_1);
        asm.label("again");
        asm.emit(["sw", T1, S1, 0], ["sw", T1, S3, 0], ["lw", T0, S1, 0], ["lw", T0, S3, 0]);
        asm.emit(["sw", T0, S1, 0], ["xor", T1, T1, S4], ["fence.i", 0, 0, 0]);
        asm.emit(["jalr", RA, S0, 0], ["addi", s.A1, s.A1, 1], ["jal", 0, "again"]);
      },
      { satp: tables.satp, writes: tables.writes },
    );
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 200_000, 9973);
    const turns = s.x(sides[1], s.A1);
    expect(turns).toBeGreaterThan(1000);
    const whole = Math.floor(turns / 2) * TIMES * 101 + (turns % 2) * TIMES;
    expect(s.x(sides[1], A0) - whole).toBeLessThanOrEqual(TIMES * 100);
    expect(s.x(sides[1], A0)).toBeGreaterThanOrEqual(whole);
  });

  test("code that a disk brings in by DMA is run", async () => {
    const content = new Uint8Array(4096);
    content.set(FUNCTION);
    new DataView(content.buffer).setUint32(SPOT - CODE, ADD_100, true);
    const [ring, header, used] = [RAM_BASE + 0x20000, RAM_BASE + 0x21000, RAM_BASE + 0x22000];
    const queue = new DataView(new ArrayBuffer(64));
    const chain = [
      [header, 16, 1],
      [CODE, 512, 3],
      [header + 0x100, 1, 2],
    ] as const;
    chain.forEach(([gpa, bytes, flags], i) => {
      queue.setBigUint64(i * 16, BigInt(gpa), true);
      queue.setUint32(i * 16 + 8, bytes, true);
      queue.setUint16(i * 16 + 12, flags, true);
      queue.setUint16(i * 16 + 14, i + 1, true);
    });
    const available = Uint8Array.of(0, 0, 1, 0, 0, 0);
    const setup = [
      [reg.STATUS, 3],
      [reg.DRIVER_FEATURES_SEL, 1],
      [reg.DRIVER_FEATURES, 1],
      [reg.STATUS, 11],
      [reg.QUEUE_SEL, 0],
      [reg.QUEUE_NUM, 8],
      [reg.QUEUE_DESC_LOW, ring],
      [reg.QUEUE_DRIVER_LOW, ring + 0x800],
      [reg.QUEUE_DEVICE_LOW, used],
      [reg.QUEUE_READY, 1],
      [reg.STATUS, 15],
      [reg.QUEUE_NOTIFY, 0],
    ] as const;
    const scene = sceneOf(
      (asm) => {
        call(asm);
        asm.li(S1, VIRTIO_BASE);
        for (const [offset, value] of setup) {
          asm.li(T0, value);
          asm.emit(["sw", T0, S1, offset]);
        }
        call(asm);
        stop(asm);
      },
      {
        disks: [new MemoryDisk({ content })],
        writes: [
          { gpa: ring, bytes: new Uint8Array(queue.buffer) },
          { gpa: ring + 0x800, bytes: available },
        ],
      },
    );
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 1000);
    expect(s.x(sides[1], A0)).toBe(TIMES * 101);
  });

  test("code that the host writes is run", async () => {
    const sides = await s.pair(forever, options);
    s.runBoth(sides, 5000, 997);
    sides.forEach(patchFromOutside);
    s.runBoth(sides, 5000, 997);
    expect(s.x(sides[1], A0)).toBeGreaterThan(100_000);
  });

  test("a fork that changes its code changes it for itself alone", async () => {
    const sides = await s.pair(forever, options);
    s.runBoth(sides, 5000, 997);
    const children = sides.map((side) => s.fork(side, forever)) as [Side, Side];
    children.forEach(patchFromOutside);
    for (let i = 0; i < 5; i++) {
      s.runBoth(children, 997);
      s.runBoth(sides, 997);
    }
    expect(s.x(sides[1], A0)).toBeLessThan(10_000);
    expect(s.x(children[1], A0)).toBeGreaterThan(100_000);
  });

  test("a fork that stores into its code changes it for itself alone", async () => {
    // Asks a word in memory in each turn whether to patch.
    const scene = sceneOf((asm) => {
      asm.li(S4, DATA);
      asm.label("again");
      call(asm);
      asm.emit(["lw", T0, S4, 0], ["beq", T0, 0, "again"]);
      patch(asm, SPOT);
      asm.emit(["fence.i", 0, 0, 0], ["jal", 0, "again"]);
    });
    const sides = await s.pair(scene, options);
    s.runBoth(sides, 5000, 997);
    const children = sides.map((side) => s.fork(side, scene)) as [Side, Side];
    for (const { vm } of children) vm.ram.write(DATA, Uint8Array.of(1));
    for (let i = 0; i < 5; i++) {
      s.runBoth(children, 997);
      s.runBoth(sides, 997);
    }
    expect(s.x(sides[1], A0)).toBeLessThan(10_000);
    expect(s.x(children[1], A0)).toBeGreaterThan(100_000);
  });

  test("a restored state runs the code that came with it", async () => {
    const sides = await s.pair(forever, options);
    s.runBoth(sides, 5000, 997);
    const saved = sides.map(({ vm }) => vm.save());
    sides.forEach(patchFromOutside);
    s.runBoth(sides, 5000, 997);
    for (const [i, { vm }] of sides.entries()) {
      vm.ram.write(CODE, FUNCTION);
      vm.restore(saved[i] as (typeof saved)[0]);
    }
    const before = s.x(sides[1], A0);
    s.runBoth(sides, 5000, 997);
    expect(s.x(sides[1], A0) - before).toBeLessThan(5000);
  });

  test("a page of code that is taken away is a page of zeros", async () => {
    const sides = await s.pair(forever, options);
    s.runBoth(sides, 5000, 997);
    for (const { core, vm } of sides)
      core.exports.discardPage(vm.ram.space, (CODE - RAM_BASE) / 4096);
    // An illegal instruction, with a handler at 0: where nothing is.
    for (const side of sides) side.vm.run(64);
    s.expectSame(sides);
    const vcpu = s.cpu(sides[1]);
    expect([vcpu.getNumber(HART_MCAUSE), vcpu.getNumber(HART_MEPC)]).toEqual([1, 0]);
  });
});
