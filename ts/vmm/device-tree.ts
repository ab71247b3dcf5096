/** The device tree of our machine, as Linux and OpenSBI expect it. */
import { TIMEBASE_HZ } from "../machine/guest-clock.ts";
import type { InitrdRange } from "./boot-plan.ts";
import { cells64, encodeFdt, FdtNode } from "./fdt.ts";
import * as map from "./memory-map.ts";

/** Extensions of our harts, in canonical order. */
const DEFAULT_EXTENSIONS: readonly string[] = (
  "i m a f d c h zicbom zicbop zicboz zicntr zicond zicsr zifencei zihpm zawrs zfh zfhmin " +
  "zba zbb zbc zbkb zbkx zbs sstc svadu svinval svnapot svpbmt"
).split(" ");
/** Bytes of a cache block, for the operations on them that are among the extensions. */
const BLOCK_BYTES = 64;
const BLOCKS: readonly (readonly [extension: string, property: string])[] = [
  ["zicbom", "riscv,cbom-block-size"],
  ["zicbop", "riscv,cbop-block-size"],
  ["zicboz", "riscv,cboz-block-size"],
];
const RNG_SEED_BYTES = 32;
const PLIC_SOURCES_USED = 95;
const UART_CLOCK_HZ = 3_686_400;
// RISC-V interrupt numbers of a hart's own controller.
const IRQ_M_SOFT = 3;
const IRQ_M_TIMER = 7;
const IRQ_S_EXTERNAL = 9;
const IRQ_M_EXTERNAL = 11;

export interface DeviceTreeOptions {
  readonly ramBytes: number;
  /** 1 to 8. */
  readonly hartCount: number;
  /** 32 random bytes, from which the guest's kernel seeds its generator. */
  readonly rngSeed: Uint8Array;
  readonly bootArgs?: string | undefined;
  readonly initrd?: InitrdRange | undefined;
  /** Occupied virtio slots, 0 to 7. */
  readonly virtioSlots?: readonly number[] | undefined;
  /** With `bare`, M-mode and its ACLINT are the guest's; under our firmware there is none. */
  readonly firmware?: "bare" | "vmm" | undefined;
  /** Extensions of the harts; single letters first. */
  readonly extensions?: readonly string[] | undefined;
}

/** Builds the tree. Throws `RangeError` for options that no machine has. */
export function buildDeviceTree(options: DeviceTreeOptions): Uint8Array {
  checkOptions(options);
  const { hartCount } = options;
  const handles = { plic: hartCount + 1, syscon: hartCount + 2 };
  const root = new FdtNode()
    .set("#address-cells", 2)
    .set("#size-cells", 2)
    .set("compatible", ["wasmvisor,virt", "riscv-virtio"])
    .set("model", "wasmvisor,virt");
  addChosen(root, options);
  root
    .child(`memory@${map.RAM_BASE.toString(16)}`)
    .set("device_type", "memory")
    .set("reg", cells64(map.RAM_BASE, options.ramBytes));
  addCpus(root, options);
  const soc = root
    .child("soc")
    .set("#address-cells", 2)
    .set("#size-cells", 2)
    .set("compatible", "simple-bus")
    .set("ranges", true);
  addSyscon(soc, root, handles.syscon);
  addRtc(soc, handles.plic);
  if (options.firmware === "bare") addAclint(soc, hartCount);
  addPlic(soc, hartCount, handles.plic);
  addUart(soc, handles.plic);
  for (const slot of options.virtioSlots ?? []) addVirtio(soc, slot, handles.plic);
  return encodeFdt(root);
}

function checkOptions(options: DeviceTreeOptions): void {
  const { hartCount, rngSeed, virtioSlots = [] } = options;
  if (!Number.isInteger(hartCount) || hartCount < 1 || hartCount > map.HARTS_MAX)
    throw new RangeError(
      `device tree: "hartCount" expected 1 to ${map.HARTS_MAX}, got ${hartCount}`,
    );
  if (rngSeed.length !== RNG_SEED_BYTES)
    throw new RangeError(
      `device tree: "rngSeed" expected ${RNG_SEED_BYTES} bytes, got ${rngSeed.length}`,
    );
  for (const slot of virtioSlots)
    if (!Number.isInteger(slot) || slot < 0 || slot >= map.VIRTIO_SLOTS)
      throw new RangeError(
        `device tree: "virtioSlots" expected 0 to ${map.VIRTIO_SLOTS - 1}, got ${slot}`,
      );
}

function addChosen(root: FdtNode, options: DeviceTreeOptions): void {
  const chosen = root
    .child("chosen")
    .set("stdout-path", `/soc/serial@${map.UART_BASE.toString(16)}`)
    .set("rng-seed", options.rngSeed);
  if (options.bootArgs !== undefined) chosen.set("bootargs", options.bootArgs);
  if (options.initrd)
    chosen
      .set("linux,initrd-start", cells64(options.initrd.start))
      .set("linux,initrd-end", cells64(options.initrd.end));
}

