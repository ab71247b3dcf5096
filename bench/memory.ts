/**
 * Memory as a product: stores with the dirty log on and off, forks of a warm guest, a snapshot of 1 GiB
 * to its first instruction, a tiny guest from its ELF file to its first instruction, equal pages found.
 * Times are of one call each; A and B in turn where there are two.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileCore } from "../bindings/bytes.ts";
import { loadCore } from "../bindings/core.ts";
import { Host } from "../ts/host/host.ts";
import type { VirtualMachine } from "../ts/host/virtual-machine.ts";
import { RAM_BASE } from "../ts/vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../ts/vmm/lone-vm.ts";
import { type BenchRow, rowOf } from "./harness.ts";

const MIB = 1 << 20;
const ENTRY = RAM_BASE + 0x1000;
const FIRST_MIB = 1;
const WORKING_SET_MIB = 64;
/** Instructions of one measured stretch: about 100 ms, a round of a migration. */
const STRETCH = 40_000_000;
const [ZERO, T0, T1, T2] = [0, 5, 6, 7] as const;

const addi = (rd: number, rs1: number, imm: number): number =>
  ((imm & 0xfff) << 20) | (rs1 << 15) | (rd << 7) | 0x13;
const slli = (rd: number, by: number): number =>
  (by << 20) | (rd << 15) | (1 << 12) | (rd << 7) | 0x13;
const lui = (rd: number, imm: number): number => (imm & ~0xfff) | (rd << 7) | 0x37;
const add = (rd: number, rs2: number): number => (rs2 << 20) | (rd << 15) | (rd << 7) | 0x33;
const sd = (rs2: number, rs1: number, imm: number): number =>
  ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (3 << 12) | ((imm & 31) << 7) | 0x23;
/** Conditional and unconditional jumps by a negative offset of less than 4 KiB. */
const bltu = (rs1: number, rs2: number, by: number): number =>
  (((by >> 12) & 1) << 31) |
  (((by >> 5) & 63) << 25) |
  (rs2 << 20) |
  (rs1 << 15) |
  (6 << 12) |
  (((by >> 1) & 15) << 8) |
  (((by >> 11) & 1) << 7) |
  0x63;
const jump = (by: number): number =>
  (((by >> 20) & 1) << 31) |
  (((by >> 1) & 0x3ff) << 21) |
  (((by >> 11) & 1) << 20) |
  (((by >> 12) & 0xff) << 12) |
  0x6f;

/** Address of `mib` MiB of RAM in `rd`. */
const ramAt = (rd: number, mib: number): number[] => [
  addi(rd, ZERO, 1),
  slli(rd, 31),
  lui(T2, mib * MIB),
  add(rd, T2),
];

/** Stores 8 bytes at a time over the working set, again and again; 8 of 10 instructions are stores. */
function sweeper(): Uint32Array {
  const end = ramAt(T1, FIRST_MIB + WORKING_SET_MIB);
  const start = ramAt(T0, FIRST_MIB);
  const stores = Array.from({ length: 8 }, (_, i) => sd(T1, T0, 8 * i));
  const body = [...stores, addi(T0, T0, 64)];
  const loop = [...body, bltu(T0, T1, -4 * body.length)];
  return Uint32Array.from([...end, ...start, ...loop, jump(-4 * (start.length + loop.length))]);
}

/** Where things are. */
interface Place {
  readonly root: string;
  readonly core: WebAssembly.Module;
}

const nowMs = (): number => performance.now();

async function timed(action: () => unknown): Promise<number> {
  const start = nowMs();
  await action();
  return nowMs() - start;
}

