/** A guest that can be started again and again, the same each time, on a core with an engine of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Core, type Engine, loadCore } from "../../bindings/core.ts";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { planBoot } from "../../ts/vmm/boot-plan.ts";
import { buildDeviceTree } from "../../ts/vmm/device-tree.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { Vm } from "../../ts/vmm/vm.ts";
import { buildImage, drawPrograms } from "./image.ts";
import { RAM, RAM_END } from "./layout.ts";

const MIPS = 100;
const CORE_BYTES_SPARE = 8 << 20;

export interface GuestOptions {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array | undefined;
  readonly append?: string | undefined;
  readonly memoryBytes: number;
  readonly isBare?: boolean | undefined;
  readonly vcpus?: number | undefined;
  readonly seed?: number | undefined;
  /** Without one, as a program of the random generator wants it. */
  readonly hasDeviceTree?: boolean | undefined;
}

/** How a core executes: instructions between samples and the samples that make code hot, if not the engine's. */
export interface CoreOptions {
  readonly engine: Engine;
  readonly sampling?: readonly [interval: number, threshold: number] | undefined;
  readonly memoryBytes: number;
  readonly codeCacheBytes?: number | undefined;
  /** Told of every module that the translator writes. */
  readonly onModule?: ((bytes: Uint8Array) => void) | undefined;
}

/** One of the two vms. */
export interface Side {
  readonly core: Core;
  readonly vm: Vm;
  readonly console: number[];
}

let compiled: Promise<WebAssembly.Module> | undefined;

/** A core of its own, with the core's Wasm that `npm run build:core` made. */
export async function createCore(options: CoreOptions): Promise<Core> {
  const { codeCacheBytes, engine, sampling, memoryBytes, onModule } = options;
  compiled ??= WebAssembly.compile(
    new Uint8Array(readFileSync(join(process.cwd(), "build/core.wasm"))),
  );
  const host = { wallTicks: () => 0, codeCacheBytes, onModule };
  const core = await loadCore(await compiled, host, memoryBytes, engine);
  if (sampling) core.exports.setTranslation(...sampling);
  return core;
}

/** The guest on `core`, before its first instruction. */
export function startGuest(core: Core, guest: GuestOptions): Side {
  const { kernel, initrd, append = "", memoryBytes, isBare = false, vcpus = 1, seed = 1 } = guest;
  const random = new Random(seed);
  const console: number[] = [];
  const vm = new Vm({
    core,
    memoryBytes,
    vcpus,
    clock: "virtual",
    mips: MIPS,
    wall: new VirtualClock(),
    random,
    disks: [],
    console: append.includes("hvc0") ? "virtio" : "uart",
    isBare,
    onConsole: (bytes) => {
      for (const byte of bytes) console.push(byte);
    },
  });
  const tree = (range: { readonly start: number; readonly end: number } | undefined): Uint8Array =>
    buildDeviceTree({
      ramBytes: memoryBytes,
      hartCount: vcpus,
      rngSeed: random.split("rng-seed").bytes(new Uint8Array(32)),
      bootArgs: append,
      initrd: range,
      virtioSlots: Array.from({ length: vm.board.virtioSlots }, (_, i) => i),
      firmware: isBare ? "bare" : "vmm",
    });
  const buildTree = guest.hasDeviceTree === false ? undefined : tree;
  const plan = { ramBase: RAM_BASE, ramBytes: memoryBytes, kernel, initrd };
  vm.boot(planBoot({ ...plan, buildDeviceTree: buildTree }));
  return { core, vm, console };
}

/** Bytes of machine memory for a guest of `memoryBytes`. */
export const coreBytesFor = (memoryBytes: number): number => memoryBytes + CORE_BYTES_SPARE;

/** `programs` random programs of `seed` in one ELF; each begins from scratch, all send their state. */
export function randomPrograms(seed: number, programs: number): GuestOptions {
  const kernel = buildImage(drawPrograms({ seed, programs, exactCounters: true }));
  return { kernel, memoryBytes: RAM_END - RAM, isBare: true, hasDeviceTree: false };
}
