import fc from "fast-check";
import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { buildDeviceTree, type DeviceTreeOptions } from "../../ts/vmm/device-tree.ts";
import { cells64, decodeFdt, encodeFdt, FdtNode } from "../../ts/vmm/fdt.ts";

const OPTIONS: DeviceTreeOptions = {
  ramBytes: 512 << 20,
  hartCount: 2,
  rngSeed: Uint8Array.from({ length: 32 }, (_, i) => i),
  bootArgs: "console=ttyS0",
  initrd: { start: 0x9000_0000, end: 0x9123_4567 },
  virtioSlots: [0, 3],
};

test("what was written is read back: cells, strings, lists, bytes and flags", () => {
  const root = new FdtNode().set("model", "x").set("empty", true).set("list", ["a", "bc"]);
  root.child("memory@80000000").set("reg", cells64(0x8000_0000, 0x1_0000_0000));
  root
    .child("soc")
    .child("uart@1")
    .set("odd", Uint8Array.of(1, 2, 3))
    .set("irq", 10);
  const back = decodeFdt(encodeFdt(root));
  expect(back.text("model")).toBe("x");
  expect(back.properties.get("empty")).toEqual(new Uint8Array(0));
  expect(back.text("list")).toBe("a\0bc");
  expect(back.find("/memory@80000000")?.cells("reg")).toEqual([0, 0x8000_0000, 1, 0]);
  expect([...(back.find("/soc/uart@1")?.properties.get("odd") ?? [])]).toEqual([1, 2, 3]);
  expect(back.find("/soc/uart@1")?.cells("irq")).toEqual([10]);
  expect(back.find("/nothing")).toBeUndefined();
});

test("the same options give the same bytes", () => {
  expect(buildDeviceTree(OPTIONS)).toEqual(buildDeviceTree({ ...OPTIONS }));
});

test("the size does not depend on where the initrd is", () => {
  const other = { ...OPTIONS, initrd: { start: 0, end: 0xffff_ffff_f } };
  expect(buildDeviceTree(other).length).toBe(buildDeviceTree(OPTIONS).length);
});

test("the tree names memory, command line, initrd and seed", () => {
  const root = decodeFdt(buildDeviceTree(OPTIONS));
  const chosen = root.find("/chosen");
  expect(chosen?.text("bootargs")).toBe("console=ttyS0");
  expect(chosen?.text("stdout-path")).toBe("/soc/serial@10000000");
  expect(chosen?.cells("linux,initrd-start")).toEqual([0, 0x9000_0000]);
  expect(chosen?.cells("linux,initrd-end")).toEqual([0, 0x9123_4567]);
  expect(chosen?.properties.get("rng-seed")).toEqual(OPTIONS.rngSeed);
  expect(root.find("/memory@80000000")?.cells("reg")).toEqual([0, 0x8000_0000, 0, 512 << 20]);
});

test("each hart has both forms of the ISA, an MMU and its own interrupt controller", () => {
  const root = decodeFdt(buildDeviceTree(OPTIONS));
  expect(root.find("/cpus")?.cells("timebase-frequency")).toEqual([10_000_000]);
  expect(root.find("/cpus")?.children.map(({ name }) => name)).toEqual(["cpu@0", "cpu@1"]);
  const cpu = root.find("/cpus/cpu@1");
  expect(cpu?.text("riscv,isa")).toBe(
    "rv64imafdch_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihpm_zawrs_zfh_" +
      "zfhmin_zba_zbb_zbc_zbkb_zbkx_zbs_sstc_svadu_svinval_svnapot_svpbmt",
  );
  expect(cpu?.text("riscv,isa-base")).toBe("rv64i");
  expect(cpu?.text("riscv,isa-extensions")?.split("\0").slice(0, 7)).toEqual(
    "i m a f d c h".split(" "),
  );
  expect(cpu?.text("mmu-type")).toBe("riscv,sv57");
  expect(root.find("/cpus/cpu@1/interrupt-controller")?.cells("phandle")).toEqual([2]);
});

test("the PLIC is wired to M and S of each hart, devices to the PLIC", () => {
  const root = decodeFdt(buildDeviceTree(OPTIONS));
  const plic = root.find("/soc/plic@c000000");
  expect(plic?.cells("interrupts-extended")).toEqual([1, 11, 1, 9, 2, 11, 2, 9]);
  const handle = plic?.cells("phandle");
  for (const [path, irq] of [
    ["serial@10000000", 10],
    ["rtc@101000", 11],
    ["virtio_mmio@10001000", 1],
    ["virtio_mmio@10004000", 4],
  ] as const) {
    expect(root.find(`/soc/${path}`)?.cells("interrupts")).toEqual([irq]);
    expect(root.find(`/soc/${path}`)?.cells("interrupt-parent")).toEqual(handle);
  }
  expect(root.find("/soc/virtio_mmio@10002000")).toBeUndefined();
  expect(root.find("/poweroff")?.cells("regmap")).toEqual(
    root.find("/soc/test@100000")?.cells("phandle"),
  );
  expect(root.find("/reboot")?.cells("value")).toEqual([0x7777]);
});

test("only a bare machine has an ACLINT", () => {
  expect(decodeFdt(buildDeviceTree(OPTIONS)).find("/soc/clint@2000000")).toBeUndefined();
  const bare = decodeFdt(buildDeviceTree({ ...OPTIONS, firmware: "bare" }));
  expect(bare.find("/soc/clint@2000000")?.cells("interrupts-extended")).toEqual([
    1, 3, 1, 7, 2, 3, 2, 7,
  ]);
});

test.each([
  ["hartCount", { hartCount: 9 }],
  ["hartCount", { hartCount: 0 }],
  ["rngSeed", { rngSeed: new Uint8Array(31) }],
  ["virtioSlots", { virtioSlots: [8] }],
])("an impossible %s is refused by name", (name, change) => {
  expect(() => buildDeviceTree({ ...OPTIONS, ...change })).toThrow(name);
});

test("a broken tree is an error with a place, whatever was changed or cut", () => {
  const good = buildDeviceTree(OPTIONS);
  fc.assert(
    fc.property(
      fc.nat(good.length),
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
      (length, changes) => {
        const bytes = good.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          decodeFdt(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WasmvisorError);
          expect((error as WasmvisorError).code).toBe("WV_BAD_IMAGE");
        }
      },
    ),
    { numRuns: 500 },
  );
});
