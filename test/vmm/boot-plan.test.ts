import fc from "fast-check";
import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { type BootPlanOptions, type InitrdRange, planBoot } from "../../ts/vmm/boot-plan.ts";
import { buildDeviceTree } from "../../ts/vmm/device-tree.ts";
import { decodeFdt } from "../../ts/vmm/fdt.ts";
import { makeElf } from "./elf-maker.ts";
import { makeImage } from "./image-maker.ts";

const MIB = 1 << 20;
const RAM_BASE = 0x8000_0000;
const KERNEL_BYTES = 0x1e6_b000;

function optionsFor(ramBytes: number, initrdBytes?: number): BootPlanOptions {
  return {
    ramBase: RAM_BASE,
    ramBytes,
    kernel: makeImage({ imageBytes: KERNEL_BYTES }),
    initrd: initrdBytes === undefined ? undefined : new Uint8Array(initrdBytes).fill(5),
    buildDeviceTree: (initrd: InitrdRange | undefined) =>
      buildDeviceTree({ ramBytes, hartCount: 1, rngSeed: new Uint8Array(32), initrd }),
  };
}

test("an Image goes 2 MiB into RAM, the device tree below the top, the initrd below that", () => {
  const plan = planBoot(optionsFor(256 * MIB, 10 * MIB));
  const [kernel, initrd, tree] = plan.writes;
  expect([plan.entry, kernel?.gpa]).toEqual([0x8020_0000, 0x8020_0000]);
  expect(tree?.gpa).toBe(plan.deviceTreeGpa);
  expect(plan.deviceTreeGpa % 4096).toBe(0);
  const treeEnd = plan.deviceTreeGpa + (tree?.bytes.length ?? 0);
  expect(treeEnd).toBeLessThanOrEqual(RAM_BASE + 254 * MIB);
  expect((initrd?.gpa ?? 0) + 10 * MIB).toBeLessThanOrEqual(plan.deviceTreeGpa);
  const chosen = decodeFdt(tree?.bytes ?? new Uint8Array()).find("/chosen");
  expect(chosen?.cells("linux,initrd-start")).toEqual([0, initrd?.gpa]);
  expect(chosen?.cells("linux,initrd-end")).toEqual([0, (initrd?.gpa ?? 0) + 10 * MIB]);
});

test("firmware goes below the kernel, and is told where that is", () => {
  const options = optionsFor(256 * MIB, 1 * MIB);
  const plan = planBoot({ ...options, firmware: new Uint8Array(1000).fill(7) });
  expect(plan.entry).toBe(RAM_BASE);
  expect(plan.writes.map(({ gpa }) => gpa).slice(0, 2)).toEqual([RAM_BASE, 0x8020_0000]);
  const info = plan.writes.find(({ gpa }) => gpa === plan.firmwareInfoGpa)?.bytes as Uint8Array;
  const view = new DataView(info.buffer, info.byteOffset);
  expect(Buffer.from(info.subarray(0, 4)).toString()).toBe("OSBI");
  expect([view.getBigUint64(16, true), view.getBigUint64(24, true)]).toEqual([0x8020_0000n, 1n]);
  expect(() => planBoot({ ...options, firmware: new Uint8Array(3 * MIB) })).toThrow(
    /firmware ends at 0x80300000/,
  );
});

test("an ELF goes to its physical addresses and hands its symbols on", () => {
  const kernel = makeElf({
    entry: RAM_BASE,
    segments: [{ gpa: RAM_BASE, content: new Uint8Array(64), memBytes: 8192 }],
    symbols: { tohost: BigInt(RAM_BASE + 4096) },
  });
  const plan = planBoot({ ramBase: RAM_BASE, ramBytes: MIB, kernel });
  expect(plan.writes.map(({ gpa, bytes }) => [gpa, bytes.length])).toEqual([[RAM_BASE, 64]]);
  expect([plan.entry, plan.deviceTreeGpa]).toEqual([RAM_BASE, 0]);
  expect(plan.elf?.symbols.get("tohost")).toBe(RAM_BASE + 4096);
});

test.each<[string, RegExp, BootPlanOptions]>([
  ["a kernel larger than RAM", /kernel needs 32.4 MiB.*has 16.0 MiB/, optionsFor(16 * MIB)],
  [
    "an initrd larger than what the kernel leaves",
    /initrd of 67108864 bytes.*64.0 MiB/,
    optionsFor(64 * MIB, 64 * MIB),
  ],
  [
    "a device tree larger than memory",
    /device tree of/,
    { ...optionsFor(64 * MIB), buildDeviceTree: () => new Uint8Array(80 * MIB) },
  ],
  [
    "a device tree that grows with the initrd",
    /grew/,
    {
      ...optionsFor(64 * MIB, 512),
      buildDeviceTree: (r) => new Uint8Array(r?.start === RAM_BASE ? 8 : 80),
    },
  ],
  [
    "a kernel that is none",
    /Image header/,
    { ...optionsFor(64 * MIB), kernel: new Uint8Array(4096) },
  ],
])("%s is refused with WV_BAD_IMAGE", (_, message, options) => {
  expect(() => planBoot(options)).toThrow(
    expect.objectContaining({ code: "WV_BAD_IMAGE", message: expect.stringMatching(message) }),
  );
});

test("whatever the sizes, a plan stays in RAM and nothing lies on anything else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: 1024 }),
      fc.nat(64 * MIB),
      fc.boolean(),
      (mib, initrdBytes, hasInitrd) => {
        const ramBytes = mib * MIB;
        try {
          const plan = planBoot(optionsFor(ramBytes, hasInitrd ? initrdBytes : undefined));
          const ranges = plan.writes.map(({ gpa, bytes }, i) => ({
            gpa,
            end: gpa + (i === 0 ? KERNEL_BYTES : bytes.length),
          }));
          ranges.sort((a, b) => a.gpa - b.gpa);
          for (const [i, range] of ranges.entries())
            expect(range.end).toBeLessThanOrEqual(ranges[i + 1]?.gpa ?? RAM_BASE + ramBytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WasmvisorError);
        }
      },
    ),
    { numRuns: 60 },
  );
});