/** MB/s of guest stores with the dirty log on, harvested every 100 ms, and off. */
async function storeBandwidth(module: WebAssembly.Module, runs: number): Promise<BenchRow> {
  const core = await loadCore(module, { wallTicks: () => 0 }, 128 * MIB);
  const vm = loneVm(core, { memoryBytes: 96 * MIB, mips: 500, isBare: true });
  const bytes = new Uint8Array(sweeper().buffer);
  const nowhere = { deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
  vm.boot({ writes: [{ gpa: ENTRY, bytes }], entry: ENTRY, ...nowhere });
  const guest = loneGuest(vm);
  const set = guest.newPageSet();
  const stretch = async (): Promise<number> => {
    const ms = await timed(() => vm.run(STRETCH));
    return ((STRETCH * 0.8 * 8) / 1e6 / ms) * 1e3;
  };
  await stretch();
  const ours: number[] = [];
  const values: number[] = [];
  for (let run = 0; run < 3 * runs; run++) {
    guest.startDirtyLog(set);
    await stretch(); // The first round begins with nothing marked, like every other.
    guest.harvest(set);
    ours.push(await stretch());
    if (guest.harvest(set) !== (WORKING_SET_MIB * MIB) / 4096) throw new Error("dirty log: pages");
    guest.stopDirtyLog();
    values.push(await stretch());
  }
  return rowOf({
    bench: "memory/stores, dirty log on",
    unit: "MB/s",
    better: "higher",
    ours,
    peer: { name: "off", values },
  });
}

/** Milliseconds of a fork, and bytes that it costs before it runs. */
async function forks(
  name: string,
  vm: VirtualMachine,
  host: Host,
  count: number,
): Promise<BenchRow[]> {
  await vm.pause();
  const free = host.freeBytes;
  const times: number[] = [];
  const children: VirtualMachine[] = [];
  for (let i = 0; i < count; i++)
    times.push(await timed(async () => children.push(await vm.fork())));
  const bytes = (free - host.freeBytes) / count;
  for (const child of children) await child.destroy();
  return [
    rowOf({ bench: `memory/fork of ${name}`, unit: "ms", better: "lower", ours: times }),
    rowOf({ bench: `memory/fork of ${name}`, unit: "bytes", better: "lower", ours: [bytes] }),
  ];
}

async function linuxForks(
  core: WebAssembly.Module,
  count: number,
  log: (line: string) => void,
): Promise<BenchRow[]> {
  await using host = await Host.create({ core, memory: "2GiB" });
  let vm: VirtualMachine;
  try {
    vm = await host.createVm({ image: "debian", memory: "256MiB" });
  } catch {
    log("no image called debian: forks of Linux are not measured (wasmvisor image pull debian)");
    return [];
  }
  await vm.start();
  await vm.console.expect(/# $/);
  vm.console.write("dd if=/dev/urandom of=/dev/shm/x bs=1M count=60 2>/dev/null; echo do''ne\n");
  await vm.console.expect(/\ndone/);
  return await forks("a booted Debian, 256 MiB", vm, host, count);
}

async function warmDirtier(host: Host, root: string, fillMib: number): Promise<VirtualMachine> {
  const vm = await host.createVm({
    kernel: join(root, "guests/bin/dirtier.elf"),
    memory: "1GiB",
    append: `fill=${fillMib}MiB ws=1MiB rate=10`,
  });
  await vm.start();
  await vm.console.expect(/ready/, { timeoutMs: 120_000 });
  return vm;
}

/** Runs one instruction of a vm that is paused or new. */
function firstInstruction(vm: VirtualMachine): void {
  vm.machine.clock.resume();
  vm.machine.run(1);
}

async function restores({ core, root }: Place, runs: number): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const path = join(folder, "big.wvsn");
  try {
    await using host = await Host.create({ core, memory: "2.5GiB" });
    const big = await warmDirtier(host, root, 1000);
    const forkRows = await forks("1000 MiB that are touched", big, host, 200);
    await big.snapshot(path);
    await big.destroy();
    const restored = async (pages: "on-touch" | "at-once"): Promise<number> => {
      let vm: VirtualMachine | undefined;
      const ms = await timed(async () => {
        vm = await host.restore(path, { pages });
        firstInstruction(vm);
      });
      await vm?.destroy();
      return ms;
    };
    const ours: number[] = [];
    const values: number[] = [];
    for (let run = 0; run < runs; run++) {
      for (let i = 0; i < 5; i++) ours.push(await restored("on-touch"));
      values.push(await restored("at-once"));
    }
    const bench = "memory/1 GiB snapshot to first instruction";
    const peer = { name: "at once", values };
    return [...forkRows, rowOf({ bench, unit: "ms", better: "lower", ours, peer })];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From an ELF file in memory to the first instruction, and equal pages of all that are alive then. */
async function tinyGuests({ core, root }: Place, count: number): Promise<BenchRow[]> {
  await using host = await Host.create({ core, memory: "2GiB" });
  const kernel = new Uint8Array(readFileSync(join(root, "guests/bin/hello.elf")));
  const free = host.freeBytes;
  const times: number[] = [];
  for (let i = 0; i < count; i++)
    times.push(
      await timed(async () => firstInstruction(await host.createVm({ kernel, memory: "8MiB" }))),
    );
  const bytes = (free - host.freeBytes) / count;
  const { populatedBytes } = host.memory();
  let saved = 0;
  const ms = await timed(async () => {
    saved = (await host.sharePages()).savedBytes;
  });
  const bench = "memory/tiny guest from ELF to first instruction";
  return [
    rowOf({ bench, unit: "ms", better: "lower", ours: times }),
    rowOf({ bench, unit: "bytes", better: "lower", ours: [bytes] }),
    rowOf({
      bench: `memory/equal pages of ${count} tiny guests`,
      unit: "MB/s",
      better: "higher",
      ours: [populatedBytes / 1e3 / ms],
    }),
    rowOf({
      bench: `memory/equal pages of ${count} tiny guests`,
      unit: "% saved",
      better: "higher",
      ours: [(100 * saved) / populatedBytes],
    }),
  ];
}

export async function benchMemory(
  root: string,
  runs: number,
  log: (line: string) => void,
): Promise<BenchRow[]> {
  const file = join(root, "build/core.wasm");
  if (!existsSync(file)) throw new Error("build first: npm run build");
  const core = await compileCore(new Uint8Array(readFileSync(file)));
  return [
    await storeBandwidth(core, runs),
    ...(await linuxForks(core, 1000, log)),
    ...(await restores({ root, core }, runs)),
    ...(await tinyGuests({ root, core }, 1000)),
  ];
}