function addCpus(root: FdtNode, options: DeviceTreeOptions): void {
  const extensions = options.extensions ?? DEFAULT_EXTENSIONS;
  const letters = extensions.filter((name) => name.length === 1).join("");
  const words = extensions.filter((name) => name.length > 1);
  const cpus = root
    .child("cpus")
    .set("#address-cells", 1)
    .set("#size-cells", 0)
    .set("timebase-frequency", TIMEBASE_HZ);
  for (let hart = 0; hart < options.hartCount; hart++) {
    const cpu = cpus
      .child(`cpu@${hart}`)
      .set("device_type", "cpu")
      .set("reg", hart)
      .set("status", "okay")
      .set("compatible", "riscv")
      .set("riscv,isa", [`rv64${letters}`, ...words].join("_"))
      .set("riscv,isa-base", "rv64i")
      .set("riscv,isa-extensions", extensions)
      .set("mmu-type", "riscv,sv57");
    for (const [extension, property] of BLOCKS)
      if (extensions.includes(extension)) cpu.set(property, BLOCK_BYTES);
    cpu
      .child("interrupt-controller")
      .set("#address-cells", 0)
      .set("#interrupt-cells", 1)
      .set("interrupt-controller", true)
      .set("compatible", "riscv,cpu-intc")
      .set("phandle", hart + 1);
  }
}

/** Power off and reboot for kernels that use no SBI SRST. */
function addSyscon(soc: FdtNode, root: FdtNode, phandle: number): void {
  soc
    .child(`test@${map.SYSCON_BASE.toString(16)}`)
    .set("compatible", ["sifive,test1", "sifive,test0", "syscon"])
    .set("reg", cells64(map.SYSCON_BASE, 0x1000))
    .set("phandle", phandle);
  for (const [name, value] of [
    ["poweroff", 0x5555],
    ["reboot", 0x7777],
  ] as const)
    root
      .child(name)
      .set("compatible", `syscon-${name}`)
      .set("regmap", phandle)
      .set("offset", 0)
      .set("value", value);
}

function addRtc(soc: FdtNode, plic: number): void {
  soc
    .child(`rtc@${map.RTC_BASE.toString(16)}`)
    .set("compatible", "google,goldfish-rtc")
    .set("reg", cells64(map.RTC_BASE, 0x1000))
    .set("interrupts", map.RTC_IRQ)
    .set("interrupt-parent", plic);
}

function addAclint(soc: FdtNode, hartCount: number): void {
  soc
    .child(`clint@${map.ACLINT_BASE.toString(16)}`)
    .set("compatible", ["sifive,clint0", "riscv,clint0"])
    .set("reg", cells64(map.ACLINT_BASE, 0x1_0000))
    .set("interrupts-extended", perHart(hartCount, [IRQ_M_SOFT, IRQ_M_TIMER]));
}

function addPlic(soc: FdtNode, hartCount: number, phandle: number): void {
  soc
    .child(`plic@${map.PLIC_BASE.toString(16)}`)
    .set("compatible", ["sifive,plic-1.0.0", "riscv,plic0"])
    .set("reg", cells64(map.PLIC_BASE, 0x60_0000))
    .set("#address-cells", 0)
    .set("#interrupt-cells", 1)
    .set("interrupt-controller", true)
    .set("interrupts-extended", perHart(hartCount, [IRQ_M_EXTERNAL, IRQ_S_EXTERNAL]))
    .set("riscv,ndev", PLIC_SOURCES_USED)
    .set("phandle", phandle);
}

/** Pairs of a hart's interrupt controller and each of its interrupts. */
function perHart(hartCount: number, irqs: readonly number[]): number[] {
  return Array.from({ length: hartCount }, (_, hart) =>
    irqs.flatMap((irq) => [hart + 1, irq]),
  ).flat();
}

function addUart(soc: FdtNode, plic: number): void {
  soc
    .child(`serial@${map.UART_BASE.toString(16)}`)
    .set("compatible", "ns16550a")
    .set("reg", cells64(map.UART_BASE, 0x100))
    .set("clock-frequency", UART_CLOCK_HZ)
    .set("interrupts", map.UART_IRQ)
    .set("interrupt-parent", plic);
}

function addVirtio(soc: FdtNode, slot: number, plic: number): void {
  const base = map.VIRTIO_BASE + slot * map.VIRTIO_STRIDE;
  soc
    .child(`virtio_mmio@${base.toString(16)}`)
    .set("compatible", "virtio,mmio")
    .set("reg", cells64(base, map.VIRTIO_STRIDE))
    .set("interrupts", map.VIRTIO_IRQ + slot)
    .set("interrupt-parent", plic);
}
