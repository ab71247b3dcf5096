/**
 * Our programs inside Linux with paging: in our machine and in qemu-system-riscv64 with the same
 * kernel and initramfs, and the same C programs for i386 in v86 under Debian's i386 kernel. A run
 * is a boot of each machine in turn. Times are the guest's own, held against the host's clock; all
 * checksums of a program must agree.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRow } from "./harness.ts";
import {
  type BenchOptions,
  hasQemu,
  ourLinux,
  provideImage,
  QEMU_TCG,
  qemuLinux,
} from "./machines.ts";
import { bootInTurn, rowsAgainst, type TimedGuest, timedGuest } from "./timed-guest.ts";
import { programsInitrd, provideV86 } from "./v86.ts";

/** Linux switches huge pages off below 512 MiB. */
const MEMORY_MIB = 768;
const RUNS = 3;
const QUICK_DIVIDE = 100;

/** i386 does not fuse multiplications with additions, so other last bits are right there. */
const FLOAT_PROGRAMS = ["nbody"];

export async function benchLinuxPrograms(options: BenchOptions): Promise<BenchRow[]> {
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-bench-"));
  try {
    const [ours, ...peers] = await machinesFor(scratch, options);
    if (ours === undefined) return [];
    const runs = options.runs ?? RUNS;
    await bootInTurn([ours, ...peers], { suite: "linux-programs", tag: "program", runs }, options);
    checkResults([ours, ...peers]);
    const { time } = options;
    if (peers.length === 0) return rowsAgainst(undefined, ours, { suite: "linux-programs", time });
    return peers.flatMap((peer) => {
      const suite = `linux-programs/${peer.name === QEMU_TCG ? "qemu" : peer.name}`;
      return rowsAgainst(peer, ours, { suite, time });
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function machinesFor(scratch: string, options: BenchOptions): Promise<TimedGuest[]> {
  if (options.only.length > 1) throw new RangeError("linux-programs: one program, or all");
  const image = await provideImage(options);
  const initrd = join(scratch, "initrd");
  await writeFile(initrd, await programsInitrd(options.root, "riscv64"));
  const divide = options.size === "quick" ? ` divide=${QUICK_DIVIDE}` : "";
  const parameters = `program=${options.only[0] ?? "all"}${divide}`;
  const cmdline = `${image.cmdline} quiet -- ${parameters}`;
  const guest = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB };
  const machines = [timedGuest("ours", ourLinux(guest, options))];
  if (hasQemu(options)) machines.push(timedGuest(QEMU_TCG, qemuLinux(guest)));
  try {
    const v86 = await provideV86(MEMORY_MIB, options);
    machines.push(timedGuest("v86", v86.command(parameters)));
  } catch (error) {
    options.log(`v86 is not to be had: ${error instanceof Error ? error.message : String(error)}`);
  }
  return machines;
}

function checkResults(machines: readonly TimedGuest[]): void {
  const expected = new Map<string, string>();
  for (const { name: machine, runs } of machines) {
    for (const { name, result } of runs.flatMap(({ timed }) => timed)) {
      if (machine === "v86" && FLOAT_PROGRAMS.includes(name)) continue;
      const known = expected.get(name) ?? result;
      if (known !== result) throw new Error(`${name}: ${result} in ${machine}, else ${known}`);
      expected.set(name, known);
    }
  }
}
