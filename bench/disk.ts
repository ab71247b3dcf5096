/**
 * A disk of the Debian guest, by fio in it: virtio-blk over one raw file of the host, in our machine and in
 * qemu-system-riscv64 with the same kernel, initramfs and file, in turn. Without the guest's page cache, sixteen
 * requests at a time.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doWork, provideTools } from "./guest-tools.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { type Command, runMachine } from "./machine-run.ts";
import {
  type BenchOptions,
  hasQemu,
  ourLinux,
  provideImage,
  QEMU_TCG,
  qemuLinux,
} from "./machines.ts";

const MEMORY_MIB = 512;
const RUNS = 3;
const SECONDS = { whole: 6, quick: 1 } as const;
const DISK_BYTES = 512 * 2 ** 20;

/** What fio does, and which number of its report counts (`--minimal`, version 3; from 0). */
const JOBS = [
  { name: "read", rw: "read", block: "1M", unit: "MB/s", field: 6, scale: 1024 / 1e6 },
  { name: "write", rw: "write", block: "1M", unit: "MB/s", field: 47, scale: 1024 / 1e6 },
  { name: "randread", rw: "randread", block: "4k", unit: "IOPS", field: 7, scale: 1 },
  { name: "randwrite", rw: "randwrite", block: "4k", unit: "IOPS", field: 48, scale: 1 },
] as const;

const SCRIPT = `
seconds=$1
shift
for job; do
  fio --name=\${job%%:*} --rw=\${job%%:*} --bs=\${job##*:} --filename=/dev/vda --direct=1 --ioengine=libaio \\
    --iodepth=16 --thread --time_based --runtime=$seconds --randrepeat=1 --minimal
done
echo end
`;

type Job = (typeof JOBS)[number];

/** The figure of each job in what a guest has printed. */
export function fioFigures(lines: readonly string[]): Map<string, number> {
  const figures = new Map<string, number>();
  for (const { field, name, scale } of JOBS) {
    const fields = lines.map((text) => text.split(";")).find((one) => one[2] === name);
    const value = Number(fields?.[field]) * scale;
    if (fields?.[4] !== "0" || !(value > 0)) continue;
    figures.set(name, value);
  }
  return figures;
}

async function figuresOf(command: Command, jobs: readonly Job[], { timeoutSec }: BenchOptions) {
  const lines = await runMachine(command, { until: /^end/, timeoutSec });
  const printed = lines.map(({ text }) => text);
  const figures = fioFigures(printed);
  const lacking = jobs.filter(({ name }) => !figures.has(name));
  if (lacking.length > 0)
    throw new Error(`fio: no figure of ${lacking[0]?.name}:\n${printed.slice(-20).join("\n")}`);
  return figures;
}

export async function benchDisk(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, size } = options;
  const jobs = JOBS.filter(({ name }) => only.length === 0 || only.includes(name));
  const image = await provideImage(options);
  const initrd = await provideTools(image, { packages: ["fio"], script: SCRIPT }, log);
  const words = [String(SECONDS[size]), ...jobs.map(({ block, rw }) => `${rw}:${block}`)];
  const guest = {
    kernel: image.kernel,
    initrd,
    cmdline: `${image.cmdline} quiet ${doWork(...words)}`,
    memoryMiB: MEMORY_MIB,
  };
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-bench-"));
  try {
    const disk = join(scratch, "disk.raw");
    await fill(disk);
    const machines = [{ name: "ours", command: withOurDisk(ourLinux(guest, options), disk) }];
    if (hasQemu(options))
      machines.push({ name: QEMU_TCG, command: withQemuDisk(qemuLinux(guest), disk) });
    const runs = options.runs ?? RUNS;
    const figures = new Map<string, Map<string, number>[]>();
    for (let run = 1; run <= runs; run++)
      for (const { command, name } of machines) {
        const one = await figuresOf(command, jobs, options);
        figures.set(name, [...(figures.get(name) ?? []), one]);
        const text = [...one].map(([job, value]) => `${job} ${value.toFixed(0)}`).join(", ");
        log(`disk: run ${run} of ${runs}, ${name}: ${text}`);
      }
    const valuesOf = (machine: string, job: string): number[] =>
      (figures.get(machine) ?? []).flatMap((one) => one.get(job) ?? []);
    return jobs.map(({ name, unit }) =>
      rowOf({
        bench: `disk/${name}`,
        unit,
        better: "higher",
        ours: valuesOf("ours", name),
        peer: figures.has(QEMU_TCG)
          ? { name: QEMU_TCG, values: valuesOf(QEMU_TCG, name) }
          : undefined,
      }),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const withOurDisk = ({ args, program }: Command, disk: string): Command => ({
  program,
  args: [...args, "--disk", disk],
});

const withQemuDisk = ({ args, program }: Command, disk: string): Command => ({
  program,
  args: [
    ...args,
    ...["-drive", `file=${disk},format=raw,if=none,id=d`, "-device", "virtio-blk-device,drive=d"],
  ],
});

/** Bytes, not holes: both read what is in the page cache of the host. */
async function fill(path: string): Promise<void> {
  const part = Buffer.alloc(2 ** 20, "wasmvisor");
  const file = await open(path, "w");
  for (let done = 0; done < DISK_BYTES; done += part.length) await file.write(part);
  await file.close();
}
